"""From ratings to a model: chosen on train and validation ratings, then learned from all of them.

A machine that makes lists is fitted twice. The first fit does not see validation ratings: they tell
which epoch is best, how strong couplings are, and what the model is worth; that one is judged, now
and beside later versions. The second fit repeats it with all ratings, and answers.
"""

from dataclasses import dataclass, field, replace

from recsvc.db.jobs.queue import Lease
from recsvc.db.tables import Job
from recsvc.errors import CheckpointUnreadable, ShelfError
from recsvc.rbm import checkpoint
from recsvc.rbm.diagnosis import RunRecord
from recsvc.rbm.model import Model
from recsvc.rbm.model_kind import MACHINES
from recsvc.rbm.params import Hyperparameters, Params
from recsvc.rbm.snapshot import Snapshot
from recsvc.rbm.training.inspection import Watch
from recsvc.rbm.training.trainer import TrainerState
from recsvc.service.context import Context
from recsvc.service.models.comparison import Split
from recsvc.service.training import fit_loop, model_selection
from recsvc.service.training.autopilot import Pilot
from recsvc.service.training.callbacks import Telling
from recsvc.service.training.fit_loop import Fit, Lap
from recsvc.service.training.median_pruner import Stopping
from recsvc.service.training.run_recorder import GrowingRun
from recsvc.service.training_spec import TrainingSpec


@dataclass(frozen=True)
class Learned:
    """What came of it.

    judged         the model that has seen no validation rating
    judged_sha256  where it is kept, None where it is the one that answers
    model          the model that answers
    best_epoch     of the first fit
    """

    judged: Model
    judged_sha256: str | None
    model: Model
    best_epoch: int


@dataclass(frozen=True)
class Learning:
    """A job's way there; what was done before it was cut off is not done again.

    warnings  for the job's result
    """

    context: Context
    lease: Lease
    job: Job
    spec: TrainingSpec
    hyper: Hyperparameters
    snapshot: Snapshot
    split: Split
    telling: Telling
    warnings: list[str] = field(default_factory=list)

    def learned(self) -> Learned:
        """Learn. Raises Diverged, Hopeless, ChangeNotKept, StoppedEarly, LeaseLost, ShelfError."""
        twice = MACHINES[self.spec.model_kind].makes_lists and self.split.validation.n_ratings > 0
        self.telling.fits = 2 if twice else 1
        judged, sha256, resumed_at = self._kept(), self.job.judged_sha256, None
        if judged is not None:
            resumed_at = self.job.checkpoint_sha256
        else:
            judged = self._judged()
            sha256 = fit_loop.keep(self.context, self.lease, judged) if twice else None
        best_epoch = int(self.telling.note["best_epoch"])
        if not twice:
            return Learned(judged, None, judged, best_epoch)
        last = Fit.to_everything(self.spec, self.hyper, self.split, epochs=best_epoch)
        params = self._fitted(last, resumed_at).params
        model = model_selection.relearned(judged, self._model(params), self.split, self.hyper)
        return Learned(judged, sha256, model, best_epoch)

    def _kept(self) -> Model | None:
        """Give the model that an earlier attempt has fitted to train ratings, if it did."""
        if self.job.judged_sha256 is None:
            return None
        try:
            return checkpoint.read_model(self.context.shelf.map(self.job.judged_sha256))
        except (ShelfError, CheckpointUnreadable) as error:
            self.warnings.append(f"Training began again from the start: {error.detail}")
            return None

    def _judged(self) -> Model:
        """Learn from train ratings, and choose on validation ratings what is to be chosen."""
        first = Fit.to_train(self.spec, self.hyper, self.split)
        resumed_at = None if self.job.judged_sha256 else self.job.checkpoint_sha256
        model = self._model(self._fitted(first, resumed_at).best_params)
        if not MACHINES[self.spec.model_kind].rates_by_ensemble:
            return model

        def told(phase: str) -> None:
            self.telling.phase(phase, 1 / self.telling.fits)

        told("coupling items")
        model = model_selection.coupled(model, self.split, self.hyper)
        return model_selection.rated(model, self.split, self.hyper, seed=self.spec.seed, told=told)

    def _fitted(self, fit: Fit, resumed_at: str | None) -> TrainerState:
        """Fit to the end, from where the job was cut off."""
        data = fit.data()
        state, warnings = fit_loop.first_state(self.context, fit, data, resumed_at)
        self.warnings.extend(one for one in warnings if one not in self.warnings)
        if not fit.judged:
            for lap in fit_loop.laps(self.context, self.lease, fit, data, state):
                state = self._stepped(state, lap)
                self.telling.last_epoch(lap, fit.hyper.epochs)
            return state
        growing = GrowingRun.of(self.context, self.job, self._known())
        watch = Watch.of(self.spec.model_kind, data.train, seed=self.spec.seed)
        pilot = None
        if self.spec.autopilot:
            pilot = Pilot.of(self.context, self.spec, self.snapshot, self.telling)
        stopping = Stopping.of(self.context, self.job, self.hyper)
        for lap in fit_loop.laps(self.context, self.lease, fit, data, state):
            state = self._stepped(state, lap)
            growing.add(lap.report)
            self.telling.epoch(lap, growing, watch)
            if pilot is not None:
                pilot.look(growing, fit, lap)
            if stopping is not None:
                stopping.look(lap.report.epoch)
        if pilot is not None:
            pilot.end(growing, fit, state.best_params)
        return state

    def _stepped(self, state: TrainerState, lap: Lap) -> TrainerState:
        if lap.state.rollbacks > state.rollbacks:
            self.warnings.append(_went_back(lap))
        return lap.state

    def _known(self) -> RunRecord:
        """Give what is known of the run but for its curve."""
        note = self.telling.note
        run = RunRecord.of(
            [],
            hyper=self.hyper,
            model_kind=self.spec.model_kind,
            baselines=note.get("baselines"),
            remarks=note.get("remarks"),
            began_warm=self.spec.warm_start,
        )
        return replace(run, ratings_per_parameter=note.get("ratings_per_parameter"))

    def _model(self, params: Params) -> Model:
        """Give the model with these parameters; it answers from all ratings."""
        split = self.split
        return Model.of(
            self.spec.model_kind,
            params,
            split.everything,
            scale=split.scale,
            users=split.users,
            items=split.items,
        )


def _went_back(lap: Lap) -> str:
    rate = lap.report.learning_rate
    return (
        f"Training diverged in epoch {lap.report.epoch}, at a learning rate of {rate:g}: it went "
        f"on from epoch {lap.state.best_epoch} at a tenth of it."
    )
