"""Slow, obvious twins of what recsvc/rbm computes fast: plain loops, float64, one user at a time.

Three layers: chance (the very same uniforms), one twin for every kernel, and the truth by
enumeration of every hidden state of a tiny machine.
"""

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from recsvc.rbm.params import Params
from recsvc.rbm.rating_matrix import RatingMatrix

WORD = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15

Row = list[tuple[int, int]]  # one user's (item, level)


# ---------------------------------------------------------------------------------- chance


def mix(state: int) -> int:
    """SplitMix64's finaliser."""
    state ^= state >> 30
    state = state * 0xBF58476D1CE4E5B9 & WORD
    state ^= state >> 27
    state = state * 0x94D049BB133111EB & WORD
    return state ^ state >> 31


def stream(seed: int, epoch: int, case: int) -> int:
    key = mix((seed + GOLDEN) & WORD)
    key = mix((key + epoch * GOLDEN) & WORD)
    return mix((key + case * GOLDEN) & WORD)


def uniform(key: int, draw: int) -> float:
    return (mix((key + draw * GOLDEN) & WORD) >> 40) / 2**24


# ---------------------------------------------------------------------------------- kernels


def row_of(ratings: RatingMatrix, user: int) -> Row:
    span = range(ratings.indptr[user], ratings.indptr[user + 1])
    return [(int(ratings.items[k]), int(ratings.levels[k])) for k in span]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def softplus(x: float) -> float:
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def softmax(inputs: list[float]) -> list[float]:
    shares = [math.exp(x - max(inputs)) for x in inputs]
    return [share / sum(shares) for share in shares]


def hidden_inputs_of(params: Params, row: Row) -> np.ndarray:
    inputs = params.hidden_bias.astype(np.float64)
    for item, level in row:
        inputs = inputs + params.weights[item, level]
    return inputs


def hidden_inputs(params: Params, ratings: RatingMatrix) -> np.ndarray:
    rows = [row_of(ratings, user) for user in range(ratings.n_users)]
    return np.array([hidden_inputs_of(params, row) for row in rows])


def row_products(rows: np.ndarray) -> list[list[float]]:
    """Scalar products of each row with every earlier one."""
    wide = rows.astype(np.float64)
    return [
        [float(one @ other) if b < a else 0.0 for b, other in enumerate(wide)]
        for a, one in enumerate(wide)
    ]


def fold_in(params: Params, row: Row) -> np.ndarray:
    return np.array([sigmoid(x) for x in hidden_inputs_of(params, row)])


def level_shares(params: Params, item: int, states: np.ndarray) -> list[float]:
    """p(level | h) of one item."""
    weights = params.weights[item].astype(np.float64)
    return softmax(
        [float(b + w @ states) for b, w in zip(params.visible_bias[item], weights, strict=True)]
    )


def draw_level(shares: list[float], u: float) -> int:
    for level, passed in enumerate(itertools.accumulate(shares)):
        if u < passed:
            return level
    return len(shares) - 1


def draw_states(probabilities: np.ndarray, key: int, first_draw: int) -> np.ndarray:
    drawn = enumerate(probabilities, first_draw)
    return np.array([float(uniform(key, draw) < p) for draw, p in drawn])


