"""The user-oriented and the item-oriented machine answer together: a product of experts.

    log p(level | user, item) = Σ_e power_e · log p_e(level) + level_bias − log Z

The third expert is a bell around what the user's and the item's bias expect: where ratings are
sparse, neither machine knows both sides of a pair. Each power goes linearly with the logarithms of
how many ratings the user and the item have: a machine knows best whom it has seen often, and two
that agree are surer than one (their powers add up to more than 1). Powers and level biases are
fitted to validation ratings.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recsvc.rbm.arrays import Doubles, Flags, Ints, Levels
from recsvc.rbm.machines.masked import softmax

START_POWERS = (0.5, 0.65, 0.0)  # user-oriented, item-oriented, biases: what fits MovieLens
N_POWERS = 9
MAX_POWER = 2.0
MIN_PROBABILITY = 1e-12
PRIOR_RATINGS = 10.0  # validation ratings that the start's powers count for
RATINGS_PER_BLOCK = 65_536  # ratings at once while fitting
MAX_NEWTON_STEPS = 20
MIN_NLL_GAIN = 1e-9


@dataclass(frozen=True)
class ExpertOutputs:
    """What the experts say of n (user, item) pairs, and how often the two are rated.

    by_user, by_item          (n, n_levels) level distributions of the two machines
    by_biases                 (n, n_levels) the bell around user and item bias, see `bell`
    user_counts, item_counts  (n,) ratings of each pair's user and item
    """

    by_user: Doubles
    by_item: Doubles
    by_biases: Doubles
    user_counts: Ints
    item_counts: Ints

    def part(self, some: slice) -> "ExpertOutputs":
        """Give some of the pairs."""
        return ExpertOutputs(
            self.by_user[some],
            self.by_item[some],
            self.by_biases[some],
            self.user_counts[some],
            self.item_counts[some],
        )

    def experts(self) -> Iterator[Doubles]:
        """Give the logarithms of each expert's distributions, (n, n_levels)."""
        for shares in (self.by_user, self.by_item, self.by_biases):
            yield np.log(np.maximum(shares, MIN_PROBABILITY))


@dataclass(frozen=True)
class Blend:
    """How much each expert counts.

    powers      (3, 3) of each expert, in the order of `ExpertOutputs`: the value at mean log
                counts, and its slopes along the log counts of users and of items
    level_bias  (n_levels,) the first 0
    centre      (2,) mean log counts of users and of items where the blend was fitted
    """

    powers: Doubles
    level_bias: Doubles
    centre: Doubles

    @classmethod
    def unfitted(cls, n_levels: int) -> "Blend":
        """Blend with the usual powers, where there are no validation ratings to fit to."""
        powers = np.zeros((len(START_POWERS), 3))
        powers[:, 0] = START_POWERS
        return cls(powers, np.zeros(n_levels), np.zeros(2))

    @classmethod
    def fit(cls, answers: ExpertOutputs, levels: Levels) -> "Blend":
        """Find the likeliest powers and biases for validation ratings: a convex problem.

        levels  (n,) what the pairs were rated in truth, unknown to both machines
        """
        start = cls.unfitted(answers.by_user.shape[1])
        if levels.size == 0:
            return start
        centre = np.array([counts.mean() for counts in _log_counts(answers)])
        blend = cls(start.powers, start.level_bias, centre)
        theta = first = blend._theta()
        nll, step = _newton_step(blend, answers, levels, theta - first)
        for _ in range(MAX_NEWTON_STEPS):
            moved = blend._with(theta - step)
            moved_nll, next_step = _newton_step(moved, answers, levels, moved._theta() - first)
            if moved_nll > nll:
                step = step / 2
                continue
            gained, theta, nll, step = nll - moved_nll, moved._theta(), moved_nll, next_step
            if gained < MIN_NLL_GAIN:
                break
        return blend._with(theta)

    def level_probabilities(
        self, answers: ExpertOutputs, *, knows_user: Flags, knows_item: Flags
    ) -> Doubles:
        """p(level) of each pair, (n, n_levels).

        Where only one machine can answer, it does so alone; where neither can, the row of
        `by_user` is given back.

        knows_user  (n,) the user was there when the item-oriented machine was trained
        knows_item  (n,) the item was there when the user-oriented machine was trained
        """
        both = (knows_user & knows_item)[:, np.newaxis]
        alone = np.where(knows_user[:, np.newaxis], answers.by_item, answers.by_user)
        return np.where(both, self._blended(answers), alone)

    def _blended(self, answers: ExpertOutputs) -> Doubles:
        """p(level), both machines able to answer."""
        powers = np.clip(self.powers @ self._conditions(answers), 0.0, MAX_POWER)
        inputs = np.broadcast_to(self.level_bias, answers.by_user.shape).copy()
        for power, logarithms in zip(powers, answers.experts(), strict=True):
            inputs += power[:, np.newaxis] * logarithms
        return softmax(inputs)

    def _conditions(self, answers: ExpertOutputs) -> Doubles:
        """What powers depend on: 1 and the log counts of users and items, (3, n)."""
        users, items = _log_counts(answers)
        return np.stack([np.ones(users.size), users - self.centre[0], items - self.centre[1]])

    def _theta(self) -> Doubles:
        """All that is fitted, in one row."""
        return np.concatenate([self.powers.ravel(), self.level_bias[1:]])

    def _with(self, theta: Doubles) -> "Blend":
        """Give the blend of other parameters."""
        bias = np.concatenate([[0.0], theta[N_POWERS:]])
        return Blend(theta[:N_POWERS].reshape(-1, 3), bias, self.centre)

    def _features(self, answers: ExpertOutputs) -> Doubles:
        """What the parameters multiply: (n, n_levels, 9 + n_levels − 1)."""
        conditions = self._conditions(answers).T[:, np.newaxis, :]
        n, n_levels = answers.by_user.shape
        levels = np.broadcast_to(np.eye(n_levels)[:, 1:], (n, n_levels, n_levels - 1))
        experts = [part[:, :, np.newaxis] * conditions for part in answers.experts()]
        return np.concatenate([*experts, levels], axis=2)


