"""The trainer: a generator of epochs whose state is a value that can be saved and taken up."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import inf, isfinite
from typing import NamedTuple

import numpy as np

from recsvc.errors import Diverged
from recsvc.rbm.arrays import Doubles, Floats
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.machines.functions import machine_functions
from recsvc.rbm.model_kind import MACHINES, Learner, ModelKind
from recsvc.rbm.monitoring.epoch_evaluator import EpochEvaluator, EpochMetrics
from recsvc.rbm.params import Params
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale
from recsvc.rbm.training import (
    conditional_likelihood,
    contrastive_divergence,
    optimizer,
    replicated_softmax,
)
from recsvc.rbm.training.schedules import EpochSettings, epoch_settings, plateau_epochs

FIRST_LIKED_FROM_SCALE = -1
RATIO_WEIGHTS = 512  # of each hidden unit, to tell the length of a step


@dataclass(frozen=True)
class TrainingData:
    """What a machine learns from; of an item-oriented one, the rows are items.

    train, validation  matrices of one shape that share no rating
    values             (n_levels,) the rating that each level stands for
    first_liked        the lowest level that lists are measured by, if not that of the scale
    """

    train: RatingMatrix
    validation: RatingMatrix
    values: Doubles
    first_liked: int = FIRST_LIKED_FROM_SCALE

    def __post_init__(self) -> None:
        if self.first_liked == FIRST_LIKED_FROM_SCALE:
            scale = RatingScale(tuple(self.values.tolist())) if self.values.size else None
            object.__setattr__(self, "first_liked", scale.first_liked if scale else 0)

    @property
    def n_levels(self) -> int:
        """Levels of the scale."""
        return self.values.size


@dataclass(frozen=True, kw_only=True)
class EpochReport(EpochMetrics):
    """One point of the error curve. Epoch 0 is the machine before its first step.

    reconstruction_error    RMSE between ratings and their one-step reconstructions
    kept_levels             share of ratings that the chain gave back as they were
    update_to_weight_ratio  RMS of the epoch's last step over RMS of the weights, on up to 512
                            weights of each hidden unit, evenly spread over items and levels
    largest_weight          max |W|
    rollbacks               how often so far training has diverged and gone back to its best epoch;
                            an epoch that diverged has the figures of that one
    """

    epoch: int
    learning_rate: float
    momentum: float
    cd_steps: int
    largest_weight: float
    reconstruction_error: float | None = None
    kept_levels: float | None = None
    update_to_weight_ratio: float | None = None
    rollbacks: int = 0

    def is_finite(self) -> bool:
        """Tell whether every figure that was measured is a number."""
        return all(isfinite(figure) for figure in vars(self).values() if figure is not None)


class ReconstructionMetrics(NamedTuple):
    """What the Gibbs chains of an epoch made of the ratings, as EpochReport has it."""

    error: float | None = None
    kept_levels: float | None = None


@dataclass(frozen=True)
class TrainerState:
    """Everything needed to go on after an epoch as if nothing had happened.

    velocity  the last step of a masked machine; of a joint one, Adam's mean of past gradients
    square    Adam's mean of their squares, zeros where the machine is masked
    halvings  how often the "plateau" schedule has halved the learning rate,
    halved_at the last time after this epoch
    rollbacks how often training has diverged and gone on from its best epoch

    The arrays belong to the trainer, which overwrites them in the next epoch, all but the best
    parameters: save or copy them before asking for it.
    """

    epoch: int
    params: Params
    velocity: Params
    square: Params
    best_epoch: int
    best_nll: float
    best_params: Params
    best_ndcg: float = -inf
    halvings: int = 0
    halved_at: int = 0
    rollbacks: int = 0

    @classmethod
    def initial(cls, params: Params) -> "TrainerState":
        """Begin with these parameters, at rest."""
        rest = params.zeros_like(), params.zeros_like()
        return cls(0, params, *rest, 0, inf, params.copy())


def train(
    data: TrainingData,
    hyper: Hyperparameters,
    *,
    seed: int,
    state: TrainerState,
    model_kind: ModelKind = "joint_rbm",
) -> Iterator[tuple[EpochReport, TrainerState]]:
    """Yield a report and the trainer's state after every epoch; stop asking to stop training.

    Ends by itself after `hyper.epochs`, or when no epoch has been better for `hyper.patience`
    epochs, those of the warm-up not counted: by validation nDCG@10 of a joint machine, by
    validation NLL on ties and of the other kinds. Without validation ratings the last epoch is the
    best. The same state, data and seed give the same bits, whatever the number of threads.
    When a parameter stops being finite, training goes on from the best epoch at a tenth of the
    rate, `hyper.rollbacks` times; then it raises Diverged.
    """
    monitor = build_evaluator(data, model_kind, seed=seed)
    if state.epoch == 0:
        state, report = _evaluate_epoch(
            state,
            monitor,
            hyper,
            EpochSettings(0.0, 0.0, 0),
            epoch=0,
            largest_weight=state.params.largest_weight(),
        )
        yield report, state
    while state.epoch < hyper.epochs and not _is_stalled(state, hyper):
        epoch = state.epoch + 1
        now = epoch_settings(hyper, epoch, halvings=state.halvings, rollbacks=state.rollbacks)
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is told below
            reached = _run_epoch(state, data, hyper, now, monitor, seed, model_kind)
        if reached is None:
            if state.rollbacks == hyper.rollbacks or not state.best_params.is_finite():
                raise Diverged(epoch, now.learning_rate)
            back = _roll_back(state, epoch)
            largest = back.params.largest_weight()
            reached = _evaluate_epoch(
                back, monitor, hyper, now, epoch=epoch, largest_weight=largest
            )
        state, report = reached
        yield report, state


def build_evaluator(data: TrainingData, model_kind: ModelKind, *, seed: int) -> EpochEvaluator:
    """Give what measures every epoch of a run on this data."""
    return EpochEvaluator.of(
        machine_functions(model_kind),
        data.train,
        data.validation,
        data.values,
        seed=seed,
        first_liked=data.first_liked if MACHINES[model_kind].makes_lists else None,
    )


def _run_epoch(
    state: TrainerState,
    data: TrainingData,
    hyper: Hyperparameters,
    now: EpochSettings,
    monitor: EpochEvaluator,
    seed: int,
    model_kind: ModelKind,
) -> tuple[TrainerState, EpochReport] | None:
    """Learn one epoch and measure it. None: parameters, or their sums, are no finite numbers."""
    epoch = state.epoch + 1
    learn = LEARNERS[MACHINES[model_kind].learner]
    reconstructions = learn(state, data, hyper, now, seed=seed, epoch=epoch)
    largest = state.params.largest_weight()  # one look at all weights tells this, too
    if not (isfinite(largest) and state.params.has_finite_biases()):
        return None
    reached, report = _evaluate_epoch(
        state, monitor, hyper, now, epoch=epoch, largest_weight=largest
    )
    report = replace(
        report,
        update_to_weight_ratio=update_to_weight_ratio(state, now.learning_rate, model_kind),
        reconstruction_error=reconstructions.error,
        kept_levels=reconstructions.kept_levels,
    )
    return (reached, report) if report.is_finite() else None


def _roll_back(state: TrainerState, epoch: int) -> TrainerState:
    """Stand at the best epoch again, at rest."""
    rest = state.params.zeros_like(), state.params.zeros_like()
    return replace(
        state,
        params=state.best_params.copy(),
        velocity=rest[0],
        square=rest[1],
        halved_at=epoch,
        rollbacks=state.rollbacks + 1,
    )


def learn_epoch(
    state: TrainerState,
    data: TrainingData,
    hyper: Hyperparameters,
    now: EpochSettings,
    *,
    seed: int,
    epoch: int,
) -> ReconstructionMetrics:
    """Go through all train ratings once, moving the state's arrays; nothing is evaluated."""
    confusions = contrastive_divergence.learn_epoch(
        state.params, state.velocity, data.train, hyper, now, seed=seed, epoch=epoch
    )
    errors = np.subtract.outer(data.values, data.values)
    squared_error = np.einsum("gm,gm,gm->", confusions, errors, errors)
    n_ratings = data.train.n_ratings
    kept = float(np.trace(confusions) / n_ratings)
    return ReconstructionMetrics(float(np.sqrt(squared_error / n_ratings)), kept)


