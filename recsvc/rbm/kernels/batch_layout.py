"""Kernels that lay an epoch's ratings out: by batch, then by item."""

import numpy as np
from numba import prange

from recsvc.rbm.arrays import Ints, Levels, Numbers
from recsvc.rbm.kernels.cd_state import BatchLayout
from recsvc.rbm.kernels.compilation import STRICT, embed_function, inline_function, kernel


@inline_function
def _count_groups(
    n_rated: Ints, bounds: Ints, at: int, group: int, items: Numbers, starts: Ints, chunks: Ints
) -> None:
    """Number a batch's groups from `group` on and tell where each begins, the first rating `at`.

    n_rated  (n_items,) how many rated each item; out: where its group begins
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
    deal: BatchLayout,
) -> None:
    """Lay one batch out by a counting sort."""
    free = np.zeros(deal.bounds[-1], np.int64)
    for user in users:
        for k in range(indptr[user], indptr[user + 1]):
            free[items[k]] += 1
    _count_groups(
        free, deal.bounds, at, at + batch, deal.group_items, deal.group_starts,
        deal.chunk_groups[batch],
    )  # fmt: skip
    for row in range(users.size):
        for k in range(indptr[users[row]], indptr[users[row] + 1]):
            place = free[items[k]]
            free[items[k]] = place + 1
            deal.rows[place] = row
            deal.levels[place] = levels[k]


@kernel(parallel=True, fastmath=STRICT, error_model="numpy")
def fill_layout(
    indptr: Ints,
    items: Numbers,
    levels: Levels,
    users: Ints,
    rating_starts: Ints,
    deal: BatchLayout,
) -> None:
    """Fill in a deal's ratings and groups, which are empty yet.

    indptr, items, levels  the ratings, a row a user
    users                  (n_users,) as they are dealt
    rating_starts          (n_batches + 1,) batch t has the deal's ratings from here to the next
    """
    for batch in prange(deal.starts.size - 1):
        own = users[deal.starts[batch] : deal.starts[batch + 1]]
        _fill_batch(indptr, items, levels, own, batch, rating_starts[batch], deal)
