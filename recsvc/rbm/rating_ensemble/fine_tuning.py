"""Fine-tuning: a machine learns to predict a random half of a case's ratings from the other half.

Contrastive divergence learns how ratings go together; this learns to predict them, which is what
the expected rating is asked for. The loss of a rating is a mixture of −log p(level | the shown
half) and the squared error of the expected rating. Parameters stay those of the masked machine,
and `units.Predictor` answers from them, exactly.

The cases are users, or items where the matrix is transposed: the item-oriented machine rates
better, a blend of both better still (`blending`).
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

MAX_WEIGHTS = 12_000_000  # each is held five times: 240 MB at most
MIN_HIDDEN, MAX_HIDDEN = 16, 320
MAX_BATCHES = 200
SMALL_DATA_RATINGS = 300_000
REFERENCE_SPAN = 4.0


@dataclass(frozen=True)
class FinetuningConfig:
    """How to fine-tune. `suited` gives what was found best for a matrix's shape.

    n_hidden        hidden units of a machine that starts here
    initial_weight  standard deviation of its weights' first increments between levels
    epochs          passes over the cases, at most
    batch_size      cases in a minibatch
    learning_rate   Adam's
    weight_decay    pull of the increments towards zero, a unit in a batch
    shown_share     share of a case's ratings that the others are predicted from
    error_share     share of the squared error in the loss; the rest is −log p
    averaging       share of the average of past epochs' parameters that the next epoch keeps
    patience        epochs without a better validation RMSE before the end
    """

    n_hidden: int = 96
    initial_weight: float = 0.05
    epochs: int = 40
    batch_size: int = 64
    learning_rate: float = 0.002
    weight_decay: float = 0.2
    shown_share: float = 0.3
    error_share: float = 0.3
    averaging: float = 0.75
    patience: int = 2

    @classmethod
    def suited(cls, cases: RatingMatrix, n_levels: int) -> "FinetuningConfig":
        """Choose for a matrix whose rows are the cases: users, or items if transposed.

        80 hidden units for 80,000 ratings, 160 for 900,000, fewer where units × levels are many:
        32 for the 53,000 users of goodbooks, 64 for the 16,500 users × 11 levels of
        movietweetings. Batches of 64 or 128 cases, larger where they would be more than 200. The
        rest was found on MovieLens (decision 51) and trains without diverging on all of these.
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
    """Choose more hidden units for more ratings, as far as memory goes; a multiple of 16."""
    by_ratings = max(80.0, 0.18 * np.sqrt(n_ratings))
    by_memory = MAX_WEIGHTS / max(1, n_visible * n_levels)
    wanted = int(min(by_ratings, by_memory)) // 16 * 16
    return min(max(wanted, MIN_HIDDEN), MAX_HIDDEN)


@dataclass(frozen=True)
class FinetuningReport:
    """One point of the error curve, of the averaged parameters where it says validation.

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
    """Everything needed to go on after an epoch as if nothing had happened.

    The arrays belong to the trainer, which overwrites all but `best_params` in the next epoch: save
    or copy them before asking for it. mean and square are Adam's, along increments between levels.

    best_params  the averaged parameters of the best epoch: those to answer from
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
        """Begin with these parameters, at rest."""
        at_rest = params.zeros_like(), params.zeros_like()
        return cls(0, 0, params, *at_rest, params.copy(), 0, float("inf"), params.copy())


def initial_params(
    cases: RatingMatrix, n_levels: int, settings: FinetuningConfig, *, rng: np.random.Generator
) -> Params:
    """Begin at what each visible unit's own shares of levels predict.

    The weights of neighbouring levels differ by small random increments, so that what a hidden
    unit makes of one level is near what it makes of the next.
    """
    shape = (cases.n_items, n_levels, settings.n_hidden)
    weights = rng.standard_normal(shape, dtype=np.float32)
    weights *= np.float32(settings.initial_weight)
    np.cumsum(weights, axis=1, out=weights)
    return Params(
        weights=weights,
        visible_bias=np.log(base_rates(cases, n_levels)).astype(np.float32),
        hidden_bias=np.zeros(settings.n_hidden, dtype=np.float32),
    )


def finetune(
    data: TrainingData, settings: FinetuningConfig, *, seed: int, state: FinetuningState
) -> Iterator[tuple[FinetuningReport, FinetuningState]]:
    """Yield a report and the state after every epoch; stop asking to stop.

    Ends by itself after `settings.epochs`, or when the validation RMSE has not improved for
    `settings.patience` epochs. Without validation ratings the last epoch is the best. The same
    state, data and seed give the same bits, whatever the number of threads.
    Raises Diverged when a parameter stops being finite.
    """
    while state.epoch < settings.epochs and state.epoch - state.best_epoch < settings.patience:
        state, report = _run_epoch(state, data, settings, seed=seed)
        report, state = _evaluate_epoch(report, state, data)
        yield report, state


