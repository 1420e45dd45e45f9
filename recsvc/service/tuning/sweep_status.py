"""How a sweep stands: its trials, the best of them, and what made the difference."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from recsvc.db.session import Session
from recsvc.db.tables import FINAL_STATES, Job, JobState, Sweep
from recsvc.db.tuning.sweeps import BestMetrics, Sweeps
from recsvc.errors import Diverged, StoppedEarly
from recsvc.rbm.model_kind import MACHINES
from recsvc.rbm.tuning import search_space

Metric = Literal["validation_ndcg", "validation_nll"]
NOTHING = BestMetrics(0, None, None)


@dataclass(frozen=True)
class Trial:
    """One of a sweep's training jobs.

    hyperparameters  those that are swept
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
class Standing:
    """A sweep as it stands.

    sensitivity         share of the metric's variance that a hyperparameter explains by itself
    best_model_version  of the best trial, for publishing; None of a rate range, whose trials are
                        too short for that
    suggestion          of a rate range that is over, where the loss falls at some rate
    """

    sweep: Sweep
    state: str
    metric: Metric
    trials: Sequence[Trial]
    best_job_id: int | None
    best_model_version: int | None
    sensitivity: dict[str, float]
    suggestion: dict[str, float | None] | None


def get_sweep(session: Session, sweep_id: int) -> Standing:
    """Give a sweep as it stands. Raises SweepNotFound."""
    return standing(session, Sweeps(session).get(sweep_id))


def list_sweeps(
    session: Session, *, before: int | None = None, limit: int = 50
) -> Sequence[Standing]:
    """Give up to `limit` sweeps, newest first, with ids below `before`."""
    return [standing(session, one) for one in Sweeps(session).page(before=before, limit=limit)]


def standing(session: Session, sweep: Sweep) -> Standing:
    """Put together how a sweep stands."""
    sweeps = Sweeps(session)
    jobs, bests = sweeps.trials(sweep.id), sweeps.best_metrics(sweep.id)
    metric = metric_of(jobs, bests)
    best_epochs = sweeps.best_epochs(sweep.id, metric)
    trials = [
        _trial(job, sweep, bests.get(job.id, NOTHING), metric, best_epochs.get(job.id))
        for job in jobs
    ]
    state = _state(sweep, jobs)
    best = _best(trials, metric)
    suggestion = None
    if sweep.kind == "rate_range" and state in FINAL_STATES:
        suggestion = _suggestion(jobs, sweeps.curves(sweep.id, metric), metric)
    told = [trial for trial in trials if trial.state == JobState.SUCCEEDED and trial.best]
    return Standing(
        sweep,
        state,
        metric,
        trials,
        best,
        sweeps.versions(sweep.id).get(best) if best and sweep.kind != "rate_range" else None,
        search_space.sensitivity(
            [one.hyperparameters for one in told], [one.best for one in told if one.best]
        ),
        suggestion,
    )


def best_versions(session: Session, n: int) -> set[int]:
    """Give the best version so far of each of the latest n sweeps, and of those that go on."""
    sweeps = Sweeps(session)
    found = set()
    for sweep in sweeps.latest_or_unfinished(n):
        if (version := standing(session, sweep).best_model_version) is not None:
            found.add(version)
    return found


def metric_of(jobs: Sequence[Job], bests: Mapping[int, BestMetrics]) -> Metric:
    """Choose what trials are compared by: lists where all make lists, else the likelihood."""
    makes_lists = all(MACHINES[job.spec["model_kind"]].makes_lists for job in jobs)
    measured = bests.values()
    only_rated = any(one.validation_nll is not None for one in measured) and not any(
        one.validation_ndcg is not None for one in measured
    )
    return "validation_ndcg" if makes_lists and not only_rated else "validation_nll"


def figure_of(bests: BestMetrics, metric: Metric) -> float | None:
    """Give the best figure of one metric."""
    return bests.validation_ndcg if metric == "validation_ndcg" else bests.validation_nll


def _trial(
    job: Job, sweep: Sweep, bests: BestMetrics, metric: Metric, best_epoch: int | None
) -> Trial:
    everything = {"model_kind": job.spec["model_kind"], **job.spec["hyperparameters"]}
    return Trial(
        job_id=job.id,
        hyperparameters={name: everything[name] for name in sweep.spec["over"]},
        state=job.state,
        epochs=bests.epochs,
        best_epoch=best_epoch,
        best=figure_of(bests, metric),
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


def _best(trials: Sequence[Trial], metric: Metric) -> int | None:
    """Give the job of the best trial that has made a model."""
    sign = -1 if metric == "validation_ndcg" else 1
    made = [
        (sign * trial.best, trial.job_id)
        for trial in trials
        if trial.state == JobState.SUCCEEDED and trial.best is not None
    ]
    return min(made)[1] if made else None


def _suggestion(
    jobs: Sequence[Job], curves: Mapping[int, Sequence[float]], metric: Metric
) -> dict[str, float | None] | None:
    """Give what a rate range says, by the loss that falls while the metric gets better.

    A trial that diverged tells of its rate as one that ended by itself does. One that was
    cancelled, or has failed of something else, tells nothing of it.
    """
    rates, losses = [], []
    for job in jobs:
        diverged = (job.error or {}).get("code") == Diverged.code()
        if job.state != JobState.SUCCEEDED and not diverged:
            continue
        curve = curves.get(job.id, ())
        loss = [1 - figure for figure in curve] if metric == "validation_ndcg" else curve
        rates.append(job.spec["hyperparameters"]["learning_rate"])
        losses.append([float("nan")] * 2 if diverged else loss)
    found = search_space.rate_range(rates, losses)
    return None if found is None else asdict(found)
