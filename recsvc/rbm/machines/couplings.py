"""Sparse item–item couplings of the visible field, learned ahead of the hidden units."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsvc.rbm import kernels
from recsvc.rbm.arrays import Floats, Ints, Numbers
from recsvc.rbm.machines.baselines import ease_weights
from recsvc.rbm.rating_matrix import RatingMatrix

GRADIENT_ROUNDS = 5  # of conjugate gradients; more change no list
MAX_ITEMS = 20_000  # the closed form is square in items and cubic in time


@dataclass(frozen=True)
class Couplings:
    """What having rated item l adds to the field of item i, whatever the rating.

    indptr      (n_items + 1,) item l is coupled to
    neighbours  (n_couplings,) these items i, with
    strengths   (n_couplings,) these weights J[l, i]
    regularisation  λ, what they were pulled towards zero with
    """

    indptr: Ints
    neighbours: Numbers
    strengths: Floats
    regularisation: float = 0.0

    @classmethod
    def none(cls, n_items: int) -> "Couplings":
        """Give no couplings at all."""
        return cls(
            np.zeros(n_items + 1, dtype=np.int64),
            np.empty(0, dtype=np.int32),
            np.empty(0, dtype=np.float32),
        )

    def field(self, items: Numbers) -> Floats:
        """Σ_l J[l, i] over the items l that a user rated, for every item i, (n_items,)."""
        field = np.zeros(self.indptr.size - 1, dtype=np.float32)
        kernels.add_couplings(self.indptr, self.neighbours, self.strengths, items, field)
        return field

    def between(self, items: Numbers, others: Ints) -> Floats:
        """J[l, i] of every item l and each of the others i, none of which comes twice.

        returns  (n_items, n_others)
        """
        places = np.full(self.indptr.size - 1, -1, dtype=np.int64)
        places[others] = np.arange(others.size)
        found = np.zeros((items.size, others.size), dtype=np.float32)
        kernels.pick_couplings(self.indptr, self.neighbours, self.strengths, items, places, found)
        return found


@dataclass(frozen=True)
class Neighbourhoods:
    """Which items tell most of each item, and how often any two were rated together.

    A semi-restricted machine [OH08] whose couplings come from its conditional, regression form
    [St19]: EASE's closed form names each item's strongest neighbours, then ridge regression on
    those alone finds their strengths, which makes up for the ones left out.

    chosen  (n_items, n_neighbours) rising in each row
    gram    (n_items, n_items) how many users rated both
    """

    chosen: Numbers
    gram: Floats

    @classmethod
    def of(cls, ratings: RatingMatrix, n_neighbours: int) -> "Neighbourhoods":
        """Find the neighbours; at most all other items.

        Finds none for more than 20,000 items, for which the closed form is too dear.
        """
        n_items = ratings.n_items
        n_neighbours = min(n_neighbours, n_items - 1)
        if n_neighbours < 1 or n_items > MAX_ITEMS:
            return cls(np.empty((n_items, 0), np.int32), np.empty((0, 0), np.float32))
        sizes = np.abs(ease_weights(ratings))
        np.fill_diagonal(sizes, -1.0)
        chosen = np.argpartition(sizes, -n_neighbours, axis=0)[-n_neighbours:]
        del sizes  # as large as what comes next
        gram = np.zeros((n_items, n_items), dtype=np.float32)
        kernels.count_pairs(ratings.indptr, ratings.items, gram)
        gram += np.triu(gram, 1).T
        return cls(np.sort(chosen.T, axis=1).astype(np.int32), gram)

    def couplings(self, regularisation: float) -> Couplings:
        """Regress every item on its neighbours, the weights pulled towards zero by λ."""
        return self.path([regularisation])[0]

    def path(self, regularisations: Sequence[float]) -> list[Couplings]:
        """Give the couplings for each λ, in little more time than for one."""
        n_items, n_neighbours = self.chosen.shape
        if n_neighbours == 0:
            return [Couplings.none(n_items) for _ in regularisations]
        ridges = np.array(regularisations, dtype=np.float32)
        strengths = np.empty((ridges.size, *self.chosen.shape), dtype=np.float32)
        kernels.solve_rows(self.gram, self.chosen, ridges, GRADIENT_ROUNDS, strengths)
        sources = self.chosen.ravel()
        order = np.argsort(sources, kind="stable")
        indptr = np.concatenate([[0], np.cumsum(np.bincount(sources, minlength=n_items))])
        neighbours = np.repeat(np.arange(n_items, dtype=np.int32), n_neighbours)[order]
        return [
            Couplings(indptr.astype(np.int64), neighbours, one.ravel()[order], regularisation)
            for one, regularisation in zip(strengths, regularisations, strict=True)
        ]
