"""Sparse item–item couplings of the visible field, learned ahead of the hidden units."""

from dataclasses import dataclass

import numpy as np

from recsvc.rbm import kernels
from recsvc.rbm.baselines import ease_weights
from recsvc.rbm.ratings import Floats, Ints, Numbers, RatingMatrix

ROUNDS = 5  # of conjugate gradients; more change no list
LARGEST_CATALOGUE = 20_000  # the closed form is square in items and cubic in time


@dataclass(frozen=True)
class Couplings:
    """What having rated item l adds to the field of item i, whatever the rating.

    indptr      (n_items + 1,) item l is coupled to
    neighbours  (n_couplings,) these items i, with
    strengths   (n_couplings,) these weights J[l, i]
    """

    indptr: Ints
    neighbours: Numbers
    strengths: Floats

    @classmethod
    def none(cls, n_items: int) -> "Couplings":
        """Give no couplings at all."""
        return cls(
            np.zeros(n_items + 1, dtype=np.int64),
            np.empty(0, dtype=np.int32),
            np.empty(0, dtype=np.float32),
        )

    @classmethod
    def fit(cls, ratings: RatingMatrix, *, n_neighbours: int, regularisation: float) -> "Couplings":
        """Regress every item on the few others that tell most of it.

        A semi-restricted machine [OH08] whose couplings come from its conditional, regression form
        [St19]: EASE's closed form names each item's strongest neighbours, then ridge regression
        on those alone finds their strengths, which makes up for the ones left out.

        Gives none for more than 20,000 items, for which the closed form is too dear.
        """
        n_items = ratings.n_items
        n_neighbours = min(n_neighbours, n_items - 1)
        if n_neighbours < 1 or n_items > LARGEST_CATALOGUE:
            return cls.none(n_items)
        chosen = _strongest(ratings, n_neighbours, regularisation)
        gram = _gram(ratings)
        strengths = np.zeros(chosen.shape, dtype=np.float32)
        kernels.solve_rows(gram, chosen, regularisation, ROUNDS, strengths)
        return cls._by_source(chosen, strengths)

    @classmethod
    def _by_source(cls, chosen: Numbers, strengths: Floats) -> "Couplings":
        """Turn round: from what each item is told by, to what each item tells of."""
        n_items, n_neighbours = chosen.shape
        sources = chosen.ravel()
        order = np.argsort(sources, kind="stable")
        counts = np.bincount(sources, minlength=n_items)
        return cls(
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            np.repeat(np.arange(n_items, dtype=np.int32), n_neighbours)[order],
            strengths.ravel()[order],
        )

    def field(self, items: Numbers) -> Floats:
        """Σ_l J[l, i] over the items l that a user rated, for every item i, (n_items,)."""
        field = np.zeros(self.indptr.size - 1, dtype=np.float32)
        kernels.add_couplings(self.indptr, self.neighbours, self.strengths, items, field)
        return field


def _gram(ratings: RatingMatrix) -> Floats:
    """How many users rated both of two items, (n_items, n_items)."""
    gram = np.zeros((ratings.n_items, ratings.n_items), dtype=np.float32)
    kernels.count_pairs(ratings.indptr, ratings.items, gram)
    gram += np.triu(gram, 1).T
    return gram


def _strongest(ratings: RatingMatrix, n_neighbours: int, regularisation: float) -> Numbers:
    """Choose each item's neighbours by the size of EASE's weights, (n_items, n_neighbours)."""
    sizes = np.abs(ease_weights(ratings, regularisation=regularisation))
    np.fill_diagonal(sizes, -1.0)
    chosen = np.argpartition(sizes, -n_neighbours, axis=0)[-n_neighbours:]
    return np.sort(chosen.T, axis=1).astype(np.int32)
