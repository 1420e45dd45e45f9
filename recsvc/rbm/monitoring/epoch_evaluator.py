"""The metrics of an epoch, measured on the same ratings in every epoch."""

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
    """Metrics of the hidden units, from the ratings of the monitored users.

    hidden_activity   mean P(h = 1) over users and units
    hidden_certainty  mean |P(h = 1) − ½|: 0 is uninformative, ½ is certain for every user
    saturated_units   share of units whose mean over users is above .95 or below .05
    dead_units        share of units whose standard deviation over users is below .01
    unit_similarity   greatest |cosine| between the weights of two units, on 128 weights of each; 1
                      if both have only zeros
    """

    hidden_activity: float
    hidden_certainty: float
    saturated_units: float
    dead_units: float
    unit_similarity: float

    @classmethod
    def from_activity(cls, hidden: Floats, weights: Floats) -> "UnitMetrics":
        """Compute the metrics.

        hidden   (n_users, n_hidden) P(h = 1) of the monitored users
        weights  (n_items, n_levels, n_hidden)
        """
        means = hidden.mean(axis=0)
        is_saturated = np.maximum(means, 1.0 - means) > SATURATED_MEAN
        return cls(
            hidden_activity=float(hidden.mean()),
            hidden_certainty=float(np.abs(hidden - 0.5).mean()),
            saturated_units=float(is_saturated.mean()),
            dead_units=float((hidden.std(axis=0) < DEAD_DEVIATION).mean()),
            unit_similarity=unit_similarity(weights),
        )


@dataclass(frozen=True, kw_only=True)
class EpochMetrics(UnitMetrics):
    """The metrics of an epoch; they depend on the parameters alone.

    train_nll               mean −log p(level | item, V) of train ratings, each left out of its own
                            input
    train_free_energy       mean free energy per rating of up to 64 users' train ratings
    validation_nll          the likelihood of validation ratings, given the user's train ratings
    validation_rmse         of the expected rating, on the users' scale
    validation_ndcg         nDCG@10 of up to 1,024 users' validation items, by hidden units alone;
                            None for a kind without lists
    validation_free_energy  free energy per rating of the same users' validation ratings
    prediction_spread       standard deviation of the expected ratings over that of the ratings
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
    """Computes the metrics of the error curve, on the same ratings in every epoch.

    machine         the functions of the model kind
    train           all train ratings; validation ratings are predicted from them
    validation      all validation ratings without interactions
    values          (n_levels,) the value of each rating level; interactions have higher levels
    ranking_sample  the users whose lists are measured, None for a kind without lists
    train_sample    the train ratings of up to 256 users
    places          the places in `train_sample` that train_nll is measured at, up to 4,095
    energy_samples  the train and the validation ratings of the first 64 of these users
    """

    machine: MachineFunctions
    train: RatingMatrix
    validation: RatingMatrix
    values: Doubles
    ranking_sample: RankingSample | None
    train_sample: RatingMatrix
    places: Ints
    energy_samples: tuple[RatingMatrix, RatingMatrix]

    @classmethod
    def build(
        cls,
        machine: MachineFunctions,
        train: RatingMatrix,
        validation: RatingMatrix,
        values: Doubles,
        *,
        seed: int,
        first_liked: int | None = None,
    ) -> "EpochEvaluator":
        """Choose the monitored users among those with ratings.

        first_liked  the lowest liked level, None for a kind without lists
        """
        users = np.flatnonzero(np.diff(train.indptr))
        chosen = np.random.default_rng([seed, 0, 1]).permutation(users)[:MONITORED_USERS]
        train_sample, few = train.rows(chosen), chosen[:FREE_ENERGY_USERS]
        lists = None
        if first_liked is not None:
            lists = RankingSample.build(train, validation, first_liked, seed=seed)
        rating_validation = validation.select(validation.levels < values.size)
        rating_places = np.flatnonzero(train_sample.levels < values.size)
        places = rating_places[:: max(1, rating_places.size // MONITORED_RATINGS)]
        weighed = train.rows(few), validation.rows(few)
        return cls(machine, train, rating_validation, values, lists, train_sample, places, weighed)

    def measure(self, params: Params) -> EpochMetrics:
        """Compute the metrics of these parameters."""
        inputs = self.machine.hidden_inputs(params, self.train_sample)
        hidden = masked.sigmoid(inputs)
        predictor = self.machine.predictor(params, self.values.size)
        nll, rmse, spread = self._validation_metrics(params, predictor)
        units = UnitMetrics.from_activity(hidden, params.weights)
        return EpochMetrics(
            validation_nll=nll,
            validation_rmse=rmse,
            validation_ndcg=self.ranking_sample.ndcg(params) if self.ranking_sample else None,
            train_nll=self._train_nll(predictor, hidden),
            train_free_energy=_energy_per_rating(
                params, self.energy_samples[0], inputs[:FREE_ENERGY_USERS]
            ),
            validation_free_energy=self._validation_energy(params),
            prediction_spread=spread,
            hidden_activity=units.hidden_activity,
            hidden_certainty=units.hidden_certainty,
            saturated_units=units.saturated_units,
            dead_units=units.dead_units,
            unit_similarity=units.unit_similarity,
        )

    def _validation_metrics(
        self, params: Params, predictor: AnyPredictor
    ) -> tuple[float, float, float | None] | tuple[None, None, None]:
        """Return NLL, RMSE and spread on validation ratings, from the users' train ratings."""
        if self.validation.n_ratings == 0:
            return None, None, None
        shares = predictor.level_probabilities(
            self.machine.hidden_probabilities(params, self.train),
            self.validation.users().astype(np.int64),
            self.validation.items.astype(np.int64),
            in_parallel=True,
        )
        levels = self.validation.levels
        expected, values = shares @ self.values, self.values[levels]
        rmse = float(np.sqrt(np.mean(np.square(expected - values))))
        spread = float(values.std())
        return mean_nll(shares, levels), rmse, float(expected.std()) / spread if spread else None

    def _train_nll(self, predictor: AnyPredictor, hidden: Floats) -> float | None:
        """Return the NLL of some train ratings, each left out of its own input."""
        if self.places.size == 0:
            return None
        shares = self.machine.leave_one_out(predictor, hidden, self.train_sample, self.places)
        return mean_nll(shares, self.train_sample.levels[self.places])

    def _validation_energy(self, params: Params) -> float | None:
        ratings = self.energy_samples[1]
        if ratings.n_ratings == 0:
            return None
        return _energy_per_rating(params, ratings, self.machine.hidden_inputs(params, ratings))


