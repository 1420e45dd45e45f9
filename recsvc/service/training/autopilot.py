"""Autopilot: a training job's advice is followed, verified, and kept only if it helps.

Every try is a training job of its own, with its own curve. One whose change has not helped by the
epoch at which that can be told is stopped; after that epoch, as the first job at any time, one that
has the same problem for five epochs is stopped, too. Whenever a job ends, the next change is queued
in the transaction that ends it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from recsvc.db.jobs.queue import JobQueue
from recsvc.db.session import Session, reading
from recsvc.db.tables import Job, JobKind, JobState
from recsvc.errors import ChangeNotKept, Hopeless
from recsvc.rbm.data_profile.exclusions import without_odd
from recsvc.rbm.diagnosis import Change, Finding, RunRecord, diagnose
from recsvc.rbm.params import Params
from recsvc.rbm.snapshot import Snapshot
from recsvc.rbm.tuning import autopilot
from recsvc.service.context import Context
from recsvc.service.diagnosis import job_diagnosis
from recsvc.service.models.comparison import split_of
from recsvc.service.training.callbacks import Telling
from recsvc.service.training.fit_loop import Fit, Lap
from recsvc.service.training.run_recorder import GrowingRun
from recsvc.service.training_spec import TrainingSpec

LOOKS_AT_MOST = 100  # of a long curve


@dataclass
class Pilot:
    """Looks at a running job after every epoch.

    before    the run that its change is to mend, None of the first
    snapshot  the ratings that it learns from and is measured on
    judged    whether its change is known to help
    latest    findings of the latest epochs
    """

    before: RunRecord | None
    snapshot: Snapshot
    telling: Telling
    judged: bool = False
    latest: list[Sequence[Finding]] = field(default_factory=list)

    @classmethod
    def of(
        cls, context: Context, spec: TrainingSpec, snapshot: Snapshot, telling: Telling
    ) -> "Pilot":
        """Take up a job where it is."""
        if spec.trying is None or spec.retry_of is None:
            return cls(None, snapshot, telling)
        with reading(context.database) as session:
            before = JobQueue(session).get(spec.retry_of, JobKind.TRAINING)
            return cls(job_diagnosis.run_of(session, before), snapshot, telling)

    def look(self, growing: GrowingRun, fit: Fit, lap: Lap) -> None:
        """Raise ChangeNotKept or Hopeless where there is no use in going on."""
        epoch, epochs = lap.report.epoch, fit.hyper.epochs
        if self._is_due(fit, epoch):
            self._judge(growing.run(), epoch)
        if self.before is not None and not self.judged:
            return
        if epoch % max(1, len(growing.rows) // LOOKS_AT_MOST) or epoch == epochs:
            return
        now = growing.run()
        self.latest = [*self.latest, diagnose(now)][-autopilot.ENOUGH_EPOCHS :]
        if autopilot.is_hopeless(self.latest):
            self._measure_without(fit, lap.state.best_params, epoch / epochs)
            raise Hopeless(epoch, self.latest[-1][0].code)

    def end(self, growing: GrowingRun, fit: Fit, best: Params) -> None:
        """Judge a run that ended before it was time to. Raises ChangeNotKept."""
        if self.before is not None:
            self._judge(growing.run(), autopilot.compared_at(fit.hyper, self.before))
        self._measure_without(fit, best, 1.0)

    def _is_due(self, fit: Fit, epoch: int) -> bool:
        """Tell whether the change can be judged by now, and was not yet."""
        if self.before is None or self.judged:
            return False
        return epoch >= autopilot.compared_at(fit.hyper, self.before)

    def _judge(self, now: RunRecord, epoch: int) -> None:
        if self.before is None or self.judged:
            return
        if not autopilot.is_better(now, self.before, epoch=epoch):
            raise ChangeNotKept(now.last_epoch)
        self.judged = True

    def _measure_without(self, fit: Fit, best: Params, share: float) -> None:
        """Write down what a run that leaves ratings out will be compared with."""
        losses = losses_without(self.snapshot, fit, best)
        if losses:
            self.telling.note["loss_without"] = losses
            self.telling.phase("measuring without odd ratings", share / self.telling.fits)


def losses_without(snapshot: Snapshot, fit: Fit, params: Params) -> dict[str, float]:
    """Give the loss on the validation ratings that each choice of leave_out leaves, by choice.

    A choice that leaves out nothing is not there, nor one that leaves nothing to measure on.
    """
    spec = fit.spec
    losses: dict[str, float] = {}
    for choice, left in without_odd(snapshot).items():
        validation = split_of(left, fit.split.scale, share=spec.validation_share).validation
        if validation.n_ratings == 0:
            continue
        data = replace(fit, validation=validation).data()
        loss = autopilot.loss_of(params, data, spec.model_kind, seed=spec.seed)
        if loss is not None:
            losses[choice] = loss
    return losses


def follow(session: Session, job: Job, *, now: datetime) -> Job | None:
    """Queue the next try after a training job on autopilot that has ended, if there is one.

    A change that did not help is undone: the next is one of the job before it.
    """
    if not job.spec.get("autopilot") or job.state == JobState.CANCELLED:
        return None
    spec = TrainingSpec.from_dict(job.spec)
    base, tried = job, list(spec.tried)
    if spec.trying is not None and spec.retry_of is not None:
        kept = (job.error or {}).get("code", Hopeless.code()) == Hopeless.code()
        base = job if kept else JobQueue(session).get(spec.retry_of, JobKind.TRAINING)
        tried.append({**spec.trying, "job_id": job.id, "kept": kept})
    _, diagnosis = job_diagnosis.diagnose_job(session, base.id, now=now)
    change = _next(diagnosis.findings, tried)
    if change is None:
        return None
    changed = TrainingSpec.from_dict(base.spec).changed([change])
    trying = {
        "hyperparameter": change.hyperparameter,
        "before": change.before,
        "to": change.to,
    }
    asked = replace(changed, retry_of=base.id, trying=trying, tried=tried)
    queued = JobQueue(session).enqueue(JobKind.TRAINING, spec=asked.as_dict(), now=now)
    job.progress_note = {**(job.progress_note or {}), "next_job_id": queued.id}
    return queued


def _next(findings: Sequence[Finding], tried: Sequence[dict[str, Any]]) -> Change | None:
    if len(tried) >= autopilot.MOST_TRIES:
        return None
    known = [((one["hyperparameter"], one["to"]), one["kept"]) for one in tried]
    return autopilot.next_change(findings, autopilot.not_again(known))
