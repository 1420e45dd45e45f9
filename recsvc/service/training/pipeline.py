"""The training pipeline: from ratings to an evaluated model and to the model that answers requests.

A machine that ranks items is fitted twice. The first fit does not see validation ratings. They
choose the best epoch and the strength of the couplings, and evaluate the model, now and in
comparisons with later versions. The second fit repeats the first with all ratings; its model
answers requests.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from recsvc.db.jobs.queue import Lease
from recsvc.db.tables import Job
from recsvc.errors import CheckpointUnreadable, ShelfError
from recsvc.rbm import checkpoint
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.model import Model
from recsvc.rbm.model_kind import MACHINES
from recsvc.rbm.params import Params
from recsvc.rbm.snapshot import Snapshot
from recsvc.rbm.training.inspection import Inspector
from recsvc.rbm.training.trainer import TrainerState, TrainingData
from recsvc.service.context import Context
from recsvc.service.models.split import Split
from recsvc.service.training import fit_loop, model_selection
from recsvc.service.training.callbacks import (
    Callback,
    CallbackContext,
    CallbackFactory,
    ProgressReporter,
    ProgressWriter,
    RefitReporter,
    RollbackWarner,
    RunRecorder,
)
from recsvc.service.training.fit_loop import FitPlan
from recsvc.service.training_spec import TrainingSpec


@dataclass(frozen=True)
class TrainedModels:
    """The models that a training job has fitted.

    evaluated         the model that has seen no validation rating
    evaluated_sha256  its object on the shelf, None if it is also the served model
    served            the model that answers requests
    best_epoch        of the first fit
    """

    evaluated: Model
    evaluated_sha256: str | None
    served: Model
    best_epoch: int


@dataclass(frozen=True)
class TrainingPipeline:
    """The steps of a training job between its data and its models.

    Steps that an earlier attempt of the job has completed are not repeated.

    snapshot         the ratings and interactions of the split
    build_callbacks  returns further callbacks of the first fit
    warnings         for the job's result
    """

    context: Context
    lease: Lease
    job: Job
    spec: TrainingSpec
    hyper: Hyperparameters
    snapshot: Snapshot
    split: Split
    writer: ProgressWriter
    build_callbacks: CallbackFactory
    warnings: list[str] = field(default_factory=list)

    def run(self) -> TrainedModels:
        """Fit the models.

        Raises Diverged, Hopeless, ChangeNotKept, StoppedEarly, LeaseLost, ShelfError.
        """
        machine = MACHINES[self.spec.model_kind]
        is_refitted = machine.makes_lists and self.split.validation.n_ratings > 0
        self.writer.n_fits = 2 if is_refitted else 1
        evaluated, sha256, resume_from = self._read_evaluated_model(), self.job.judged_sha256, None
        if evaluated is not None:
            resume_from = self.job.checkpoint_sha256
        else:
            evaluated = self._fit_to_train_ratings()
            if is_refitted:
                sha256 = fit_loop.store_evaluated_model(self.context, self.lease, evaluated)
        best_epoch = self.writer.progress.best_epoch or 0
        if not is_refitted:
            return TrainedModels(evaluated, None, evaluated, best_epoch)
        served = self._refit_to_all_ratings(evaluated, best_epoch, resume_from)
        return TrainedModels(evaluated, sha256, served, best_epoch)

    def _read_evaluated_model(self) -> Model | None:
        """Return the model that an earlier attempt fitted to train ratings, if it is readable."""
        if self.job.judged_sha256 is None:
            return None
        try:
            return checkpoint.read_model(self.context.shelf.map(self.job.judged_sha256))
        except (ShelfError, CheckpointUnreadable) as error:
            self.warnings.append(f"Training restarted from the beginning: {error.detail}")
            return None

    def _fit_to_train_ratings(self) -> Model:
        """Fit to train ratings; choose epoch, couplings and ensemble on validation ratings."""
        plan = FitPlan.for_train_ratings(self.spec, self.hyper, self.split)
        resume_from = None if self.job.judged_sha256 else self.job.checkpoint_sha256
        state, data = self._initial_state(plan, resume_from)
        callbacks = self._first_callbacks(plan, data)
        model = self._build_model(self._fit(plan, data, state, callbacks).best_params)
        if not MACHINES[self.spec.model_kind].rates_by_ensemble:
            return model

        def start_phase(phase: str) -> None:
            self.writer.start_phase(phase, 1 / self.writer.n_fits)

        start_phase("coupling items")
        model = model_selection.fit_couplings(model, self.split, self.hyper)
        return model_selection.fit_rating_ensemble(
            model, self.split, self.hyper, seed=self.spec.seed, start_phase=start_phase
        )

    def _refit_to_all_ratings(
        self, evaluated: Model, best_epoch: int, resume_from: str | None
    ) -> Model:
        """Repeat the first fit with all ratings, up to its best epoch."""
        plan = FitPlan.for_all_ratings(self.spec, self.hyper, self.split, epochs=best_epoch)
        state, data = self._initial_state(plan, resume_from)
        callbacks = [RollbackWarner(self.warnings), RefitReporter(self.writer, plan.hyper.epochs)]
        model = self._build_model(self._fit(plan, data, state, callbacks).params)
        return model_selection.refit_on_all_ratings(evaluated, model, self.split, self.hyper)

    def _initial_state(
        self, plan: FitPlan, resume_from: str | None
    ) -> tuple[TrainerState, TrainingData]:
        data = plan.training_data()
        state, warnings = fit_loop.initial_state(self.context, plan, data, resume_from)
        self.warnings.extend(one for one in warnings if one not in self.warnings)
        return state, data

    def _first_callbacks(self, plan: FitPlan, data: TrainingData) -> list[Callback]:
        """Build the callbacks of the first fit. Their order is the order of their calls."""
        recorder = RunRecorder.from_job(self.job, self.spec, self.writer)
        inspector = Inspector.build(self.spec.model_kind, data.train, seed=self.spec.seed)
        further = self.build_callbacks(
            CallbackContext(self.context, self.job, plan, self.snapshot, recorder, self.writer)
        )
        return [
            RollbackWarner(self.warnings),
            recorder,
            ProgressReporter(self.writer, recorder, inspector),
            *further,
        ]

    def _fit(
        self,
        plan: FitPlan,
        data: TrainingData,
        state: TrainerState,
        callbacks: Sequence[Callback],
    ) -> TrainerState:
        """Run all remaining epochs; call the callbacks after each, and at the end."""
        for result in fit_loop.run_epochs(self.context, self.lease, plan, data, state):
            state = result.state
            for callback in callbacks:
                callback.on_epoch_end(result)
        for callback in callbacks:
            callback.on_fit_end(state)
        return state

    def _build_model(self, params: Params) -> Model:
        """Build the model with these parameters; it answers from all ratings."""
        split = self.split
        return Model.build(
            self.spec.model_kind,
            params,
            split.everything,
            scale=split.scale,
            users=split.users,
            items=split.items,
        )
