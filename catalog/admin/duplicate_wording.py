"""What merging would do and what decisions about duplicates did, in sentences."""

from __future__ import annotations

from catalog.models import DuplicateDecision, Movie
from catalog.models.movie import EXTERNAL_IDS
from catalog.services.merging import FACTS, label_of

Verdict = DuplicateDecision.Verdict


def merge_preview(kept: Movie, other: Movie) -> list[str]:
    """What would become of what `other` has, if it were merged into `kept`."""
    said = []
    for name in (*EXTERNAL_IDS, *FACTS):
        mine, theirs = getattr(kept, name), getattr(other, name)
        label = label_of(name)
        if theirs in (None, "") or mine == theirs:
            continue
        if mine in (None, ""):
            said.append(f"{label} {theirs} is taken over")
        elif name in EXTERNAL_IDS:
            said.append(f"{label} {theirs} goes on naming this film for imports; shown is {mine}")
        else:
            said.append(f"{label} “{theirs}” gives way to “{mine}”")
    if kept.title != other.title:
        said.append(f"title “{other.title}” gives way to “{kept.title}”")
    said.append(_genres(kept, other))
    number = other.posters.count()
    if number:
        said.append(f"{number} poster{'' if number == 1 else 's'} and what was decided about it move along")
    return said


def _genres(kept: Movie, other: Movie) -> str:
    mine = {row.genre.name for row in kept.movie_genres.select_related("genre")}
    theirs = {row.genre.name for row in other.movie_genres.select_related("genre")}
    if kept.genres_locked and not other.genres_locked:
        after, why = mine, ", as a person set them"
    elif other.genres_locked and not kept.genres_locked:
        after, why = theirs, ", as a person set them for the other"
    else:
        after, why = mine | theirs, ""
    return f"genres afterwards: {', '.join(sorted(after)) or 'none'}{why}"


def decision_sentence(decision: DuplicateDecision) -> str:
    """What a decision did, with all that a merge set aside."""
    details = decision.details
    if decision.verdict == Verdict.MERGED:
        names = ", ".join(f"{each['title']} (no. {each['movie']})" for each in details["merged"])
        aside = "; ".join(text for each in details["merged"] for text in each["set_aside"])
        told = f"Merged {names} into {details['title']} (no. {details['kept']})."
        return f"{told} Set aside: {aside}." if aside else told
    if decision.verdict == Verdict.APART:
        names = ", ".join(f"{each['title']} (no. {each['movie']})" for each in details["apart"])
        return f"Kept apart: {names}. They are not proposed again while they show these posters."
    return (
        f"Took the poster from {details['source_url'] or details['source']} away from {details['title']} "
        f"(no. {details['movie']}). It is not fetched again; “Fetch posters” looks for another."
    )
