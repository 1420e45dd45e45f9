"""The hyperparameters of training: defaults, bounds and checks."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from recsvc.errors import InvalidHyperparameter, UnknownHyperparameter
from recsvc.rbm.model_kind import MACHINES, ModelKind
from recsvc.rbm.rating_scale import Scaling

Schedule = Literal["constant", "step", "cosine", "plateau"]
Initialisation = Literal["normal", "glorot", "constant"]
Objective = Literal["conditional", "contrastive"]
LeaveOut = Literal["nobody", "odd_values", "odd_raters", "odd"]


def _number(default: float, least: float, most: float, help_: str) -> Any:  # noqa: ANN401 - a field
    return dataclasses.field(
        default=default, metadata={"least": least, "most": most, "help": help_}
    )


@dataclass(frozen=True)
class Hyperparameters:
    """The settings of training. `defaults` has those of a kind of machine."""

    n_hidden: int = _number(100, 1, 4096, "hidden units")
    epochs: int = _number(150, 1, 10_000, "passes over the ratings, at most")
    batch_size: int = _number(100, 1, 1_000_000, "users (items, item-oriented) in a minibatch")
    cd_steps: int = _number(1, 1, 100, "Gibbs steps of the negative phase (CD-k) at the start")
    final_cd_steps: int = _number(1, 1, 100, "Gibbs steps in the last third of the epochs")
    learning_rate: float = _number(0.02, 1e-9, 100.0, "step along the batch's mean gradient")
    momentum: float = _number(0.9, 0.0, 0.9999, "share of the last step that is kept")
    initial_momentum: float = _number(0.5, 0.0, 0.9999, "momentum during the first epochs")
    momentum_epoch: int = _number(5, 0, 10_000, "epochs with the initial momentum")
    weight_decay: float = _number(0.01, 0.0, 10.0, "pull of the weights towards zero")
    initial_weight: float = _number(0.01, 0.0, 100.0, "standard deviation of the initial weights")
    initialisation: Initialisation = dataclasses.field(
        default="normal",
        metadata={
            "choices": ("normal", "glorot", "constant"),
            "help": "normal: N(0, initial_weight); glorot: scaled to the ratings of a user; "
            "constant: initial_weight for all (equal units stay equal)",
        },
    )
    learning_rate_schedule: Schedule = dataclasses.field(
        default="constant",
        metadata={
            "choices": ("constant", "step", "cosine", "plateau"),
            "help": "constant; step: halved after each third; cosine: down to a tenth; "
            "plateau: halved after a third of the patience without a better epoch",
        },
    )
    sparsity_target: float = _number(0.0, 0.0, 0.99, "target mean P(h = 1) of a unit, 0 for none")
    sparsity_cost: float = _number(3.0, 0.0, 1e4, "pull of hidden biases towards sparsity_target")
    objective: Objective = dataclasses.field(
        default="conditional",
        metadata={
            "choices": ("conditional", "contrastive"),
            "help": "conditional: ratings predicted from a part of them; "
            "contrastive: CD-k (joint_rbm)",
        },
    )
    dropout: float = _number(0.0, 0.0, 0.95, "share of hidden units left out of a step (joint_rbm)")
    least_input: float = _number(
        0.5, 0.0, 1.0, "least share of a user's ratings that is input for the rest (joint_rbm)"
    )
    candidates: int = _number(
        6000, 10, 10_000_000, "items in the sample of a batch, at most (joint_rbm)"
    )
    neighbours: int = _number(
        300, 0, 300, "couplings of an item, 0 for none (joint_rbm; up to 20,000 items)"
    )
    coupling_regularisation: float = _number(
        0.0, 0.0, 1e9, "pull of the couplings towards zero, 0 to choose it (joint_rbm)"
    )
    rating_epochs: int = _number(
        40, 0, 10_000, "passes over the ratings for the rating ensemble, 0 for none (joint_rbm)"
    )
    leave_out: LeaveOut = dataclasses.field(
        default="nobody",
        metadata={
            "choices": ("nobody", "odd_values", "odd_raters", "odd"),
            "help": "data to exclude: values off the scale, suspect users (odd_raters), odd: both",
        },
    )
    scaling: Scaling = dataclasses.field(
        default="quantiles",
        metadata={
            "choices": ("quantiles", "logarithms", "widths"),
            "help": "more than 20 different values become ten levels: of equal counts; of equal "
            "width in their logarithm; of equal width, unscaled",
        },
    )
    patience: int = _number(15, 1, 10_000, "epochs without improvement before training stops")
    warm_up_epochs: int = _number(20, 0, 10_000, "first epochs, in which patience does not count")
    rollbacks: int = _number(
        3, 0, 10, "restarts from the best epoch at a tenth of the rate after a divergence"
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            _check(field, getattr(self, field.name))

    @classmethod
    def defaults(cls, model_kind: ModelKind) -> "Hyperparameters":
        """Return the defaults of a kind of machine."""
        return cls(**MACHINES[model_kind].defaults)

    @classmethod
    def from_changes(cls, model_kind: ModelKind, changes: dict[str, Any]) -> "Hyperparameters":
        """Return the defaults with some changes.

        Raises UnknownHyperparameter or InvalidHyperparameter, naming the field.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for name in changes:
            if name not in known:
                raise UnknownHyperparameter(name, known)
        return dataclasses.replace(cls.defaults(model_kind), **cls.coerce_counts(changes))

    @classmethod
    def check_range(cls, name: str, low: float, high: float) -> None:
        """Check that all numbers of a range are allowed.

        Raises UnknownHyperparameter or InvalidHyperparameter, naming the field.
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        if name not in fields:
            raise UnknownHyperparameter(name, list(fields))
        metadata = fields[name].metadata
        if choices := metadata.get("choices"):
            raise InvalidHyperparameter(name, low, f"one of {', '.join(choices)}")
        least, most = metadata["least"], metadata["most"]
        for bound in (low, high):
            if not least <= bound <= most:
                raise InvalidHyperparameter(name, bound, f"a number from {least:g} to {most:g}")

    @classmethod
    def coerce_counts(cls, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Return the changes with integral floats as integers for hyperparameters that are counts.

        25.0 becomes 25. 25.5 stays and is refused by the check.
        """
        integers = {field.name for field in dataclasses.fields(cls) if field.type is int}
        return {
            name: int(value)
            if name in integers and isinstance(value, float) and value.is_integer()
            else value
            for name, value in changes.items()
        }

    @classmethod
    def nearest_allowed(cls, name: str, value: float) -> float:
        """Return the nearest allowed value of a number."""
        field = next(field for field in dataclasses.fields(cls) if field.name == name)
        bounded: float = min(max(value, field.metadata["least"]), field.metadata["most"])
        return round(bounded) if field.type is int else bounded

    def as_dict(self) -> dict[str, Any]:
        """Return all values by name."""
        return dataclasses.asdict(self)


def _check(field: dataclasses.Field[Any], value: object) -> None:
    """Raise InvalidHyperparameter for a value of the wrong type or out of bounds."""
    if choices := field.metadata.get("choices"):
        if value not in choices:
            raise InvalidHyperparameter(field.name, value, f"one of {', '.join(choices)}")
        return
    least, most = field.metadata["least"], field.metadata["most"]
    whole = field.type is int
    allowed = f"a {'whole ' if whole else ''}number from {least:g} to {most:g}"
    fits = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if not fits or not least <= value <= most:
        raise InvalidHyperparameter(field.name, value, allowed)
