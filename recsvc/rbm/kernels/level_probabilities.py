"""Kernels of predictions: exact distributions over levels, and the best liked items."""

import numpy as np
from numba import prange
from numpy.typing import NDArray

from recsvc.rbm.arrays import Doubles, Floats, Ints, Levels
from recsvc.rbm.kernels.compilation import REORDERED, embed_function, inline_function, kernel
from recsvc.rbm.kernels.scalars import ONE

MIN_ODDS = 1e-280
MAX_ODDS = 1e280
MIN_FACTOR = 2.0**-24  # the rounding error of a float32 probability of 1
MIN_DIVISOR = np.float32(1e-30)


@inline_function
def _product(
    expm1_weights: Floats, unit: int, level: int, hidden: Floats, case: int, block: int
) -> np.float64:
    """Return Π_j (1 + hidden[case, j] · expm1_weights[unit, level, j]), in vector lanes."""
    odds = np.float64(ONE)
    if block >= hidden.shape[1]:  # the usual case; a slice would cost as much as the product
        product = ONE
        for j in range(hidden.shape[1]):
            product *= ONE + hidden[case, j] * expm1_weights[unit, level, j]
        odds = np.float64(product)
    else:
        for start in range(0, hidden.shape[1], block):
            some = slice(start, min(start + block, hidden.shape[1]))
            activations, weights = hidden[case, some], expm1_weights[unit, level, some]
            product = ONE
            for j in range(activations.size):
                product *= ONE + activations[j] * weights[j]
            odds *= np.float64(product)
    return odds


@embed_function(fastmath=REORDERED, error_model="numpy")
def _level_odds(
    expm1_weights: Floats,
    visible_odds: Doubles,
    unit: int,
    hidden: Floats,
    case: int,
    block: int,
    out: Doubles,
    n: int,
) -> None:
    """Set `out[n, r]` = p(level r | V) of a unit, with hidden units summed out exactly.

    Needs neither exp nor log. Π_j (1 + e^{x_j + w_jr}) is divided by Π_j (1 + e^{x_j}), which does
    not depend on the level. The quotient is Π_j (1 + p_j (e^{w_jr} − 1)) with p = σ(x) [S07
    section 3, rearranged]. Each factor is between 1 and e^w, so a product over `block` units whose
    Σ|w| is below 80 is a float32.
    """
    total, least = 0.0, np.inf
    for level in range(out.shape[1]):
        odds = visible_odds[unit, level]
        odds *= _product(expm1_weights, unit, level, hidden, case, block)
        out[n, level] = odds
        total += odds
        least = min(least, odds)
    if total < MAX_ODDS and least > MIN_ODDS:
        for level in range(out.shape[1]):
            out[n, level] /= total
    else:
        _level_odds_by_logarithms(expm1_weights, visible_odds, unit, hidden, case, out, n)


@inline_function
def _level_odds_by_logarithms(
    expm1_weights: Floats,
    visible_odds: Doubles,
    unit: int,
    hidden: Floats,
    case: int,
    out: Doubles,
    n: int,
) -> None:
    """Compute `_level_odds` by logarithms if products leave the range of float64 numbers.

    Large weights and many units lead to such products. Arrays are passed whole, because a view
    would cost 50 ns in each call of `_level_odds`.
    """
    largest, total = -np.inf, 0.0
    for level in range(out.shape[1]):
        odds = np.log(visible_odds[unit, level])
        for j in range(hidden.shape[1]):
            factor = 1.0 + np.float64(hidden[case, j]) * np.float64(expm1_weights[unit, level, j])
            odds += np.log(max(factor, MIN_FACTOR))
        out[n, level] = odds
        largest = max(largest, odds)
    for level in range(out.shape[1]):
        out[n, level] = np.exp(out[n, level] - largest)
        total += out[n, level]
    for level in range(out.shape[1]):
        out[n, level] /= total


