"""Slow, obvious twins of contrastive divergence in the joint machine, and the truth by enumeration.

A machine of M draws is small enough to be written out when it has few pairs, draws and hidden
units: every sequence of M pairs with every hidden state.
"""

import itertools
import math
from collections import Counter

import numpy as np

from recsvc.rbm.params import Params
from tests.naive import Row, sigmoid, uniform
from tests.naive_joint import evidence, pair_shares

Statistics = tuple[np.ndarray, np.ndarray, np.ndarray]  # by weights, visible and hidden biases


def n_draws(row: Row) -> int:
    return round(evidence(len(row)) * len(row))


def hidden(params: Params, row: Row, temper: float) -> list[float]:
    """P(h = 1 | the pairs of a row, each counting `temper` times)."""
    sums = [
        math.fsum(float(params.weights[i, r, j]) for i, r in row)
        for j in range(params.hidden_bias.size)
    ]
    return [sigmoid(float(c) + temper * s) for c, s in zip(params.hidden_bias, sums, strict=True)]


def units(probabilities: list[float], key: int, first: int) -> list[float]:
    return [float(uniform(key, first + j) < p) for j, p in enumerate(probabilities)]


def draw(shares: np.ndarray, key: int, number: int) -> int:
    """The first pair at which the running sum of shares passes a uniform of 48 bits."""
    reached = uniform(key, number) + uniform(key, number + 1) / 2**24
    running = 0.0
    for pair, share in enumerate(shares.ravel()):
        running += share
        if running > reached:
            return pair
    return shares.size - 1


def dream(params: Params, row: Row, key: int, cd_steps: int) -> tuple[Row, list[float]]:
    """What the chain of one user comes to: its pairs and P(h = 1 | them)."""
    n_levels, n_hidden = params.weights.shape[1:]
    count = n_draws(row)
    probabilities = hidden(params, row, count / len(row))
    drawn: Row = []
    for step in range(cd_steps):
        first = step * (n_hidden + 2 * count)
        shares = pair_shares(params, units(probabilities, key, first))
        pairs = [draw(shares, key, first + n_hidden + 2 * n) for n in range(count)]
        drawn = [divmod(pair, n_levels) for pair in pairs]
        probabilities = hidden(params, drawn, 1.0)
    return drawn, probabilities


def statistics(params: Params, row: Row, temper: float, states: list[float]) -> Statistics:
    """m_a h_j, m_a and h_j of one user."""
    counts = np.zeros(params.visible_bias.shape)
    for pair, times in Counter(row).items():
        counts[pair] = temper * times
    return counts[:, :, np.newaxis] * np.array(states), counts, np.array(states)


def slopes(params: Params, rows: list[Row], keys: list[int], cd_steps: int) -> Statistics:
    """Of the batch: what the chains dreamed less what was rated, each rating counting once."""
    total = sum(map(len, rows))
    sums = [np.zeros(array.shape) for array in params.arrays().values()]
    for row, key in zip(rows, keys, strict=True):
        temper = n_draws(row) / len(row)
        data = statistics(params, row, temper, hidden(params, row, temper))
        drawn, probabilities = dream(params, row, key, cd_steps)
        model = statistics(params, drawn, 1.0, probabilities)
        for at, there, here in zip(sums, model, data, strict=True):
            at += (there - here) / temper / total
    return sums[0], sums[1], sums[2]


# ---------------------------------------------------------------------------------- enumeration


def states_of(params: Params) -> list[tuple[int, ...]]:
    return list(itertools.product((0, 1), repeat=params.hidden_bias.size))


def partition_sum(params: Params, count: int) -> float:
    """Z_M, over every sequence of M pairs and every hidden state."""
    return math.fsum(mass for _, _, mass in everything(params, count))


def everything(params: Params, count: int) -> list[tuple[Row, tuple[int, ...], float]]:
    """Every sequence of M pairs with every hidden state and e^−E."""
    pairs = list(np.ndindex(params.visible_bias.shape))
    found = []
    for states in states_of(params):
        fields = {
            pair: float(params.visible_bias[pair] + params.weights[pair] @ np.array(states))
            for pair in pairs
        }
        own = math.fsum(float(c) * h for c, h in zip(params.hidden_bias, states, strict=True))
        found += [
            (list(row), states, math.exp(own + sum(fields[pair] for pair in row)))
            for row in itertools.product(pairs, repeat=count)
        ]
    return found


def log_likelihood(params: Params, row: Row, count: int) -> float:
    """log p(m) of counts that sum to M: over every hidden state, less log Z."""
    temper = count / len(row)
    biases = temper * math.fsum(float(params.visible_bias[pair]) for pair in row)
    masses = []
    for states in states_of(params):
        fields = sum(float(params.weights[pair] @ np.array(states)) for pair in row)
        own = math.fsum(float(c) * h for c, h in zip(params.hidden_bias, states, strict=True))
        masses.append(math.exp(biases + own + temper * fields))
    return math.log(math.fsum(masses)) - math.log(partition_sum(params, count))


def expected(params: Params, count: int) -> Statistics:
    """What m_a σ(x_j), m_a and σ(x_j) come to in the machine of M draws."""
    sums = [np.zeros(array.shape) for array in params.arrays().values()]
    whole = everything(params, count)
    total = math.fsum(mass for *_, mass in whole)
    for row, _, mass in whole:
        parts = statistics(params, row, 1.0, hidden(params, row, 1.0))
        for at, part in zip(sums, parts, strict=True):
            at += mass / total * part
    return sums[0], sums[1], sums[2]
