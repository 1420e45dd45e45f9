"""Sparse item–item couplings of the visible field, fitted separately from the hidden units."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsvc.rbm import kernels
from recsvc.rbm.arrays import Floats, Ints, Numbers
from recsvc.rbm.machines.baselines import ease_weights
from recsvc.rbm.rating_matrix import RatingMatrix

GRADIENT_ROUNDS = 5  # of conjugate gradients; more rounds change no list
MAX_ITEMS = 20_000  # the closed form needs memory of n_items² and time of n_items³


@dataclass(frozen=True)
class Couplings:
    """Weights J[l, i]: a rating of item l adds J[l, i] to the field of item i, at any level.

    indptr      (n_items + 1,) item l has the entries indptr[l] : indptr[l + 1] of
    neighbours  (n_couplings,) the items i, and of
    strengths   (n_couplings,) the weights J[l, i]
    regularisation  λ of the ridge regression that found them
    """

    indptr: Ints
    neighbours: Numbers
    strengths: Floats
    regularisation: float = 0.0

    @classmethod
    def empty(cls, n_items: int) -> "Couplings":
        """Return couplings without an entry."""
        return cls(
            np.zeros(n_items + 1, dtype=np.int64),
            np.empty(0, dtype=np.int32),
            np.empty(0, dtype=np.float32),
        )

    def field(self, items: Numbers) -> Floats:
        """Return Σ_l J[l, i] over the items l that a user rated, for every item i, (n_items,)."""
        field = np.zeros(self.indptr.size - 1, dtype=np.float32)
        kernels.add_couplings(self.indptr, self.neighbours, self.strengths, items, field)
        return field

    def between(self, items: Numbers, others: Ints) -> Floats:
        """Return J[l, i] of every item l and every other item i; `others` has no duplicates.

        returns  (n_items, n_others)
        """
        places = np.full(self.indptr.size - 1, -1, dtype=np.int64)
        places[others] = np.arange(others.size)
        found = np.zeros((items.size, others.size), dtype=np.float32)
        kernels.pick_couplings(self.indptr, self.neighbours, self.strengths, items, places, found)
        return found


@dataclass(frozen=True)
class Neighbourhoods:
    """The strongest neighbours of each item, and how often any two items were rated together.

    A semi-restricted machine [OH08] whose couplings come from its conditional, regression form
    [St19]. EASE's closed form selects each item's strongest neighbours. Ridge regression on those
    alone then finds their strengths, which compensates for the items left out.

    chosen  (n_items, n_neighbours) rising in each row
    gram    (n_items, n_items) number of users who rated both
    """

    chosen: Numbers
    gram: Floats

    @classmethod
    def fit(cls, ratings: RatingMatrix, n_neighbours: int) -> "Neighbourhoods":
        """Find the neighbours of each item, at most all other items.

        Finds none for more than 20,000 items, where the closed form is too expensive.
        """
        n_items = ratings.n_items
        n_neighbours = min(n_neighbours, n_items - 1)
        if n_neighbours < 1 or n_items > MAX_ITEMS:
            return cls(np.empty((n_items, 0), np.int32), np.empty((0, 0), np.float32))
        sizes = np.abs(ease_weights(ratings))
        np.fill_diagonal(sizes, -1.0)
        chosen = np.argpartition(sizes, -n_neighbours, axis=0)[-n_neighbours:]
        del sizes  # as large as the gram matrix
        gram = np.zeros((n_items, n_items), dtype=np.float32)
        kernels.count_pairs(ratings.indptr, ratings.items, gram)
        gram += np.triu(gram, 1).T
        return cls(np.sort(chosen.T, axis=1).astype(np.int32), gram)

    def couplings(self, regularisation: float) -> Couplings:
        """Fit every item to its neighbours by ridge regression with this λ."""
        return self.path([regularisation])[0]

    def path(self, regularisations: Sequence[float]) -> list[Couplings]:
        """Return the couplings for each λ, in little more time than for one λ."""
        n_items, n_neighbours = self.chosen.shape
        if n_neighbours == 0:
            return [Couplings.empty(n_items) for _ in regularisations]
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
