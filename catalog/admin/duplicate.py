"""Duplicates in Django admin: movies that may be one film side by side, to be merged or kept apart."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from catalog.duplicates import decisions, merging
from catalog.duplicates import groups as duplicates
from catalog.models import DuplicateDecision, DuplicateGroup, DuplicateMember, Movie, MovieGenre
from catalog.posters.primary import process_changed, shown_posters

from .access import PermissionAdmin, ReadOnlyAdmin, person
from .duplicate_wording import decision_sentence, merge_preview
from .movie_search import SearchesMovies
from .review_decision import numbers
from .starting_runs import tell_renewal

PAGE_SIZE = 20
# A picture that hundreds of movies show is no poster of theirs: these are enough to see it.
MEMBERS_SHOWN = 24


@dataclass(frozen=True)
class Card:
    """One group as it is shown: its members, which movie is best kept, and why it cannot be merged, if so.

    `by_picture`: they were found by a picture that all of them show. `seen` names what was shown, so that a
    decision about something else is noticed.
    """

    group: DuplicateGroup
    members: list[DuplicateMember]
    more: int
    suggested: int
    conflict: str
    by_picture: bool
    seen: str


@admin.register(DuplicateGroup)
class DuplicateGroupAdmin(PermissionAdmin):
    """One page with all open groups, and one that asks before a merge; both need `decide_duplicate`."""

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
        """GET: a page of open groups, or with `?group=` the one group, proposed or not."""
        wanted = numbers([request.GET.get("group", "")])
        groups = duplicates.undecided_groups().filter(pk__in=wanted) if wanted else duplicates.open_groups()
        paginator = Paginator(groups, PAGE_SIZE)
        page = paginator.get_page(request.GET.get("page"))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Duplicates",
            "page": page,
            "pages": paginator.get_elided_page_range(page.number, on_each_side=2),
            "cards": _cards(list(page.object_list)),
        }
        return TemplateResponse(request, "admin/catalog/duplicategroup/page.html", context)

    def decide_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST from one group: `decide` is merge, merge-now, apart, wrong-all, or wrong-N (member N)."""
        group = get_object_or_404(DuplicateGroup, pk=pk)
        with transaction.atomic():
            before = shown_posters(group.members.values_list("movie", flat=True))
            response = self._decide(request, group)
            tell_renewal(request, process_changed(before, by=person(request)))
        return response

    def _decide(self, request: HttpRequest, group: DuplicateGroup) -> HttpResponse:
        decide = request.POST.get("decide", "")
        verb, _, number = decide.partition("-")
        try:
            if decide in ("merge", "merge-now"):
                return self._merge(request, group, sure=decide == "merge-now")
            if decide == "apart":
                self._refuse_changed(request, group)
                _tell(request, decisions.keep_apart(group, person(request)))
            elif decide == "wrong-all":
                self._refuse_changed(request, group)
                number = str(len(decisions.wrong_for_all(group, person(request))))
                messages.success(
                    request, f"Took this picture away from {number} movies. It is not fetched for them again."
                )
            elif verb == "wrong" and numbers([number]):
                member = group.members.filter(pk__in=numbers([number])).first()
                if member is None:
                    raise decisions.AlreadyDecided("That movie is no longer in the group.")
                _tell(request, decisions.wrong_poster(member, person(request)))
            else:
                return HttpResponse(
                    "Choose what to do with these movies.", status=400, content_type="text/plain"
                )
        except (merging.CannotMerge, decisions.AlreadyDecided) as error:
            messages.error(request, str(error))
        return _back(request, group.pk)

    def _merge(self, request: HttpRequest, group: DuplicateGroup, *, sure: bool) -> HttpResponse:
        """Ask first, saying what would become of everything; merge when asked for the second time."""
        self._refuse_changed(request, group)
        chosen = numbers(request.POST.getlist("movie"))
        movies = [each.movie for each in _live(group) if each.movie_id in chosen]
        kept = next((movie for movie in movies if movie.pk in numbers([request.POST.get("keep", "")])), None)
        if kept is None or len(movies) < 2:
            raise merging.CannotMerge(
                "Tick at least two movies, and say which of them is kept. Nothing was changed."
            )
        if why := merging.conflict(movies):
            raise merging.CannotMerge(why)
        if sure:
            _tell(request, decisions.merge(group, kept, person(request), [each.pk for each in movies]))
            return _back(request, group.pk)
        others = [movie for movie in movies if movie != kept]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Merge into {kept}?",
            "group": group,
            "kept": kept,
            "others": [(movie, merge_preview(kept, movie)) for movie in others],
            "seen": request.POST.get("seen", ""),
            "page_number": request.POST.get("page", ""),
        }
        return TemplateResponse(request, "admin/catalog/duplicategroup/merge.html", context)

    def _refuse_changed(self, request: HttpRequest, group: DuplicateGroup) -> None:
        """What was added to a group since the page was made has been seen by nobody."""
        if request.POST.get("seen", "") != _state(_live(group)):
            raise decisions.AlreadyDecided(
                "These movies have changed since you opened the page. Nothing was changed: look again."
            )


