"""The rating ensemble of a joint machine: two fine-tuned machines and their blend.

The joint machine predicts choices. Machines that learn nothing but ratings predict ratings better:
the user-oriented one for all users, the item-oriented one for users of the training data. `blend`
combines both.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from recsvc.rbm import kernels
from recsvc.rbm.arrays import Doubles, Floats, Ints, Levels, Numbers
from recsvc.rbm.machines import masked
from recsvc.rbm.machines.baselines import Biases
from recsvc.rbm.machines.masked import Predictor
from recsvc.rbm.params import Params
from recsvc.rbm.rating_ensemble.blend import Blend, ExpertOutputs, normal_level_shares
from recsvc.rbm.rating_ensemble.fine_tuning import (
    MAX_WEIGHTS,
    MIN_HIDDEN,
    FinetuningConfig,
    FinetuningReport,
    FinetuningState,
    finetune,
    initial_params,
)
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.training.trainer import TrainingData

USER_STREAM, ITEM_STREAM = 1, 2  # different initial weights for the two machines


@dataclass(frozen=True)
class RatingPredictor:
    """One fine-tuned machine: parameters to fold cases in, and a predictor."""

    params: Params
    predictor: Predictor

    @classmethod
    def from_params(cls, params: Params) -> "RatingPredictor":
        """Build the predictor of these parameters."""
        return cls(params, Predictor.from_params(params))

    def hidden_probabilities(self, cases: RatingMatrix) -> Floats:
        """Return P(h = 1 | ratings) of all cases, padded for the predictor, (n_cases, width)."""
        return self.predictor.pad_hidden(masked.hidden_probabilities(self.params, cases))


@dataclass(frozen=True)
class RatingEnsemble:
    """Both machines and the inputs of their blend.

    by_user       the machine with items as visible units
    by_item       the machine with users as visible units
    item_hidden   (n_items, width) P(h = 1) of the item-oriented machine's cases
    user_bias     (n_users,) and
    item_bias     (n_items,) expected differences from the mean
    mean          of all ratings
    item_counts   (n_items,) number of ratings of each item in `item_hidden`
    values        (n_levels,) the value of each level
    """

    by_user: RatingPredictor
    by_item: RatingPredictor
    blend: Blend
    item_hidden: Floats
    user_bias: Doubles
    item_bias: Doubles
    mean: float
    item_counts: Ints
    values: Doubles

    @classmethod
    def fit(
        cls,
        by_user: Params,
        by_item: Params,
        train: RatingMatrix,
        validation: RatingMatrix,
        values: Doubles,
    ) -> "RatingEnsemble":
        """Fit the blend of two machines, trained on `train`, to the ratings of `validation`."""
        biases = Biases.fit(train, values)
        ensemble = cls(
            RatingPredictor.from_params(by_user),
            RatingPredictor.from_params(by_item),
            Blend.default(values.size),
            np.empty((0, 0), dtype=np.float32),
            biases.user_bias,
            biases.item_bias,
            biases.mean,
            np.empty(0, dtype=np.int64),
            values,
        ).with_item_ratings(train)
        users, items = validation.users().astype(np.int64), validation.items.astype(np.int64)
        hidden, counts = ensemble.by_user.hidden_probabilities(train), np.diff(train.indptr)
        outputs = ensemble.expert_outputs(
            hidden, users, users, items, counts[users], in_parallel=True
        )
        return replace(ensemble, blend=Blend.fit(outputs, validation.levels))

    def with_item_ratings(self, ratings: RatingMatrix) -> "RatingEnsemble":
        """Return an ensemble with items folded in from these ratings; rows as in training."""
        return replace(
            self,
            item_hidden=self.by_item.hidden_probabilities(ratings.transpose()),
            item_counts=ratings.item_counts(),
        )

    def fold_in(self, items: Numbers, levels: Levels) -> Floats:
        """Return P(h = 1 | a user's ratings) of the user-oriented machine, (width,)."""
        params = self.by_user.params
        hidden = np.zeros(self.by_user.predictor.expm1_weights.shape[2], dtype=np.float32)
        own = hidden[: params.hidden_bias.size]
        kernels.fold_in_one(params.weights, params.hidden_bias, items, levels, own)
        return hidden

    def level_probabilities(
        self,
        hidden: Floats,
        cases: Ints,
        users: Ints,
        items: Ints,
        user_counts: Ints,
        *,
        in_parallel: bool = False,
    ) -> Doubles:
        """Return p(level) of each (user, item), (n, n_levels).

        The arguments are those of `expert_outputs`.
        """
        outputs = self.expert_outputs(
            hidden, cases, users, items, user_counts, in_parallel=in_parallel
        )
        return self.blend.level_probabilities(
            outputs, knows_user=users >= 0, knows_item=np.ones(items.size, dtype=np.bool_)
        )

    def expert_outputs(
        self,
        hidden: Floats,
        cases: Ints,
        users: Ints,
        items: Ints,
        user_counts: Ints,
        *,
        in_parallel: bool = False,
    ) -> ExpertOutputs:
        """Return the experts' outputs for pairs of users and items.

        hidden       (n_cases, width) hidden probabilities of the users
        cases        (n,) the row of `hidden` of each user
        users        (n,) the user's number in training, −1 for a later user
        items        (n,) numbers in training
        user_counts  (n,) number of ratings that the user is folded in from
        """
        known = np.maximum(users, 0)
        user_bias = np.where(users >= 0, self.user_bias[known], 0.0)
        by_user = self.by_user.predictor.level_probabilities(
            hidden, cases, items, in_parallel=in_parallel
        )
        by_item = self.by_item.predictor.level_probabilities(
            self.item_hidden, items, known, in_parallel=in_parallel
        )
        expected = self.mean + user_bias + self.item_bias[items]
        return ExpertOutputs(
            by_user,
            by_item,
            normal_level_shares(expected, self.values),
            user_counts,
            self.item_counts[items],
        )


def fits_memory(n_users: int, n_items: int, n_levels: int) -> bool:
    """Return whether the smallest machine of either orientation fits into the memory limit."""
    return MIN_HIDDEN * n_levels * max(n_users, n_items) <= 2 * MAX_WEIGHTS


def train_ensemble(
    train: RatingMatrix, validation: RatingMatrix, values: Doubles, *, most_epochs: int, seed: int
) -> Iterator[FinetuningReport | RatingEnsemble]:
    """Fine-tune both machines; yield each epoch's report, and finally the ensemble.

    train, validation  rows are users
    """
    trained = []
    for stream, transposed in ((USER_STREAM, False), (ITEM_STREAM, True)):
        parts = (train.transpose(), validation.transpose()) if transposed else (train, validation)
        data = TrainingData(*parts, values)
        config = FinetuningConfig.from_data(data.train, values.size)
        config = replace(config, epochs=min(config.epochs, most_epochs))
        rng = np.random.default_rng([seed, 3, stream])
        params = initial_params(data.train, values.size, config, rng=rng)
        state = FinetuningState.initial(params)
        for report, reached in finetune(data, config, seed=seed, state=state):
            state = reached
            yield report
        trained.append(state.best_params)
    yield RatingEnsemble.fit(trained[0], trained[1], train, validation, values)
