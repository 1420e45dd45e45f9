"""Sweeps: many training jobs that differ in some hyperparameters, asked for and cancelled at once.

A trial is an ordinary training job that is never published by itself. All of them are queued in
one transaction, have the same seed and split, and read the same snapshot, that of the first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any, Literal, cast

from recsvc.db.jobs.queue import JobQueue
from recsvc.db.session import Session
from recsvc.db.tables import FINAL_STATES, JobKind, Sweep
from recsvc.db.tuning.sweeps import Sweeps
from recsvc.errors import InvalidSweep, JobFinished, SweepFinished
from recsvc.rbm.model_kind import MACHINES, ModelKind
from recsvc.rbm.params import Hyperparameters
from recsvc.rbm.training.schedules import longest_flat_start
from recsvc.rbm.tuning import search_space
from recsvc.rbm.tuning.search_space import Between, Values
from recsvc.service.training_spec import TrainingSpec

SweepKind = Literal["grid", "random", "rate_range"]
FEWEST_TRIALS, MOST_TRIALS = 2, 200
RANGE_EPOCHS = 5  # of a range test, where lists are made
PLAIN = {
    "rollbacks": 0,
    "learning_rate_schedule": "constant",
    "neighbours": 0,
    "rating_epochs": 0,
}
WHOLE = {field.name for field in fields(Hyperparameters) if field.type is int}


@dataclass(frozen=True)
class SweepSpec:
    """What somebody asked for.

    asked           of a grid: hyperparameter → values; of random: trials, seed, over; of a rate
                    range: low, high, trials
    base            what all trials have in common
    early_stopping  end trials that most others are ahead of
    """

    kind: SweepKind
    asked: Mapping[str, Any]
    base: TrainingSpec
    early_stopping: bool = True

    def trials(self) -> list[Values]:
        """Give what each trial has of its own. Raises InvalidSweep."""
        if self.kind == "grid":
            _check_number("grid", search_space.grid_size(self.asked))
            return search_space.grid(self.asked)
        low, high, number = (self.asked.get(name) for name in ("low", "high", "trials"))
        _check_number(f"{self.kind}.trials", cast(int, number))
        if self.kind == "random":
            over = {name: _among(name, given) for name, given in self.asked["over"].items()}
            return search_space.drawn(over, trials=cast(int, number), seed=self.asked["seed"])
        _check_bounds("rate_range", cast(float, low), cast(float, high), is_log=True)
        rates = search_space.rates(cast(float, low), cast(float, high), cast(int, number))
        return [{"learning_rate": rate} for rate in rates]

    def of_trial(self, values: Values) -> TrainingSpec:
        """Give what a trial's job is asked for. Raises InvalidSweep."""
        own = dict(values)
        kind = own.pop("model_kind", self.base.model_kind)
        if kind not in MACHINES:
            known = ", ".join(MACHINES)
            raise InvalidSweep(f"{self.kind}.model_kind", kind, f"it must be one of {known}.")
        short = _short(kind) if self.kind == "rate_range" else {}
        hyperparameters = {**short, **self.base.hyperparameters, **own}
        return replace(self.base, model_kind=kind, hyperparameters=hyperparameters, publish="never")


def _short(model_kind: ModelKind) -> Values:
    """Give the hyperparameters of a range test's trials: the flat start of those that only rate."""
    flat_start = longest_flat_start(Hyperparameters.defaults(model_kind))
    return {**PLAIN, "epochs": RANGE_EPOCHS if MACHINES[model_kind].makes_lists else flat_start}


def request_sweep(session: Session, spec: SweepSpec, *, now: datetime) -> Sweep:
    """Queue all trials of a sweep.

    Raises InvalidSweep, UnknownHyperparameter, InvalidHyperparameter; then nothing is queued.
    """
    trials = spec.trials()
    asked = [spec.of_trial(values) for values in trials]
    for one in asked:
        one.chosen()
    _check_scalings(spec, asked)
    kept = {
        "asked": dict(spec.asked),
        "base": asdict(spec.base),
        "over": list(trials[0]),
        "early_stopping": spec.early_stopping and spec.kind != "rate_range",
    }
    sweep = Sweeps(session).add(Sweep(kind=spec.kind, spec=kept, created_at=now))
    queue = JobQueue(session)
    for one in asked:
        queue.enqueue(JobKind.TRAINING, spec=one.as_dict(), now=now, sweep_id=sweep.id)
    return sweep


def cancel_sweep(session: Session, sweep_id: int, *, now: datetime) -> Sweep:
    """End a sweep's queued trials at once; running ones stop within two seconds.

    Asking twice is the same. Raises SweepNotFound, SweepFinished.
    """
    sweeps, queue = Sweeps(session), JobQueue(session)
    sweep = sweeps.get(sweep_id, locked=True)
    going_on = [job for job in sweeps.trials(sweep_id) if job.state not in FINAL_STATES]
    if sweep.cancelled_at is not None:
        return sweep
    if not going_on:
        raise SweepFinished(sweep_id)
    for job in going_on:
        try:
            queue.request_cancel(job.id, JobKind.TRAINING, now=now)
        except JobFinished:  # in this moment
            continue
    sweep.cancelled_at = now
    return sweep


def _among(name: str, given: Mapping[str, Any] | Sequence[Any]) -> Between | Sequence[Any]:
    """Read from what a random sweep draws a hyperparameter."""
    if not isinstance(given, Mapping):
        return given
    is_log = given["scale"] == "log"
    _check_bounds(f"random.over.{name}", given["low"], given["high"], is_log=is_log)
    return Between(given["low"], given["high"], is_log, name in WHOLE)


def _check_bounds(field: str, low: float, high: float, *, is_log: bool) -> None:
    if is_log and low <= 0:
        raise InvalidSweep(f"{field}.low", low, "on a logarithmic scale it must be above 0.")
    if low >= high:
        raise InvalidSweep(f"{field}.low", low, f"it must be below high, which is {high:g}.")


def _check_scalings(spec: SweepSpec, asked: Sequence[TrainingSpec]) -> None:
    """Refuse to compare the likelihoods of other levels: the fewer there are, the higher."""
    scalings = sorted({one.chosen().scaling for one in asked})
    rating_only = [one.model_kind for one in asked if not MACHINES[one.model_kind].makes_lists]
    if len(scalings) > 1 and rating_only:
        field = "random.over.scaling" if spec.kind == "random" else "grid.scaling"
        raise InvalidSweep(
            field,
            ", ".join(scalings),
            f"a {rating_only[0]} is judged by its likelihood, and that of other levels does not "
            "compare. Sweep it with model_kind joint_rbm, whose lists do.",
        )


def _check_number(field: str, n_trials: int) -> None:
    if not FEWEST_TRIALS <= n_trials <= MOST_TRIALS:
        raise InvalidSweep(
            field,
            n_trials,
            f"a sweep has {FEWEST_TRIALS} to {MOST_TRIALS} trials. Ask for another number, or "
            "try other values.",
        )
