"""What predicts ratings beside a joint machine: two fine-tuned machines and their blend.

The joint machine says what is chosen; how it is rated, machines learn better that learn nothing
else. The user-oriented one answers for anybody, the item-oriented one for users that were there at
training; `blending` lets them answer together.
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
from recsvc.rbm.rating_ensemble.blend import Blend, ExpertOutputs, discretised_normal
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

USER_STREAM, ITEM_STREAM = 1, 2  # so that the two machines do not begin alike


@dataclass(frozen=True)
class RatingPredictor:
    """One fine-tuned machine: what folds cases in, and what answers."""

    params: Params
    predictor: Predictor

    @classmethod
    def of(cls, params: Params) -> "RatingPredictor":
        """Prepare to answer."""
        return cls(params, Predictor.of(params))

    def hidden(self, cases: RatingMatrix) -> Floats:
        """P(h = 1 | ratings) of all cases, as the predictor wants it, (n_cases, width)."""
        return self.predictor.fitted(masked.hidden_probabilities(self.params, cases))


@dataclass(frozen=True)
class RatingEnsemble:
    """Both machines, and what their blend is made of.

    by_user       items are its visible units
    by_item       users are its visible units
    item_hidden   (n_items, width) of the item-oriented machine's cases
    user_bias     (n_users,) and
    item_bias     (n_items,) of what user and item are expected to differ from
    mean          that of all ratings
    item_counts   (n_items,) ratings that the items are answered from
    values        (n_levels,) what the levels stand for
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
    def of(
        cls,
        by_user: Params,
        by_item: Params,
        train: RatingMatrix,
        validation: RatingMatrix,
        values: Doubles,
    ) -> "RatingEnsemble":
        """Blend two machines that have learned from `train`, by what they say of `validation`."""
        biases = Biases.fit(train, values)
        raters = cls(
            RatingPredictor.of(by_user),
            RatingPredictor.of(by_item),
            Blend.unfitted(values.size),
            np.empty((0, 0), dtype=np.float32),
            biases.user_bias,
            biases.item_bias,
            biases.mean,
            np.empty(0, dtype=np.int64),
            values,
        ).answering_from(train)
        users, items = validation.users().astype(np.int64), validation.items.astype(np.int64)
        hidden, counts = raters.by_user.hidden(train), np.diff(train.indptr)
        answers = raters.answers(hidden, users, users, items, counts[users], in_parallel=True)
        return replace(raters, blend=Blend.fit(answers, validation.levels))

    def answering_from(self, ratings: RatingMatrix) -> "RatingEnsemble":
        """Let the items be as these ratings say; rows are the users of training."""
        return replace(
            self,
            item_hidden=self.by_item.hidden(ratings.transpose()),
            item_counts=ratings.item_counts(),
        )

    def fold_in(self, items: Numbers, levels: Levels) -> Floats:
        """P(h = 1 | a user's ratings) of the user-oriented machine, (width,)."""
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
        """p(level) of each (user, item), (n, n_levels); arguments as in `answers`."""
        answers = self.answers(hidden, cases, users, items, user_counts, in_parallel=in_parallel)
        return self.blend.level_probabilities(
            answers, knows_user=users >= 0, knows_item=np.ones(items.size, dtype=np.bool_)
        )

    def answers(
        self,
        hidden: Floats,
        cases: Ints,
        users: Ints,
        items: Ints,
        user_counts: Ints,
        *,
        in_parallel: bool = False,
    ) -> ExpertOutputs:
        """What either machine says.

        hidden       (n_cases, width) users folded in
        cases        (n,) the row of `hidden` of each user
        users        (n,) the user's number at training, −1 for somebody who came later
        items        (n,) numbers at training
        user_counts  (n,) ratings that the user is folded in from
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
            discretised_normal(expected, self.values),
            user_counts,
            self.item_counts[items],
        )


def fits_memory(n_users: int, n_items: int, n_levels: int) -> bool:
    """Tell whether even the smallest machine of either kind stays within bounds of memory."""
    return MIN_HIDDEN * n_levels * max(n_users, n_items) <= 2 * MAX_WEIGHTS


def train_ensemble(
    train: RatingMatrix, validation: RatingMatrix, values: Doubles, *, most_epochs: int, seed: int
) -> Iterator[FinetuningReport | RatingEnsemble]:
    """Fine-tune both machines; yield each epoch's report, and the raters at last.

    rows  are users
    """
    learned = []
    for stream, transposed in ((USER_STREAM, False), (ITEM_STREAM, True)):
        parts = (train.transpose(), validation.transpose()) if transposed else (train, validation)
        data = TrainingData(*parts, values)
        suited = FinetuningConfig.suited(data.train, values.size)
        settings = replace(suited, epochs=min(suited.epochs, most_epochs))
        rng = np.random.default_rng([seed, 3, stream])
        params = initial_params(data.train, values.size, settings, rng=rng)
        state = FinetuningState.initial(params)
        for report, reached in finetune(data, settings, seed=seed, state=state):
            state = reached
            yield report
        learned.append(state.best_params)
    yield RatingEnsemble.of(learned[0], learned[1], train, validation, values)
