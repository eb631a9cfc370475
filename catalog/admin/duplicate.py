"""Duplicates in Django admin: groups of movies side by side, to be merged or kept apart."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from catalog.duplicates import decisions, merging
from catalog.duplicates.groups import CURRENT, open_groups, undecided_groups
from catalog.duplicates.merging import facts_plan, genres_plan, label_of
from catalog.models import DuplicateDecision, DuplicateGroup, DuplicateMember, Movie, MovieGenre
from catalog.posters.primary import evidence_now, process_changed

from .model_admin import (
    MovieSearchAdmin,
    PermissionAdmin,
    ReadOnlyAdmin,
    current_user,
    numbers,
    page_context,
    paginated,
)
from .starting_runs import add_update_message

PAGE_SIZE = 20
# A picture that hundreds of movies show is a placeholder: a few of them are enough.
MEMBERS_SHOWN = 24


@dataclass
class Card:
    """A group on the page.

    more: number of members that are not shown. suggested: primary key of the movie with the most information.
    conflict: why the movies cannot be merged. by_picture: whether they were found by their posters. seen: the
    state that the page shows, so that decisions about another state are refused. skip: address of the next
    group, or "".
    """

    group: DuplicateGroup
    members: list[DuplicateMember]
    more: int
    suggested: int
    conflict: str
    by_picture: bool
    seen: str
    skip: str = ""


@admin.register(DuplicateGroup)
class DuplicateGroupAdmin(PermissionAdmin):
    """A page of all open groups, and a confirmation before a merge. Both need `catalog.decide_duplicate`."""

    permission = "catalog.decide_duplicate"

    def get_urls(self) -> list[URLPattern]:
        return [
            path("", self.guarded(self.page_view), name="catalog_duplicategroup_changelist"),
            path(
                "<int:pk>/decide/",
                self.guarded(require_POST(self.decide_view)),
                name="catalog_duplicategroup_decide",
            ),
        ]

    def page_view(self, request: HttpRequest) -> HttpResponse:
        """GET: a page of open groups, or with `?group=` that group, which need not be open."""
        chosen = numbers([request.GET.get("group", "")])
        groups = undecided_groups().filter(pk__in=chosen) if chosen else open_groups()
        rows = paginated(request, groups, PAGE_SIZE)
        cards = _cards(list(rows["page"].object_list))
        for card, following in pairwise(cards):
            card.skip = f"#group-{following.group.pk}"
        if cards and rows["page"].has_next():
            cards[-1].skip = f"?page={rows['page'].next_page_number()}"
        context = {**page_context(self, request, "Duplicates"), **rows, "cards": cards}
        return TemplateResponse(request, "admin/catalog/duplicategroup/page.html", context)

    def decide_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST from one group: `decide` is merge, merge-now, apart, wrong-all, or wrong-N (member N)."""
        group = get_object_or_404(DuplicateGroup, pk=pk)
        with transaction.atomic():
            before = evidence_now(group.members.values_list("movie", flat=True))
            response = self._decide(request, group)
            add_update_message(request, process_changed(before, by=current_user(request)))
        return response

    def _decide(self, request: HttpRequest, group: DuplicateGroup) -> HttpResponse:
        pk = group.pk  # some decisions delete the group
        decide = request.POST.get("decide", "")
        verb, _, number = decide.partition("-")
        try:
            if decide in ("merge", "merge-now"):
                return self._merge(request, group, confirmed=decide == "merge-now")
            if decide == "apart":
                self._refuse_changed(request, group)
                _add_message(request, decisions.keep_apart(group, current_user(request)))
            elif decide == "wrong-all":
                self._refuse_changed(request, group)
                number = str(len(decisions.wrong_for_all(group, current_user(request))))
                messages.success(request, f"Deleted this poster of {number} movies. It is not fetched again.")
            elif verb == "wrong" and numbers([number]):
                member = group.members.filter(pk__in=numbers([number])).first()
                if member is None:
                    raise decisions.AlreadyDecided("That movie is no longer in the group.")
                _add_message(request, decisions.wrong_poster(member, current_user(request)))
            else:
                return HttpResponse(
                    "Choose what to do with these movies.", status=400, content_type="text/plain"
                )
        except (merging.CannotMerge, decisions.AlreadyDecided) as error:
            messages.error(request, str(error))
        return _back(request, pk)

    def _merge(self, request: HttpRequest, group: DuplicateGroup, *, confirmed: bool) -> HttpResponse:
        """Shows a confirmation with all changes; merges once confirmed."""
        pk = group.pk
        self._refuse_changed(request, group)
        chosen = numbers(request.POST.getlist("movie"))
        movies = [each.movie for each in _members(group) if each.movie_id in chosen]
        kept = next((movie for movie in movies if movie.pk in numbers([request.POST.get("keep", "")])), None)
        if kept is None or len(movies) < 2:
            raise merging.CannotMerge(
                "Tick at least two movies, and choose which one to keep. Nothing was changed."
            )
        if why := merging.conflict(movies):
            raise merging.CannotMerge(why)
        if confirmed:
            _add_message(
                request, decisions.merge(group, kept, current_user(request), [each.pk for each in movies])
            )
            return _back(request, pk)
        others = [movie for movie in movies if movie != kept]
        context = {
            **page_context(self, request, f"Merge into {kept}?"),
            "group": group,
            "kept": kept,
            "others": [(movie, merge_preview(kept, movie)) for movie in others],
            "seen": request.POST.get("seen", ""),
            "page_number": request.POST.get("page", ""),
        }
        return TemplateResponse(request, "admin/catalog/duplicategroup/merge.html", context)

    def _refuse_changed(self, request: HttpRequest, group: DuplicateGroup) -> None:
        """Refuses a decision if the group has changed since the page was loaded."""
        if request.POST.get("seen", "") != _state(_members(group)):
            raise decisions.AlreadyDecided(
                "These movies have changed since you opened the page. Nothing was changed. Check them again."
            )