@admin.register(DuplicateDecision)
class DuplicateDecisionAdmin(SearchesMovies, ReadOnlyAdmin):
    """Append-only, so there is nothing to press here."""

    list_display = ("created_at", "decided_by", "verdict", "what")
    list_filter = ("verdict", "decided_by")
    list_select_related = ("decided_by", "movie")
    search_fields = ("decided_by__username",)
    date_hierarchy = "created_at"
    fields = ("created_at", "decided_by", "verdict", "movie", "what", "details")

    @admin.display(description="what became of it")
    def what(self, decision: DuplicateDecision) -> str:
        return decision_sentence(decision)


def _cards(groups: Collection[DuplicateGroup]) -> list[Card]:
    members: dict[int, list[DuplicateMember]] = {group.pk: [] for group in groups}
    for member in _standing().filter(group__in=members) if members else ():
        members[member.group_id].append(member)
    return [_card(group, members[group.pk]) for group in groups if members[group.pk]]


def _card(group: DuplicateGroup, members: list[DuplicateMember]) -> Card:
    best = max(members, key=lambda each: (*_worth(each.movie), -each.movie_id))
    return Card(
        group=group,
        members=members[:MEMBERS_SHOWN],
        more=max(0, len(members) - MEMBERS_SHOWN),
        suggested=best.movie_id,
        conflict=merging.conflict([each.movie for each in members]),
        by_picture=all(member.poster_id for member in members),
        seen=_state(members),
    )


def _live(group: DuplicateGroup) -> list[DuplicateMember]:
    return list(_standing().filter(group=group))


def _standing() -> QuerySet[DuplicateMember]:
    """Members that are still what they were found as, the first found first."""
    genres = Prefetch("movie__movie_genres", MovieGenre.objects.select_related("genre"))
    standing = DuplicateMember.objects.filter(duplicates.CURRENT).select_related("movie", "poster")
    return standing.prefetch_related(genres, "movie__posters").order_by("pk")


def _state(members: list[DuplicateMember]) -> str:
    return ",".join(f"{member.movie_id}:{member.poster_sha256[:12]}" for member in members)


def _worth(movie: Movie) -> tuple[bool, int, int]:
    """How much would be kept by keeping this one: a person's word, then ids, then genres."""
    ids = sum(
        value is not None for value in (movie.imdb_id, movie.tmdb_id, movie.movielens_id, movie.local_id)
    )
    return movie.genres_locked, ids, len(movie.movie_genres.all())


def _tell(request: HttpRequest, decision: DuplicateDecision) -> None:
    messages.success(request, decision_sentence(decision))


def _back(request: HttpRequest, pk: int) -> HttpResponse:
    page = max(numbers([request.POST.get("page", "")]), default=1)
    address = reverse("admin:catalog_duplicategroup_changelist")
    return redirect(f"{address}?page={page}#group-{pk}" if page > 1 else f"{address}#group-{pk}")
