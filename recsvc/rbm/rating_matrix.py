"""Ratings and interactions as a sparse matrix of levels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recsvc.rbm.arrays import Ints, Levels, Numbers
from recsvc.rbm.rating_scale import RatingScale


@dataclass(frozen=True)
class RatingMatrix:
    """Ratings as sparse rows: row u has the ratings of user u, in order of item number.

    indptr   (n_users + 1,)  row u is indptr[u] : indptr[u + 1]
    items    (n_ratings,)    item numbers
    levels   (n_ratings,)    levels
    n_items  columns, rated or not
    """

    indptr: Ints
    items: Numbers
    levels: Levels
    n_items: int

    @classmethod
    def build(
        cls, users: Ints | Numbers, items: Ints | Numbers, levels: Levels, *, shape: tuple[int, int]
    ) -> "RatingMatrix":
        """Sort single ratings into rows.

        users, items, levels  (n_ratings,), each (user, item) at most once
        shape                 (n_users, n_items)
        """
        n_users, n_items = shape
        order = np.argsort(users.astype(np.int64) * n_items + items, kind="stable")
        counts = np.bincount(users, minlength=n_users)
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return cls(indptr, items[order].astype(np.int32), levels[order], n_items)

    @property
    def n_users(self) -> int:
        """Rows, with ratings or not."""
        return self.indptr.size - 1

    @property
    def n_ratings(self) -> int:
        """Stored ratings."""
        return self.items.size

    def users(self) -> Numbers:
        """Return the user number of each rating, (n_ratings,)."""
        return np.repeat(np.arange(self.n_users, dtype=np.int32), np.diff(self.indptr))

    def row(self, user: int) -> tuple[Numbers, Levels]:
        """Return the items and levels of a user."""
        ratings = slice(self.indptr[user], self.indptr[user + 1])
        return self.items[ratings], self.levels[ratings]

    def rows(self, users: Ints) -> "RatingMatrix":
        """Return the rows of some users as a matrix, in the order of `users`."""
        counts = np.diff(self.indptr)[users]
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        picked = np.repeat(self.indptr[users] - indptr[:-1], counts) + np.arange(indptr[-1])
        return RatingMatrix(indptr, self.items[picked], self.levels[picked], self.n_items)

    def select(self, kept: NDArray[np.bool_]) -> "RatingMatrix":
        """Return the ratings where `kept` (n_ratings,) is true, in the same shape."""
        before = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
        return RatingMatrix(before[self.indptr], self.items[kept], self.levels[kept], self.n_items)

    def without_interactions(self, scale: RatingScale) -> "RatingMatrix":
        """Return the ratings without interactions, in the same shape."""
        return self.select(self.levels < scale.n_levels) if scale.events else self

    def transpose(self) -> "RatingMatrix":
        """Return the matrix with items as rows, on which an item_rbm trains."""
        return RatingMatrix.build(
            self.items, self.users(), self.levels, shape=(self.n_items, self.n_users)
        )

    def item_counts(self) -> Ints:
        """Return the number of ratings of each item, (n_items,)."""
        return np.bincount(self.items, minlength=self.n_items)

    def level_counts(self, n_levels: int) -> Ints:
        """Return the counts of each item's levels, (n_items, n_levels)."""
        cells = self.items.astype(np.int64) * n_levels + self.levels
        return np.bincount(cells, minlength=self.n_items * n_levels).reshape(-1, n_levels)
