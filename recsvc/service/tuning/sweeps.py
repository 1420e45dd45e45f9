"""Sweeps: many training jobs that differ in some hyperparameters, requested and cancelled at once.

A trial is a training job that is never published automatically. All trials are queued in one
transaction, have the same seed and split, and read the same snapshot, that of the first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any, Literal, cast

from recsvc.db.jobs.queue import ANYONE, JobQueue, Requester
from recsvc.db.session import Session
from recsvc.db.tables import FINAL_STATES, JobKind, Sweep
from recsvc.db.tuning.sweeps import Sweeps
from recsvc.errors import InvalidSweep, JobFinished, SweepFinished
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.model_kind import MACHINES, ModelKind
from recsvc.rbm.training.schedules import longest_flat_start
from recsvc.rbm.tuning import lr_range_test, search_space
from recsvc.rbm.tuning.search_space import Range, Values
from recsvc.service.training.capacity import Capacity
from recsvc.service.training_spec import TrainingSpec

SweepKind = Literal["grid", "random", "rate_range"]
MIN_TRIALS, MAX_TRIALS = 2, 200
RANGE_TEST_EPOCHS = 5  # for machines that rank items
RANGE_TEST_HYPERPARAMETERS = {
    "rollbacks": 0,
    "learning_rate_schedule": "constant",
    "neighbours": 0,
    "rating_epochs": 0,
}
INTEGERS = {field.name for field in fields(Hyperparameters) if field.type is int}


@dataclass(frozen=True)
class SweepSpec:
    """The requested sweep.

    requested       grid: hyperparameter → values; random: trials, seed, over; rate_range: low,
                    high, trials
    base            the specification that all trials share
    early_stopping  whether median pruning stops trials
    """

    kind: SweepKind
    requested: Mapping[str, Any]
    base: TrainingSpec
    early_stopping: bool = True

    def trials(self) -> list[Values]:
        """Return the hyperparameters of each trial that differ. Raises InvalidSweep."""
        if self.kind == "grid":
            _check_number("grid", search_space.grid_size(self.requested))
            return search_space.grid(self.requested)
        low, high, number = (self.requested.get(name) for name in ("low", "high", "trials"))
        _check_number(f"{self.kind}.trials", cast(int, number))
        if self.kind == "random":
            over = {
                name: _read_values(name, values, self.base)
                for name, values in self.requested["over"].items()
            }
            return search_space.sample_trials(
                over, trials=cast(int, number), seed=self.requested["seed"]
            )
        _check_bounds("rate_range", cast(float, low), cast(float, high), is_log=True)
        rates = lr_range_test.learning_rates(cast(float, low), cast(float, high), cast(int, number))
        return [{"learning_rate": rate} for rate in rates]

    def trial_spec(self, values: Values) -> TrainingSpec:
        """Return the specification of a trial's job. Raises InvalidSweep."""
        own = dict(values)
        kind = own.pop("model_kind", self.base.model_kind)
        if kind not in MACHINES:
            known = ", ".join(MACHINES)
            raise InvalidSweep(f"{self.kind}.model_kind", kind, f"it must be one of {known}.")
        short = range_test_hyperparameters(kind) if self.kind == "rate_range" else {}
        hyperparameters = {**short, **self.base.hyperparameters, **own}
        return replace(self.base, model_kind=kind, hyperparameters=hyperparameters, publish="never")


def range_test_hyperparameters(model_kind: ModelKind) -> Values:
    """Return the hyperparameters of the trials of a learning-rate range test.

    Machines that only predict ratings train for as long as their flat start may last.
    """
    machine = MACHINES[model_kind]
    plain = {
        name: value
        for name, value in RANGE_TEST_HYPERPARAMETERS.items()
        if name not in machine.ignored_hyperparameters
    }
    flat_start = longest_flat_start(Hyperparameters.defaults(model_kind))
    return {**plain, "epochs": RANGE_TEST_EPOCHS if machine.makes_lists else flat_start}


