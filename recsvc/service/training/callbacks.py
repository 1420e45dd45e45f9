"""Callbacks of a fit: called after every epoch, in a fixed order, and at the end.

They record the run, write the error curve and the job's progress, and may end the fit by raising.
`recsvc.service.tuning` adds others through a `CallbackFactory`.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from recsvc.db.jobs.queue import JobQueue, Lease
from recsvc.db.session import reading, unit_of_work
from recsvc.db.tables import Job
from recsvc.db.training.inspections import Inspections
from recsvc.rbm.diagnosis import RunRecord, diagnose
from recsvc.rbm.snapshot import Snapshot
from recsvc.rbm.training.inspection import Inspector, is_inspected
from recsvc.rbm.training.trainer import EpochReport, TrainerState
from recsvc.service.context import Context
from recsvc.service.diagnosis import finding_events, inspections
from recsvc.service.diagnosis.run_records import build_run_record, curve_rows
from recsvc.service.training.fit_loop import EpochResult, FitPlan
from recsvc.service.training_progress import EPOCHS_PHASE, TrainingProgress
from recsvc.service.training_spec import TrainingSpec


class Callback:
    """A listener to the epochs of a fit. Either method may end the fit by raising."""

    def on_epoch_end(self, result: EpochResult) -> None:
        """Use the result of an epoch before the next one starts."""

    def on_fit_end(self, state: TrainerState) -> None:
        """Use the final state of a fit that no callback has ended."""


@dataclass
class ProgressWriter:
    """Writes the progress of a job to the database.

    progress  the facts known so far, written with every phase and epoch
    n_fits    how many times the machine is fitted
    """

    context: Context
    lease: Lease
    progress: TrainingProgress
    n_fits: int = 1

    def update(self, progress: TrainingProgress) -> None:
        """Replace the known facts; they are written with the next phase or epoch."""
        self.progress = progress

    def start_phase(self, phase: str, share: float, eta_seconds: float | None = None) -> None:
        """Write the current phase. Raises LeaseLost.

        share  of the job that is done, 0 … 1
        """
        self.progress = replace(self.progress, phase=phase, eta_seconds=eta_seconds)
        with unit_of_work(self.context.database) as session:
            JobQueue(session).update_progress(self.lease, share, self.progress.as_note())


@dataclass
class RunRecorder(Callback):
    """Keeps the run in memory, so that a long curve is not read again after every epoch.

    rows  of the error curve so far
    """

    spec: TrainingSpec
    writer: ProgressWriter
    rows: list[dict[str, Any]]

    @classmethod
    def from_job(cls, job: Job, spec: TrainingSpec, writer: ProgressWriter) -> "RunRecorder":
        """Start with the curve that earlier attempts of the job have recorded."""
        with reading(writer.context.database) as session:
            return cls(spec, writer, curve_rows(JobQueue(session).error_curve(job.id)))

    def on_epoch_end(self, result: EpochResult) -> None:
        """Add the epoch to the curve."""
        self.add(result.report)

    def add(self, report: EpochReport) -> None:
        """Add an epoch in place of any later ones: a resumed job repeats some epochs."""
        while self.rows and self.rows[-1]["epoch"] >= report.epoch:
            self.rows.pop()
        self.rows.append(asdict(report))

    def record(self) -> RunRecord:
        """Build the record of the run so far."""
        return build_run_record(self.spec, self.writer.progress, self.rows)


@dataclass
class ProgressReporter(Callback):
    """Writes the error curve and the progress of the first fit.

    emitted  codes of the findings that were recorded as events
    """

    writer: ProgressWriter
    recorder: RunRecorder
    inspector: Inspector
    emitted: set[str] = field(default_factory=set)

    def on_epoch_end(self, result: EpochResult) -> None:
        """Append the epoch to the error curve.

        On monitored epochs also store an inspection and record new findings.
        """
        writer, report, inspection, findings = self.writer, result.report, None, []
        if is_inspected(report.epoch):
            inspection = self.inspector.inspect(result.state, report.learning_rate)
            found = diagnose(self.recorder.record())
            findings = [one for one in found if one.code not in self.emitted]
        progress = replace(
            writer.progress,
            epoch=report.epoch,
            best_epoch=result.state.best_epoch,
            phase=EPOCHS_PHASE,
            eta_seconds=result.eta_seconds and result.eta_seconds * writer.n_fits,
        )
        share = report.epoch / (progress.epochs or 1) / writer.n_fits
        with unit_of_work(writer.context.database) as session:
            jobs = JobQueue(session)
            metrics = {**asdict(report), "seconds": result.seconds}
            jobs.add_epoch(writer.lease, metrics, now=datetime.now(UTC))
            jobs.update_progress(writer.lease, share, progress.as_note())
            if inspection is not None:
                columns = inspections.inspection_columns(inspection)
                Inspections(session).add(writer.lease.job_id, report.epoch, columns)
            finding_events.record_findings(session, writer.lease, findings)
        writer.update(progress)
        self.emitted.update(one.code for one in findings)


@dataclass
class RefitReporter(Callback):
    """Writes the progress of the second fit, whose epochs are not part of the error curve."""

    writer: ProgressWriter
    epochs: int

    def on_epoch_end(self, result: EpochResult) -> None:
        """Write how far the second fit is."""
        share = (1 + result.report.epoch / self.epochs) / 2
        self.writer.start_phase("learning from all ratings", share, result.eta_seconds)


@dataclass
class RollbackWarner(Callback):
    """Adds a warning to the job's result whenever training diverged and went back."""

    warnings: list[str]

    def on_epoch_end(self, result: EpochResult) -> None:
        """Warn if the epoch diverged."""
        if result.rolled_back:
            self.warnings.append(
                f"Training diverged in epoch {result.report.epoch}, at a learning rate of "
                f"{result.report.learning_rate:g}. It continued from epoch "
                f"{result.state.best_epoch} at a tenth of that rate."
            )


@dataclass(frozen=True)
class CallbackContext:
    """The objects that a `CallbackFactory` builds callbacks of the first fit from.

    snapshot  the ratings and interactions that the job reads
    """

    context: Context
    job: Job
    plan: FitPlan
    snapshot: Snapshot
    recorder: RunRecorder
    writer: ProgressWriter


CallbackFactory = Callable[[CallbackContext], Sequence[Callback]]


def no_callbacks(_: CallbackContext) -> Sequence[Callback]:
    """Return no further callbacks."""
    return ()
