"""Fine-tuning: a machine learns to predict a random part of a case's ratings from the others.

Contrastive divergence learns a joint distribution of ratings; fine-tuning learns to predict them.
The loss of a rating is a mixture of −log p(level | input ratings) and the squared error of the
expected rating. The parameters are those of the masked machine, so `masked.Predictor` predicts from
them exactly.

The cases are users, or items for a transposed matrix. The item-oriented machine predicts ratings
better, and a blend of both is best: see `blend`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from recsvc.errors import Diverged
from recsvc.rbm.arrays import Doubles, Floats
from recsvc.rbm.kernels import rating_ensemble as kernels
from recsvc.rbm.kernels import streams
from recsvc.rbm.machines import masked
from recsvc.rbm.monitoring.epoch_evaluator import mean_nll
from recsvc.rbm.params import Params, base_rates
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.training.batches import Batch, iter_batches
from recsvc.rbm.training.trainer import TrainingData

ADAM_BETA1 = 0.9
ADAM_BETA2 = 0.999

MAX_WEIGHTS = 12_000_000  # each has five copies, 240 MB at most
MIN_HIDDEN, MAX_HIDDEN = 16, 320
MAX_BATCHES = 200
SMALL_DATA_RATINGS = 300_000
REFERENCE_SPAN = 4.0


@dataclass(frozen=True)
class FinetuningConfig:
    """The settings of fine-tuning; `from_data` returns the best ones known for a matrix.

    n_hidden        hidden units
    initial_weight  standard deviation of the initial increments of weights between levels
    epochs          most passes over the cases
    batch_size      cases in a minibatch
    learning_rate   of Adam
    weight_decay    of the increments, for each unit in a batch
    input_share     share of a case's ratings that the others are predicted from
    error_share     share of the squared error in the loss; the rest is −log p
    averaging       weight of past epochs in the running average of the parameters
    patience        epochs without a better validation RMSE before training stops
    """

    n_hidden: int = 96
    initial_weight: float = 0.05
    epochs: int = 40
    batch_size: int = 64
    learning_rate: float = 0.002
    weight_decay: float = 0.2
    input_share: float = 0.3
    error_share: float = 0.3
    averaging: float = 0.75
    patience: int = 2

    @classmethod
    def from_data(cls, cases: RatingMatrix, n_levels: int) -> "FinetuningConfig":
        """Choose the settings for a matrix whose rows are the cases: users, or items.

        80 hidden units for 80,000 ratings, 160 for 900,000, fewer for many visible units × levels:
        32 for the 53,000 users of goodbooks, 64 for the 16,500 users × 11 levels of
        movietweetings. Batches have 64 or 128 cases, or more to keep their number at 200. The
        other settings were found on MovieLens (decision 51) and do not diverge on these data.
        """
        usual = SMALL_DATA_CONFIG if cases.n_ratings <= SMALL_DATA_RATINGS else LARGE_DATA_CONFIG
        return replace(
            usual,
            n_hidden=choose_n_hidden(cases.n_items, cases.n_ratings, n_levels),
            batch_size=max(usual.batch_size, ceil(cases.n_users / MAX_BATCHES)),
        )


SMALL_DATA_CONFIG = FinetuningConfig()
LARGE_DATA_CONFIG = FinetuningConfig(epochs=12, batch_size=128, learning_rate=0.003, averaging=0.5)


def choose_n_hidden(n_visible: int, n_ratings: int, n_levels: int) -> int:
    """Return a multiple of 16 that grows with the ratings and is limited by memory."""
    by_ratings = max(80.0, 0.18 * np.sqrt(n_ratings))
    by_memory = MAX_WEIGHTS / max(1, n_visible * n_levels)
    wanted = int(min(by_ratings, by_memory)) // 16 * 16
    return min(max(wanted, MIN_HIDDEN), MAX_HIDDEN)


@dataclass(frozen=True)
class FinetuningReport:
    """One point of the error curve; validation metrics are those of the averaged parameters.

    train_nll, train_rmse            of the ratings predicted during the epoch
    validation_nll, validation_rmse  of validation ratings, predicted exactly from all train ratings
    """

    epoch: int
    learning_rate: float
    train_nll: float
    train_rmse: float
    validation_nll: float | None = None
    validation_rmse: float | None = None


@dataclass(frozen=True)
class FinetuningState:
    """The state after an epoch, from which fine-tuning can resume exactly.

    The trainer overwrites all arrays but `best_params` in the next epoch. Save or copy them before
    requesting it.

    mean, square  Adam's moments of the slopes along increments between levels
    best_params   the averaged parameters of the best epoch, used for predictions
    """

    epoch: int
    steps: int
    params: Params
    mean: Params
    square: Params
    averaged: Params
    best_epoch: int
    best_rmse: float
    best_params: Params

    @classmethod
    def initial(cls, params: Params) -> "FinetuningState":
        """Return the state before the first epoch, with zero moments."""
        at_rest = params.zeros_like(), params.zeros_like()
        return cls(0, 0, params, *at_rest, params.copy(), 0, float("inf"), params.copy())


def initial_params(
    cases: RatingMatrix, n_levels: int, config: FinetuningConfig, *, rng: np.random.Generator
) -> Params:
    """Return small random weights, and biases from each visible unit's shares of levels.

    The weights of neighbouring levels differ by small random increments, so that a hidden unit
    has similar effects on neighbouring levels.
    """
    shape = (cases.n_items, n_levels, config.n_hidden)
    weights = rng.standard_normal(shape, dtype=np.float32)
    weights *= np.float32(config.initial_weight)
    np.cumsum(weights, axis=1, out=weights)
    return Params(
        weights=weights,
        visible_bias=np.log(base_rates(cases, n_levels)).astype(np.float32),
        hidden_bias=np.zeros(config.n_hidden, dtype=np.float32),
    )


def finetune(
    data: TrainingData, config: FinetuningConfig, *, seed: int, state: FinetuningState
) -> Iterator[tuple[FinetuningReport, FinetuningState]]:
    """Yield a report and the state after every epoch; stop iterating to stop.

    Fine-tuning ends after `config.epochs`, or if the validation RMSE has not improved for
    `config.patience` epochs. Without validation ratings the last epoch is the best. The same
    state, data and seed produce the same bits with any number of threads.

    Raises Diverged if a parameter is not finite.
    """
    while state.epoch < config.epochs and state.epoch - state.best_epoch < config.patience:
        state, report = _run_epoch(state, data, config, seed=seed)
        report, state = _evaluate_epoch(report, state, data)
        yield report, state


def _run_epoch(
    state: FinetuningState, data: TrainingData, config: FinetuningConfig, *, seed: int
) -> tuple[FinetuningState, FinetuningReport]:
    """Train on all cases once; the state's arrays change in place."""
    epoch, steps = state.epoch + 1, state.steps
    losses = np.zeros(3)
    for batch in iter_batches(data.train, config.batch_size, seed=seed, epoch=epoch):
        steps += 1
        gradient = predict_withheld(
            state.params, batch, data.values, config, seed=seed, epoch=epoch
        )
        take_adam_step(state, batch, gradient, config, steps=steps)
        losses += gradient.losses.sum(axis=0)
    if not state.params.is_finite():
        raise Diverged(epoch, config.learning_rate)
    _update_average(state.averaged, state.params, config.averaging if epoch > 1 else 0.0)
    nll, squares = losses[:2] / max(1.0, losses[2])
    step_of_scale = 1.0 / _normalise_values(data.values)[1]
    report = FinetuningReport(
        epoch, config.learning_rate, float(nll), float(np.sqrt(squares) * step_of_scale)
    )
    return replace(state, epoch=epoch, steps=steps), report


