"""The compiled loops, and the only file that imports numba.

numba's cache notices a change in a kernel's own file only: kernels that call each other stay
together here.

Each writes into the arrays it is given and has a slow, obvious twin in tests/naive.py. Loops run
in parallel over users or over items, each of which writes rows of its own, so the result does
not depend on the number of threads; sums are never split between threads.

`users` are the cases and `items` the visible units; an item-oriented machine passes a transposed
RatingMatrix, and the names change places.

Chance is a counter-based hash: uniform number `n` of a case is a pure function of
(seed, epoch, case, n), so neither threads nor an interruption can change it.
"""

import numpy as np
from numba import config, njit, prange, set_num_threads
from numpy.typing import NDArray

from recsvc.rbm.ratings import Doubles, Floats, Ints, Levels, Numbers

Keys = NDArray[np.uint64]

# Sums and products may be reordered into vector lanes; NaN and infinity keep their meaning.
# An inlined function takes the flags of its caller, so every caller names them.
REORDERED = {"reassoc", "contract", "nsz", "arcp"}

# Items are dealt to threads like cards: how many were rated often differs less between hands.
CHUNKS = 64

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
TO_UNIT = np.float32(2.0**-24)
ONE = np.float32(1.0)

LEAST_ODDS = 1e-280
GREATEST_ODDS = 1e280
LEAST_FACTOR = 2.0**-24  # a float32 probability of 1 may be so much less than certain
LEAST_DIVISOR = np.float32(1e-30)


@njit(inline="always")
def _mix(state: np.uint64) -> np.uint64:
    """Scramble 64 bits: the finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    state ^= state >> np.uint64(30)
    state *= np.uint64(0xBF58476D1CE4E5B9)
    state ^= state >> np.uint64(27)
    state *= np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return state


@njit(cache=True, nogil=True)
def stream(seed: int, epoch: int, case: int) -> np.uint64:
    """Give the key of one case's uniforms in one epoch."""
    key = _mix(np.uint64(seed) + GOLDEN)
    key = _mix(key + np.uint64(epoch) * GOLDEN)
    return _mix(key + np.uint64(case) * GOLDEN)


@njit(cache=True, nogil=True, inline="always")
def uniform(key: np.uint64, draw: int) -> np.float32:
    """Give uniform number `draw` of a stream, in [0, 1), 24 bits."""
    return np.float32(_mix(key + np.uint64(draw) * GOLDEN) >> np.uint64(40)) * TO_UNIT


@njit(cache=True, nogil=True, fastmath=REORDERED, inline="always")
def _add_rated_weights(weights: Floats, items: Numbers, levels: Levels, out: Floats) -> None:
    """`out` += the sum of weights[i, r] over some ratings (i, r); out (n_hidden,)."""
    for k in range(items.size):
        row = weights[items[k], levels[k]]
        for hidden in range(out.size):
            out[hidden] += row[hidden]


@njit(cache=True, nogil=True, fastmath=REORDERED, inline="always")
def _sigmoid(inputs: Floats, out: Floats) -> None:
    """`out` = 1 / (1 + e^−x), which cannot become NaN: where e^−x is infinite, 1/∞ = 0."""
    for hidden in range(inputs.size):
        out[hidden] = ONE / (ONE + np.exp(-inputs[hidden]))


@njit(cache=True, nogil=True, inline="always")
def _bernoulli(probabilities: Floats, key: np.uint64, first_draw: int, out: Floats) -> None:
    """`out`[j] = 1 with probability p[j], else 0."""
    for hidden in range(out.size):
        drawn = uniform(key, first_draw + hidden) < probabilities[hidden]
        out[hidden] = ONE if drawn else np.float32(0.0)


