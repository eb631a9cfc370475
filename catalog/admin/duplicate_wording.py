"""What merging would do and what decisions about duplicates did, in sentences."""

from __future__ import annotations

from catalog.duplicates.merging import facts_plan, genres_plan, label_of
from catalog.models import DuplicateDecision, Movie

Verdict = DuplicateDecision.Verdict


def merge_preview(kept: Movie, other: Movie) -> list[str]:
    """What would become of what `other` has, if it were merged into `kept`."""
    plan = facts_plan(kept, other)
    said = [f"{label_of(name)} {value} is taken over" for name, value in plan.moved.items()]
    said += [
        f"{label_of(name)} {value} goes on naming this film for imports; shown is {getattr(kept, name)}"
        for name, value in plan.aliases.items()
    ]
    said += [
        f"{label_of(name)} “{value}” gives way to “{getattr(kept, name)}”"
        for name, value in plan.lost.items()
    ]
    said.append(_genres(kept, other))
    number = other.posters.count()
    if number:
        said.append(f"{number} poster{'' if number == 1 else 's'} and what was decided about it move along")
    return said


def _genres(kept: Movie, other: Movie) -> str:
    after = ", ".join(sorted(genre.name for genre in genres_plan(kept, other).after)) or "none"
    if kept.genres_locked == other.genres_locked:
        return f"genres afterwards: {after}"
    return f"genres afterwards: {after}, as a person set them{'' if kept.genres_locked else ' for the other'}"


def decision_sentence(decision: DuplicateDecision) -> str:
    """What a decision did, with all that a merge set aside."""
    details = decision.details
    if decision.verdict == Verdict.MERGED:
        names = ", ".join(f"{each['title']} (no. {each['movie']})" for each in details["merged"])
        aside = "; ".join(text for each in details["merged"] for text in each["set_aside"])
        told = f"Merged {names} into {details['title']} (no. {details['kept']})."
        if "import" in details:
            told = f"{details['said']} names them as one film. {told}"
        return f"{told} Set aside: {aside}." if aside else told
    if decision.verdict == Verdict.APART:
        names = ", ".join(f"{each['title']} (no. {each['movie']})" for each in details["apart"])
        if details.get("said"):
            return f"Kept apart: {names}. They are not proposed again, whatever a source says."
        return f"Kept apart: {names}. They are not proposed again while they show these posters."
    return (
        f"Took the poster from {details['source_url'] or details['source']} away from {details['title']} "
        f"(no. {details['movie']}). It is not fetched again; “Fetch posters” looks for another."
    )
