"""Slow, obvious twins of the joint machine: plain loops over plain numbers."""

import math

import numpy as np

from recsvc.rbm.params import Params
from tests.naive import Row, sigmoid, softplus, uniform


def evidence(n_ratings: int) -> float:
    return 100.0 / (n_ratings + 5.0)


def hidden(params: Params, row: Row) -> list[float]:
    """P(h = 1 | V) of one user."""
    return [sigmoid(x) for x in hidden_inputs(params, row)]


def hidden_inputs(params: Params, row: Row) -> list[float]:
    return [
        float(bias) + evidence(len(row)) * math.fsum(float(params.weights[i, r, j]) for i, r in row)
        for j, bias in enumerate(params.hidden_bias)
    ]


def free_energy(params: Params, row: Row) -> float:
    biases = math.fsum(float(params.visible_bias[i, r]) for i, r in row)
    return -biases - math.fsum(softplus(x) for x in hidden_inputs(params, row))


def pair_shares(params: Params, states: list[float]) -> np.ndarray:
    """p(i, r | h) of every pair, (n_items, n_levels): the sum over all pairs is 1."""
    mass = np.zeros(params.visible_bias.shape)
    for item, level in np.ndindex(mass.shape):
        weights = params.weights[item, level]
        field = math.fsum(float(h) * float(w) for h, w in zip(states, weights, strict=True))
        mass[item, level] = math.exp(float(params.visible_bias[item, level]) + field)
    return mass / mass.sum()


def kept_places(row: Row, key: int, least_share: float) -> list[bool]:
    share = least_share + (1 - least_share) * uniform(key, 0)
    return [uniform(key, 1 + n) < share for n in range(len(row))]


def mask(n_ratings: int, n_hidden: int, key: int, dropout: float) -> list[float]:
    draws = [uniform(key, 1 + n_ratings + j) for j in range(n_hidden)]
    return [1 / (1 - dropout) if draw >= dropout else 0.0 for draw in draws]


def chances(counts: list[int], total: float) -> list[float]:
    """Chances ~ (count + 1)^¾, at most 1, that add up to `total`: by halving."""
    sizes = [(count + 1) ** 0.75 for count in counts]
    low, high = 0.0, total
    for _ in range(200):
        middle = (low + high) / 2
        reached = math.fsum(min(1.0, middle * size) for size in sizes)
        low, high = (middle, high) if reached < total else (low, middle)
    return [min(1.0, low * size) for size in sizes]


def loss(
    params: Params,
    rows: list[Row],
    kept: list[list[bool]],
    masks: list[list[float]],
    counted: np.ndarray | None = None,
) -> float:
    """Mean −log p(a | h) over all ratings, h from the kept ones through the mask.

    counted  (n_items,) how often an item counts in the partition sum, once if not said
    """
    weights = np.ones(params.visible_bias.shape[0]) if counted is None else counted
    total = 0.0
    for row, keeps, mask_ in zip(rows, kept, masks, strict=True):
        given = [pair for pair, keep in zip(row, keeps, strict=True) if keep]
        states = [h * m for h, m in zip(hidden(params, given), mask_, strict=True)]
        shares = pair_shares(params, states)
        partition = math.log(float(weights @ shares.sum(axis=1)))
        total -= math.fsum(math.log(shares[pair]) - partition for pair in row)
    return total / sum(map(len, rows))


def adam(
    value: float,
    moments: tuple[float, float],
    slope: float,
    n_steps: int,
    *,
    rate: float,
    decay: float,
    kept: float = 0.9,
) -> tuple[float, float, float]:
    """One step of Adam with decoupled decay, as its papers write it."""
    mean = kept * moments[0] + (1 - kept) * slope
    square = 0.999 * moments[1] + 0.001 * slope**2
    unbiased = mean / (1 - kept**n_steps), square / (1 - 0.999**n_steps)
    moved = value - rate * decay * value - rate * unbiased[0] / (math.sqrt(unbiased[1]) + 1e-10)
    return moved, mean, square


def list_scores(
    params: Params, row: Row, couplings: np.ndarray, scale: float, first_liked: int
) -> np.ndarray:
    """couplings[l, i]: what having rated l adds to i."""
    shares = pair_shares(params, hidden(params, row))
    scores = np.log(shares[:, first_liked:].sum(axis=1))
    field = sum(couplings[item] for item, _ in row)
    return scores + scale * math.sqrt(evidence(len(row))) * field


def list_score(
    params: Params, row: Row, item: int, couplings: np.ndarray, scale: float, first_liked: int
) -> float:
    """The score of one item as it stands in a list: nothing is subtracted for the other pairs."""
    states = hidden(params, row)
    fields = [
        float(bias) + math.fsum(h * float(w) for h, w in zip(states, weights, strict=True))
        for bias, weights in zip(params.visible_bias[item], params.weights[item], strict=True)
    ]
    chosen = math.log(math.fsum(math.exp(field) for field in fields[first_liked:]))
    coupled = math.fsum(float(couplings[other, item]) for other, _ in row)
    return chosen + scale * math.sqrt(evidence(len(row))) * coupled


def effect(
    params: Params,
    row: Row,
    place: int,
    item: int,
    couplings: np.ndarray,
    scale: float,
    first_liked: int,
) -> float:
    """What row[place] adds to an item's score: asked twice, the second time without the rating."""
    more = couplings, scale, first_liked
    others = row[:place] + row[place + 1 :]
    return list_score(params, row, item, *more) - list_score(params, others, item, *more)