@dataclass(frozen=True)
class FinetuningGradient:
    """The gradient of a batch, with its inputs and losses: see `kernels.predict_withheld`."""

    is_input: np.ndarray
    level_slopes: Floats
    hidden: Floats
    hidden_slopes: Floats
    losses: Doubles


def predict_withheld(
    params: Params,
    batch: Batch,
    values: Doubles,
    config: FinetuningConfig,
    *,
    seed: int,
    epoch: int,
) -> FinetuningGradient:
    """Predict each case's withheld ratings from a random share of its ratings.

    Apart from the order of the cases, fine-tuning has no other randomness.
    """
    n_ratings, n_cases, n_hidden = batch.items.size, batch.users.size, params.hidden_bias.size
    gradient = FinetuningGradient(
        is_input=np.empty(n_ratings, dtype=np.bool_),
        level_slopes=np.empty((n_ratings, values.size), dtype=np.float32),
        hidden=np.empty((n_cases, n_hidden), dtype=np.float32),
        hidden_slopes=np.empty((n_cases, n_hidden), dtype=np.float32),
        losses=np.empty((n_cases, 3)),
    )
    keys = np.empty(n_cases, dtype=np.uint64)
    streams(seed, epoch, batch.users, keys)
    kernels.predict_withheld(
        params.weights,
        params.visible_bias,
        params.hidden_bias,
        _normalise_values(values)[0],
        batch.indptr,
        batch.items,
        batch.levels,
        keys,
        np.float32(config.input_share),
        _input_scale(config),
        np.float32(config.error_share),
        gradient.is_input,
        gradient.level_slopes,
        gradient.hidden,
        gradient.hidden_slopes,
        gradient.losses,
    )
    return gradient


