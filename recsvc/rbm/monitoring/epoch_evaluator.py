"""The figures of an epoch, measured on fixed ratings."""

from dataclasses import dataclass

import numpy as np

from recsvc.rbm import kernels
from recsvc.rbm.arrays import Doubles, Floats, Ints
from recsvc.rbm.machines import masked
from recsvc.rbm.machines.functions import AnyPredictor, MachineFunctions
from recsvc.rbm.monitoring.ranking_sample import RankingSample
from recsvc.rbm.params import Params
from recsvc.rbm.rating_matrix import RatingMatrix

MONITORED_USERS = 256
MONITORED_RATINGS = 2048
FREE_ENERGY_USERS = 64
SATURATED_MEAN = 0.95  # mean P(h = 1), or 1 − it
DEAD_DEVIATION = 0.01  # standard deviation of P(h = 1) over users
SIMILARITY_WEIGHTS = 128  # of each unit, evenly spread over items and levels


@dataclass(frozen=True, kw_only=True)
class UnitMetrics:
    """Figures of an epoch that need no rating but those of the monitored users.

    hidden_activity   mean P(h = 1) over users and units
    hidden_certainty  mean |P(h = 1) − ½|: 0 says nothing of anybody, ½ is always sure
    saturated_units   share of units whose mean over users is above .95 or below .05
    dead_units        share of units whose standard deviation over users is below .01
    unit_similarity   greatest |cosine| between the weights of two units, on 128 weights of each; 1
                      where both have none
    """

    hidden_activity: float
    hidden_certainty: float
    saturated_units: float
    dead_units: float
    unit_similarity: float

    @classmethod
    def of(cls, hidden: Floats, weights: Floats) -> "UnitMetrics":
        """Measure; hidden (n_users, n_hidden) are P(h = 1) of the monitored users.

        weights  (n_items, n_levels, n_hidden)
        """
        means = hidden.mean(axis=0)
        jammed = np.maximum(means, 1.0 - means) > SATURATED_MEAN
        return cls(
            hidden_activity=float(hidden.mean()),
            hidden_certainty=float(np.abs(hidden - 0.5).mean()),
            saturated_units=float(jammed.mean()),
            dead_units=float((hidden.std(axis=0) < DEAD_DEVIATION).mean()),
            unit_similarity=unit_similarity(weights),
        )


@dataclass(frozen=True, kw_only=True)
class EpochMetrics(UnitMetrics):
    """What an epoch is judged by; it depends on the parameters alone.

    train_nll               mean −log p(level | item, V) of train ratings, each left out of its own
                            input
    train_free_energy       mean free energy per rating of up to 64 users' train ratings
    validation_nll          the likelihood of validation ratings, given the user's train ratings
    validation_rmse         of the expected rating, on the users' scale
    validation_ndcg         nDCG@10 of up to 1,024 users' validation items, hidden units alone; None
                            of a kind that only rates
    validation_free_energy  free energy per rating of the same users' validation ratings
    prediction_spread       standard deviation of the expected ratings over that of the given ones
    """

    train_nll: float | None
    train_free_energy: float
    validation_nll: float | None = None
    validation_rmse: float | None = None
    validation_ndcg: float | None = None
    validation_free_energy: float | None = None
    prediction_spread: float | None = None


