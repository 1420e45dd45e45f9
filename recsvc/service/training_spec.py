"""What somebody asks of a training job."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, cast

from recsvc.rbm import auto_hyperparameters
from recsvc.rbm.auto_hyperparameters import Choice, Shape
from recsvc.rbm.diagnosis import Change
from recsvc.rbm.model_kind import ModelKind
from recsvc.rbm.params import Hyperparameters

Publish = Literal["if_better", "never", "always"]


@dataclass(frozen=True)
class TrainingSpec:
    """What somebody asked for; kept as the job's `spec`.

    hyperparameters   changes to the defaults of the kind of machine
    validation_share  of the ratings, on which epochs and versions are compared
    publish           "if_better" than the published version, by validation nDCG@10
    warm_start        begin at the published version's weights instead of at random ones
    retry_of          the job whose diagnosis suggested the changes, if it was asked for so
    autopilot         follow the diagnosis: see `recsvc.service.training.autopilot`
    trying            the change that autopilot tries with this job
    tried             what it has tried before, oldest first
    """

    hyperparameters: dict[str, Any] = field(default_factory=dict)
    model_kind: ModelKind = "joint_rbm"
    seed: int = 0
    validation_share: float = 0.1
    publish: Publish = "if_better"
    warm_start: bool = False
    retry_of: int | None = None
    autopilot: bool = False
    trying: dict[str, Any] | None = None
    tried: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Give the form in which a job keeps it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, spec: dict[str, Any]) -> "TrainingSpec":
        """Read a job's `spec`."""
        return cls(**spec)

    def changed(self, changes: Sequence[Change]) -> "TrainingSpec":
        """Apply changes; of two to one hyperparameter, that of the first finding.

        Another kind of machine begins with its own defaults: rates of one kind say nothing of
        another.
        """
        by_name = {change.hyperparameter: change.to for change in reversed(changes)}
        if by_name.pop("warm_start", None) is not None:
            return replace(self, warm_start=False).changed(
                [change for change in changes if change.hyperparameter != "warm_start"]
            )
        if (kind := by_name.get("model_kind")) is not None:
            return replace(self, model_kind=cast(ModelKind, kind), hyperparameters={})
        changed = Hyperparameters.typed({**self.hyperparameters, **by_name})
        return replace(self, hyperparameters=changed)

    def chosen(self) -> Hyperparameters:
        """Give all hyperparameters. Raises UnknownHyperparameter, InvalidHyperparameter."""
        return Hyperparameters.chosen(self.model_kind, self.hyperparameters)

    def suited(self, shape: Shape) -> tuple[Hyperparameters, dict[str, Choice]]:
        """Give all hyperparameters for data of this shape, and which of them it has decided."""
        return auto_hyperparameters.suited(self.model_kind, shape, self.hyperparameters)
