"""What somebody asks of a training job."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from recsvc.rbm import suiting
from recsvc.rbm.params import Hyperparameters, ModelKind
from recsvc.rbm.suiting import Choice, Shape

Publish = Literal["if_better", "never", "always"]


@dataclass(frozen=True)
class TrainingSpec:
    """What somebody asked for; kept as the job's `spec`.

    hyperparameters   changes to the defaults of the kind of machine
    validation_share  of the ratings, on which epochs and versions are compared
    publish           "if_better" than the published version, by validation nDCG@10
    warm_start        begin at the published version's weights instead of at random ones
    retry_of          the job whose diagnosis suggested the changes, if it was asked for so
    """

    hyperparameters: dict[str, Any] = field(default_factory=dict)
    model_kind: ModelKind = "joint_rbm"
    seed: int = 0
    validation_share: float = 0.1
    publish: Publish = "if_better"
    warm_start: bool = False
    retry_of: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Give the form in which a job keeps it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, spec: dict[str, Any]) -> "TrainingSpec":
        """Read a job's `spec`."""
        return cls(**spec)

    def chosen(self) -> Hyperparameters:
        """Give all hyperparameters. Raises UnknownHyperparameter, InvalidHyperparameter."""
        return Hyperparameters.chosen(self.model_kind, self.hyperparameters)

    def suited(self, shape: Shape) -> tuple[Hyperparameters, dict[str, Choice]]:
        """Give all hyperparameters for data of this shape, and which of them it has decided."""
        return suiting.suited(self.model_kind, shape, self.hyperparameters)
