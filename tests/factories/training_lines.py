"""Training jobs with a past of our choosing, in the database of a real service."""

import math
from collections.abc import Iterable

from recsvc.client import Client
from recsvc.db.session import Database, unit_of_work
from recsvc.db.tables import JobState, TrainingEpoch
from tests.cli.conftest import Served
from tests.factories.workers import BASELINES, RESULT, Worker

KNOWN = {"learning_rate": 0.01, "momentum": 0.9, "cd_steps": 1, "seconds": 0.5}


def figures(n: int, best: int, **changed: float | None) -> dict:
    """An epoch of a job that learns until `best` and overfits afterwards."""
    epoch = {
        "epoch": n,
        "validation_nll": 1.2 + 0.3 * math.exp(-n / 4) + 0.004 * max(0, n - best),
        "train_nll": 1.0 + 0.5 * math.exp(-n / 4),
        "validation_rmse": 0.94 + 0.2 * math.exp(-n / 4),
        "reconstruction_error": 0.8 + 0.4 * math.exp(-n / 3),
        "update_to_weight_ratio": 0.001,
        "hidden_activity": 0.3,
    }
    return KNOWN | epoch | changed


class Past:
    """Puts training jobs into a service that has no worker of its own."""

    def __init__(self, served: Served) -> None:
        self._database = Database(f"sqlite:///{served.home / 'recsvc.sqlite3'}")
        self._worker = Worker(self._database)
        self.url = served.url

    def job(
        self, epochs: Iterable[dict], best: int = 1, diverged_at: int | None = None, **hyper: float
    ) -> int:
        """Add a job that is over; give its number."""
        with Client(self.url) as client:
            number = client.train(model_kind="user_rbm", hyperparameters=hyper)["id"]
        lease = self._worker.claim()
        with unit_of_work(self._database) as session:
            session.add_all(TrainingEpoch(job_id=number, **epoch) for epoch in epochs)
        if diverged_at is None:
            result = RESULT | {"best_epoch": best, "baselines": BASELINES}
            self._worker.finish(lease, result=result)
        else:
            error = {"code": "diverged", "title": "Training diverged", "epoch": diverged_at}
            self._worker.finish(lease, JobState.FAILED, error=error)
        return number