def learn_joint_epoch(
    state: TrainerState,
    data: TrainingData,
    hyper: Hyperparameters,
    now: EpochSettings,
    *,
    seed: int,
    epoch: int,
) -> ReconstructionMetrics:
    """Do the same for a joint machine, which does not measure its reconstructions."""
    moments = optimizer.Moments(state.velocity, state.square)
    if hyper.objective == "contrastive":
        replicated_softmax.learn_epoch(
            state.params,
            moments,
            data.train,
            hyper,
            learning_rate=now.learning_rate,
            cd_steps=now.cd_steps,
            seed=seed,
            epoch=epoch,
        )
        return ReconstructionMetrics()
    conditional_likelihood.learn_epoch(
        state.params,
        moments,
        data.train,
        hyper,
        learning_rate=now.learning_rate,
        seed=seed,
        epoch=epoch,
    )
    return ReconstructionMetrics()


LEARNERS: dict[Learner, Callable[..., ReconstructionMetrics]] = {
    "masked": learn_epoch,
    "joint": learn_joint_epoch,
}


def _is_stalled(state: TrainerState, hyper: Hyperparameters) -> bool:
    """Tell whether waiting is over.

    Small weights grow slowly at first and the curve is flat until they break the symmetry, so
    the warm-up does not count.
    """
    return state.epoch - max(state.best_epoch, hyper.warm_up_epochs) >= hyper.patience


