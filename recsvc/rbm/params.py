"""What the machine learns (Params), what one chooses (Hyperparameters), where learning starts."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import ceil, isfinite
from typing import Any, Literal

import numpy as np

from recsvc.errors import InvalidHyperparameter, UnknownHyperparameter
from recsvc.rbm import kernels
from recsvc.rbm.arrays import Doubles, Floats, Ints
from recsvc.rbm.model_kind import MACHINES, ModelKind
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.value_bins import Scaling

Schedule = Literal["constant", "step", "cosine", "plateau"]
Initialisation = Literal["normal", "glorot", "constant"]
Objective = Literal["conditional", "contrastive"]
LeaveOut = Literal["nobody", "odd_values", "odd_raters", "odd"]


@dataclass(frozen=True)
class Params:
    """The learned arrays, float32.

    weights       (n_items, n_levels, n_hidden)
    visible_bias  (n_items, n_levels)
    hidden_bias   (n_hidden,)
    """

    weights: Floats
    visible_bias: Floats
    hidden_bias: Floats

    def copy(self) -> "Params":
        """Give arrays of their own."""
        return Params(self.weights.copy(), self.visible_bias.copy(), self.hidden_bias.copy())

    def zeros_like(self) -> "Params":
        """Give zeros in the same shapes: the velocity before the first step."""
        return Params(
            np.zeros_like(self.weights),
            np.zeros_like(self.visible_bias),
            np.zeros_like(self.hidden_bias),
        )

    def arrays(self) -> dict[str, Floats]:
        """Give the arrays by name, in the order in which they are hashed and stored."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def is_finite(self) -> bool:
        """Tell whether no number has become infinite or NaN."""
        return isfinite(self.largest_weight()) and self.has_finite_biases()

    def has_finite_biases(self) -> bool:
        """Tell the same of the biases alone."""
        return bool(np.isfinite(self.visible_bias).all() and np.isfinite(self.hidden_bias).all())

    def largest_weight(self) -> float:
        """Max |W|; infinite or NaN where one of them is."""
        bits = kernels.largest_magnitude(self.weights.reshape(-1).view(np.int32))
        return float(np.array(bits, dtype=np.int32).view(np.float32))

    def sha256(self) -> str:
        """Give the hash of the arrays' bytes: equal for equal weights, whatever the file."""
        digest = sha256()
        for array in self.arrays().values():
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def vector_width(n_hidden: int) -> int:
    """Round up to whole runs of vector registers: 64 numbers, or 16 where there are few."""
    run = 64 if n_hidden > 64 else 16
    return run * ceil(n_hidden / run)


def _number(default: float, least: float, most: float, help_: str) -> Any:  # noqa: ANN401 - a field
    return dataclasses.field(
        default=default, metadata={"least": least, "most": most, "help": help_}
    )


