"""The trainer: a generator of epochs whose state can be saved and resumed."""

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
RATIO_WEIGHTS = 512  # of each hidden unit, to measure the length of a step


@dataclass(frozen=True)
class TrainingData:
    """The ratings of a training; the rows are items for an item-oriented machine.

    train, validation  matrices of one shape that share no rating
    values             (n_levels,) the rating that each level stands for
    first_liked        the lowest liked level in lists, by default that of the scale
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
        """Return the number of levels of the scale."""
        return self.values.size


@dataclass(frozen=True, kw_only=True)
class EpochReport(EpochMetrics):
    """One point of the error curve. Epoch 0 is the machine before its first step.

    reconstruction_error    RMSE between ratings and their one-step reconstructions
    kept_levels             share of ratings that the chain reconstructed at their level
    update_to_weight_ratio  RMS of the epoch's last step over RMS of the weights, on up to 512
                            weights of each hidden unit, evenly spread over items and levels
    largest_weight          max |W|
    rollbacks               number of returns to the best epoch so far, after training diverged;
                            the diverged epoch has the metrics of the best one
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
        """Return whether every measured metric is finite."""
        return all(isfinite(metric) for metric in vars(self).values() if metric is not None)


class ReconstructionMetrics(NamedTuple):
    """Metrics of the reconstructions of an epoch, as in EpochReport."""

    error: float | None = None
    kept_levels: float | None = None


@dataclass(frozen=True)
class TrainerState:
    """The state after an epoch, from which training can resume exactly.

    velocity   the last step of a masked machine; Adam's mean of past gradients of a joint one
    square     Adam's mean of squared gradients; zeros for a masked machine
    halvings   how often the "plateau" schedule has halved the learning rate
    halved_at  the epoch of the last halving
    rollbacks  how often training has diverged and resumed from its best epoch

    The trainer overwrites the arrays in the next epoch, except for the best parameters. Save or
    copy them before requesting the next epoch.
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
        """Return the state before the first epoch, with zero velocity."""
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
    """Yield a report and the trainer's state after every epoch; stop iterating to stop training.

    Training ends after `hyper.epochs`, or by early stopping after `hyper.patience` epochs without
    improvement; the warm-up does not count. The metric is validation nDCG@10 of a joint machine.
    Validation NLL breaks ties and is the metric of the other kinds. Without validation ratings the
    last epoch is the best.

    The same state, data and seed produce the same bits with any number of threads. If a parameter
    is not finite, training resumes from the best epoch at a tenth of the rate, `hyper.rollbacks`
    times; then it raises Diverged.
    """
    evaluator = build_evaluator(data, model_kind, seed=seed)
    if state.epoch == 0:
        state, report = _evaluate_epoch(
            state,
            evaluator,
            hyper,
            EpochSettings(0.0, 0.0, 0),
            epoch=0,
            largest_weight=state.params.largest_weight(),
        )
        yield report, state
    while state.epoch < hyper.epochs and not _is_stalled(state, hyper):
        epoch = state.epoch + 1
        settings = epoch_settings(hyper, epoch, halvings=state.halvings, rollbacks=state.rollbacks)
        with np.errstate(over="ignore", invalid="ignore"):  # handled below
            reached = _run_epoch(state, data, hyper, settings, evaluator, seed, model_kind)
        if reached is None:
            if state.rollbacks == hyper.rollbacks or not state.best_params.is_finite():
                raise Diverged(epoch, settings.learning_rate)
            back = _roll_back(state, epoch)
            largest = back.params.largest_weight()
            reached = _evaluate_epoch(
                back, evaluator, hyper, settings, epoch=epoch, largest_weight=largest
            )
        state, report = reached
        yield report, state


def build_evaluator(data: TrainingData, model_kind: ModelKind, *, seed: int) -> EpochEvaluator:
    """Return the evaluator of every epoch of a run on this data."""
    return EpochEvaluator.build(
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
    settings: EpochSettings,
    evaluator: EpochEvaluator,
    seed: int,
    model_kind: ModelKind,
) -> tuple[TrainerState, EpochReport] | None:
    """Run and evaluate one epoch; return None if parameters or metrics are not finite."""
    epoch = state.epoch + 1
    learn = LEARNERS[MACHINES[model_kind].learner]
    reconstructions = learn(state, data, hyper, settings, seed=seed, epoch=epoch)
    largest = state.params.largest_weight()  # not finite if any weight is not
    if not (isfinite(largest) and state.params.has_finite_biases()):
        return None
    reached, report = _evaluate_epoch(
        state, evaluator, hyper, settings, epoch=epoch, largest_weight=largest
    )
    report = replace(
        report,
        update_to_weight_ratio=update_to_weight_ratio(state, settings.learning_rate, model_kind),
        reconstruction_error=reconstructions.error,
        kept_levels=reconstructions.kept_levels,
    )
    return (reached, report) if report.is_finite() else None


def _roll_back(state: TrainerState, epoch: int) -> TrainerState:
    """Return the state at the best epoch, with zero velocity."""
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
    settings: EpochSettings,
    *,
    seed: int,
    epoch: int,
) -> ReconstructionMetrics:
    """Train a masked machine on all ratings once; the state's arrays change in place."""
    confusions = contrastive_divergence.learn_epoch(
        state.params, state.velocity, data.train, hyper, settings, seed=seed, epoch=epoch
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
    settings: EpochSettings,
    *,
    seed: int,
    epoch: int,
) -> ReconstructionMetrics:
    """Train a joint machine on all ratings once; it does not measure reconstructions."""
    moments = optimizer.Moments(state.velocity, state.square)
    if hyper.objective == "contrastive":
        replicated_softmax.learn_epoch(
            state.params,
            moments,
            data.train,
            hyper,
            learning_rate=settings.learning_rate,
            cd_steps=settings.cd_steps,
            seed=seed,
            epoch=epoch,
        )
        return ReconstructionMetrics()
    conditional_likelihood.learn_epoch(
        state.params,
        moments,
        data.train,
        hyper,
        learning_rate=settings.learning_rate,
        seed=seed,
        epoch=epoch,
    )
    return ReconstructionMetrics()