def _input_scale(config: FinetuningConfig) -> np.float32:
    """Return the weight of input ratings: the geometric mean of 1 and 1 / input_share."""
    return np.float32(config.input_share**-0.5)


def _normalise_values(values: Doubles) -> tuple[Floats, float]:
    """Return the values rescaled to the span of a scale of five levels, and the factor.

    The squared error then has the same weight relative to −log p on every scale.
    """
    span = float(values[-1] - values[0])
    factor = REFERENCE_SPAN / span if span > 0 else 1.0
    return ((values - values[0]) * factor).astype(np.float32), factor


def take_adam_step(
    state: FinetuningState,
    batch: Batch,
    gradient: FinetuningGradient,
    config: FinetuningConfig,
    *,
    steps: int,
) -> None:
    """Step parameters and moments by Adam, in place; `steps` includes this step."""
    params, mean, square = state.params, state.mean, state.square
    rate = np.float32(config.learning_rate / (1.0 - ADAM_BETA1**steps))
    unbias = np.float32(1.0 / (1.0 - ADAM_BETA2**steps))
    kept, kept_square = np.float32(ADAM_BETA1), np.float32(ADAM_BETA2)
    kernels.finetuning_step(
        params.weights,
        params.visible_bias,
        mean.weights,
        square.weights,
        mean.visible_bias,
        square.visible_bias,
        batch.item_indptr,
        batch.rows,
        batch.places,
        batch.levels,
        gradient.is_input,
        gradient.level_slopes,
        gradient.hidden,
        gradient.hidden_slopes,
        _input_scale(config),
        rate,
        kept,
        kept_square,
        unbias,
        np.float32(config.weight_decay),
    )
    with np.errstate(over="ignore", invalid="ignore"):  # the trainer raises Diverged
        slope = gradient.hidden_slopes.sum(axis=0)
        mean.hidden_bias[:] = kept * mean.hidden_bias + (1 - kept) * slope
        square.hidden_bias[:] = kept_square * square.hidden_bias + (1 - kept_square) * slope**2
        root = np.sqrt(square.hidden_bias * unbias) + kernels.ADAM_EPSILON
        params.hidden_bias[:] -= rate * mean.hidden_bias / root


def _update_average(averaged: Params, params: Params, kept: float) -> None:
    """Set the average to kept · average + (1 − kept) · params, in place."""
    for average, now in zip(averaged.arrays().values(), params.arrays().values(), strict=True):
        average *= np.float32(kept)
        average += np.float32(1.0 - kept) * now


def _evaluate_epoch(
    report: FinetuningReport, state: FinetuningState, data: TrainingData
) -> tuple[FinetuningReport, FinetuningState]:
    """Evaluate the averaged parameters, and keep a copy if they are the best so far."""
    nll, rmse = _validation_metrics(state.averaged, data)
    if rmse is not None and rmse >= state.best_rmse:
        return replace(report, validation_nll=nll, validation_rmse=rmse), state
    reached = replace(
        state,
        best_epoch=state.epoch,
        best_rmse=state.best_rmse if rmse is None else rmse,
        best_params=state.averaged.copy(),
    )
    return replace(report, validation_nll=nll, validation_rmse=rmse), reached


def _validation_metrics(
    params: Params, data: TrainingData
) -> tuple[float, float] | tuple[None, None]:
    """Return NLL and RMSE of validation ratings, predicted exactly from train ratings."""
    validation = data.validation
    if validation.n_ratings == 0:
        return None, None
    cases, visible = validation.users().astype(np.int64), validation.items.astype(np.int64)
    hidden = masked.hidden_probabilities(params, data.train)
    predictor = masked.Predictor.from_params(params)
    shares = predictor.level_probabilities(hidden, cases, visible, in_parallel=True)
    errors = shares @ data.values - data.values[validation.levels]
    return mean_nll(shares, validation.levels), float(np.sqrt(np.mean(np.square(errors))))