def _evaluate_epoch(
    state: TrainerState,
    monitor: EpochEvaluator,
    hyper: Hyperparameters,
    now: EpochSettings,
    *,
    epoch: int,
    largest_weight: float,
) -> tuple[TrainerState, EpochReport]:
    """Measure the parameters and remember them if they are the best so far."""
    figures = monitor.measure(state.params)
    judged = replace(state, epoch=epoch)
    if _is_better(figures, state):
        nll, ndcg = figures.validation_nll, figures.validation_ndcg
        judged = replace(
            judged,
            best_epoch=epoch,
            best_nll=state.best_nll if nll is None else nll,
            best_ndcg=state.best_ndcg if ndcg is None else ndcg,
            best_params=state.params.copy(),
        )
    elif _is_flat(judged, hyper):
        judged = replace(judged, halvings=state.halvings + 1, halved_at=epoch)
    report = EpochReport(
        epoch=epoch,
        learning_rate=now.learning_rate,
        momentum=now.momentum,
        cd_steps=now.cd_steps,
        largest_weight=largest_weight,
        rollbacks=state.rollbacks,
        hidden_activity=figures.hidden_activity,
        hidden_certainty=figures.hidden_certainty,
        saturated_units=figures.saturated_units,
        dead_units=figures.dead_units,
        unit_similarity=figures.unit_similarity,
        train_nll=figures.train_nll,
        train_free_energy=figures.train_free_energy,
        validation_nll=figures.validation_nll,
        validation_rmse=figures.validation_rmse,
        validation_ndcg=figures.validation_ndcg,
        validation_free_energy=figures.validation_free_energy,
        prediction_spread=figures.prediction_spread,
    )
    return judged, report


def _is_better(figures: EpochMetrics, state: TrainerState) -> bool:
    """Let lists decide where they are measured, and the NLL among equals; the last, by neither."""
    ndcg, nll = figures.validation_ndcg, figures.validation_nll
    if ndcg is not None and ndcg != state.best_ndcg:
        return ndcg > state.best_ndcg
    return nll < state.best_nll if nll is not None else ndcg is None


def _is_flat(state: TrainerState, hyper: Hyperparameters) -> bool:
    """Tell whether it is time to halve the rate, where the schedule does; not in the warm-up."""
    last = max(state.best_epoch, state.halved_at, hyper.warm_up_epochs)
    waits = hyper.learning_rate_schedule == "plateau"
    return waits and state.epoch - last >= plateau_epochs(hyper)


def update_to_weight_ratio(
    state: TrainerState, learning_rate: float, model_kind: ModelKind
) -> float:
    """RMS of the last step, taken at this learning rate, over RMS of the weights."""
    weights, step = _sample_weights(state.params.weights), _sample_weights(state.velocity.weights)
    if MACHINES[model_kind].uses_adam:
        step = learning_rate * optimizer.adam_steps(step, _sample_weights(state.square.weights))
    return _rms(step) / _rms(weights)


def _sample_weights(weights: Floats) -> Floats:
    """Take up to 512 items and levels, evenly spread, of all hidden units, (n, n_hidden)."""
    flat = weights.reshape(-1, weights.shape[-1])
    return flat[:: -(-len(flat) // RATIO_WEIGHTS) or 1]


def _rms(array: Floats) -> float:
    """Root mean square; 0 for nothing, tiny instead of 0 where it divides."""
    wide = array.astype(np.float64).ravel()  # a float32 square may overflow
    squares = np.einsum("i,i->", wide, wide)  # one thread: a product of two would not add up alike
    return float(np.sqrt(squares / wide.size) + np.finfo(np.float32).tiny)