@njit(cache=True, nogil=True, fastmath=REORDERED, inline="always")
def _level_shares(
    weights: Floats, bias: Floats, item: int, states: Floats, row: int, out: Floats
) -> np.float32:
    """`out[r]` ∝ p(level r | h) of an item, the largest 1; the sum is returned.

    weights  (n_levels, width) the item's;  bias  (n_items, n_levels);  out  (n_levels,)
    states   (n_batch, width), of which `row` is meant
    """
    largest = np.float32(-np.inf)
    for level in range(out.size):
        total = bias[item, level]
        for hidden in range(states.shape[1]):
            total += states[row, hidden] * weights[level, hidden]
        out[level] = total
        largest = max(largest, total)
    summed = np.float32(0.0)
    for level in range(out.size):
        out[level] = np.exp(out[level] - largest)
        summed += out[level]
    return summed


@njit(cache=True, nogil=True, inline="always")
def _draw_level(shares: Floats, threshold: np.float32) -> int:
    """Give the first level at which the running sum of shares passes the threshold."""
    level = 0
    running = shares[0]
    while running <= threshold and level < shares.size - 1:
        level += 1
        running += shares[level]
    return level


@njit(cache=True, nogil=True, parallel=True, fastmath=REORDERED)
def hidden_inputs(
    weights: Floats, hidden_bias: Floats, indptr: Ints, items: Numbers, levels: Levels, out: Floats
) -> None:
    """`out[u]` = hidden_bias + the sum of weights[i, r] over the ratings (i, r) of user u.

    weights  (n_items, n_levels, n_hidden)
    out      (n_users, n_hidden)
    """
    for user in prange(indptr.size - 1):
        out[user] = hidden_bias
        rated = slice(indptr[user], indptr[user + 1])
        _add_rated_weights(weights, items[rated], levels[rated], out[user])


@njit(cache=True, nogil=True, fastmath=REORDERED)
def fold_in_one(
    weights: Floats, hidden_bias: Floats, items: Numbers, levels: Levels, out: Floats
) -> None:
    """`out` = P(h = 1 | one user's ratings), (n_hidden,): `hidden_inputs` and σ without threads."""
    out[:] = hidden_bias
    _add_rated_weights(weights, items, levels, out)
    _sigmoid(out, out)


@njit(cache=True, nogil=True)
def streams(seed: int, epoch: int, users: Ints, out: Keys) -> None:
    """`out[b]` = the key of the uniforms of users[b] in this epoch, (n_batch,)."""
    for b in range(users.size):
        out[b] = stream(seed, epoch, users[b])


@njit(cache=True, nogil=True, parallel=True, fastmath=REORDERED)
def sample_hidden(
    weights: Floats,
    hidden_bias: Floats,
    indptr: Ints,
    items: Numbers,
    levels: Levels,
    keys: Keys,
    step: int,
    probabilities: Floats,
    states: Floats,
) -> None:
    """Compute P(h = 1 | a batch's levels) and draw states from it.

    A user with n ratings draws hidden states with the uniforms from step · (n_hidden + n) on, and
    levels with the n that follow.

    step           Gibbs steps before this one
    probabilities  (n_batch, n_hidden)  out
    states         (n_batch, width)     out; what is beyond n_hidden stays as it is
    """
    n_hidden = hidden_bias.size
    for b in prange(keys.size):
        rated = slice(indptr[b], indptr[b + 1])
        inputs = hidden_bias.copy()
        _add_rated_weights(weights, items[rated], levels[rated], inputs)
        _sigmoid(inputs, probabilities[b])
        first_draw = step * (n_hidden + rated.stop - rated.start)
        _bernoulli(probabilities[b], keys[b], first_draw, states[b, :n_hidden])


