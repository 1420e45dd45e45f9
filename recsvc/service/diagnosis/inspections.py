"""Looks inside the machine of a training job: taken while it trains, read by whoever watches."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recsvc.db.jobs.queue import JobQueue
from recsvc.db.session import Session
from recsvc.db.tables import Job, JobKind, TrainingMonitor
from recsvc.db.training.inspections import Inspections
from recsvc.errors import EpochNotWatched
from recsvc.rbm.arrays import Doubles, Ints
from recsvc.rbm.training.inspection import Histogram, Watched, watched_units
from recsvc.service.diagnosis import job_diagnosis


@dataclass(frozen=True)
class Activity:
    """What hidden units did in one epoch.

    units          (n_units,) their numbers
    probabilities  (n_cases, n_units) P(h = 1), to the nearest 255th
    """

    epoch: int
    units: Ints
    probabilities: Doubles


@dataclass(frozen=True)
class JobMonitors:
    """The looks of a job: all histograms, and the activity of one epoch, None before the first."""

    job: Job
    looks: Sequence[TrainingMonitor]
    activity: Activity | None


def as_columns(seen: Watched) -> dict[str, Any]:
    """Give a look as the table keeps it."""
    n_cases, n_units = seen.activity.shape
    return {
        "n_cases": n_cases,
        "n_units": n_units,
        "activity": seen.activity.tobytes(),
        "weights": _histogram(seen.weights),
        "updates": _histogram(seen.updates),
    }


def monitors_of(session: Session, job_id: int, epoch: int | None = None) -> JobMonitors:
    """Give a job's looks, and hidden units as they were in an epoch, else in the last watched one.

    Raises JobNotFound, EpochNotWatched.
    """
    job = JobQueue(session).get(job_id, JobKind.TRAINING)
    looks = Inspections(session).for_job(job_id)
    chosen = looks[-1] if looks else None
    if epoch is not None:
        chosen = next((look for look in looks if look.epoch == epoch), None)
        if chosen is None:
            raise EpochNotWatched(job_id, epoch, [look.epoch for look in looks])
    return JobMonitors(job, looks, _activity(job, chosen) if chosen else None)


def _activity(job: Job, look: TrainingMonitor) -> Activity:
    given = np.frombuffer(look.activity, np.uint8).reshape(look.n_cases, look.n_units)
    units = watched_units(job_diagnosis.hyperparameters(job).n_hidden)
    return Activity(look.epoch, units, given / 255)


def _histogram(counted: Histogram) -> dict[str, Any]:
    return {"zeros": counted.zeros, "counts": counted.counts.tolist()}
