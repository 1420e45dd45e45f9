"""Early stopping: a sweep's trial that most of the others are ahead of is not trained on."""

from dataclasses import dataclass

from recsvc.db.session import reading
from recsvc.db.tables import Job
from recsvc.db.tuning.sweeps import Sweeps
from recsvc.errors import StoppedEarly
from recsvc.rbm.model_kind import MACHINES
from recsvc.rbm.params import Hyperparameters
from recsvc.rbm.training.schedules import longest_flat_start
from recsvc.rbm.tuning import search_space
from recsvc.service.context import Context
from recsvc.service.tuning import sweep_status


@dataclass(frozen=True)
class Stopping:
    """Looks at a trial after every epoch.

    grace  epochs in which it is not stopped: the loss of rating-only machines is flat at first
    """

    context: Context
    sweep_id: int
    job_id: int
    grace: int

    @classmethod
    def of(cls, context: Context, job: Job, hyper: Hyperparameters) -> "Stopping | None":
        """Take up a job; None where it is not to be stopped."""
        if job.sweep_id is None:
            return None
        with reading(context.database) as session:
            if not Sweeps(session).get(job.sweep_id).spec["early_stopping"]:
                return None
        makes_lists = MACHINES[job.spec["model_kind"]].makes_lists
        flat_start = 0 if makes_lists else longest_flat_start(hyper)
        grace = max(search_space.GRACE_EPOCHS, flat_start)
        return cls(context, job.sweep_id, job.id, grace)

    def look(self, epoch: int) -> None:
        """Raise StoppedEarly where there is no use in going on."""
        if epoch <= self.grace:
            return
        with reading(self.context.database) as session:
            sweeps = Sweeps(session)
            bests = sweeps.best_metrics(self.sweep_id)
            metric = sweep_status.metric_of(sweeps.trials(self.sweep_id), bests)
            figures = [
                sweep_status.figure_of(one, metric)
                for one in sweeps.peers(self.sweep_id, but=self.job_id, epoch=epoch)
            ]
        own = sweep_status.figure_of(bests[self.job_id], metric)
        if own is not None and search_space.is_hopeless(
            own,
            [figure for figure in figures if figure is not None],
            epoch=epoch,
            grace=self.grace,
            higher_is_better=metric == "validation_ndcg",
        ):
            raise StoppedEarly(self.sweep_id, epoch, metric, own)