@admin.register(DuplicateDecision)
class DuplicateDecisionAdmin(MovieSearchAdmin, ReadOnlyAdmin):
    """Decisions are append-only."""

    list_display = ("created_at", "decided_by", "verdict", "result")
    list_filter = ("verdict", "decided_by")
    list_select_related = ("decided_by", "movie")
    search_fields = ("decided_by__username",)
    date_hierarchy = "created_at"
    fields = ("created_at", "decided_by", "verdict", "movie", "result", "details")

    @admin.display(description="result")
    def result(self, decision: DuplicateDecision) -> str:
        return decision_sentence(decision)


def _cards(groups: Collection[DuplicateGroup]) -> list[Card]:
    members: dict[int, list[DuplicateMember]] = {group.pk: [] for group in groups}
    for member in _unchanged_members().filter(group__in=members) if members else ():
        members[member.group_id].append(member)
    return [_card(group, members[group.pk]) for group in groups if members[group.pk]]


def _card(group: DuplicateGroup, members: list[DuplicateMember]) -> Card:
    best = max(members, key=lambda each: (*_information(each.movie), -each.movie_id))
    return Card(
        group=group,
        members=members[:MEMBERS_SHOWN],
        more=max(0, len(members) - MEMBERS_SHOWN),
        suggested=best.movie_id,
        conflict=merging.conflict([each.movie for each in members]),
        by_picture=all(member.poster_id for member in members),
        seen=_state(members),
    )


def _members(group: DuplicateGroup) -> list[DuplicateMember]:
    return list(_unchanged_members().filter(group=group))


def _unchanged_members() -> QuerySet[DuplicateMember]:
    """Members whose movie and poster have not changed since they were found, in the order they were found."""
    genres = Prefetch("movie__movie_genres", MovieGenre.objects.select_related("genre"))
    unchanged = DuplicateMember.objects.filter(CURRENT).select_related("movie", "poster")
    return unchanged.prefetch_related(genres, "movie__posters").order_by("pk")


def _state(members: list[DuplicateMember]) -> str:
    return ",".join(f"{member.movie_id}:{member.poster_sha256[:12]}" for member in members)


def _information(movie: Movie) -> tuple[bool, int, int]:
    """What would be lost without this movie: genres set by a person, then ids, then genres."""
    ids = sum(
        value is not None for value in (movie.imdb_id, movie.tmdb_id, movie.movielens_id, movie.local_id)
    )
    return movie.genres_locked, ids, len(movie.movie_genres.all())


def _add_message(request: HttpRequest, decision: DuplicateDecision) -> None:
    messages.success(request, decision_sentence(decision))


def _back(request: HttpRequest, pk: int) -> HttpResponse:
    """To the same group if it is still open, else to the next one, so that skipped groups stay skipped."""
    following = open_groups().filter(pk__gte=pk).values_list("pk", flat=True).first()
    page = max(numbers([request.POST.get("page", "")]), default=1)
    query = f"?page={page}" if page > 1 else ""
    address = reverse("admin:catalog_duplicategroup_changelist")
    return redirect(f"{address}{query}#group-{following or pk}")


Verdict = DuplicateDecision.Verdict


def merge_preview(kept: Movie, other: Movie) -> list[str]:
    """Sentences about what merging `other` into `kept` would change."""
    plan = facts_plan(kept, other)
    changes_made = [f"{label_of(name)} {value} is added" for name, value in plan.moved.items()]
    changes_made += [
        f"{label_of(name)} {value} is still found by imports; {getattr(kept, name)} is shown"
        for name, value in plan.aliases.items()
    ]
    changes_made += [
        f"{label_of(name)} “{value}” is replaced by “{getattr(kept, name)}”"
        for name, value in plan.lost.items()
    ]
    changes_made.append(_genres(kept, other))
    number = other.posters.count()
    if number:
        changes_made.append(f"{number} poster{'' if number == 1 else 's'} and decisions about them are moved")
    return changes_made


def _genres(kept: Movie, other: Movie) -> str:
    after = ", ".join(sorted(genre.name for genre in genres_plan(kept, other).after)) or "none"
    if kept.genres_locked == other.genres_locked:
        return f"genres: {after}"
    return f"genres: {after}, set by a person{'' if kept.genres_locked else ' for this movie'}"


def decision_sentence(decision: DuplicateDecision) -> str:
    """The decision in words, including facts that a merge dropped."""
    details = decision.details
    if decision.verdict == Verdict.MERGED:
        names = ", ".join(f"{each['title']} (no. {each['movie']})" for each in details["merged"])
        dropped = "; ".join(fact for each in details["merged"] for fact in each["set_aside"])
        text = f"Merged {names} into {details['title']} (no. {details['kept']})."
        if "import" in details:
            text = f"{details['said']} names them as one film. {text}"
        return f"{text} Dropped: {dropped}." if dropped else text
    if decision.verdict == Verdict.APART:
        names = ", ".join(f"{each['title']} (no. {each['movie']})" for each in details["apart"])
        if details.get("said"):
            return (
                f"Kept apart: {names}. They are not proposed again, even if a source names them as one film."
            )
        return f"Kept apart: {names}. They are not proposed again while they show these posters."
    return (
        f"Deleted the poster of {details['title']} (no. {details['movie']}) from "
        f"{details['source_url'] or details['source']}. It is not fetched again."
    )
