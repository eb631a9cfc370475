"""Every address of the site, with every role.

A new address needs a row in ADDRESSES or, for the usual pages of a model admin, in MODELS.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser, Group
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver

from catalog.models import DecisionBatch, DuplicateDecision, DuplicateGroup, Placeholder, Run
from tests.catalog.admin.cards import pending, press
from tests.conftest import signed_in
from tests.factories import EmbeddingFactory, MovieFactory, RunFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
roles = import_module("catalog.migrations.0026_roles")
reviewers = import_module("catalog.migrations.0004_reviewers_group")

ROLES = {
    "A": "anonymous",
    "V": "Viewers",
    "R": "Reviewers",
    "O": "Operators",
    "K": "Keepers",
    "S": "superuser",
}
# Those that may see, add, change and delete rows; each has the six usual addresses of a model admin.
MODELS = """
catalog/movie              VROKS  OS   OS   OS
catalog/poster             VROKS  -    OS   OS
catalog/placeholder        VOKS   -    OS   -
catalog/genre              VROKS  KS   KS   S
catalog/suggestion         VROKS  -    -    -
catalog/reviewdecision     VROKS  -    -    -
catalog/duplicatedecision  VOKS   -    -    -
catalog/genremodel         VROKS  -    -    -
catalog/extractor          VOKS   -    -    -
catalog/run                VOKS   -    -    -
catalog/decisionbatch      RKS    -    -    -
auth/group                 S      S    S    S
auth/user                  S      S    S    S
axes/accessattempt         S      -    S    S
axes/accesslog             S      -    S    S
axes/accessfailurelog      S      -    S    S
"""
# Address: those whose GET is answered, and those whose POST is; others are refused, and change nothing.
ADDRESSES = """
admin/                                                VROKS   VROKS
admin/login/                                          AVROKS  AVROKS
admin/logout/                                         A       AVROKS
admin/password_change/                                VROKS   VROKS
admin/password_change/done/                           VROKS   -
admin/autocomplete/                                   -       -
admin/jsi18n/                                         VROKS   -
admin/r/<path:content_type_id>/<path:object_id>/      VROKS   VROKS
admin/^(?P<app_label>catalog|auth|axes)/$             VROKS   VROKS
admin/auth/user/<id>/password/                        S       S
admin/catalog/decisionbatch/<int:pk>/change/          RKS     -
admin/catalog/decisionbatch/<int:pk>/undo/            -       KS
admin/catalog/decisionbatch/<int:pk>/cancel/          -       KS
admin/catalog/duplicategroup/                         KS      KS
admin/catalog/duplicategroup/<int:pk>/decide/         -       KS
admin/catalog/genremodel/<int:pk>/promote/            KS      KS
admin/catalog/genremodel/<int:pk>/undo/               KS      KS
admin/catalog/genremodel/<int:pk>/keep/               -       KS
admin/catalog/movie/titles.csv                        VROKS   -
admin/catalog/movie/start/<str:kind>/                 -       OS
admin/catalog/movie/<int:pk>/alternatives/            -       OS
admin/catalog/reviewdecision/decisions.csv            VROKS   -
admin/catalog/reviewdecision/decisions.json           VROKS   -
admin/catalog/reviewqueue/                            RKS     -
admin/catalog/reviewqueue/grid/                       RKS     -
admin/catalog/reviewqueue/next/                       RKS     -
admin/catalog/reviewqueue/undo/                       -       RKS
admin/catalog/reviewqueue/flags/                      RKS     RKS
admin/catalog/reviewqueue/<int:pk>/review/            -       RKS
admin/catalog/reviewqueue/bulk/                       -       RKS
admin/catalog/reviewqueue/<int:pk>/decide/            -       RKS
admin/catalog/reviewqueue/sure/                       KS      KS
admin/catalog/reviewqueue/accept/                     KS      KS
admin/catalog/reviewqueue/audit/                      RKS     -
admin/catalog/reviewqueue/audit/decide/               -       RKS
admin/catalog/reviewqueue/audit/undo/                 -       RKS
admin/catalog/reviewqueue/second/                     RKS     -
admin/catalog/reviewqueue/second/give/                -       RKS
admin/catalog/reviewqueue/second/undo/                -       RKS
admin/catalog/reviewqueue/agreement/                  RKS     -
admin/catalog/reviewqueue/agreement/resolve/          -       KS
admin/catalog/reviewqueue/<int:pk>/change/            RKS     RKS
admin/catalog/reviewqueue/<int:pk>/history/           RKS     RKS
admin/catalog/reviewqueue/quality/                    RKS     -
admin/catalog/run/<int:pk>/undo/                      OS      OS
admin/catalog/run/<int:pk>/kept/                      VOKS    VOKS
admin/catalog/run/<int:pk>/rows/                      VOKS    VOKS
api/                                                  AVROKS  AVROKS
api/openapi.json                                      AVROKS  -
api/movies                                            AVROKS  -
api/movies/<int:movie_id>                             AVROKS  -
api/movies/<int:movie_id>/lookalikes                  AVROKS  -
api/runs/<int:run_id>                                 VROKS   -
/                                                     AVROKS  -
movie/<int:pk>/                                       AVROKS  -
compare/                                              AVROKS  -
compare/random/                                       AVROKS  -
compare/<int:pk>/                                     AVROKS  -
heat-map/<int:pk>/                                    AVROKS  -
heat-map/<int:pk>.json                                AVROKS  -
heat-map/<int:pk>.png                                 AVROKS  -
runs/                                                 VROKS   -
runs/live/                                            AVROKS  -
runs/start/                                           -       OS
runs/<int:pk>/                                        VROKS   -
runs/<int:pk>/retry/                                  -       OS
runs/<int:pk>/cancel/                                 -       OS
media/<path:name>                                     AVROKS  -
robots.txt                                            AVROKS  -
favicon.ico                                           AVROKS  -
"""
# Catches what matches nothing else, only to redirect or to answer 404.
CATCH_ALL = "admin/(?P<url>.*)$"
# Answered with 404 here, because the file or page behind them is missing, or the form names nothing.
MISSING = (
    "admin/catalog/reviewqueue/second/give/",
    "admin/catalog/reviewqueue/agreement/resolve/",
    "admin/catalog/run/<int:pk>/rows/",
    "heat-map/<int:pk>.json",
    "heat-map/<int:pk>.png",
    "api/",
)
# What is posted; other addresses get an empty form.
FORMS = {"runs/start/": {"kind": "scrape"}}


def table() -> dict[str, tuple[str, str]]:
    """Address: the roles whose GET and whose POST are answered."""
    rows = [line.split() for line in ADDRESSES.split("\n") if line]
    found = {"" if address == "/" else address: (get, post) for address, get, post in rows}
    for line in MODELS.split("\n"):
        if line:
            model, view, add, change, delete = line.split()
            row = f"admin/{model}/<path:object_id>/"
            found |= {
                f"admin/{model}/": (view, view),
                f"admin/{model}/add/": (add, add),
                f"{row}history/": (view, view),
                f"{row}delete/": (delete, delete),
                f"{row}change/": (view, change),
                row: ("VROKS", "VROKS"),  # redirects to the page of the row
            }
    return found


def addresses(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    for each in patterns:
        if isinstance(each, URLResolver):
            yield from addresses(each.url_patterns, prefix + str(each.pattern))
        else:
            yield prefix + str(each.pattern)


@pytest.fixture
def members() -> dict[str, AbstractBaseUser | None]:
    """A user of each role, by letter."""
    # Tests that flush the database take the migrations' rows with them.
    Group.objects.filter(name__in=[*ROLES.values()]).delete()
    reviewers.create_reviewers(apps, None)
    roles.create_roles(apps, None)
    found: dict[str, AbstractBaseUser | None] = {"A": None, "S": UserFactory(admin=True)}
    for letter in "VROK":
        found[letter] = member = UserFactory(is_staff=True)
        member.groups.add(Group.objects.get(name=ROLES[letter]))
    return found


@pytest.fixture
def rows() -> dict[str, Any]:
    """A primary key for each placeholder of an address: of the model, or by the first part of the path."""
    # Opening a heat map creates the genres of its model.
    movie = pending("Ember", Comedy=0.9, Horror=0.7)
    decided = pending("Harbour")
    press(signed_in(UserFactory(admin=True)), decided, "accept")
    reviewer = UserFactory()
    poster = movie.primary_poster
    EmbeddingFactory(poster=poster)
    suggestion = movie.suggestions.get(genre__name="Comedy")
    run = RunFactory(kind=Run.IMPORT, state=Run.State.DONE)
    other = MovieFactory()
    decision = DuplicateDecision.objects.create(
        decided_by=reviewer, movie=other, verdict="apart", details={"apart": []}
    )
    placeholder = Placeholder.objects.create(
        source="tmdb_page", source_url="https://x.test/", sha256="1" * 64, movies=5
    )
    return {
        "movie": movie.pk,
        "reviewqueue": movie.pk,
        "poster": poster.pk,
        "placeholder": placeholder.pk,
        "genre": suggestion.genre_id,
        "suggestion": suggestion.pk,
        "reviewdecision": decided.decisions.get().pk,
        "duplicatedecision": decision.pk,
        "genremodel": suggestion.model_id,
        "extractor": suggestion.model.extractor_id,
        "run": run.pk,
        "decisionbatch": DecisionBatch.objects.create(reviewer=reviewer, chosen="all", suggestions=1).pk,
        "duplicategroup": DuplicateGroup.objects.create().pk,
        "group": Group.objects.create(name="Own").pk,
        "user": reviewer.pk,
        "movies": movie.pk,
        "runs": run.pk,
        "compare": movie.pk,
        "heat-map": suggestion.pk,
        "media": poster.file.name,
        "accessattempt": AccessAttempt.objects.create(failures_since_start=1).pk,
        "accesslog": AccessLog.objects.create().pk,
        "accessfailurelog": AccessFailureLog.objects.create().pk,
        "kind": "scrape",
        "content_type_id": ContentType.objects.get_for_model(movie).pk,
        "object_id": movie.pk,
    }


def filled(address: str, rows: dict[str, Any]) -> str:
    """The address with the primary keys of `rows`."""
    parts = address.split("/")
    owner = (
        parts[2] if parts[0] == "admin" and len(parts) > 3 else parts[1] if parts[0] == "api" else parts[0]
    )
    address = address.replace("^(?P<app_label>catalog|auth|axes)/$", "catalog/")

    def value(match: re.Match[str]) -> str:
        name = match[1].rpartition(":")[2]
        return str(rows[owner] if name not in rows or (owner in rows and name == "object_id") else rows[name])

    return "/" + re.sub(r"<([^>]+)>", value, address)


def is_refused(response: Any) -> bool:
    to_login = response.status_code == 302 and response["Location"].startswith("/admin/login/?next=")
    return to_login or response.status_code in (401, 403, 405)


def test_every_address_is_in_the_table():
    assert {*addresses(get_resolver().url_patterns)} - {CATCH_ALL} == table().keys()


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("role", ROLES)
def test_an_address_answers_those_it_is_for(members, rows, role, method):
    user = members[role]
    cookies = {} if user is None else signed_in(user).cookies
    wrong = []
    for address, (get, post) in table().items():
        is_expected = role in (get if method == "GET" else post)
        client = Client()
        client.cookies.update(cookies)
        with transaction.atomic(), CaptureQueriesContext(connection) as queries:
            request = client.get if method == "GET" else client.post
            response = request(filled(address, rows), FORMS.get(address, {}))
            transaction.set_rollback(True)
        if is_refused(response) is is_expected or (response.status_code == 404 and address not in MISSING):
            wrong.append(f"{method} {address} as {ROLES[role]}: {response.status_code}")
        changes = [each["sql"] for each in queries if re.match(r"(INSERT|UPDATE|DELETE)", each["sql"])]
        if method == "GET" or not is_expected:
            # The movie that a page of the review queue shows is reserved for its reader.
            passing = ("django_session", "catalog_reviewreservation")
            changes = [sql for sql in changes if not any(table in sql for table in passing)]
            wrong += [f"{method} {address} as {ROLES[role]}: {sql}" for sql in changes]
    assert not wrong, "\n".join(wrong)
