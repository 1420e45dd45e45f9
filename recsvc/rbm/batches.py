"""Minibatches: users dealt in a new order every epoch, their ratings laid out by user and item."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recsvc.rbm import kernels
from recsvc.rbm.ratings import Ints, Levels, Numbers, RatingMatrix


@dataclass(frozen=True)
class Batch:
    """Some users and their ratings, (n_batch_ratings,) of them.

    users        (n_batch,) rows of the whole matrix: the case numbers of the chance
    indptr       (n_batch + 1,) user b of the batch has the ratings indptr[b] : indptr[b + 1]
    items        (n_batch_ratings,)
    levels       (n_batch_ratings,)
    item_indptr  (n_items + 1,) item i has the entries item_indptr[i] : item_indptr[i + 1] of
    rows         (n_batch_ratings,) the user's place in the batch, and of
    places       (n_batch_ratings,) the rating's place in `items` and `levels`
    """

    users: Ints
    indptr: Ints
    items: Numbers
    levels: Levels
    item_indptr: Ints
    rows: Numbers
    places: Numbers

    @classmethod
    def of(
        cls, users: Ints, indptr: Ints, items: Numbers, levels: Levels, *, n_items: int
    ) -> "Batch":
        """Lay ratings that are ordered by user out by item as well."""
        item_indptr = np.empty(n_items + 1, dtype=np.int64)
        rows, places = np.empty((2, items.size), dtype=np.int32)
        kernels.group_by_item(indptr, items, item_indptr, rows, places)
        return cls(users, indptr, items, levels, item_indptr, rows, places)


def deal(ratings: RatingMatrix, batch_size: int, *, seed: int, epoch: int) -> Iterator[Batch]:
    """Deal the users who rated anything into batches; the last one may be smaller."""
    rated = np.flatnonzero(np.diff(ratings.indptr))
    users = np.random.default_rng([seed, epoch]).permutation(rated)
    counts = np.diff(ratings.indptr)[users]
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    items = np.empty(ratings.n_ratings, dtype=np.int32)
    levels = np.empty(ratings.n_ratings, dtype=np.uint8)
    kernels.gather_rows(ratings.indptr, ratings.items, ratings.levels, users, indptr, items, levels)
    for start in range(0, users.size, batch_size):
        own = indptr[start : start + batch_size + 1]
        some = slice(own[0], own[-1])
        yield Batch.of(
            users[start : start + batch_size],
            own - own[0],
            items[some],
            levels[some],
            n_items=ratings.n_items,
        )