@kernel(fastmath=REORDERED, error_model="numpy")
def level_probabilities(
    expm1_weights: Floats,
    visible_odds: Doubles,
    hidden: Floats,
    block: int,
    cases: Ints,
    units: Ints,
    out: Doubles,
) -> None:
    """Set `out[n]` = p(level | V) of visible unit units[n] for case cases[n].

    expm1_weights  (n_items, n_levels, n_hidden)  e^weights − 1
    visible_odds   (n_items, n_levels)            e^visible_bias, largest of an item 1
    hidden         (n_cases, n_hidden)            P(h = 1 | V), the unit itself not in V
    block          hidden units in a product, see `masked.Predictor`
    cases, units   (n,);  out (n, n_levels)
    """
    for n in range(cases.size):
        _level_odds(expm1_weights, visible_odds, units[n], hidden, cases[n], block, out, n)


@kernel(fastmath=REORDERED, error_model="numpy")
def top_liked(
    expm1_weights: Floats,
    visible_odds: Doubles,
    hidden: Floats,
    block: int,
    cases: Ints,
    units: Ints,
    first_liked: int,
    most: Doubles,
    order: Ints,
    left_out: NDArray[np.bool_],
    out: Ints,
    scores: Doubles,
) -> int:
    """Set `out` to the items of the highest P(level ≥ first_liked | V) · most, ties by number.

    No score exceeds `most`. The search in the order of falling `most` therefore ends, exactly, at
    the first item whose `most` is below the last score. Popular items are few, so it ends early.

    cases, units  (n_items,) the case and unit of each item, as in `level_probabilities`
    most          (n_items,) the score of an item with P(level ≥ first_liked | V) = 1
    order         (n_items,) items by falling `most`
    left_out      (n_items,) True for an excluded item
    scores        (n,) out: the scores of `out`
    returns       the number of items, at most out.size
    """
    found = 0
    shares = np.empty((1, visible_odds.shape[1]))
    for item in order:
        if found == out.size and (found == 0 or most[item] < scores[found - 1]):
            break
        if left_out[item]:
            continue
        _level_odds(expm1_weights, visible_odds, units[item], hidden, cases[item], block, shares, 0)
        liked = 0.0
        for level in range(first_liked, shares.shape[1]):
            liked += shares[0, level]
        found = _insert_item(item, liked * most[item], found, out, scores)
    return found


@inline_function
def _insert_item(item: int, score: float, found: int, out: Ints, scores: Doubles) -> int:
    """Insert an item into the best so far if it is one of them; return their number."""
    if found == out.size and not _goes_before(item, score, out[found - 1], scores[found - 1]):
        return found
    place = found if found < out.size else found - 1
    while place > 0 and _goes_before(item, score, out[place - 1], scores[place - 1]):
        out[place], scores[place] = out[place - 1], scores[place - 1]
        place -= 1
    out[place], scores[place] = item, score
    return min(found + 1, out.size)


@inline_function
def _goes_before(item: int, score: float, other: int, other_score: float) -> bool:
    return score > other_score or (score == other_score and item < other)


@kernel(parallel=True, fastmath=REORDERED, error_model="numpy")
def level_probabilities_in_parallel(
    expm1_weights: Floats,
    visible_odds: Doubles,
    hidden: Floats,
    block: int,
    cases: Ints,
    units: Ints,
    out: Doubles,
) -> None:
    """Compute `level_probabilities` on all threads, for evaluation."""
    for n in prange(cases.size):
        _level_odds(expm1_weights, visible_odds, units[n], hidden, cases[n], block, out, n)


@kernel(parallel=True, fastmath=REORDERED, error_model="numpy")
def leave_one_out_probabilities(
    expm1_weights: Floats,
    visible_odds: Doubles,
    hidden: Floats,
    block: int,
    cases: Ints,
    units: Ints,
    levels: Levels,
    out: Doubles,
) -> None:
    """Compute `level_probabilities` of ratings in V, each without that rating.

    Without rating (i, r) in the hidden inputs, p = σ(x) becomes
    σ(x − w) = p / (1 + (1 − p)(e^w − 1)).

    levels  (n,)  the level that case cases[n] gave unit units[n]
    """
    for n in prange(cases.size):
        unit = units[n]
        own = expm1_weights[unit, levels[n]]
        without = np.empty((1, hidden.shape[1]), np.float32)
        for j in range(hidden.shape[1]):
            p = hidden[cases[n], j]
            without[0, j] = min(ONE, p / max(ONE + (ONE - p) * own[j], MIN_DIVISOR))
        _level_odds(expm1_weights, visible_odds, unit, without, 0, block, out, n)
