"""Refresh posters: ask each source whether its posters have changed, and store the new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catalog.fetching.errors import FetchError
from catalog.models import Movie, Poster, RunItem
from catalog.runs import leases

from .fetch import NoPoster, Postponed, Renew, describe, fetch_from_source, postponement_s
from .lookup import SourceClient, enabled_clients
from .selection import sources_to_check

# A run's parameter: check every source, however recently it was checked.
EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class RefreshResult:
    """changed: the movie shows another poster than before. note: the result of each source, in words."""

    changed: bool
    note: str


class CannotRefresh(LookupError):
    """No source of the movie's posters could be checked; the message says why."""


def refresh_items(items: Sequence[RunItem]) -> None:
    """Refresh the posters of each item's movie, and finish, fail or postpone the item."""
    everything = bool(items[0].run.params.get(EVERYTHING))
    clients = {client.source.name: client for client in enabled_clients()}

    def refresh(item: RunItem, renew: Renew) -> None:
        assert item.movie is not None  # noqa: S101  items of a refresh run have a movie
        try:
            result = refresh_movie(item.movie, clients, everything=everything, renew=renew)
        except Postponed as error:
            leases.postpone(item, error.seconds, str(error))
        except CannotRefresh as error:
            if leases.skip_merged([item]):
                leases.fail(item, str(error))
        else:
            leases.finish(item, result.note)

    leases.process_each(items, refresh)


def refresh_movie(
    movie: Movie,
    clients: Mapping[str, SourceClient],
    *,
    everything: bool = True,
    renew: Renew = lambda: None,
) -> RefreshResult:
    """Check the enabled sources of the movie's posters that are due; with `everything` all of them.

    A poster that is gone keeps its stored copy, and one that a person locked stays primary. Raises
    CannotRefresh when no source could be checked, Postponed when one demands to wait.
    """
    before = _shown(movie)
    notes: list[str] = []
    errors: list[str] = []
    for source in sources_to_check(movie, everything=everything):
        count = movie.posters.filter(source=source.name, superseded=False).count()
        try:
            result = fetch_from_source(
                movie, clients[source.name], wanted=max(count, 1), refresh=True, renew=renew
            )
        except FetchError as error:
            seconds = postponement_s(error)
            if seconds is not None:
                raise Postponed(str(error), seconds) from error
            errors.append(f"{source.name}: {error}.")
        except NoPoster as error:
            notes.append(f"{source.name} does not have it any more ({error}): the stored copy stays")
        else:
            notes.append("unchanged" if result.unchanged else f"changed: {describe(result.posters[0])}")
    if errors and not notes:
        raise CannotRefresh(f"{movie}: {' '.join(errors)} Its posters stay as they are.")
    if not notes:
        notes.append("nothing to check: its poster comes from no enabled source")
    return RefreshResult(_shown(movie) != before, "; ".join(dict.fromkeys(notes)))


def _shown(movie: Movie) -> str | None:
    return Poster.objects.filter(movie=movie, is_primary=True).values_list("sha256", flat=True).first()