def chain(
    params: Params, row: Row, key: int, cd_steps: int
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """CD-k for one user: data hidden, model hidden and reconstructed levels.

    A step has a uniform for each hidden unit, then one for each item, rated or not.
    """
    n_items, n_hidden = params.weights.shape[0], params.hidden_bias.size
    data_hidden = model_hidden = fold_in(params, row)
    levels: list[int] = []
    for step in range(cd_steps):
        first = step * (n_hidden + n_items)
        states = draw_states(model_hidden, key, first)
        levels = [
            draw_level(level_shares(params, item, states), uniform(key, first + n_hidden + item))
            for item, _ in row
        ]
        reconstructed = [(item, level) for (item, _), level in zip(row, levels, strict=True)]
        model_hidden = fold_in(params, reconstructed)
    return data_hidden, model_hidden, levels


def reconstruct(
    params: Params, ratings: RatingMatrix, users: list[int], seed: int, epoch: int, cd_steps: int
) -> list[tuple[np.ndarray, np.ndarray, list[int]]]:
    return [
        chain(params, row_of(ratings, user), stream(seed, epoch, user), cd_steps) for user in users
    ]


def group_by_item(ratings: RatingMatrix, users: list[int]) -> list[list[tuple[int, int]]]:
    """For each item, (place in the batch, level) in batch order."""
    groups: list[list[tuple[int, int]]] = [[] for _ in range(ratings.n_items)]
    for place, user in enumerate(users):
        for item, level in row_of(ratings, user):
            groups[item].append((place, level))
    return groups


def idle(
    weight: float, velocity: float, n: int, *, rate: float, momentum: float, decay: float
) -> tuple[float, float]:
    """`n` steps without a gradient."""
    for _ in range(n):
        velocity = momentum * velocity - rate * decay * weight
        weight += velocity
    return weight, velocity


def cd_gradient(
    params: Params,
    ratings: RatingMatrix,
    users: list[int],
    chains: list[tuple[np.ndarray, np.ndarray, list[int]]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean over the batch of ⟨v h⟩, ⟨v⟩ and ⟨h⟩ of the data minus those of the model."""
    weights = np.zeros(params.weights.shape)
    visible = np.zeros(params.visible_bias.shape)
    hidden = np.zeros(params.hidden_bias.shape)
    for user, (data_hidden, model_hidden, levels) in zip(users, chains, strict=True):
        for (item, given), modelled in zip(row_of(ratings, user), levels, strict=True):
            weights[item, given] += data_hidden
            weights[item, modelled] -= model_hidden
            visible[item, given] += 1
            visible[item, modelled] -= 1
        hidden += data_hidden - model_hidden
    return weights / len(users), visible / len(users), hidden / len(users)


def step(
    params: Params,
    velocity: tuple[np.ndarray, np.ndarray, np.ndarray],
    gradient: tuple[np.ndarray, np.ndarray, np.ndarray],
    *,
    rate: float,
    momentum: float,
    decay: float,
) -> tuple[Params, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Momentum and weight decay; only the weights decay."""
    pulls = (gradient[0] - decay * params.weights, gradient[1], gradient[2])
    moved = tuple(momentum * v + rate * pull for v, pull in zip(velocity, pulls, strict=True))
    arrays = params.arrays().values()
    return Params(*(a.astype(np.float64) + v for a, v in zip(arrays, moved, strict=True))), moved


def epoch(
    params: Params,
    velocity: tuple[np.ndarray, np.ndarray, np.ndarray],
    ratings: RatingMatrix,
    *,
    number: int,
    seed: int,
    batch_size: int,
    cd_steps: int,
    **pace: float,
) -> tuple[Params, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """One pass over the users who rated anything, in the trainer's order."""
    users = [user for user in range(ratings.n_users) if row_of(ratings, user)]
    order = np.random.default_rng([seed, number]).permutation(users).tolist()
    while order:
        batch, order = order[:batch_size], order[batch_size:]
        chains = reconstruct(params, ratings, batch, seed, number, cd_steps)
        gradient = cd_gradient(params, ratings, batch, chains)
        params, velocity = step(params, velocity, gradient, **pace)
    return params, velocity


def level_probabilities(params: Params, row: Row, item: int) -> list[float]:
    """p(level | V) ∝ e^b Π_j (1 + e^{x_j + w_j}), in logarithms."""
    inputs = hidden_inputs_of(params, row)
    weights = params.weights[item].astype(np.float64)
    return softmax(
        [
            float(b) + math.fsum(softplus(x) for x in inputs + w)
            for b, w in zip(params.visible_bias[item], weights, strict=True)
        ]
    )


def liked_probability(params: Params, row: Row, item: int, first_liked: int) -> float:
    """P(level ≥ first_liked | V)."""
    return math.fsum(level_probabilities(params, row, item)[first_liked:])


def liking_effect(params: Params, row: Row, place: int, item: int, first_liked: int) -> float:
    """What row[place] adds to log P(level ≥ first_liked | V) of an item, by taking it out of V."""
    others = row[:place] + row[place + 1 :]
    now, without = (liked_probability(params, own, item, first_liked) for own in (row, others))
    return math.log(now) - math.log(without)


def top_liked(
    params: Params,
    row: Row,
    first_liked: int,
    most: np.ndarray,
    left_out: np.ndarray,
    n: int,
) -> list[tuple[int, float]]:
    """(item, score) of the n best, every item scored: P(liked) times what it scores at most."""
    scores = [
        (item, liked_probability(params, row, item, first_liked) * float(most[item]))
        for item in range(most.size)
        if not left_out[item]
    ]
    return sorted(scores, key=lambda pair: (-pair[1], pair[0]))[:n]


def leave_one_out(params: Params, row: Row, place: int) -> list[float]:
    """p(level of row[place] | the rest of the row)."""
    return level_probabilities(params, row[:place] + row[place + 1 :], row[place][0])


def top_n(scores: np.ndarray, n: int, left_out: Sequence[int] = ()) -> list[int]:
    allowed = [i for i in range(len(scores)) if scores[i] > -math.inf and i not in left_out]
    return sorted(allowed, key=lambda item: (-scores[item], item))[:n]


def ease(ratings: RatingMatrix, regularisation: float) -> np.ndarray:
    """B = −P / diag(P), P = (XᵀX + λI)⁻¹, the diagonal 0; all of it dense."""
    x = np.zeros((ratings.n_users, ratings.n_items))
    for user in range(ratings.n_users):
        for item, _ in row_of(ratings, user):
            x[user, item] = 1
    precision = np.linalg.inv(x.T @ x + regularisation * np.eye(ratings.n_items))
    return -precision / np.diag(precision) * (1 - np.eye(ratings.n_items))


def list_figures(
    lists: list[list[int]], wanted: list[set[int]], n: int
) -> tuple[float, float, float, int]:
    """P@n, recall@n, nDCG@n and how many users were measured, one user after another."""
    figures = []
    for best, sought in zip(lists, wanted, strict=True):
        if sought:
            hits = [place for place, item in enumerate(best[:n]) if item in sought]
            gain = sum(1 / math.log2(place + 2) for place in hits)
            ideal = sum(1 / math.log2(place + 2) for place in range(min(n, len(sought))))
            figures.append((len(hits) / n, len(hits) / len(sought), gain / ideal))
    means = [sum(column) / len(figures) for column in zip(*figures, strict=True)]
    return (*(means or [0.0, 0.0, 0.0]), len(figures))


def calibration_error(forecasts: Sequence[tuple[float, bool]], n_bins: int = 10) -> float:
    """Σ_bins n_bin / n · |share that happened − mean probability|."""
    error = 0.0
    for number in range(n_bins):
        among = [f for f in forecasts if min(int(f[0] * n_bins), n_bins - 1) == number]
        if among:
            said = sum(p for p, _ in among) / len(among)
            came = sum(happened for _, happened in among) / len(among)
            error += len(among) / len(forecasts) * abs(came - said)
    return error


# ---------------------------------------------------------------------------------- enumeration


def hidden_states(n_hidden: int) -> list[np.ndarray]:
    return [np.array(state, float) for state in itertools.product((0, 1), repeat=n_hidden)]


def energy(params: Params, row: Row, states: np.ndarray) -> float:
    """E(V, h) = −Σ b − Σ W h − Σ c h."""
    total = -float(params.hidden_bias.astype(np.float64) @ states)
    for item, level in row:
        total -= float(params.visible_bias[item, level])
        total -= float(params.weights[item, level].astype(np.float64) @ states)
    return total


def mass(params: Params, row: Row) -> float:
    """Σ_h e^{−E(V, h)}: how likely the row is, but for a factor that its mask decides."""
    states = hidden_states(params.hidden_bias.size)
    return math.fsum(math.exp(-energy(params, row, h)) for h in states)


def free_energy(params: Params, row: Row) -> float:
    return -math.log(mass(params, row))


def hidden_given_visible(params: Params, row: Row) -> np.ndarray:
    """P(h_j = 1 | V)."""
    return sum(
        (
            h * math.exp(-energy(params, row, h)) / mass(params, row)
            for h in hidden_states(params.hidden_bias.size)
        ),
        start=np.zeros(params.hidden_bias.size),
    )


def level_given_hidden(params: Params, item: int, states: np.ndarray) -> list[float]:
    """P(level of an item | h)."""
    n_levels = params.visible_bias.shape[1]
    masses = [math.exp(-energy(params, [(item, k)], states)) for k in range(n_levels)]
    return [m / math.fsum(masses) for m in masses]


def level_given_visible(params: Params, row: Row, item: int) -> list[float]:
    """P(level of an item | V)."""
    n_levels = params.visible_bias.shape[1]
    masses = [mass(params, [*row, (item, level)]) for level in range(n_levels)]
    return [m / math.fsum(masses) for m in masses]


def expected_cd1(params: Params, row: Row) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """⟨v h⟩, ⟨v⟩, ⟨h⟩ of the data minus their exact expectation after one Gibbs step."""
    n_levels, n_hidden = params.weights.shape[1:]
    items = [item for item, _ in row]
    sums = _moments(params, row, 1.0)
    for states in hidden_states(n_hidden):
        p_states = math.exp(-energy(params, row, states)) / mass(params, row)
        shares = [level_given_hidden(params, item, states) for item in items]
        for levels in itertools.product(range(n_levels), repeat=len(items)):
            p_levels = math.prod(share[level] for share, level in zip(shares, levels, strict=True))
            one_step = _moments(params, list(zip(items, levels, strict=True)), p_states * p_levels)
            sums = tuple(a - b for a, b in zip(sums, one_step, strict=True))
    return sums


def _moments(params: Params, row: Row, weight: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    hidden = hidden_given_visible(params, row)
    weights, visible = np.zeros(params.weights.shape), np.zeros(params.visible_bias.shape)
    for item, level in row:
        weights[item, level] += weight * hidden
        visible[item, level] += weight
    return weights, visible, weight * hidden


# ------------------------------------------------------------------------- fine-tuning, blending


def shown_ratings(row: Row, key: int, share: float) -> list[bool]:
    return [uniform(key, n) < share for n in range(len(row))]


def shown_hidden(params: Params, row: Row, shown: list[bool], scale: float) -> np.ndarray:
    """P(h = 1 | the shown ratings, which count `scale` times)."""
    kept = [rating for rating, is_shown in zip(row, shown, strict=True) if is_shown]
    bias = params.hidden_bias.astype(np.float64)
    inputs = bias + scale * (hidden_inputs_of(params, kept) - bias)
    return np.array([sigmoid(x) for x in inputs])


def second_order_shares(params: Params, item: int, hidden: np.ndarray) -> list[float]:
    """p(level) where log(1 + p (e^w − 1)) is cut off after w²."""
    inputs = []
    for bias, weights in zip(params.visible_bias[item], params.weights[item], strict=True):
        cumulants = [p * w + p * (1 - p) * w * w / 2 for p, w in zip(hidden, weights, strict=True)]
        inputs.append(float(bias) + math.fsum(map(float, cumulants)))
    return softmax(inputs)


def losses_of_row(
    params: Params, row: Row, shown: list[bool], values: list[float], scale: float
) -> tuple[float, float, int]:
    """Σ −log p, Σ squared error and number of the ratings that were not shown."""
    hidden = shown_hidden(params, row, shown, scale)
    nll, squares, n = 0.0, 0.0, 0
    for (item, given), is_shown in zip(row, shown, strict=True):
        if is_shown:
            continue
        shares = second_order_shares(params, item, hidden)
        expected = math.fsum(p * value for p, value in zip(shares, values, strict=True))
        nll, squares, n = (
            nll - math.log(shares[given]),
            squares + (expected - values[given]) ** 2,
            n + 1,
        )
    return nll, squares, n


def numeric_slope(loss: Callable[[np.ndarray], float], at: np.ndarray) -> np.ndarray:
    """Central differences of a loss around a point."""
    slope = np.zeros(at.shape)
    for place in np.ndindex(at.shape):
        moved = [at.astype(np.float64).copy() for _ in range(2)]
        moved[0][place] += 1e-5
        moved[1][place] -= 1e-5
        slope[place] = (loss(moved[0]) - loss(moved[1])) / 2e-5
    return slope


def adam(
    slope: np.ndarray, mean: np.ndarray, square: np.ndarray, *, rate: float, steps: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The step, and the running means after it (Kingma and Ba 2015, algorithm 1)."""
    mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
    unbiased, root = mean / (1 - 0.9**steps), np.sqrt(square / (1 - 0.999**steps))
    return rate * unbiased / (root + 1e-8), mean, square


def increments(weights: np.ndarray) -> np.ndarray:
    """What each level adds to the level before; (n_items, n_levels, n_hidden)."""
    return np.diff(weights, axis=1, prepend=0.0)


def blended(experts: list[list[float]], powers: list[float], bias: list[float]) -> list[float]:
    """p ∝ Π_e p_e^power · e^bias."""
    products = [
        math.prod(p**power for p, power in zip(shares, powers, strict=True)) * math.exp(c)
        for shares, c in zip(zip(*experts, strict=True), bias, strict=True)
    ]
    return [product / math.fsum(products) for product in products]