def request_sweep(
    session: Session,
    spec: SweepSpec,
    *,
    now: datetime,
    requester: Requester = ANYONE,
    capacity: Capacity | None = None,
) -> Sweep:
    """Queue all trials of a sweep, or none if an error is raised.

    capacity  as for `request_training`

    Raises InvalidSweep, UnknownHyperparameter, InvalidHyperparameter, TrainingTooLong,
    TrainingTooLarge, QueueFull, JobQuotaReached.
    """
    JobQueue(session).admit(requester)
    trials = spec.trials()
    trial_specs = [spec.trial_spec(values) for values in trials]
    for one in trial_specs:
        one.all_hyperparameters()
        if capacity is not None:
            capacity.check(one)
    _check_scalings(spec, trial_specs)
    stored = {
        "asked": dict(spec.requested),
        "base": asdict(spec.base),
        "over": list(trials[0]),
        "early_stopping": spec.early_stopping and spec.kind != "rate_range",
    }
    sweep = Sweeps(session).add(Sweep(kind=spec.kind, spec=stored, created_at=now))
    queue = JobQueue(session)
    for one in trial_specs:
        queue.enqueue(
            JobKind.TRAINING,
            spec=one.as_dict(),
            now=now,
            sweep_id=sweep.id,
            key_prefix=requester.key_prefix,
        )
    return sweep


def cancel_sweep(session: Session, sweep_id: int, *, now: datetime) -> Sweep:
    """Cancel a sweep's queued trials at once; running ones stop within two seconds.

    A second call changes nothing. Raises SweepNotFound, SweepFinished.
    """
    sweeps, queue = Sweeps(session), JobQueue(session)
    sweep = sweeps.get(sweep_id, locked=True)
    unfinished = [job for job in sweeps.trials(sweep_id) if job.state not in FINAL_STATES]
    if sweep.cancelled_at is not None:
        return sweep
    if not unfinished:
        raise SweepFinished(sweep_id)
    for job in unfinished:
        try:
            queue.request_cancel(job.id, JobKind.TRAINING, now=now)
        except JobFinished:  # since the query above
            continue
    sweep.cancelled_at = now
    return sweep


def _read_values(
    name: str, values: Mapping[str, Any] | Sequence[Any], base: TrainingSpec
) -> Range | Sequence[Any]:
    """Read the range or the list of values from which a random sweep samples a hyperparameter.

    All values are checked, because a sample may miss the invalid ones. Raises InvalidSweep,
    UnknownHyperparameter, InvalidHyperparameter.
    """
    if not isinstance(values, Mapping):
        if name != "model_kind":
            for value in values:
                replace(base, hyperparameters={name: value}).all_hyperparameters()
        return values
    Hyperparameters.check_range(name, values["low"], values["high"])
    is_log = values["scale"] == "log"
    _check_bounds(f"random.over.{name}", values["low"], values["high"], is_log=is_log)
    return Range(values["low"], values["high"], is_log, name in INTEGERS)


def _check_bounds(field: str, low: float, high: float, *, is_log: bool) -> None:
    if is_log and low <= 0:
        raise InvalidSweep(f"{field}.low", low, "on a logarithmic scale it must be above 0.")
    if low >= high:
        raise InvalidSweep(f"{field}.low", low, f"it must be below high, which is {high:g}.")


def _check_scalings(spec: SweepSpec, trial_specs: Sequence[TrainingSpec]) -> None:
    """Refuse to compare likelihoods of different levels: fewer levels have a higher likelihood."""
    scalings = sorted({one.all_hyperparameters().scaling for one in trial_specs})
    rating_only = [
        one.model_kind for one in trial_specs if not MACHINES[one.model_kind].makes_lists
    ]
    if len(scalings) > 1 and rating_only:
        field = "random.over.scaling" if spec.kind == "random" else "grid.scaling"
        raise InvalidSweep(
            field,
            ", ".join(scalings),
            f"trials of a {rating_only[0]} are compared by their likelihood, which depends on the "
            "levels. Sweep scaling with model_kind joint_rbm, whose trials are compared by nDCG.",
        )


def _check_number(field: str, n_trials: int) -> None:
    if not MIN_TRIALS <= n_trials <= MAX_TRIALS:
        raise InvalidSweep(
            field,
            n_trials,
            f"a sweep has {MIN_TRIALS} to {MAX_TRIALS} trials. Change their number or the values.",
        )
