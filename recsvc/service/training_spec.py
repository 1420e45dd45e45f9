"""The specification of a training job."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, cast

from recsvc.rbm import auto_hyperparameters
from recsvc.rbm.auto_hyperparameters import Choice, DataShape
from recsvc.rbm.diagnosis import Change
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.model_kind import DEFAULT_KIND, MACHINES, ModelKind

Publish = Literal["if_better", "never", "always"]


@dataclass(frozen=True)
class TrainingSpec:
    """The requested training, stored as the job's `spec`.

    hyperparameters   changes to the defaults of the kind of machine
    validation_share  share of the ratings on which epochs and versions are compared
    publish           "if_better" than the published version, by validation nDCG@10
    warm_start        initialise with the published version's weights instead of random ones
    retry_of          the job whose diagnosis suggested the changes, None if there is none
    autopilot         follow the diagnosis: see `recsvc.service.tuning.autopilot`
    trying            the change that autopilot tries with this job
    tried             the changes that autopilot tried before, oldest first
    """

    hyperparameters: dict[str, Any] = field(default_factory=dict)
    model_kind: ModelKind = DEFAULT_KIND
    seed: int = 0
    validation_share: float = 0.1
    publish: Publish = "if_better"
    warm_start: bool = False
    retry_of: int | None = None
    autopilot: bool = False
    trying: dict[str, Any] | None = None
    tried: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the form that a job stores."""
        return asdict(self)

    @classmethod
    def from_dict(cls, spec: dict[str, Any]) -> "TrainingSpec":
        """Read a job's `spec`."""
        return cls(**spec)

    def with_changes(self, changes: Sequence[Change]) -> "TrainingSpec":
        """Apply changes; the first of two to one hyperparameter wins.

        Another kind of machine starts with its own defaults, because learning rates of different
        kinds are not comparable.
        """
        by_name = {change.hyperparameter: change.to for change in reversed(changes)}
        if by_name.pop("warm_start", None) is not None:
            return replace(self, warm_start=False).with_changes(
                [change for change in changes if change.hyperparameter != "warm_start"]
            )
        if (kind := by_name.get("model_kind")) is not None:
            return replace(self, model_kind=cast(ModelKind, kind), hyperparameters={})
        typed = Hyperparameters.coerce_counts({**self.hyperparameters, **by_name})
        return replace(self, hyperparameters=typed)

    def all_hyperparameters(self) -> Hyperparameters:
        """Return all hyperparameters. Raises UnknownHyperparameter, InvalidHyperparameter."""
        return Hyperparameters.from_changes(self.model_kind, self.hyperparameters)

    def resolve_hyperparameters(
        self, shape: DataShape
    ) -> tuple[Hyperparameters, dict[str, Choice]]:
        """Return all hyperparameters for data of this shape, and those chosen from the shape."""
        return auto_hyperparameters.resolve_hyperparameters(
            self.model_kind, shape, self.hyperparameters
        )

    def find_ignored(self) -> dict[str, list[ModelKind]]:
        """Return the requested hyperparameters without effect, with the kinds they apply to."""
        ignored = {kind: machine.ignored_hyperparameters for kind, machine in MACHINES.items()}
        return {
            name: [kind for kind, names in ignored.items() if name not in names]
            for name in self.hyperparameters
            if name in ignored[self.model_kind]
        }