@njit(cache=True, nogil=True, parallel=True, fastmath=REORDERED)
def sample_levels(
    weights: Floats,
    visible_bias: Floats,
    item_indptr: Ints,
    rows: Numbers,
    places: Numbers,
    indptr: Ints,
    keys: Keys,
    step: int,
    states: Floats,
    out: Levels,
) -> None:
    """Draw a level for every rating of a batch from p(level | h) [S07 eq. 1].

    Item by item, so that an item's weights are read once a batch and stay in the cache, filled up
    with zeros to whole vector registers, while all who rated it draw.

    states  (n_batch, width), zero beyond n_hidden
    out     (n_batch_ratings,)  in the order of the batch's ratings
    """
    n_items, n_levels, n_hidden = weights.shape
    for chunk in prange(CHUNKS):
        shares = np.empty(n_levels, np.float32)
        own = np.zeros((n_levels, states.shape[1]), np.float32)
        for item in range(chunk, n_items, CHUNKS):
            if item_indptr[item] == item_indptr[item + 1]:
                continue
            own[:, :n_hidden] = weights[item]
            for k in range(item_indptr[item], item_indptr[item + 1]):
                row, place = rows[k], places[k]
                n_rated = indptr[row + 1] - indptr[row]
                draw = step * (n_hidden + n_rated) + n_hidden + place - indptr[row]
                total = _level_shares(own, visible_bias, item, states, row, shares)
                out[place] = _draw_level(shares, uniform(keys[row], draw) * total)


@njit(cache=True, nogil=True, parallel=True)
def gather_rows(
    indptr: Ints,
    items: Numbers,
    levels: Levels,
    users: Ints,
    out_indptr: Ints,
    out_items: Numbers,
    out_levels: Levels,
) -> None:
    """Copy some users' rows, in the order of `users`, to where out_indptr says."""
    for b in prange(users.size):
        start, length = indptr[users[b]], out_indptr[b + 1] - out_indptr[b]
        for k in range(length):
            out_items[out_indptr[b] + k] = items[start + k]
            out_levels[out_indptr[b] + k] = levels[start + k]


@njit(cache=True, nogil=True)
def group_by_item(
    indptr: Ints, items: Numbers, item_indptr: Ints, rows: Numbers, places: Numbers
) -> None:
    """Lay a batch's ratings out by item, in the order of the batch within an item.

    item_indptr  (n_items + 1,)       out: item i is item_indptr[i] : item_indptr[i + 1]
    rows         (n_batch_ratings,)   out: place of the user in the batch
    places       (n_batch_ratings,)   out: place of the rating in the batch
    """
    item_indptr[:] = 0
    for k in range(items.size):
        item_indptr[items[k] + 1] += 1
    for item in range(item_indptr.size - 1):
        item_indptr[item + 1] += item_indptr[item]
    free = item_indptr[:-1].copy()
    for b in range(indptr.size - 1):
        for k in range(indptr[b], indptr[b + 1]):
            at = free[items[k]]
            free[items[k]] += 1
            rows[at] = b
            places[at] = k


@njit(cache=True, nogil=True, parallel=True, fastmath=REORDERED)
def cd_step(
    weights: Floats,
    visible_bias: Floats,
    weights_velocity: Floats,
    bias_velocity: Floats,
    item_indptr: Ints,
    rows: Numbers,
    places: Numbers,
    data_levels: Levels,
    model_levels: Levels,
    data_hidden: Floats,
    model_hidden: Floats,
    learning_rate: np.float32,
    momentum: np.float32,
    weight_decay: np.float32,
) -> None:
    """Move every item's weights and biases along the contrastive divergence of a batch [S07 eq. 6].

    gradient = (⟨v h⟩_data − ⟨v h⟩_model) / n_batch
    velocity = momentum · velocity + learning_rate · (gradient − weight_decay · weights)
    weights += velocity; the biases do not decay.
    """
    n_items, n_levels, n_hidden = weights.shape
    share = ONE / np.float32(data_hidden.shape[0])
    for chunk in prange(CHUNKS):
        gradient = np.empty((n_levels, n_hidden), np.float32)
        bias_gradient = np.empty(n_levels, np.float32)
        for item in range(chunk, n_items, CHUNKS):
            gradient[:] = 0.0
            bias_gradient[:] = 0.0
            for k in range(item_indptr[item], item_indptr[item + 1]):
                row, given, reconstructed = rows[k], data_levels[places[k]], model_levels[places[k]]
                bias_gradient[given] += ONE
                bias_gradient[reconstructed] -= ONE
                for hidden in range(n_hidden):
                    gradient[given, hidden] += data_hidden[row, hidden]
                for hidden in range(n_hidden):
                    gradient[reconstructed, hidden] -= model_hidden[row, hidden]
            for level in range(n_levels):
                for hidden in range(n_hidden):
                    weight = weights[item, level, hidden]
                    pull = share * gradient[level, hidden] - weight_decay * weight
                    step = momentum * weights_velocity[item, level, hidden] + learning_rate * pull
                    weights_velocity[item, level, hidden] = step
                    weights[item, level, hidden] = weight + step
                pull = share * bias_gradient[level]
                step = momentum * bias_velocity[item, level] + learning_rate * pull
                bias_velocity[item, level] = step
                visible_bias[item, level] += step