def _energy_per_rating(params: Params, ratings: RatingMatrix, inputs: Floats) -> float:
    return float(masked.free_energy(params, ratings, inputs).sum() / ratings.n_ratings)


def mean_nll(probabilities: Doubles, levels: np.ndarray) -> float:
    """Return the mean −log of the probability of the levels; probabilities (n, n_levels)."""
    observed = probabilities[np.arange(levels.size), levels]
    return float(-np.log(np.maximum(observed, np.finfo(np.float64).tiny)).mean())


def unit_similarity(weights: Floats) -> float:
    """Return the greatest |cosine| between the weights of two units.

    Two equal units count as one: equal initial weights stay equal in training.

    weights  (n_items, n_levels, n_hidden)
    """
    flat = weights.reshape(-1, weights.shape[-1])
    if flat.shape[1] < 2:
        return 0.0
    some = flat[:: max(1, len(flat) // SIMILARITY_WEIGHTS)].astype(np.float32, copy=False)
    largest = np.abs(some).max(axis=0)
    even = some / np.where(largest > 0, largest, 1.0)  # squares cannot overflow
    norms = np.sqrt(np.einsum("wu,wu->u", even, even))
    if np.count_nonzero(norms) < norms.size - 1:
        return 1.0
    directions: Floats = np.ascontiguousarray((even / np.where(norms > 0, norms, 1.0)).T)
    cosines = np.empty((norms.size, norms.size), np.float32)
    kernels.row_products(directions, cosines)
    return float(min(np.abs(cosines).max(), 1.0))
