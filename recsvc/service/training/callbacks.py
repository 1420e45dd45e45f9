"""What a running training job says of itself: its phase, its epochs, and how far it is."""

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from recsvc.db.jobs.queue import JobQueue, Lease
from recsvc.db.session import unit_of_work
from recsvc.db.training.inspections import Inspections
from recsvc.rbm.diagnosis import diagnose
from recsvc.rbm.training.inspection import Watch, is_watched
from recsvc.service.context import Context
from recsvc.service.diagnosis import finding_events, inspections, job_diagnosis
from recsvc.service.training.fit_loop import Lap
from recsvc.service.training.run_recorder import GrowingRun


@dataclass
class Telling:
    """Writes it down as it happens.

    note    what is known already and stays: it is written with every step
    fits    how many times the machine is fitted
    told    codes of findings
    """

    context: Context
    lease: Lease
    note: dict[str, Any]
    fits: int = 1
    told: set[str] = field(default_factory=set)

    def epoch(self, lap: Lap, growing: GrowingRun, watch: Watch) -> None:
        """Add a point to the error curve; of some epochs a look inside, and what is found by then.

        growing  with this epoch
        """
        report, seen, findings = lap.report, None, []
        if is_watched(report.epoch):
            seen = watch.look(lap.state, report.learning_rate)
            findings = [one for one in diagnose(growing.run()) if one.code not in self.told]
        self.note |= {"epoch": report.epoch, "best_epoch": lap.state.best_epoch}
        with unit_of_work(self.context.database) as session:
            jobs = JobQueue(session)
            figures = {**asdict(report), "seconds": lap.seconds}
            jobs.add_epoch(self.lease, figures, now=datetime.now(UTC))
            share = report.epoch / self.note["epochs"] / self.fits
            told = {
                "phase": job_diagnosis.EPOCHS_PHASE,
                "eta_seconds": lap.eta and lap.eta * self.fits,
            }
            jobs.update_progress(self.lease, share, {**self.note, **told})
            if seen is not None:
                Inspections(session).add(
                    self.lease.job_id, report.epoch, inspections.as_columns(seen)
                )
            finding_events.announce(session, self.lease, findings)
        self.told.update(one.code for one in findings)

    def last_epoch(self, lap: Lap, epochs: int) -> None:
        """Say how far the last fit is, whose epochs make no curve."""
        share = (1 + lap.report.epoch / epochs) / 2
        self.phase("learning from all ratings", share, lap.eta)

    def phase(self, phase: str, share: float, eta: float | None = None) -> None:
        """Say what is done now. Raises LeaseLost."""
        with unit_of_work(self.context.database) as session:
            told = {"phase": phase, "eta_seconds": eta}
            JobQueue(session).update_progress(self.lease, share, {**self.note, **told})