LEARNERS: dict[Learner, Callable[..., ReconstructionMetrics]] = {
    "masked": learn_epoch,
    "joint": learn_joint_epoch,
}


def _is_stalled(state: TrainerState, hyper: Hyperparameters) -> bool:
    """Return whether the patience has run out.

    Small weights grow slowly at first, and the curve is flat until they break the symmetry.
    Therefore the warm-up does not count.
    """
    return state.epoch - max(state.best_epoch, hyper.warm_up_epochs) >= hyper.patience


def _evaluate_epoch(
    state: TrainerState,
    evaluator: EpochEvaluator,
    hyper: Hyperparameters,
    settings: EpochSettings,
    *,
    epoch: int,
    largest_weight: float,
) -> tuple[TrainerState, EpochReport]:
    """Evaluate the parameters, and keep a copy if they are the best so far."""
    metrics = evaluator.measure(state.params)
    reached = replace(state, epoch=epoch)
    if _is_better(metrics, state):
        nll, ndcg = metrics.validation_nll, metrics.validation_ndcg
        reached = replace(
            reached,
            best_epoch=epoch,
            best_nll=state.best_nll if nll is None else nll,
            best_ndcg=state.best_ndcg if ndcg is None else ndcg,
            best_params=state.params.copy(),
        )
    elif _is_flat(reached, hyper):
        reached = replace(reached, halvings=state.halvings + 1, halved_at=epoch)
    report = EpochReport(
        epoch=epoch,
        learning_rate=settings.learning_rate,
        momentum=settings.momentum,
        cd_steps=settings.cd_steps,
        largest_weight=largest_weight,
        rollbacks=state.rollbacks,
        hidden_activity=metrics.hidden_activity,
        hidden_certainty=metrics.hidden_certainty,
        saturated_units=metrics.saturated_units,
        dead_units=metrics.dead_units,
        unit_similarity=metrics.unit_similarity,
        train_nll=metrics.train_nll,
        train_free_energy=metrics.train_free_energy,
        validation_nll=metrics.validation_nll,
        validation_rmse=metrics.validation_rmse,
        validation_ndcg=metrics.validation_ndcg,
        validation_free_energy=metrics.validation_free_energy,
        prediction_spread=metrics.prediction_spread,
    )
    return reached, report


def _is_better(metrics: EpochMetrics, state: TrainerState) -> bool:
    """Return whether an epoch is the best: by nDCG, then by NLL; without both, the last is."""
    ndcg, nll = metrics.validation_ndcg, metrics.validation_nll
    if ndcg is not None and ndcg != state.best_ndcg:
        return ndcg > state.best_ndcg
    return nll < state.best_nll if nll is not None else ndcg is None


def _is_flat(state: TrainerState, hyper: Hyperparameters) -> bool:
    """Return whether the "plateau" schedule halves the rate now; never in the warm-up."""
    last = max(state.best_epoch, state.halved_at, hyper.warm_up_epochs)
    is_plateau = hyper.learning_rate_schedule == "plateau"
    return is_plateau and state.epoch - last >= plateau_epochs(hyper)


def update_to_weight_ratio(
    state: TrainerState, learning_rate: float, model_kind: ModelKind
) -> float:
    """Return the RMS of the last step, at this learning rate, over the RMS of the weights."""
    weights, step = _sample_weights(state.params.weights), _sample_weights(state.velocity.weights)
    if MACHINES[model_kind].uses_adam:
        step = learning_rate * optimizer.adam_steps(step, _sample_weights(state.square.weights))
    return _rms(step) / _rms(weights)


def _sample_weights(weights: Floats) -> Floats:
    """Return up to 512 items and levels, evenly spread, of all hidden units, (n, n_hidden)."""
    flat = weights.reshape(-1, weights.shape[-1])
    return flat[:: -(-len(flat) // RATIO_WEIGHTS) or 1]


def _rms(array: Floats) -> float:
    """Return the root mean square plus a tiny number, so that it can be a divisor."""
    wide = array.astype(np.float64).ravel()  # a float32 square may overflow
    squares = np.einsum("i,i->", wide, wide)  # one thread, so the order of the sum is fixed
    return float(np.sqrt(squares / wide.size) + np.finfo(np.float32).tiny)
