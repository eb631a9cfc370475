"""Read the form of a card in focus mode, decide the movie, and say what happened in a sentence."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict

from catalog.genres import review
from catalog.models import Genre, Movie, ReviewDecision

from .model_admin import numbers
from .review_decision import InvalidForm

VERBS = ("accepted", "added", "rejected", "removed")


def decide_form(movie: Movie, data: QueryDict, reviewer: Any) -> tuple[bool, str]:
    """Whether the form's decisions were saved, and a sentence that says which, or why not.

    `action` is "accept" (accepts the ticked suggestions, rejects the others, adds and removes genres as
    ticked) or "reject" (all suggestions). `shown`, `keep`: ids of the suggestions that the card showed and
    that are ticked. `has`, `genre`: ids of the genres that the movie had and of the other ticked genres.
    Suggestions that were made after the card are not decided. A decision resolves the movie's flag.
    Raises InvalidForm.
    """
    action = data.get("action")
    if action not in ("accept", "reject"):
        raise InvalidForm("The form does not say whether to accept or reject.")
    shown, had = numbers(data.getlist("shown")), numbers(data.getlist("has"))
    kept = numbers(data.getlist("keep")) & shown if action == "accept" else set()
    genres = numbers(data.getlist("genre")) if action == "accept" else had
    add = set(Genre.objects.filter(pk__in=genres - had).values_list("pk", flat=True))
    try:
        decisions = review.decide_movie(
            movie,
            reviewer,
            accept=kept,
            reject=shown - kept,
            add=add,
            remove=had - genres,
            resolve_flag=True,
        )
    except review.NotPending as error:
        return _not_saved(movie, shown, kept, error.suggestions, reviewer)
    except Movie.DoesNotExist:
        return False, "The movie was merged or deleted meanwhile. Nothing was saved."
    return True, sentence(decisions)


def sentence(decisions: list[ReviewDecision]) -> str:
    """For example "accepted Drama, Crime; rejected Horror."."""
    names = dict(Genre.objects.filter(pk__in=[each.genre_id for each in decisions]).values_list("pk", "name"))
    parts = [
        f"{verb} {', '.join(chosen)}"
        for verb in VERBS
        if (chosen := [names[each.genre_id] for each in decisions if each.verdict == verb])
    ]
    return f"{'; '.join(parts) or 'nothing to change'}."


def _listed(names: list[str]) -> str:
    return ", ".join(sorted(names))


def _not_saved(
    movie: Movie, shown: set[int], kept: set[int], late: set[int], reviewer: Any
) -> tuple[bool, str]:
    found = (
        ReviewDecision.objects.filter(suggestion__in=shown, movie=movie)
        .select_related("reviewer", "genre")
        .order_by("pk")
    )
    latest = {each.suggestion_id: each for each in found}
    # The browser sent the form again, because the response to it was lost.
    repeated = {
        pk
        for pk, each in latest.items()
        if each.reviewer_id == reviewer.pk and each.verdict == ("accepted" if pk in kept else "rejected")
    }
    if repeated == shown:
        return True, sentence(list(latest.values()))
    by: dict[str, dict[str, list[str]]] = {}
    for pk, each in latest.items():
        if pk in late and each.verdict != ReviewDecision.Verdict.UNDONE:
            own = each.reviewer_id == reviewer.pk
            who = "You have" if own else f"{each.reviewer.get_username()} has"
            by.setdefault(who, {}).setdefault(each.verdict, []).append(each.genre.name)
    people = [
        f"{who} {' and '.join(f'{verdict} {_listed(names)}' for verdict, names in sorted(verdicts.items()))}"
        for who, verdicts in sorted(by.items())
    ]
    why = f"{'; '.join(people)} meanwhile" if by else "its suggestions have changed meanwhile"
    return False, f"{why}. Nothing of this form was saved."
