"""Turn what a reviewer pressed into decisions, and tell what became of them when somebody else was faster."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from catalog.genres import review
from catalog.models import Movie, ReviewDecision, Suggestion

ACCEPTED, REJECTED = ReviewDecision.Verdict.ACCEPTED, ReviewDecision.Verdict.REJECTED


class UnclearRequest(ValueError):
    """A form that no page of ours sends; the sentence says what is missing."""


@dataclass
class Outcome:
    """What one press of a button did to one movie."""

    accepted: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    too_late: list[str] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """What this reviewer decided just now, e.g. "Accepted Drama, Crime; rejected Horror."."""
        parts = [
            f"{verb} {', '.join(genres)}"
            for verb, genres in (("accepted", self.accepted), ("rejected", self.rejected))
            if genres
        ]
        text = "; ".join(parts)
        return f"{text[0].upper()}{text[1:]}." if text else ""


def numbers(values: Iterable[str]) -> set[int]:
    """Primary keys out of form values; whatever is not one is dropped."""
    return {int(value) for value in values if value.isdecimal() and len(value) < 19}


def wanted(data: QueryDict) -> dict[int, str]:
    """Suggestion pk -> verdict, from a card's form.

    `decide` is what was pressed: "accept-PK", "reject-PK", "accept" (the ticked ones; the unticked are
    rejected) or "reject" (all). Only suggestions that the card showed (`shown`) are ever decided: one that a
    model added after the page was loaded has been seen by nobody. Raises UnclearRequest.
    """
    pressed, _, single = data.get("decide", "").partition("-")
    shown = numbers(data.getlist("shown"))
    if pressed not in ("accept", "reject"):
        raise UnclearRequest("The form did not say whether to accept or to reject.")
    verdict = str(ACCEPTED if pressed == "accept" else REJECTED)
    if single:
        return dict.fromkeys(numbers([single]), verdict)
    if verdict == REJECTED:
        return dict.fromkeys(shown, verdict)
    kept = numbers(data.getlist("keep"))
    return {pk: verdict if pk in kept else str(REJECTED) for pk in shown}


def decide(movie: Movie, verdicts: dict[int, str], reviewer: Any) -> Outcome:
    """Take the decisions on `movie`'s suggestions; what was pending no more is reported, not decided."""
    asked = list(movie.suggestions.filter(pk__in=verdicts).select_related("genre"))
    before = {key: decision.pk for key, decision in _decided(asked).items()}
    for verdict, act in ((ACCEPTED, review.accept), (REJECTED, review.reject)):
        chosen = [suggestion for suggestion in asked if verdicts[suggestion.pk] == verdict]
        if chosen:
            act(chosen, reviewer)
    decisions = _decided(asked)
    outcome = Outcome()
    for suggestion in asked:
        decision = decisions.get(suggestion.pk)
        name = suggestion.genre.name
        mine = decision is not None and (
            before.get(suggestion.pk) != decision.pk and decision.reviewer_id == reviewer.pk
        )
        if decision is None or decision.verdict == ReviewDecision.Verdict.UNDONE:
            outcome.too_late.append(f"{name} is no longer suggested.")
        elif not mine:
            who = "you" if decision.reviewer_id == reviewer.pk else decision.reviewer.get_username()
            outcome.too_late.append(f"{name} had already been {decision.verdict} by {who}.")
        else:
            (outcome.accepted if decision.verdict == ACCEPTED else outcome.rejected).append(name)
    return outcome


def _decided(suggestions: list[Suggestion]) -> dict[int, ReviewDecision]:
    """The newest decision on each of those that were decided on."""
    found = (
        ReviewDecision.objects.filter(suggestion__in=suggestions).select_related("reviewer").order_by("pk")
    )
    return {decision.suggestion_id: decision for decision in found if decision.suggestion_id is not None}