def discretised_normal(expected: Doubles, values: Doubles) -> Doubles:
    """Shares of levels that fall off like a normal density around expected ratings, (n, n_levels).

    expected  (n,)         what biases expect, see `baselines.Biases.predict`
    values    (n_levels,)  what the levels stand for; the density's deviation is a quarter of their
              span, one step of a scale of five
    """
    deviation = (values[-1] - values[0]) / 4 or 1.0
    return softmax(-0.5 * np.square((values - expected[:, np.newaxis]) / deviation))


def _newton_step(
    blend: Blend, answers: ExpertOutputs, levels: Levels, from_start: Doubles
) -> tuple[float, Doubles]:
    """NLL of the ratings plus the pull to the start, and Newton's step along its slope.

    from_start  parameters less those of the start
    """
    theta = blend._theta()
    nll = 0.5 * PRIOR_RATINGS * float(from_start @ from_start)
    slope = PRIOR_RATINGS * from_start
    curvature = PRIOR_RATINGS * np.eye(theta.size)
    for part, given in _blocks(answers, levels):
        features = blend._features(part)
        shares = softmax(np.einsum("nkf,f->nk", features, theta))
        rows = np.arange(given.size)
        nll -= float(np.log(np.maximum(shares[rows, given], MIN_PROBABILITY)).sum())
        expected = np.einsum("nk,nkf->nf", shares, features)
        slope += (expected - features[rows, given]).sum(axis=0)
        deviations = features - expected[:, np.newaxis, :]
        curvature += np.einsum("nkf,nkg->fg", shares[:, :, np.newaxis] * deviations, deviations)
    step: Doubles = np.linalg.solve(curvature, slope).astype(np.float64)
    return nll / levels.size, step


def _blocks(answers: ExpertOutputs, levels: Levels) -> Iterator[tuple[ExpertOutputs, Levels]]:
    """Go through the ratings in bounded memory."""
    for start in range(0, levels.size, RATINGS_PER_BLOCK):
        some = slice(start, start + RATINGS_PER_BLOCK)
        yield answers.part(some), levels[some]


def _log_counts(answers: ExpertOutputs) -> tuple[Doubles, Doubles]:
    """Logarithms of 1 + count, of users and of items."""
    return np.log1p(answers.user_counts), np.log1p(answers.item_counts)
