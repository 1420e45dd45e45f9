"""Autopilot: apply the changes that the diagnosis suggests, one a job, and keep those that help.

Every try is a training job with an error curve of its own. A job is stopped if its change has not
helped by the epoch at which its effect can be measured. After that epoch, a job is also stopped
if it has the same problem for five epochs; the first job at any epoch. The transaction that ends
a job queues the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from recsvc.db.jobs.queue import JobQueue
from recsvc.db.session import Session, reading
from recsvc.db.tables import Job, JobKind, JobState
from recsvc.errors import ChangeNotKept, Hopeless
from recsvc.rbm.data_profile.exclusions import snapshots_by_exclusion
from recsvc.rbm.diagnosis import Change, Finding, RunRecord, diagnose
from recsvc.rbm.params import Params
from recsvc.rbm.snapshot import Snapshot
from recsvc.rbm.training.trainer import TrainerState
from recsvc.rbm.tuning import autopilot
from recsvc.service.diagnosis import job_diagnosis
from recsvc.service.diagnosis.run_records import job_run_record
from recsvc.service.models.split import split_snapshot
from recsvc.service.training.callbacks import (
    Callback,
    CallbackContext,
    ProgressWriter,
    RunRecorder,
)
from recsvc.service.training.fit_loop import EpochResult, FitPlan
from recsvc.service.training_progress import TrainingProgress
from recsvc.service.training_spec import TrainingSpec
from recsvc.service.tuning.autopilot_outcome import is_change_kept

MOST_DIAGNOSES = 100  # of a long curve


@dataclass
class Autopilot(Callback):
    """Stops a job of autopilot whose change does not help, or that is hopeless.

    before    the run that the job's change should improve on, None for the first job
    snapshot  the ratings that the job learns from and is evaluated on
    is_kept   whether the change is known to help
    latest    findings of the latest epochs
    """

    before: RunRecord | None
    snapshot: Snapshot
    plan: FitPlan
    recorder: RunRecorder
    writer: ProgressWriter
    is_kept: bool = False
    latest: list[Sequence[Finding]] = field(default_factory=list)

    @classmethod
    def from_context(cls, run: CallbackContext) -> "Autopilot":
        """Return the callback of a job of autopilot."""
        spec, before = run.plan.spec, None
        if spec.trying is not None and spec.retry_of is not None:
            with reading(run.context.database) as session:
                job = JobQueue(session).get(spec.retry_of, JobKind.TRAINING)
                before = job_run_record(session, job)
        return cls(before, run.snapshot, run.plan, run.recorder, run.writer)

    def on_epoch_end(self, result: EpochResult) -> None:
        """Raise ChangeNotKept or Hopeless if further epochs are useless."""
        epoch, epochs = result.report.epoch, self.plan.hyper.epochs
        if self._is_due(epoch):
            self._judge(self.recorder.record(), epoch)
        if self.before is not None and not self.is_kept:
            return
        if epoch % max(1, len(self.recorder.rows) // MOST_DIAGNOSES) or epoch == epochs:
            return
        findings = diagnose(self.recorder.record())
        self.latest = [*self.latest, findings][-autopilot.ENOUGH_EPOCHS :]
        if autopilot.is_hopeless(self.latest):
            self._record_losses(result.state.best_params, epoch / epochs)
            raise Hopeless(epoch, self.latest[-1][0].code)

    def on_fit_end(self, state: TrainerState) -> None:
        """Judge the change of a run that ended too early for it. Raises ChangeNotKept."""
        if self.before is not None:
            epoch = autopilot.comparison_epoch(self.plan.hyper, self.before)
            self._judge(self.recorder.record(), epoch)
        self._record_losses(state.best_params, 1.0)

    def _is_due(self, epoch: int) -> bool:
        """Return whether the change can be measured at this epoch and is not yet kept."""
        if self.before is None or self.is_kept:
            return False
        return epoch >= autopilot.comparison_epoch(self.plan.hyper, self.before)

    def _judge(self, now: RunRecord, epoch: int) -> None:
        if self.before is None or self.is_kept:
            return
        if not autopilot.is_better(now, self.before, epoch=epoch):
            raise ChangeNotKept(now.last_epoch)
        self.is_kept = True

    def _record_losses(self, best: Params, share: float) -> None:
        """Record the losses that a later run without some ratings is compared with."""
        losses = losses_by_exclusion(self.snapshot, self.plan, best)
        if losses:
            self.writer.update(replace(self.writer.progress, loss_without=losses))
            share /= self.writer.n_fits
            self.writer.start_phase("measuring without odd ratings", share)


def losses_by_exclusion(snapshot: Snapshot, plan: FitPlan, params: Params) -> dict[str, float]:
    """Return the loss on the validation ratings that remain, by choice of leave_out.

    Choices that exclude nothing, or leave no validation rating, are omitted.
    """
    spec = plan.spec
    losses: dict[str, float] = {}
    for choice, remaining in snapshots_by_exclusion(snapshot).items():
        split = split_snapshot(remaining, plan.split.scale, share=spec.validation_share)
        if split.validation.n_ratings == 0:
            continue
        data = replace(plan, validation=split.validation).training_data()
        loss = autopilot.loss_of(params, data, spec.model_kind, seed=spec.seed)
        if loss is not None:
            losses[choice] = loss
    return losses


def queue_next_try(session: Session, job: Job, *, now: datetime) -> Job | None:
    """Queue the next try after a job of autopilot that has ended; None if there is none.

    A change that did not help is undone: the next try changes the job before it.
    """
    if not job.spec.get("autopilot") or job.state == JobState.CANCELLED:
        return None
    spec = TrainingSpec.from_dict(job.spec)
    base, tried = job, list(spec.tried)
    if spec.trying is not None and spec.retry_of is not None:
        is_kept = is_change_kept(job)
        base = job if is_kept else JobQueue(session).get(spec.retry_of, JobKind.TRAINING)
        tried.append({**spec.trying, "job_id": job.id, "kept": is_kept})
    _, diagnosis = job_diagnosis.diagnose_job(session, base.id, now=now)
    change = _next_change(diagnosis.findings, tried)
    if change is None:
        return None
    trying = {
        "hyperparameter": change.hyperparameter,
        "before": change.before,
        "to": change.to,
    }
    changed = TrainingSpec.from_dict(base.spec).with_changes([change])
    changed = replace(changed, retry_of=base.id, trying=trying, tried=tried)
    queued = JobQueue(session).enqueue(
        JobKind.TRAINING, spec=changed.as_dict(), now=now, key_prefix=job.key_prefix
    )
    progress = TrainingProgress.from_note(job.progress_note)
    job.progress_note = replace(progress, next_job_id=queued.id).as_note()
    return queued


def _next_change(findings: Sequence[Finding], tried: Sequence[dict[str, Any]]) -> Change | None:
    if len(tried) >= autopilot.MOST_TRIES:
        return None
    outcomes = [((one["hyperparameter"], one["to"]), one["kept"]) for one in tried]
    return autopilot.next_change(findings, autopilot.changes_to_skip(outcomes))
