"""Which posters make up a step: pairs of views of one poster, or of two of one franchise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .plan import TrainingPlan

Indexes = npt.NDArray[np.int64]

_ORDER, _MATES = 0, 1


@dataclass(frozen=True)
class Order:
    """The rows of every step, decided by the plan's seed and the step's number alone.

    rows (n,) int64: those learned from. franchise: (all rows,) int64, -1 for none.
    """

    plan: TrainingPlan
    rows: Indexes
    franchise: Indexes

    @property
    def steps(self) -> tuple[int, int]:
        """Steps an epoch, and in all."""
        return self.plan.steps(len(self.rows))

    def batch(self, step: int) -> Indexes:
        """Rows (2 × pairs,) of a step: posters in a new random order each epoch, then a partner for each."""
        an_epoch, _ = self.steps
        pairs = self.plan.pairs_of(len(self.rows))
        epoch, place = divmod(step, an_epoch)
        order = np.random.default_rng([self.plan.seed, _ORDER, epoch]).permutation(self.rows)
        chosen = order[place * pairs : (place + 1) * pairs]
        random = np.random.default_rng([self.plan.seed, _MATES, step])
        return np.concatenate([chosen, [self._partner(row, random) for row in chosen.tolist()]])

    def _partner(self, row: int, random: np.random.Generator) -> int:
        mates = self._mates(row)
        # Drawn in any case, so that what one poster gets does not hang on whether another has mates.
        drawn, place = random.random(2)
        return int(mates[int(place * len(mates))]) if len(mates) and drawn < self.plan.mate_share else row

    def _mates(self, row: int) -> Indexes:
        mine = self.franchise[row]
        if mine < 0:
            return self.rows[:0]
        return self.rows[(self.franchise[self.rows] == mine) & (self.rows != row)]