def _run_epoch(
    state: FinetuningState, data: TrainingData, settings: FinetuningConfig, *, seed: int
) -> tuple[FinetuningState, FinetuningReport]:
    """Go through all cases once, moving the state's arrays; nothing is evaluated."""
    epoch, steps = state.epoch + 1, state.steps
    losses = np.zeros(3)
    for batch in iter_batches(data.train, settings.batch_size, seed=seed, epoch=epoch):
        steps += 1
        slopes = predict_withheld(
            state.params, batch, data.values, settings, seed=seed, epoch=epoch
        )
        take_adam_step(state, batch, slopes, settings, steps=steps)
        losses += slopes.losses.sum(axis=0)
    if not state.params.is_finite():
        raise Diverged(epoch, settings.learning_rate)
    _update_average(state.averaged, state.params, settings.averaging if epoch > 1 else 0.0)
    nll, squares = losses[:2] / max(1.0, losses[2])
    step_of_scale = 1.0 / _normalise_values(data.values)[1]
    report = FinetuningReport(
        epoch, settings.learning_rate, float(nll), float(np.sqrt(squares) * step_of_scale)
    )
    return replace(state, epoch=epoch, steps=steps), report


@dataclass(frozen=True)
class FinetuningGradient:
    """What predicting the hidden half of a batch says: see `kernels.predict_withheld`."""

    shown: np.ndarray
    level_pulls: Floats
    hidden: Floats
    hidden_pulls: Floats
    losses: Doubles


def predict_withheld(
    params: Params,
    batch: Batch,
    values: Doubles,
    settings: FinetuningConfig,
    *,
    seed: int,
    epoch: int,
) -> FinetuningGradient:
    """Show a random share of each case's ratings and predict the others from it.

    All the chance of fine-tuning is here, but for the order of the cases.
    """
    n_ratings, n_cases, n_hidden = batch.items.size, batch.users.size, params.hidden_bias.size
    slopes = FinetuningGradient(
        shown=np.empty(n_ratings, dtype=np.bool_),
        level_pulls=np.empty((n_ratings, values.size), dtype=np.float32),
        hidden=np.empty((n_cases, n_hidden), dtype=np.float32),
        hidden_pulls=np.empty((n_cases, n_hidden), dtype=np.float32),
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
        np.float32(settings.shown_share),
        _input_scale(settings),
        np.float32(settings.error_share),
        slopes.shown,
        slopes.level_pulls,
        slopes.hidden,
        slopes.hidden_pulls,
        slopes.losses,
    )
    return slopes


def _input_scale(settings: FinetuningConfig) -> np.float32:
    """What shown ratings count for: midway between once and as much as all ratings will."""
    return np.float32(settings.shown_share**-0.5)


def _normalise_values(values: Doubles) -> tuple[Floats, float]:
    """Give the values as if the scale had five levels, and the factor that this takes.

    So the squared error weighs as much beside −log p on a scale of 0 … 10 as on one of 1 … 5.
    """
    span = float(values[-1] - values[0])
    factor = REFERENCE_SPAN / span if span > 0 else 1.0
    return ((values - values[0]) * factor).astype(np.float32), factor


def take_adam_step(
    state: FinetuningState,
    batch: Batch,
    slopes: FinetuningGradient,
    settings: FinetuningConfig,
    *,
    steps: int,
) -> None:
    """Move parameters and running means by one step of Adam, in place; `steps` counts this one."""
    params, mean, square = state.params, state.mean, state.square
    rate = np.float32(settings.learning_rate / (1.0 - ADAM_BETA1**steps))
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
        slopes.shown,
        slopes.level_pulls,
        slopes.hidden,
        slopes.hidden_pulls,
        _input_scale(settings),
        rate,
        kept,
        kept_square,
        unbias,
        np.float32(settings.weight_decay),
    )
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is told as Diverged
        slope = slopes.hidden_pulls.sum(axis=0)
        mean.hidden_bias[:] = kept * mean.hidden_bias + (1 - kept) * slope
        square.hidden_bias[:] = kept_square * square.hidden_bias + (1 - kept_square) * slope**2
        root = np.sqrt(square.hidden_bias * unbias) + kernels.ADAM_EPSILON
        params.hidden_bias[:] -= rate * mean.hidden_bias / root


def _update_average(averaged: Params, params: Params, kept: float) -> None:
    """Let the average keep a share of itself and take the rest from params, in place."""
    for average, now in zip(averaged.arrays().values(), params.arrays().values(), strict=True):
        average *= np.float32(kept)
        average += np.float32(1.0 - kept) * now


def _evaluate_epoch(
    report: FinetuningReport, state: FinetuningState, data: TrainingData
) -> tuple[FinetuningReport, FinetuningState]:
    """Measure the averaged parameters and remember them if they are the best so far."""
    nll, rmse = _validation_metrics(state.averaged, data)
    if rmse is not None and rmse >= state.best_rmse:
        return replace(report, validation_nll=nll, validation_rmse=rmse), state
    judged = replace(
        state,
        best_epoch=state.epoch,
        best_rmse=state.best_rmse if rmse is None else rmse,
        best_params=state.averaged.copy(),
    )
    return replace(report, validation_nll=nll, validation_rmse=rmse), judged


def _validation_metrics(
    params: Params, data: TrainingData
) -> tuple[float, float] | tuple[None, None]:
    """NLL and RMSE of validation ratings, predicted exactly from the case's train ratings."""
    asked = data.validation
    if asked.n_ratings == 0:
        return None, None
    cases, visible = asked.users().astype(np.int64), asked.items.astype(np.int64)
    hidden = masked.hidden_probabilities(params, data.train)
    predictor = masked.Predictor.of(params)
    shares = predictor.level_probabilities(hidden, cases, visible, in_parallel=True)
    errors = shares @ data.values - data.values[asked.levels]
    return mean_nll(shares, asked.levels), float(np.sqrt(np.mean(np.square(errors))))
