"""Autopilot: a training job's advice is followed, verified, and kept only if it helps.

Every try is a training job of its own, with its own curve. One that has the same problem for five
epochs is stopped; one whose change has not helped by the epoch at which that can be told is
stopped, too. Whenever a job ends, the next change is queued in the transaction that ends it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from recsvc.db.jobs import JobQueue
from recsvc.db.session import Session, reading
from recsvc.db.tables import Job, JobState
from recsvc.errors import ChangeNotKept, Hopeless
from recsvc.rbm import autopilot
from recsvc.rbm.diagnosis import Change, Finding, Run, diagnose
from recsvc.rbm.training import EpochReport
from recsvc.service import diagnosing
from recsvc.service.context import Context
from recsvc.service.training_spec import TrainingSpec

KIND = "training"
LOOKS_AT_MOST = 100  # of a long curve


@dataclass
class Pilot:
    """Looks at a running job after every epoch.

    before  the run that its change is to mend, None of the first
    rows    of its error curve so far
    run     what is known of it, but for its curve
    latest  findings of the latest epochs
    """

    before: Run | None
    rows: list[dict[str, Any]]
    run: Run
    latest: list[Sequence[Finding]] = field(default_factory=list)

    @classmethod
    def of(cls, context: Context, job: Job, run: Run) -> "Pilot":
        """Take up a job where it is; of the run, all but its curve is known."""
        spec = TrainingSpec.from_dict(job.spec)
        with reading(context.database) as session:
            queue, before = JobQueue(session), None
            if spec.trying is not None and spec.retry_of is not None:
                before = diagnosing.run_of(session, queue.get(spec.retry_of, KIND))
            return cls(before, diagnosing.rows_of(queue.error_curve(job.id)), run)

    def look(self, report: EpochReport) -> None:
        """Raise ChangeNotKept or Hopeless where there is no use in going on."""
        self.rows = [row for row in self.rows if row["epoch"] < report.epoch] + [asdict(report)]
        is_last = self.run.hyper is not None and report.epoch == self.run.hyper.epochs
        if report.epoch % max(1, len(self.rows) // LOOKS_AT_MOST) or is_last:
            return
        now = replace(
            Run.of(self.rows, hyper=self.run.hyper, model_kind=self.run.model_kind),
            baselines=self.run.baselines, remarks=self.run.remarks, is_over=False,
            began_warm=self.run.began_warm,
        )  # fmt: skip
        self.latest = [*self.latest, diagnose(now)][-autopilot.ENOUGH_EPOCHS :]
        hopeless = autopilot.is_hopeless(self.latest)
        if (hopeless or self._is_time(now, report.epoch)) and not self._helps(now, report.epoch):
            raise ChangeNotKept(report.epoch)
        if hopeless:
            raise Hopeless(report.epoch, self.latest[-1][0].code)

    def _is_time(self, now: Run, epoch: int) -> bool:
        """Tell whether the change can be judged by now."""
        if self.before is None or now.hyper is None:
            return False
        return epoch == autopilot.compared_at(now.hyper, self.before)

    def _helps(self, now: Run, epoch: int) -> bool:
        return self.before is None or autopilot.is_better(now, self.before, epoch=epoch)


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
        base = job if kept else JobQueue(session).get(spec.retry_of, KIND)
        tried.append({**spec.trying, "job_id": job.id, "kept": kept})
    _, diagnosis = diagnosing.diagnose_job(session, base.id)
    change = _next(diagnosis.findings, tried)
    if change is None:
        return None
    changed = TrainingSpec.from_dict(base.spec).changed([change])
    trying = {
        "hyperparameter": change.hyperparameter, "before": change.before, "to": change.to,
    }  # fmt: skip
    asked = replace(changed, retry_of=base.id, trying=trying, tried=tried)
    queued = JobQueue(session).enqueue(KIND, spec=asked.as_dict(), now=now)
    job.progress_note = {**(job.progress_note or {}), "next_job_id": queued.id}
    return queued


def _next(findings: Sequence[Finding], tried: Sequence[dict[str, Any]]) -> Change | None:
    if len(tried) >= autopilot.MOST_TRIES:
        return None
    known = [(one["hyperparameter"], one["to"]) for one in tried]
    return autopilot.next_change(findings, known)