@njit(cache=True, nogil=True, fastmath=REORDERED, inline="always")
def _product(
    expm1_weights: Floats, unit: int, level: int, hidden: Floats, case: int, block: int
) -> np.float64:
    """Π_j (1 + hidden[case, j] · expm1_weights[unit, level, j]), in vector lanes."""
    odds = np.float64(ONE)
    if block >= hidden.shape[1]:  # nearly always; a slice would cost as much as the product
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


@njit(cache=True, nogil=True, fastmath=REORDERED)
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
    """`out[n, r]` = p(level r | V) of a unit, hidden units summed out exactly, without exp or log.

    Dividing Π_j (1 + e^{x_j + w_jr}) by Π_j (1 + e^{x_j}), which no level changes, leaves
    Π_j (1 + p_j (e^{w_jr} − 1)) with p = σ(x) [S07 section 3, rearranged]. Each factor lies
    between 1 and e^w, so a product over `block` units whose Σ|w| is below 80 is a float32.
    """
    total, least = 0.0, np.inf
    for level in range(out.shape[1]):
        odds = visible_odds[unit, level]
        odds *= _product(expm1_weights, unit, level, hidden, case, block)
        out[n, level] = odds
        total += odds
        least = min(least, odds)
    if total < GREATEST_ODDS and least > LEAST_ODDS:
        for level in range(out.shape[1]):
            out[n, level] /= total
    else:
        _level_odds_by_logarithms(expm1_weights[unit], visible_odds[unit], hidden[case], out[n])


@njit(cache=True, nogil=True)
def _level_odds_by_logarithms(
    expm1_weights: Floats, visible_odds: Doubles, hidden: Floats, out: Doubles
) -> None:
    """Do the same where the products leave the range of numbers: large weights, many units."""
    for level in range(out.size):
        total = np.log(visible_odds[level])
        for j in range(hidden.size):
            factor = 1.0 + np.float64(hidden[j]) * np.float64(expm1_weights[level, j])
            total += np.log(max(factor, LEAST_FACTOR))
        out[level] = total
    out[:] = np.exp(out - out.max())
    out /= out.sum()


@njit(cache=True, nogil=True, fastmath=REORDERED)
def level_probabilities(
    expm1_weights: Floats,
    visible_odds: Doubles,
    hidden: Floats,
    block: int,
    cases: Ints,
    units: Ints,
    out: Doubles,
) -> None:
    """`out[n]` = p(level | V) of visible unit units[n] given the hidden units of case cases[n].

    expm1_weights  (n_items, n_levels, n_hidden)  e^weights − 1
    visible_odds   (n_items, n_levels)            e^visible_bias, largest of an item 1
    hidden         (n_cases, n_hidden)            P(h = 1 | V), the unit itself not in V
    block          hidden units in a product, see `units.Predictor`
    cases, units   (n,);  out (n, n_levels)
    """
    for n in range(cases.size):
        _level_odds(expm1_weights, visible_odds, units[n], hidden, cases[n], block, out, n)


