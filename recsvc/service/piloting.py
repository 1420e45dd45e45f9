"""Autopilot: a training job's advice is followed, verified, and kept only if it helps.

Every try is a training job of its own, with its own curve. One that has the same problem for five
epochs is stopped; one whose change has not helped by the epoch at which that can be told is
stopped, too. Whenever a job ends, the next change is queued in the transaction that ends it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from recsvc.db.jobs import JobQueue
from recsvc.db.session import Session, reading
from recsvc.db.tables import Job, JobState
from recsvc.errors import ChangeNotKept, Hopeless
from recsvc.rbm import autopilot
from recsvc.rbm.diagnosis import Change, Finding, Run, diagnose
from recsvc.service import diagnosing
from recsvc.service.context import Context
from recsvc.service.growing import GrowingRun
from recsvc.service.training_spec import TrainingSpec

KIND = "training"
LOOKS_AT_MOST = 100  # of a long curve


@dataclass
class Pilot:
    """Looks at a running job after every epoch.

    before  the run that its change is to mend, None of the first
    latest  findings of the latest epochs
    """

    before: Run | None
    latest: list[Sequence[Finding]] = field(default_factory=list)

    @classmethod
    def of(cls, context: Context, spec: TrainingSpec) -> "Pilot":
        """Take up a job where it is."""
        if spec.trying is None or spec.retry_of is None:
            return cls(None)
        with reading(context.database) as session:
            before = JobQueue(session).get(spec.retry_of, KIND)
            return cls(diagnosing.run_of(session, before))

    def look(self, growing: GrowingRun, epoch: int) -> None:
        """Raise ChangeNotKept or Hopeless where there is no use in going on."""
        hyper, n_rows = growing.known.hyper, len(growing.rows)
        is_last = hyper is not None and epoch == hyper.epochs
        if epoch % max(1, n_rows // LOOKS_AT_MOST) or is_last:
            return
        now = growing.run()
        self.latest = [*self.latest, diagnose(now)][-autopilot.ENOUGH_EPOCHS :]
        hopeless = autopilot.is_hopeless(self.latest)
        if (hopeless or self._is_time(now, epoch)) and not self._helps(now, epoch):
            raise ChangeNotKept(epoch)
        if hopeless:
            raise Hopeless(epoch, self.latest[-1][0].code)

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
    _, diagnosis = diagnosing.diagnose_job(session, base.id, now=now)
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
    known = [((one["hyperparameter"], one["to"]), one["kept"]) for one in tried]
    return autopilot.next_change(findings, autopilot.not_again(known))
