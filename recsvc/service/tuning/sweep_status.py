"""The status of a sweep: its trials, the best of them, and the effect of each hyperparameter."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from recsvc.db.session import Session
from recsvc.db.tables import FINAL_STATES, Job, JobState, Sweep
from recsvc.db.tuning.sweeps import BestMetrics, Sweeps
from recsvc.errors import Diverged, StoppedEarly
from recsvc.rbm.model_kind import MACHINES
from recsvc.rbm.tuning import lr_range_test, sensitivity

Metric = Literal["validation_ndcg", "validation_nll"]
NO_METRICS = BestMetrics(0, None, None)


@dataclass(frozen=True)
class Trial:
    """One training job of a sweep.

    hyperparameters  those in the search space
    best             the metric at its best epoch, None before the first
    """

    job_id: int
    hyperparameters: dict[str, Any]
    state: str
    epochs: int
    best_epoch: int | None
    best: float | None
    stopped_early: bool


@dataclass(frozen=True)
class SweepStatus:
    """A sweep, its trials and their results so far.

    sensitivity         share of the metric's variance that each hyperparameter explains by itself
    best_model_version  of the best trial, for publishing; None for a learning-rate range test,
                        whose trials are too short
    suggestion          of a finished learning-rate range test in which the loss fell at some rate
    """

    sweep: Sweep
    state: str
    metric: Metric
    trials: Sequence[Trial]
    best_job_id: int | None
    best_model_version: int | None
    sensitivity: dict[str, float]
    suggestion: dict[str, float | None] | None


def get_sweep(session: Session, sweep_id: int) -> SweepStatus:
    """Return the status of a sweep. Raises SweepNotFound."""
    return build_status(session, Sweeps(session).get(sweep_id))


def list_sweeps(
    session: Session, *, before: int | None = None, limit: int = 50
) -> Sequence[SweepStatus]:
    """Return the status of up to `limit` sweeps, newest first, with ids below `before`."""
    return [build_status(session, one) for one in Sweeps(session).page(before=before, limit=limit)]


def build_status(session: Session, sweep: Sweep) -> SweepStatus:
    """Build the status of a sweep from its trials."""
    sweeps = Sweeps(session)
    jobs, bests = sweeps.trials(sweep.id), sweeps.best_metrics(sweep.id)
    metric = choose_metric(jobs, bests)
    best_epochs = sweeps.best_epochs(sweep.id, metric)
    trials = [
        _trial(job, sweep, bests.get(job.id, NO_METRICS), metric, best_epochs.get(job.id))
        for job in jobs
    ]
    state = _state(sweep, jobs)
    best = _best_job_id(trials, metric)
    suggestion = None
    if sweep.kind == "rate_range" and state in FINAL_STATES:
        suggestion = _suggestion(jobs, sweeps.curves(sweep.id, metric), metric)
    succeeded = [one for one in trials if one.state == JobState.SUCCEEDED and one.best]
    return SweepStatus(
        sweep,
        state,
        metric,
        trials,
        best,
        sweeps.versions(sweep.id).get(best) if best and sweep.kind != "rate_range" else None,
        sensitivity.sensitivity(
            [one.hyperparameters for one in succeeded],
            [one.best for one in succeeded if one.best],
        ),
        suggestion,
    )


def best_versions(session: Session, n: int) -> set[int]:
    """Return the best versions so far of the latest n sweeps and of all running ones."""
    sweeps = Sweeps(session)
    versions = set()
    for sweep in sweeps.latest_or_unfinished(n):
        if (version := build_status(session, sweep).best_model_version) is not None:
            versions.add(version)
    return versions


def choose_metric(jobs: Sequence[Job], bests: Mapping[int, BestMetrics]) -> Metric:
    """Return the metric that compares trials: nDCG if all of them rank items, else the NLL."""
    all_rank = all(MACHINES[job.spec["model_kind"]].makes_lists for job in jobs)
    only_nll = any(one.validation_nll is not None for one in bests.values()) and not any(
        one.validation_ndcg is not None for one in bests.values()
    )
    return "validation_ndcg" if all_rank and not only_nll else "validation_nll"


def best_value(bests: BestMetrics, metric: Metric) -> float | None:
    """Return the best value of a metric."""
    return bests.validation_ndcg if metric == "validation_ndcg" else bests.validation_nll


def _trial(
    job: Job, sweep: Sweep, bests: BestMetrics, metric: Metric, best_epoch: int | None
) -> Trial:
    all_values = {"model_kind": job.spec["model_kind"], **job.spec["hyperparameters"]}
    return Trial(
        job_id=job.id,
        hyperparameters={name: all_values[name] for name in sweep.spec["over"]},
        state=job.state,
        epochs=bests.epochs,
        best_epoch=best_epoch,
        best=best_value(bests, metric),
        stopped_early=(job.error or {}).get("code") == StoppedEarly.code(),
    )


def _state(sweep: Sweep, jobs: Sequence[Job]) -> str:
    states = {job.state for job in jobs}
    if sweep.cancelled_at is not None:
        return JobState.CANCELLED
    if states == {JobState.QUEUED}:
        return JobState.QUEUED
    if not states <= set(FINAL_STATES):
        return JobState.RUNNING
    if JobState.SUCCEEDED in states:
        return JobState.SUCCEEDED
    return JobState.FAILED if JobState.FAILED in states else JobState.CANCELLED


def _best_job_id(trials: Sequence[Trial], metric: Metric) -> int | None:
    """Return the job of the best trial that succeeded."""
    sign = -1 if metric == "validation_ndcg" else 1
    candidates = [
        (sign * trial.best, trial.job_id)
        for trial in trials
        if trial.state == JobState.SUCCEEDED and trial.best is not None
    ]
    return min(candidates)[1] if candidates else None


def _suggestion(
    jobs: Sequence[Job], curves: Mapping[int, Sequence[float]], metric: Metric
) -> dict[str, float | None] | None:
    """Return the result of a learning-rate range test. The loss falls as the metric improves.

    Trials that succeeded or diverged are evidence about their rate. Trials that were cancelled,
    or failed for another reason, are ignored.
    """
    rates, losses = [], []
    for job in jobs:
        diverged = (job.error or {}).get("code") == Diverged.code()
        if job.state != JobState.SUCCEEDED and not diverged:
            continue
        curve = curves.get(job.id, ())
        loss = [1 - value for value in curve] if metric == "validation_ndcg" else curve
        rates.append(job.spec["hyperparameters"]["learning_rate"])
        losses.append([float("nan")] * 2 if diverged else loss)
    suggestion = lr_range_test.find_rate_range(rates, losses)
    return None if suggestion is None else asdict(suggestion)
