"""Kernels that order an epoch's ratings by batch, then by item."""

import numpy as np
from numba import prange

from recsvc.rbm.arrays import Ints, Levels, Numbers
from recsvc.rbm.kernels.cd_state import BatchLayout
from recsvc.rbm.kernels.compilation import STRICT, embed_function, inline_function, kernel


@inline_function
def _count_groups(
    n_rated: Ints, bounds: Ints, at: int, group: int, items: Numbers, starts: Ints, chunks: Ints
) -> None:
    """Number a batch's groups from `group` on, and set their starts; the first rating is `at`.

    n_rated  (n_items,) number of ratings of each item; out: the start of its group
    """
    for chunk in range(bounds.size - 1):
        chunks[chunk] = group
        for item in range(bounds[chunk], bounds[chunk + 1]):
            n_own = n_rated[item]
            n_rated[item] = at
            if n_own > 0:
                items[group] = item
                starts[group] = at
                at += n_own
                group += 1
    chunks[-1] = group
    starts[group] = at


@embed_function(fastmath=STRICT, error_model="numpy")
def _fill_batch(
    indptr: Ints,
    items: Numbers,
    levels: Levels,
    users: Ints,
    batch: int,
    at: int,
    layout: BatchLayout,
) -> None:
    """Order the ratings of one batch by a counting sort."""
    free = np.zeros(layout.bounds[-1], np.int64)
    for user in users:
        for k in range(indptr[user], indptr[user + 1]):
            free[items[k]] += 1
    _count_groups(
        free, layout.bounds, at, at + batch, layout.group_items, layout.group_starts,
        layout.chunk_groups[batch],
    )  # fmt: skip
    for row in range(users.size):
        for k in range(indptr[users[row]], indptr[users[row] + 1]):
            place = free[items[k]]
            free[items[k]] = place + 1
            layout.rows[place] = row
            layout.levels[place] = levels[k]


@kernel(parallel=True, fastmath=STRICT, error_model="numpy")
def fill_layout(
    indptr: Ints,
    items: Numbers,
    levels: Levels,
    users: Ints,
    rating_starts: Ints,
    layout: BatchLayout,
) -> None:
    """Fill an empty layout with ratings and groups.

    indptr, items, levels  the ratings, with one row per user
    users                  (n_users,) in the order of the batches
    rating_starts          (n_batches + 1,) batch t has the layout's ratings from start t to t + 1
    """
    for batch in prange(layout.starts.size - 1):
        own = users[layout.starts[batch] : layout.starts[batch + 1]]
        _fill_batch(indptr, items, levels, own, batch, rating_starts[batch], layout)
