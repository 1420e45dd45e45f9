"""Inspections of the machine of a training job: stored while it trains, read by clients."""

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
from recsvc.rbm.training.inspection import Histogram, Inspection, inspection_units
from recsvc.service.diagnosis.run_records import run_hyperparameters
from recsvc.service.training_progress import TrainingProgress
from recsvc.service.training_spec import TrainingSpec


@dataclass(frozen=True)
class Activity:
    """The activity of hidden units in one epoch.

    units          (n_units,) their numbers
    probabilities  (n_cases, n_units) P(h = 1), to the nearest 255th
    """

    epoch: int
    units: Ints
    probabilities: Doubles


@dataclass(frozen=True)
class JobInspections:
    """The inspections of a job.

    inspections  of all monitored epochs, with their histograms
    activity     of one epoch, None before the first inspection
    """

    job: Job
    inspections: Sequence[TrainingMonitor]
    activity: Activity | None


def inspection_columns(inspection: Inspection) -> dict[str, Any]:
    """Return an inspection as the columns of its table."""
    n_cases, n_units = inspection.activity.shape
    return {
        "n_cases": n_cases,
        "n_units": n_units,
        "activity": inspection.activity.tobytes(),
        "weights": _histogram_column(inspection.weights),
        "updates": _histogram_column(inspection.updates),
    }


def read_inspections(session: Session, job_id: int, epoch: int | None = None) -> JobInspections:
    """Return a job's inspections and the activity of an epoch, by default the last inspected one.

    Raises JobNotFound, EpochNotWatched.
    """
    job = JobQueue(session).get(job_id, JobKind.TRAINING)
    inspections = Inspections(session).for_job(job_id)
    chosen = inspections[-1] if inspections else None
    if epoch is not None:
        chosen = next((one for one in inspections if one.epoch == epoch), None)
        if chosen is None:
            raise EpochNotWatched(job_id, epoch, [one.epoch for one in inspections])
    return JobInspections(job, inspections, _activity(job, chosen) if chosen else None)


def _activity(job: Job, inspection: TrainingMonitor) -> Activity:
    stored = np.frombuffer(inspection.activity, np.uint8)
    probabilities = stored.reshape(inspection.n_cases, inspection.n_units) / 255
    hyper = run_hyperparameters(
        TrainingSpec.from_dict(job.spec), TrainingProgress.from_note(job.progress_note)
    )
    return Activity(inspection.epoch, inspection_units(hyper.n_hidden), probabilities)


def _histogram_column(histogram: Histogram) -> dict[str, Any]:
    return {"zeros": histogram.zeros, "counts": histogram.counts.tolist()}
