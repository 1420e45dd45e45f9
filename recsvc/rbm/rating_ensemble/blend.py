"""The blend of a user-oriented and an item-oriented machine: a product of experts.

    log p(level | user, item) = Σ_e power_e · log p_e(level) + level_bias − log Z

The third expert is a discretised normal distribution around the rating that user and item bias
predict. It helps with sparse ratings, where neither machine knows both user and item.

Each power is linear in the logarithms of the numbers of ratings of user and item, because a machine
is best for users and items with many ratings. The powers add up to more than 1: two experts that
agree are more certain than one. Powers and level biases are fitted to validation ratings.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recsvc.rbm.arrays import Doubles, Flags, Ints, Levels
from recsvc.rbm.machines.masked import softmax

START_POWERS = (0.5, 0.65, 0.0)  # user-oriented, item-oriented, biases; fitted to MovieLens
N_POWERS = 9
MAX_POWER = 2.0
MIN_PROBABILITY = 1e-12
PRIOR_RATINGS = 10.0  # weight of the start powers, in validation ratings
RATINGS_PER_BLOCK = 65_536  # while fitting
MAX_NEWTON_STEPS = 20
MIN_NLL_GAIN = 1e-9


@dataclass(frozen=True)
class ExpertOutputs:
    """The experts' distributions for n (user, item) pairs, and their numbers of ratings.

    by_user, by_item          (n, n_levels) level distributions of the two machines
    by_biases                 (n, n_levels) `normal_level_shares` around user and item bias
    user_counts, item_counts  (n,) number of ratings of each pair's user and item
    """

    by_user: Doubles
    by_item: Doubles
    by_biases: Doubles
    user_counts: Ints
    item_counts: Ints

    def part(self, some: slice) -> "ExpertOutputs":
        """Return the outputs of some pairs."""
        return ExpertOutputs(
            self.by_user[some],
            self.by_item[some],
            self.by_biases[some],
            self.user_counts[some],
            self.item_counts[some],
        )

    def log_probabilities(self) -> Iterator[Doubles]:
        """Yield the logarithm of each expert's distributions, (n, n_levels)."""
        for shares in (self.by_user, self.by_item, self.by_biases):
            yield np.log(np.maximum(shares, MIN_PROBABILITY))


@dataclass(frozen=True)
class Blend:
    """The weights of the experts.

    powers      (3, 3) of each expert, in the order of `ExpertOutputs`: the value at mean log
                counts, and its slopes along the log counts of users and of items
    level_bias  (n_levels,) the first 0
    centre      (2,) mean log counts of users and of items where the blend was fitted
    """

    powers: Doubles
    level_bias: Doubles
    centre: Doubles

    @classmethod
    def default(cls, n_levels: int) -> "Blend":
        """Return the blend with the start powers, for use without validation ratings."""
        powers = np.zeros((len(START_POWERS), 3))
        powers[:, 0] = START_POWERS
        return cls(powers, np.zeros(n_levels), np.zeros(2))

    @classmethod
    def fit(cls, outputs: ExpertOutputs, levels: Levels) -> "Blend":
        """Fit powers and biases to validation ratings by maximum likelihood, a convex problem.

        levels  (n,) true levels of the pairs, not in the training data of the machines
        """
        start = cls.default(outputs.by_user.shape[1])
        if levels.size == 0:
            return start
        centre = np.array([counts.mean() for counts in _log_counts(outputs)])
        blend = cls(start.powers, start.level_bias, centre)
        parameters = first = blend._parameters()
        nll, step = _newton_step(blend, outputs, levels, parameters - first)
        for _ in range(MAX_NEWTON_STEPS):
            moved = blend._with_parameters(parameters - step)
            moved_nll, next_step = _newton_step(moved, outputs, levels, moved._parameters() - first)
            if moved_nll > nll:
                step = step / 2
                continue
            gain, parameters, nll, step = nll - moved_nll, moved._parameters(), moved_nll, next_step
            if gain < MIN_NLL_GAIN:
                break
        return blend._with_parameters(parameters)

    def level_probabilities(
        self, outputs: ExpertOutputs, *, knows_user: Flags, knows_item: Flags
    ) -> Doubles:
        """Return p(level) of each pair, (n, n_levels).

        If one machine alone knows the pair, its distribution is returned; if neither does, that of
        `by_user`.

        knows_user  (n,) the user was in the training data of the item-oriented machine
        knows_item  (n,) the item was in the training data of the user-oriented machine
        """
        both = (knows_user & knows_item)[:, np.newaxis]
        alone = np.where(knows_user[:, np.newaxis], outputs.by_item, outputs.by_user)
        return np.where(both, self._blend(outputs), alone)

    def _blend(self, outputs: ExpertOutputs) -> Doubles:
        """Return the product of experts, (n, n_levels)."""
        powers = np.clip(self.powers @ self._conditions(outputs), 0.0, MAX_POWER)
        inputs = np.broadcast_to(self.level_bias, outputs.by_user.shape).copy()
        for power, logarithms in zip(powers, outputs.log_probabilities(), strict=True):
            inputs += power[:, np.newaxis] * logarithms
        return softmax(inputs)

    def _conditions(self, outputs: ExpertOutputs) -> Doubles:
        """Return the factors of the powers: 1 and the centred log counts, (3, n)."""
        users, items = _log_counts(outputs)
        return np.stack([np.ones(users.size), users - self.centre[0], items - self.centre[1]])

    def _parameters(self) -> Doubles:
        """Return all fitted parameters in one row."""
        return np.concatenate([self.powers.ravel(), self.level_bias[1:]])

    def _with_parameters(self, parameters: Doubles) -> "Blend":
        """Return a blend with other parameters."""
        bias = np.concatenate([[0.0], parameters[N_POWERS:]])
        return Blend(parameters[:N_POWERS].reshape(-1, 3), bias, self.centre)

    def _features(self, outputs: ExpertOutputs) -> Doubles:
        """Return the factors of the parameters, (n, n_levels, 9 + n_levels − 1)."""
        conditions = self._conditions(outputs).T[:, np.newaxis, :]
        n, n_levels = outputs.by_user.shape
        levels = np.broadcast_to(np.eye(n_levels)[:, 1:], (n, n_levels, n_levels - 1))
        experts = [part[:, :, np.newaxis] * conditions for part in outputs.log_probabilities()]
        return np.concatenate([*experts, levels], axis=2)


