"""The progress of a training job, as its `progress_note` stores it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from recsvc.db.tables import Job
from recsvc.rbm.auto_hyperparameters import Choice

EPOCHS_PHASE = "training"  # the phase in which epochs are added to the error curve

Baselines = Mapping[str, Mapping[str, float | None]]


@dataclass(frozen=True)
class TrainingProgress:
    """The facts that a training job records while it runs; None for those not known yet.

    issues                 share of users, items or ratings by code of the data issue
    epochs                 the most epochs of the first fit
    baselines              metrics of the baselines, by name
    choices                hyperparameters that the shape of the data decided
    ratings_per_parameter  number of ratings for each weight
    epoch, best_epoch      the latest and the best epoch of the error curve
    loss_without           loss of the best epoch on the validation ratings that remain, by choice
                           of leave_out
    phase                  what the job does now
    eta_seconds            estimated seconds until the end of training
    next_job_id            the next try of autopilot
    """

    issues: Mapping[str, float] | None = None
    epochs: int | None = None
    baselines: Baselines | None = None
    choices: Mapping[str, Choice] | None = None
    ratings_per_parameter: float | None = None
    epoch: int | None = None
    best_epoch: int | None = None
    loss_without: Mapping[str, float] | None = None
    phase: str | None = None
    eta_seconds: float | None = None
    next_job_id: int | None = None

    @classmethod
    def from_note(cls, note: Mapping[str, Any] | None) -> "TrainingProgress":
        """Read a job's `progress_note`, None before the job has started."""
        note = note or {}
        choices = note.get("choices")
        return cls(
            issues=note.get("remarks"),
            epochs=note.get("epochs"),
            baselines=note.get("baselines"),
            choices=None if choices is None else _read_choices(choices),
            ratings_per_parameter=note.get("ratings_per_parameter"),
            epoch=note.get("epoch"),
            best_epoch=note.get("best_epoch"),
            loss_without=note.get("loss_without"),
            phase=note.get("phase"),
            eta_seconds=note.get("eta_seconds"),
            next_job_id=note.get("next_job_id"),
        )

    @classmethod
    def from_job(cls, job: Job) -> "TrainingProgress":
        """Read the progress of a job; its result is preferred for the facts that both have."""
        progress, result = cls.from_note(job.progress_note), job.result or {}
        return replace(
            progress,
            baselines=result.get("baselines", progress.baselines),
            best_epoch=result.get("best_epoch", progress.best_epoch),
        )

    def as_note(self) -> dict[str, Any]:
        """Return the form that the job stores: known facts only, `eta_seconds` with any phase."""
        choices = self.choices
        facts = {
            "remarks": self.issues,
            "epochs": self.epochs,
            "baselines": self.baselines,
            "choices": None if choices is None else _write_choices(choices),
            "ratings_per_parameter": self.ratings_per_parameter,
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "loss_without": self.loss_without,
            "phase": self.phase,
            "eta_seconds": self.eta_seconds,
            "next_job_id": self.next_job_id,
        }
        note = {name: fact for name, fact in facts.items() if fact is not None}
        return note if self.phase is None else {**note, "eta_seconds": self.eta_seconds}


def _read_choices(choices: Mapping[str, Mapping[str, Any]]) -> dict[str, Choice]:
    return {name: Choice(one["value"], one["because"]) for name, one in choices.items()}


def _write_choices(choices: Mapping[str, Choice]) -> dict[str, dict[str, Any]]:
    return {name: choice._asdict() for name, choice in choices.items()}
