"""Kernels of the softmax over (item, level) pairs: one pass over a chunk's fields each.

The caller runs them in threads, with one chunk of pairs per thread.
"""

import numpy as np

from recsvc.rbm.arrays import Floats
from recsvc.rbm.kernels.compilation import REORDERED, kernel
from recsvc.rbm.kernels.scalars import exponential

LANES = 16  # float32 numbers in a row, which the compiler turns into vectors


@kernel(fastmath=REORDERED, error_model="numpy")
def exponentials(fields: Floats, bias: Floats, most: Floats, sums: Floats) -> None:
    """Replace products by e^(field − most), where field = product + bias.

    fields  (n_batch, n_pairs) h · W
    bias    (n_pairs,)
    most    (n_batch,) out: each user's largest field
    sums    (n_batch,) out: of the exponentials
    """
    n_pairs = bias.size
    whole = n_pairs - n_pairs % LANES
    largest = np.empty(LANES, np.float32)
    for user in range(most.size):
        row = fields[user]
        largest[:] = -np.inf
        for start in range(0, whole, LANES):
            for lane in range(LANES):
                row[start + lane] += bias[start + lane]
                largest[lane] = max(largest[lane], row[start + lane])
        for pair in range(whole, n_pairs):
            row[pair] += bias[pair]
            largest[0] = max(largest[0], row[pair])
        top = largest[0]
        for lane in range(1, LANES):
            top = max(top, largest[lane])
        total = np.float32(0.0)
        for pair in range(n_pairs):
            row[pair] = exponential(row[pair] - top)
            total += row[pair]
        most[user], sums[user] = top, total


@kernel(fastmath=REORDERED, error_model="numpy")
def scale_rows(masses: Floats, scales: Floats, columns: Floats) -> None:
    """Multiply masses[u] by scales[u], and sum the columns.

    masses   (n_batch, n_pairs)
    columns  (n_pairs,) out
    """
    columns[:] = 0.0
    for user in range(scales.size):
        row, scale = masses[user], scales[user]
        for pair in range(columns.size):
            row[pair] *= scale
            columns[pair] += row[pair]
