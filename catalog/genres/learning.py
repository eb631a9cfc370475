"""Train again as reviewers decide: when a training run starts by itself, and what its model would change.

Whether a run is due follows from the database alone, and is checked again with the models locked. So several
processes, a repeated call or a crash start no second one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from catalog import shared_files
from catalog.models import GenreModel, Movie, MovieGenre, ReviewDecision, Run, Suggestion
from catalog.runs import lifecycle
from ml.genres.evidence.model import EvidenceModel

from . import model_files, promotion, suggestions

# In a run's params: the number of decisions since the training before it.
DECISIONS = "decisions"
# In a model's metrics: what `suggestion_changes` returns.
CHANGES = "suggestion_changes"
# Training takes at most a tenth of the time, so that embedding and suggestions do not wait for it.
REST = 9
# Films whose suggestions are compared, in all and at once.
MAX_COMPARED, COMPARED_AT_ONCE = 4000, 200
State = GenreModel.State


def start_after_decisions() -> Run | None:
    """Start a training run after every POSTERSITE_TRAIN_AFTER_DECISIONS decisions. Returns it, if any."""
    return _start(settings.TRAIN_AFTER_DECISIONS) if settings.TRAIN_AFTER_DECISIONS else None


def start_nightly() -> Run | None:
    """Start a training run if there is any decision since the last one. Returns it, if any."""
    return _start(1)


def _start(least: int) -> Run | None:
    if not _is_due(least):
        return None
    with transaction.atomic():
        promotion.lock_models()
        if not _is_due(least):  # another process may have started it meanwhile
            return None
        return lifecycle.start("train", params={DECISIONS: _decisions_since(_last_training())})


def _is_due(least: int) -> bool:
    """Whether there were `least` decisions since the last training run, a failed one included, started."""
    if promotion.active_model() is None:
        return False
    last = _last_training()
    if last is not None and (last.is_live or _must_rest(last)):
        return False
    newest = ReviewDecision.objects.order_by("-pk").values_list("created_at", flat=True)
    decided_at: list[datetime] = list(newest[least - 1 : least])
    return bool(decided_at) and (last is None or decided_at[0] > last.created_at)


def _last_training() -> Run | None:
    live = lifecycle.live_runs().filter(kind="train").first()
    return live or Run.objects.filter(kind="train").order_by("-pk").first()


def _must_rest(last: Run) -> bool:
    if last.started_at is None or last.finished_at is None:
        return False
    until = last.finished_at + REST * (last.finished_at - last.started_at)
    # After the clock was set back, nothing waits for it to catch up.
    return last.finished_at - timedelta(seconds=1) <= timezone.now() < until


def _decisions_since(last: Run | None) -> int:
    decisions = ReviewDecision.objects.order_by()
    return (decisions if last is None else decisions.filter(created_at__gt=last.created_at)).count()


def suggestion_changes(
    row: GenreModel, model: EvidenceModel, is_wanted: Callable[[], bool]
) -> dict[str, int] | None:
    """How the pending suggestions would change if the model became active; None if `is_wanted` gets False.

    row: of the model; it need not be stored.

    Returns:
        For JSON: the numbers of `new` and `gone` suggestions, the `films` that were compared, and how many
        there are `of`: beyond MAX_COMPARED films, a random selection.
    """
    tagged, pending = MovieGenre.objects.filter(movie=OuterRef("pk")), Suggestion.State.PENDING
    suggested = Suggestion.objects.filter(movie=OuterRef("pk"), state=pending)
    open_movies = Movie.objects.filter(~Exists(tagged) | Exists(suggested), genres_locked=False)
    keys = list(open_movies.order_by("pk").values_list("pk", flat=True))
    chosen = keys if len(keys) <= MAX_COMPARED else sorted(Random(0).sample(keys, MAX_COMPARED))  # noqa: S311
    changes = {"new": 0, "gone": 0, "films": 0, "of": len(keys)}
    for start in range(0, len(chosen), COMPARED_AT_ONCE):
        if not is_wanted():
            return None
        movies = list(Movie.objects.filter(pk__in=chosen[start : start + COMPARED_AT_ONCE]))
        found = suggestions.would_suggest(movies, row, model)
        before: dict[int, set[int]] = {movie_id: set() for movie_id in found}
        rows = Suggestion.objects.filter(movie__in=found, state=pending).order_by()
        for movie_id, genre_id in rows.values_list("movie", "genre"):
            before[movie_id].add(genre_id)
        changes["films"] += len(found)
        changes["new"] += sum(len(found[movie] - before[movie]) for movie in found)
        changes["gone"] += sum(len(before[movie] - found[movie]) for movie in found)
    return changes


def delete_superseded(model: GenreModel) -> None:
    """Delete earlier models of automatic training that nobody promoted; `model` takes their place.

    Nothing is deleted unless `model` is from automatic training too.
    """
    if not _automatic().filter(pk=model.pk).exists():
        return
    with transaction.atomic():
        promotion.lock_models()
        earlier = _automatic().filter(version__lt=model.version, promoted_at=None, suggestions=None)
        rows = list(earlier.exclude(state=State.ACTIVE))
        GenreModel.objects.filter(pk__in=[row.pk for row in rows]).delete()
    for row in rows:
        # Trainings on the same data have the same file.
        if not GenreModel.objects.filter(weights_file=row.weights_file).exists():
            weights = model_files.weights_path(row)
            shared_files.delete_starting_with(weights.with_name(f"{weights.stem}."))
            if row.learning_curves:
                row.learning_curves.delete(save=False)


def _automatic() -> QuerySet[GenreModel]:
    return GenreModel.objects.filter(**{f"run__params__{DECISIONS}__isnull": False})
