"""Kernels of lists and baselines: the best items, and the matrices of EASE."""

import numpy as np

from recsvc.rbm.arrays import Doubles, Floats, Ints, Numbers
from recsvc.rbm.kernels.compilation import STRICT, kernel


@kernel(fastmath=STRICT, error_model="numpy")
def top_n(scores: Doubles, out: Ints) -> int:
    """Set `out` to the items of the highest scores, best first; ties by smaller number.

    Items with a score of −inf or NaN are left out. Returns the number of items, at most out.size;
    further places stay as they are.
    """
    return top_n_without(scores, np.empty(0, np.int32), out)


@kernel(fastmath=STRICT, error_model="numpy", inline="always")
def top_n_without(scores: Doubles, left_out: Numbers, out: Ints) -> int:
    """Compute `top_n` without some items.

    left_out  numbers of the excluded items, in rising order
    """
    found, passed = 0, 0
    for item in range(scores.size if out.size else 0):
        if passed < left_out.size and left_out[passed] == item:
            passed += 1
            continue
        score = scores[item]
        if not score > -np.inf or (found == out.size and score <= scores[out[found - 1]]):
            continue
        place = found if found < out.size else found - 1
        found = min(found + 1, out.size)
        while place > 0 and scores[out[place - 1]] < score:
            out[place] = out[place - 1]
            place -= 1
        out[place] = item
    return found


@kernel(fastmath=STRICT, error_model="numpy")
def count_pairs(indptr: Ints, items: Numbers, out: Floats) -> None:
    """Add to `out[i, j]` the number of users who rated both, for i ≤ j; rows must be rising."""
    for user in range(indptr.size - 1):
        for first in range(indptr[user], indptr[user + 1]):
            row = out[items[first]]
            for second in range(first, indptr[user + 1]):
                row[items[second]] += np.float32(1)


@kernel(fastmath=STRICT, error_model="python")
def scale_inverse(matrix: Floats) -> None:
    """Replace P, stored in the upper triangle, by B = −P / diag(P) with a zero diagonal.

    Column j is divided by P[j, j], so B is not symmetric, although P is.
    """
    for i in range(matrix.shape[0]):
        for j in range(i + 1, matrix.shape[0]):
            shared = matrix[i, j]
            matrix[i, j] = -shared / matrix[j, j]
            matrix[j, i] = -shared / matrix[i, i]
    for i in range(matrix.shape[0]):
        matrix[i, i] = 0


@kernel(fastmath=STRICT, error_model="numpy")
def add_rows(matrix: Floats, rows: Numbers, out: Doubles) -> None:
    """Add some rows of the matrix to `out`."""
    for row in rows:
        for column in range(out.size):
            out[column] += matrix[row, column]