def normal_level_shares(expected: Doubles, values: Doubles) -> Doubles:
    """Return shares of levels from a normal density around expected ratings, (n, n_levels).

    expected  (n,)         ratings expected from biases, see `baselines.Biases.predict`
    values    (n_levels,)  the value of each level; the standard deviation is a quarter of their
              span, which is one step of a scale of five levels
    """
    deviation = (values[-1] - values[0]) / 4 or 1.0
    return softmax(-0.5 * np.square((values - expected[:, np.newaxis]) / deviation))


def _newton_step(
    blend: Blend, outputs: ExpertOutputs, levels: Levels, from_start: Doubles
) -> tuple[float, Doubles]:
    """Return the NLL of the ratings plus the quadratic prior, and its Newton step.

    from_start  difference of the parameters from those of the start
    """
    parameters = blend._parameters()
    nll = 0.5 * PRIOR_RATINGS * float(from_start @ from_start)
    slope = PRIOR_RATINGS * from_start
    curvature = PRIOR_RATINGS * np.eye(parameters.size)
    for part, rated in _blocks(outputs, levels):
        features = blend._features(part)
        shares = softmax(np.einsum("nkf,f->nk", features, parameters))
        rows = np.arange(rated.size)
        nll -= float(np.log(np.maximum(shares[rows, rated], MIN_PROBABILITY)).sum())
        expected = np.einsum("nk,nkf->nf", shares, features)
        slope += (expected - features[rows, rated]).sum(axis=0)
        deviations = features - expected[:, np.newaxis, :]
        curvature += np.einsum("nkf,nkg->fg", shares[:, :, np.newaxis] * deviations, deviations)
    step: Doubles = np.linalg.solve(curvature, slope).astype(np.float64)
    return nll / levels.size, step


def _blocks(outputs: ExpertOutputs, levels: Levels) -> Iterator[tuple[ExpertOutputs, Levels]]:
    """Yield the ratings in blocks that bound the memory."""
    for start in range(0, levels.size, RATINGS_PER_BLOCK):
        some = slice(start, start + RATINGS_PER_BLOCK)
        yield outputs.part(some), levels[some]


def _log_counts(outputs: ExpertOutputs) -> tuple[Doubles, Doubles]:
    """Return log(1 + count) of users and of items."""
    return np.log1p(outputs.user_counts), np.log1p(outputs.item_counts)
