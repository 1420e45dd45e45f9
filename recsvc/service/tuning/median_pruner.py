"""Median pruning: stop a sweep's trial that is worse than most others were at its epoch."""

from dataclasses import dataclass

from recsvc.db.session import reading
from recsvc.db.tables import Job
from recsvc.db.tuning.sweeps import Sweeps
from recsvc.errors import StoppedEarly
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.model_kind import MACHINES
from recsvc.rbm.training.schedules import longest_flat_start
from recsvc.rbm.tuning import median_pruning
from recsvc.service.context import Context
from recsvc.service.training.callbacks import Callback
from recsvc.service.training.fit_loop import EpochResult
from recsvc.service.tuning import sweep_status


@dataclass(frozen=True)
class MedianPruner(Callback):
    """Prunes a running trial.

    grace  first epochs without pruning: the loss of rating-only machines is flat at first
    """

    context: Context
    sweep_id: int
    job_id: int
    grace: int

    @classmethod
    def from_job(cls, context: Context, job: Job, hyper: Hyperparameters) -> "MedianPruner | None":
        """Return the pruner of a job; None unless it is a trial of a sweep that prunes."""
        if job.sweep_id is None:
            return None
        with reading(context.database) as session:
            if not Sweeps(session).get(job.sweep_id).spec["early_stopping"]:
                return None
        makes_lists = MACHINES[job.spec["model_kind"]].makes_lists
        flat_start = 0 if makes_lists else longest_flat_start(hyper)
        grace = max(median_pruning.GRACE_EPOCHS, flat_start)
        return cls(context, job.sweep_id, job.id, grace)

    def on_epoch_end(self, result: EpochResult) -> None:
        """Raise StoppedEarly if the trial's best metric is worse than the median of the others."""
        epoch = result.report.epoch
        if epoch <= self.grace:
            return
        with reading(self.context.database) as session:
            sweeps = Sweeps(session)
            bests = sweeps.best_metrics(self.sweep_id)
            metric = sweep_status.choose_metric(sweeps.trials(self.sweep_id), bests)
            others = [
                sweep_status.best_value(one, metric)
                for one in sweeps.peers(self.sweep_id, but=self.job_id, epoch=epoch)
            ]
        own = sweep_status.best_value(bests[self.job_id], metric)
        if own is not None and median_pruning.should_prune(
            own,
            [value for value in others if value is not None],
            epoch=epoch,
            grace=self.grace,
            higher_is_better=metric == "validation_ndcg",
        ):
            raise StoppedEarly(self.sweep_id, epoch, metric, own)