@dataclass(frozen=True)
class EpochEvaluator:
    """Which ratings the error curve is measured on; the same in every epoch.

    machine     how parameters are read
    train       all train ratings, what validation ratings are predicted from
    validation  all validation ratings, interactions left out
    values      (n_levels,) what the levels of ratings stand for; interactions have higher levels
    lists       whose lists are measured, None for a kind that only rates
    subset      the train ratings of up to 256 users, for the figures that need no more
    places      which of those ratings are told from the user's others, up to 4,095
    weighed     the train and the validation ratings of the first 64 of them, for the free energies
    """

    machine: MachineFunctions
    train: RatingMatrix
    validation: RatingMatrix
    values: Doubles
    lists: RankingSample | None
    subset: RatingMatrix
    places: Ints
    weighed: tuple[RatingMatrix, RatingMatrix]

    @classmethod
    def of(
        cls,
        machine: MachineFunctions,
        train: RatingMatrix,
        validation: RatingMatrix,
        values: Doubles,
        *,
        seed: int,
        first_liked: int | None = None,
    ) -> "EpochEvaluator":
        """Choose the monitored users among those who rated anything.

        first_liked  the lowest liked level, None for a kind that only rates
        """
        users = np.flatnonzero(np.diff(train.indptr))
        chosen = np.random.default_rng([seed, 0, 1]).permutation(users)[:MONITORED_USERS]
        subset, few = train.rows(chosen), chosen[:FREE_ENERGY_USERS]
        lists = None
        if first_liked is not None:
            lists = RankingSample.of(train, validation, first_liked, seed=seed)
        rated = validation.select(validation.levels < values.size)
        told = np.flatnonzero(subset.levels < values.size)
        places = told[:: max(1, told.size // MONITORED_RATINGS)]
        weighed = train.rows(few), validation.rows(few)
        return cls(machine, train, rated, values, lists, subset, places, weighed)

    def measure(self, params: Params) -> EpochMetrics:
        """Measure parameters; the same ones give the same figures."""
        inputs = self.machine.hidden_inputs(params, self.subset)
        hidden = masked.sigmoid(inputs)
        predictor = self.machine.predictor(params, self.values.size)
        nll, rmse, spread = self._on_validation(params, predictor)
        of_units = UnitMetrics.of(hidden, params.weights)
        return EpochMetrics(
            validation_nll=nll,
            validation_rmse=rmse,
            validation_ndcg=self.lists.ndcg(params) if self.lists else None,
            train_nll=self._train_nll(predictor, hidden),
            train_free_energy=_energy_per_rating(
                params, self.weighed[0], inputs[:FREE_ENERGY_USERS]
            ),
            validation_free_energy=self._validation_energy(params),
            prediction_spread=spread,
            hidden_activity=of_units.hidden_activity,
            hidden_certainty=of_units.hidden_certainty,
            saturated_units=of_units.saturated_units,
            dead_units=of_units.dead_units,
            unit_similarity=of_units.unit_similarity,
        )

    def _on_validation(
        self, params: Params, predictor: AnyPredictor
    ) -> tuple[float, float, float | None] | tuple[None, None, None]:
        """NLL, RMSE and spread on validation ratings; users are folded in from train ratings."""
        if self.validation.n_ratings == 0:
            return None, None, None
        shares = predictor.level_probabilities(
            self.machine.hidden_probabilities(params, self.train),
            self.validation.users().astype(np.int64),
            self.validation.items.astype(np.int64),
            in_parallel=True,
        )
        given = self.validation.levels
        expected, values = shares @ self.values, self.values[given]
        rmse = float(np.sqrt(np.mean(np.square(expected - values))))
        spread = float(values.std())
        return mean_nll(shares, given), rmse, float(expected.std()) / spread if spread else None

    def _train_nll(self, predictor: AnyPredictor, hidden: Floats) -> float | None:
        """NLL of some train ratings of the monitored users, each left out of its input."""
        if self.places.size == 0:
            return None
        shares = self.machine.leave_one_out(predictor, hidden, self.subset, self.places)
        return mean_nll(shares, self.subset.levels[self.places])

    def _validation_energy(self, params: Params) -> float | None:
        ratings = self.weighed[1]
        if ratings.n_ratings == 0:
            return None
        return _energy_per_rating(params, ratings, self.machine.hidden_inputs(params, ratings))


def _energy_per_rating(params: Params, ratings: RatingMatrix, inputs: Floats) -> float:
    return float(masked.free_energy(params, ratings, inputs).sum() / ratings.n_ratings)


def mean_nll(probabilities: Doubles, levels: np.ndarray) -> float:
    """Mean −log of the probability given to what happened; probabilities (n, n_levels)."""
    given = probabilities[np.arange(levels.size), levels]
    return float(-np.log(np.maximum(given, np.finfo(np.float64).tiny)).mean())


def unit_similarity(weights: Floats) -> float:
    """Greatest |cosine| between the weights (n_items, n_levels, n_hidden) of two units.

    Two units that have learned the same are one: equal first weights stay equal for ever.
    """
    flat = weights.reshape(-1, weights.shape[-1])
    if flat.shape[1] < 2:
        return 0.0
    some = flat[:: max(1, len(flat) // SIMILARITY_WEIGHTS)].astype(np.float32, copy=False)
    largest = np.abs(some).max(axis=0)
    even = some / np.where(largest > 0, largest, 1.0)  # squares of what is left cannot overflow
    norms = np.sqrt(np.einsum("wu,wu->u", even, even))
    if np.count_nonzero(norms) < norms.size - 1:
        return 1.0
    directions: Floats = np.ascontiguousarray((even / np.where(norms > 0, norms, 1.0)).T)
    cosines = np.empty((norms.size, norms.size), np.float32)
    kernels.row_products(directions, cosines)
    return float(min(np.abs(cosines).max(), 1.0))
