"""A worker's part, played through the queue that it uses, without the numbers."""

from datetime import UTC, datetime

from recsvc.db.jobs.queue import JobQueue, Lease, job_lease
from recsvc.db.session import unit_of_work
from recsvc.db.tables import JobState
from recsvc.rbm.diagnosis import Finding

SPEC = {"hyperparameters": {"n_hidden": 8}, "seed": 7, "publish": "never"}
BASELINES = {
    "global_mean": {"rmse": 1.12},
    "item_mean": {"rmse": 1.02},
    "most_rated": {"ndcg_at_10": 0.2},
}
RESULT = {"version": 1, "published": False, "reason": "never", "best_epoch": 2, "metrics": {}}


class Worker:
    """Does to jobs what a worker does."""

    def __init__(self, database) -> None:
        self._database = database

    @property
    def _now(self) -> datetime:
        return datetime.now(UTC)

    def _write(self, act):
        with unit_of_work(self._database) as session:
            return act(JobQueue(session))

    def claim(self) -> Lease:
        claim = {"worker": "w1", "now": self._now, "lease_seconds": 60, "max_attempts": 3}
        return self._write(lambda queue: job_lease(queue.claim(**claim)))

    def epoch(self, lease: Lease, epoch: int, **more: float | None) -> None:
        figures = {
            "epoch": epoch,
            "validation_nll": 1.2 + 0.1 * abs(epoch - 2),
            "validation_rmse": 0.9 + 0.1 * abs(epoch - 2),
            "train_nll": 1.5 / epoch,
            "learning_rate": 0.01,
            "momentum": 0.9,
            "cd_steps": 1,
            "seconds": 0.5,
            **more,
        }
        note = {"epoch": epoch, "epochs": 4, "eta_seconds": 2.0, "phase": "training"}
        note["baselines"] = BASELINES
        self._write(lambda queue: queue.add_epoch(lease, figures, now=self._now))
        self._write(lambda queue: queue.update_progress(lease, epoch / 4, note))

    def find(self, lease: Lease, finding: Finding) -> None:
        found = finding.as_dict()
        self._write(lambda queue: queue.add_finding(lease, found, now=self._now))

    def finish(self, lease: Lease, state=JobState.SUCCEEDED, **how) -> None:
        how = how or {"result": RESULT | {"baselines": BASELINES}}
        self._write(lambda queue: queue.finish(lease, state, now=self._now, **how))

    def train(self, epochs: int) -> None:
        lease = self.claim()
        for epoch in range(1, epochs + 1):
            self.epoch(lease, epoch)
        self.finish(lease)


def start(client, **spec) -> dict:
    """Ask for a training job."""
    return client.post("/v1/training-jobs", json=SPEC | spec).json()