@njit(cache=True, nogil=True, fastmath=REORDERED)
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
    """`out` = the items of the highest P(level ≥ first_liked | V) · most, the smaller among equals.

    No score exceeds `most`, so the search through items by falling `most` ends, exactly, where
    not even certain liking could reach the last place: popular items are few.

    cases, units  (n_items,) whom to ask for an item, as in `level_probabilities`
    most          (n_items,) what an item scores if it is surely liked
    order         (n_items,) items by falling `most`
    left_out      (n_items,) items that must not come
    scores        (n,) out: the scores of `out`
    returns       how many came, at most out.size
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
        found = _placed(item, liked * most[item], found, out, scores)
    return found


@njit(cache=True, nogil=True)
def _placed(item: int, score: float, found: int, out: Ints, scores: Doubles) -> int:
    """Put an item in its place among the best so far, if it has one; give how many there are."""
    if found == out.size and not _goes_before(item, score, out[found - 1], scores[found - 1]):
        return found
    place = found if found < out.size else found - 1
    while place > 0 and _goes_before(item, score, out[place - 1], scores[place - 1]):
        out[place], scores[place] = out[place - 1], scores[place - 1]
        place -= 1
    out[place], scores[place] = item, score
    return min(found + 1, out.size)


@njit(cache=True, nogil=True)
def _goes_before(item: int, score: float, other: int, other_score: float) -> bool:
    return score > other_score or (score == other_score and item < other)


@njit(cache=True, nogil=True, parallel=True, fastmath=REORDERED)
def level_probabilities_in_parallel(
    expm1_weights: Floats,
    visible_odds: Doubles,
    hidden: Floats,
    block: int,
    cases: Ints,
    units: Ints,
    out: Doubles,
) -> None:
    """Do what `level_probabilities` does, on all threads: for evaluation, not for one request."""
    for n in prange(cases.size):
        _level_odds(expm1_weights, visible_odds, units[n], hidden, cases[n], block, out, n)


@njit(cache=True, nogil=True, parallel=True, fastmath=REORDERED)
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
    """Do what `level_probabilities` does for ratings that are part of V, each left out of it.

    Taking rating (i, r) out of the hidden inputs turns p = σ(x) into
    σ(x − w) = p / (1 + (1 − p)(e^w − 1)).

    levels  (n,)  the level that case cases[n] gave unit units[n]
    """
    for n in prange(cases.size):
        unit = units[n]
        own = expm1_weights[unit, levels[n]]
        without = np.empty((1, hidden.shape[1]), np.float32)
        for j in range(hidden.shape[1]):
            p = hidden[cases[n], j]
            without[0, j] = min(ONE, p / max(ONE + (ONE - p) * own[j], LEAST_DIVISOR))
        _level_odds(expm1_weights, visible_odds, unit, without, 0, block, out, n)


@njit(cache=True, nogil=True)
def top_n(scores: Doubles, out: Ints) -> int:
    """`out` = the items of the highest scores, best first, the smaller number among equals.

    An item whose score is −inf never comes. Returns how many came, at most out.size.
    """
    found = 0
    if out.size == 0:
        return found
    for item in range(scores.size):
        score = scores[item]
        if score == -np.inf or (found == out.size and score <= scores[out[found - 1]]):
            continue
        place = found if found < out.size else found - 1
        found = min(found + 1, out.size)
        while place > 0 and scores[out[place - 1]] < score:
            out[place] = out[place - 1]
            place -= 1
        out[place] = item
    return found


def use_threads(n_threads: int) -> None:
    """Let the parallel kernels of this thread use so many threads, at most those of the process."""
    most = config.NUMBA_NUM_THREADS  # type: ignore[attr-defined] # numba sets it at import
    set_num_threads(max(1, min(n_threads, most)))
