"""The run of a job that trains, as its error curve grows."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from recsvc.db.jobs.queue import JobQueue
from recsvc.db.session import reading
from recsvc.db.tables import Job
from recsvc.rbm.diagnosis import RunRecord
from recsvc.rbm.training.trainer import EpochReport
from recsvc.service.context import Context
from recsvc.service.diagnosis import job_diagnosis


@dataclass
class GrowingRun:
    """What is known of it, kept in memory: a long curve is not read again after every epoch.

    known  all but the curve
    rows   of the curve so far
    """

    known: RunRecord
    rows: list[dict[str, Any]]

    @classmethod
    def of(cls, context: Context, job: Job, known: RunRecord) -> "GrowingRun":
        """Take up a job where it is."""
        with reading(context.database) as session:
            return cls(known, job_diagnosis.rows_of(JobQueue(session).error_curve(job.id)))

    def add(self, report: EpochReport) -> None:
        """Add an epoch; a resumed job goes through some again."""
        while self.rows and self.rows[-1]["epoch"] >= report.epoch:
            self.rows.pop()
        self.rows.append(asdict(report))

    def run(self) -> RunRecord:
        """Give it as it is now."""
        known = self.known
        return replace(
            RunRecord.of(self.rows, hyper=known.hyper, model_kind=known.model_kind),
            baselines=known.baselines,
            remarks=known.remarks,
            is_over=False,
            began_warm=known.began_warm,
            ratings_per_parameter=known.ratings_per_parameter,
        )