@dataclass(frozen=True)
class Hyperparameters:
    """What one chooses before training. Defaults are for both kinds of machine, see `defaults`."""

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
    initial_weight: float = _number(0.01, 0.0, 100.0, "standard deviation of the first weights")
    initialisation: Initialisation = dataclasses.field(
        default="normal",
        metadata={
            "choices": ("normal", "glorot", "constant"),
            "help": "normal: N(0, initial_weight); glorot: scaled to the ratings of a user; "
            "constant: initial_weight, to see that equal units stay equal",
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
    sparsity_target: float = _number(0.0, 0.0, 0.99, "wanted mean P(h = 1) of a unit, 0 for none")
    sparsity_cost: float = _number(3.0, 0.0, 1e4, "pull of hidden biases towards sparsity_target")
    objective: Objective = dataclasses.field(
        default="conditional",
        metadata={
            "choices": ("conditional", "contrastive"),
            "help": "conditional: ratings told from a part of them; contrastive: CD-k (joint_rbm)",
        },
    )
    dropout: float = _number(0.0, 0.0, 0.95, "share of hidden units left out of a step (joint_rbm)")
    least_input: float = _number(
        0.5, 0.0, 1.0, "least share of a user's ratings that the rest is told from (joint_rbm)"
    )
    candidates: int = _number(
        6000, 10, 10_000_000, "items that a batch's choices are told from at most (joint_rbm)"
    )
    neighbours: int = _number(
        300, 0, 300, "couplings of an item, 0 for none (joint_rbm; up to 20,000 items)"
    )
    coupling_regularisation: float = _number(
        0.0, 0.0, 1e9, "pull of the couplings towards zero, 0 to choose it (joint_rbm)"
    )
    rating_epochs: int = _number(
        40, 0, 10_000, "passes of the machines that predict ratings, 0 for none (joint_rbm)"
    )
    leave_out: LeaveOut = dataclasses.field(
        default="nobody",
        metadata={
            "choices": ("nobody", "odd_values", "odd_raters", "odd"),
            "help": "whom not to learn from: values off the scale, odd raters, odd: both",
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
    patience: int = _number(15, 1, 10_000, "epochs without a better one before the end")
    warm_up_epochs: int = _number(20, 0, 10_000, "first epochs, in which patience does not count")
    rollbacks: int = _number(
        3, 0, 10, "times that training which diverges goes on from its best epoch, at rate / 10"
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            _check(field, getattr(self, field.name))

    @classmethod
    def defaults(cls, model_kind: ModelKind) -> "Hyperparameters":
        """Give the defaults of one kind of machine."""
        return cls(**MACHINES[model_kind].defaults)

    @classmethod
    def chosen(cls, model_kind: ModelKind, changes: dict[str, Any]) -> "Hyperparameters":
        """Give the defaults with some changes.

        Raises UnknownHyperparameter or InvalidHyperparameter, naming the field.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for name in changes:
            if name not in known:
                raise UnknownHyperparameter(name, known)
        return dataclasses.replace(cls.defaults(model_kind), **cls.typed(changes))

    @classmethod
    def typed(cls, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Give values of hyperparameters that are counts as whole numbers, all others as they are.

        25.0 is 25 then; a half stays, and is refused where it is used.
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
        """Give the value that a number may have and that is nearest to this one."""
        field = next(field for field in dataclasses.fields(cls) if field.name == name)
        bounded: float = min(max(value, field.metadata["least"]), field.metadata["most"])
        return round(bounded) if field.type is int else bounded

    def as_dict(self) -> dict[str, Any]:
        """Give all of them by name."""
        return dataclasses.asdict(self)


def _check(field: dataclasses.Field[Any], value: object) -> None:
    """Refuse a value of the wrong type or out of bounds."""
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


def initial_params(
    ratings: RatingMatrix, n_levels: int, hyper: Hyperparameters, *, rng: np.random.Generator
) -> Params:
    """Begin at what each item's own shares of levels predict, with small weights to break the tie.

    The visible biases are the log base rates, smoothed towards the global level shares by one
    rating each, so that none is log 0 [H10 section 8]. "glorot" scales the weights so that a
    user's expected number of ratings moves a hidden input by about one unit.
    """
    return Params(
        weights=initial_weights(ratings, n_levels, hyper, rng=rng),
        visible_bias=np.log(base_rates(ratings, n_levels)).astype(np.float32),
        hidden_bias=np.zeros(hyper.n_hidden, dtype=np.float32),
    )


def initial_weights(
    ratings: RatingMatrix, n_levels: int, hyper: Hyperparameters, *, rng: np.random.Generator
) -> Floats:
    """Draw the first weights, (n_items, n_levels, n_hidden)."""
    deviation = hyper.initial_weight
    if hyper.initialisation == "glorot":
        ratings_per_user = ratings.n_ratings / max(1, ratings.n_users)
        deviation = float(np.sqrt(2.0 / (ratings_per_user + hyper.n_hidden)))
    shape = (ratings.n_items, n_levels, hyper.n_hidden)
    if hyper.initialisation == "constant":
        return np.full(shape, deviation, dtype=np.float32)
    weights = rng.standard_normal(shape, dtype=np.float32)
    weights *= np.float32(deviation)
    return weights


def base_rates(ratings: RatingMatrix, n_levels: int) -> Doubles:
    """Give each item's shares of levels, (n_items, n_levels), smoothed towards the global ones.

    A global share counts every level at least once, so that none is zero.
    """
    counts = ratings.level_counts(n_levels)
    return smoothed_shares(counts, counts.sum(axis=0))


def smoothed_shares(counts: Ints, everywhere: Ints) -> Doubles:
    """Turn counts of levels into shares, as if each item had one more rating by the global shares.

    counts      (n_items, n_levels)
    everywhere  (n_levels,) counts of all items together
    """
    at_least_once = everywhere + 1.0
    smoothed = counts + at_least_once / at_least_once.sum()
    shares: Doubles = smoothed / smoothed.sum(axis=1, keepdims=True)
    return shares
