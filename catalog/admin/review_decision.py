"""Process decisions from the review queue, and report those that another reviewer made first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from django.utils import timezone

from catalog.genres import review
from catalog.models import Movie, ReviewDecision, Suggestion

from .model_admin import numbers

ACCEPTED, REJECTED = ReviewDecision.Verdict.ACCEPTED, ReviewDecision.Verdict.REJECTED


class InvalidForm(ValueError):
    """The form does not come from a page of the site."""


@dataclass
class Outcome:
    """The decisions made on one movie, by genre. too_late: sentences about those already decided."""

    accepted: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    too_late: list[str] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """For example "Accepted Drama, Crime; rejected Horror."."""
        parts = [
            f"{verb} {', '.join(genres)}"
            for verb, genres in (("accepted", self.accepted), ("rejected", self.rejected))
            if genres
        ]
        text = "; ".join(parts)
        return f"{text[0].upper()}{text[1:]}." if text else ""


def verdicts_of(data: QueryDict) -> dict[int, str]:
    """Maps primary keys of suggestions to verdicts, from a card's form.

    `decide` is the button: "accept-PK", "reject-PK", "accept" (accepts the ticked suggestions and rejects the
    others) or "reject" (all). Suggestions added after the page was loaded are not in `shown` and not decided.
    Raises InvalidForm.
    """
    button, _, single = data.get("decide", "").partition("-")
    shown = numbers(data.getlist("shown"))
    if button not in ("accept", "reject"):
        raise InvalidForm("The form does not say whether to accept or reject.")
    verdict = str(ACCEPTED if button == "accept" else REJECTED)
    if single:
        return dict.fromkeys(numbers([single]), verdict)
    if verdict == REJECTED:
        return dict.fromkeys(shown, verdict)
    ticked = numbers(data.getlist("keep"))
    return {pk: verdict if pk in ticked else str(REJECTED) for pk in shown}


def decide(movie: Movie, verdicts: dict[int, str], reviewer: Any) -> Outcome:
    """Decides the movie's pending suggestions. Others are only reported in the outcome."""
    chosen = list(movie.suggestions.filter(pk__in=verdicts).select_related("genre"))
    before = {key: decision.pk for key, decision in _latest_decisions(chosen).items()}
    now = timezone.now()
    for verdict, act in ((ACCEPTED, review.accept), (REJECTED, review.reject)):
        matching = [suggestion for suggestion in chosen if verdicts[suggestion.pk] == verdict]
        if matching:
            act(matching, reviewer, at=now)
    decisions = _latest_decisions(chosen)
    outcome = Outcome()
    for suggestion in chosen:
        decision = decisions.get(suggestion.pk)
        name = suggestion.genre.name
        mine = decision is not None and (
            before.get(suggestion.pk) != decision.pk and decision.reviewer_id == reviewer.pk
        )
        if decision is None or decision.verdict == ReviewDecision.Verdict.UNDONE:
            outcome.too_late.append(f"{name} is no longer suggested.")
        elif not mine:
            who = "you" if decision.reviewer_id == reviewer.pk else decision.reviewer.get_username()
            outcome.too_late.append(f"{name} was already {decision.verdict} by {who}.")
        else:
            (outcome.accepted if decision.verdict == ACCEPTED else outcome.rejected).append(name)
    return outcome


def _latest_decisions(suggestions: list[Suggestion]) -> dict[int, ReviewDecision]:
    found = (
        ReviewDecision.objects.filter(suggestion__in=suggestions).select_related("reviewer").order_by("pk")
    )
    return {decision.suggestion_id: decision for decision in found if decision.suggestion_id is not None}
