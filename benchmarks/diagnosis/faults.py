"""Faults: what a person, or their data, may do to training."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from benchmarks.diagnosis import spoiling
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.model_kind import ModelKind
from recsvc.rbm.params import Params
from recsvc.rbm.snapshot import Snapshot

BOTH: tuple[ModelKind, ...] = ("user_rbm", "joint_rbm")
MASKED: tuple[ModelKind, ...] = ("user_rbm",)

Asked = Callable[[Hyperparameters, float], dict[str, object]]
Start = Callable[[Params, float], Params]
Spoil = Callable[[Snapshot, float, np.random.Generator], Snapshot]


def nothing_asked(usual: Hyperparameters, strength: float) -> dict[str, object]:
    return {}


def as_begun(params: Params, strength: float) -> Params:
    return params


def as_given(ratings: Snapshot, strength: float, rng: np.random.Generator) -> Snapshot:
    return ratings


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    codes        the findings that name its cause
    calibration  strengths on the half that thresholds are chosen on
    held_back    strengths on the other half, none of them the same where there is more than one
    asked        hyperparameters of that strength; of the kind's defaults
    start        what becomes of the first parameters: as if begun at a spoilt version's weights
    spoil        what becomes of the ratings
    frozen       whether the weights are put back after each epoch
    leaks        whether the strength is a share of the validation ratings to learn from
    """

    name: str
    codes: tuple[str, ...]
    calibration: tuple[float, ...]
    held_back: tuple[float, ...]
    kinds: tuple[ModelKind, ...] = BOTH
    asked: Asked = nothing_asked
    start: Start = as_begun
    spoil: Spoil = as_given
    frozen: bool = False
    leaks: bool = False


def times(name: str) -> Asked:
    return partial(_times, name)


def _times(name: str, usual: Hyperparameters, strength: float) -> dict[str, object]:
    wanted = getattr(usual, name) * strength
    return {name: Hyperparameters.nearest_allowed(name, wanted)}


def to(name: str, **beside: object) -> Asked:
    return partial(_to, name, beside)


def _to(
    name: str, beside: dict[str, object], usual: Hyperparameters, strength: float
) -> dict[str, object]:
    whole = isinstance(getattr(usual, name), int)
    return {name: int(strength) if whole else strength, **beside}


def shock(usual: Hyperparameters, strength: float) -> dict[str, object]:
    return {"momentum": strength, "learning_rate": 5 * usual.learning_rate}


def undecayed(usual: Hyperparameters, strength: float) -> dict[str, object]:
    return {"weight_decay": 0.0, "learning_rate": strength * usual.learning_rate, "epochs": 120}


def grown_for_long(usual: Hyperparameters, strength: float) -> dict[str, object]:
    return {"weight_decay": 0.0, "learning_rate": strength, "epochs": 500, "patience": 1000}


def unscaled(usual: Hyperparameters, strength: float) -> dict[str, object]:
    return {"scaling": "widths"}


def scaled_biases(params: Params, strength: float) -> Params:
    return replace(params, visible_bias=(strength * params.visible_bias).astype(np.float32))


def jammed_units(params: Params, strength: float) -> Params:
    return replace(params, hidden_bias=np.full_like(params.hidden_bias, strength))


def not_a_number(params: Params, strength: float) -> Params:
    weights = params.weights.copy()
    weights.flat[int(strength)] = np.nan
    return replace(params, weights=weights)


HIGH, LOW = ("rate_too_high", "not_finite"), ("rate_too_low", "no_decrease", "not_moving")
FAULTS = (
    Fault("rate × 10", HIGH, (10,), (12, 20), asked=times("learning_rate")),
    Fault("rate × 100", HIGH, (100,), (50, 300), asked=times("learning_rate")),
    Fault("rate / 100", LOW, (1e-2,), (4e-3, 8e-3), asked=times("learning_rate")),
    Fault("rate / 1,000", LOW, (1e-3,), (3e-4, 7e-4), asked=times("learning_rate")),
    Fault(
        "first weights 0",
        ("twin_units", "not_moving"),
        (0.0,),
        (0.0,),
        MASKED,
        asked=to("initial_weight"),
    ),
    Fault(
        "first weights equal",
        ("twin_units",),
        (0.01, 0.1),
        (0.02, 0.3),
        MASKED,
        asked=to("initial_weight", initialisation="constant"),
    ),
    Fault(
        "first weights huge", ("bad_start",), (1.0, 5.0), (1.5, 20.0), asked=to("initial_weight")
    ),
    Fault("biases zero", ("bad_start",), (0.0,), (0.05, 0.2), start=scaled_biases),
    Fault("biases far off", ("bad_start",), (-1.0, 5.0), (3.5, -0.7), start=scaled_biases),
    Fault("a weight is NaN", ("not_finite",), (7,), (12_345, 90_001), start=not_a_number),
    Fault(
        "hidden units jammed",
        ("saturated", "dead_units", "bad_start"),
        (20.0, -20.0),
        (12.0, -25.0),
        MASKED,
        start=jammed_units,
    ),
    Fault(
        "sparsity beyond sense",
        ("saturated", "dead_units"),
        (0.005,),
        (0.003, 0.97),
        MASKED,
        asked=to("sparsity_target", sparsity_cost=100.0),
    ),
    Fault(
        "decay too strong",
        ("dead_units", "twin_units", "no_decrease"),
        (300, 1000),
        (400, 1500),
        MASKED,
        asked=times("weight_decay"),
    ),
    Fault(
        "no decay",
        ("overfit", "exploding_weights", "rate_too_high"),
        (10,),
        (9, 12),
        MASKED,
        asked=undecayed,
    ),
    Fault(
        "momentum shock", ("momentum_shock", *HIGH), (0.99,), (0.985, 0.995), MASKED, asked=shock
    ),
    Fault(
        "CD-1 to the end, rate",
        ("poor_mixing", "exploding_weights"),
        (0.15,),
        (0.12, 0.2),
        MASKED,
        asked=grown_for_long,
    ),
    Fault("batches of one", ("rate_too_high",), (1,), (2, 3), MASKED, asked=to("batch_size")),
    Fault(
        "one batch of all",
        (*LOW, "too_short"),
        (100_000,),
        (20_000,),
        MASKED,
        asked=to("batch_size"),
    ),
    Fault(
        "too many hidden units",
        ("overfit", "dead_units", "twin_units"),
        (1000,),
        (1200, 2000),
        MASKED,
        asked=to("n_hidden"),
    ),
    Fault(
        "too few hidden units",
        ("too_few_units", "no_decrease"),
        (1, 3),
        (2, 5),
        asked=to("n_hidden"),
    ),
    Fault("too few epochs", ("too_short",), (25,), (23, 30), MASKED, asked=to("epochs")),
    Fault(
        "no patience",
        ("stopped_too_soon",),
        (1, 5),
        (2, 3),
        MASKED,
        asked=to("patience", warm_up_epochs=0),
    ),
    Fault("frozen weights", LOW, (0.0,), (0.0,), frozen=True),
    Fault("leaked validation", ("too_good",), (1.0,), (0.95, 0.85), leaks=True),
    Fault(
        "shuffled ratings",
        ("no_agreement", "no_decrease", "overfit"),
        (1.0,),
        (0.95, 0.85),
        spoil=spoiling.shuffled,
    ),
    Fault(
        "scale turned over", ("contrary_raters",), (0.1,), (0.08, 0.2), spoil=spoiling.turned_over
    ),
    Fault(
        "two scales, 5 % of rows",
        ("mixed_scales",),
        (20.0,),
        (7.0, 30.0),
        spoil=spoiling.other_scale,
    ),
    Fault(
        "counts, not scaled",
        ("unscaled_counts",),
        (2.0,),
        (1.5, 3.0),
        BOTH[::-1],
        asked=unscaled,
        spoil=spoiling.counts,
    ),
    Fault("outliers", ("outliers",), (99.0,), (500.0, -50.0), spoil=spoiling.outliers),
    Fault(
        "nearly one level", ("level_imbalance",), (0.95,), (0.92, 0.97), spoil=spoiling.one_level
    ),
    Fault(
        "constant raters",
        ("constant_raters",),
        (0.2,),
        (0.08, 0.25),
        spoil=spoiling.constant_raters,
    ),
    Fault("random raters", ("random_raters",), (0.3,), (0.15, 0.25), spoil=spoiling.random_raters),
    Fault(
        "bots", ("suspicious_raters", "random_raters"), (0.01,), (0.008, 0.03), spoil=spoiling.bots
    ),
    Fault("users twice", ("duplicate_users",), (0.2,), (0.08, 0.3), spoil=spoiling.copies),
    Fault("few users", ("few_users",), (40,), (50, 70), spoil=spoiling.few_users),
    Fault("few ratings a user", ("cold_users",), (3,), (2, 4), spoil=spoiling.few_ratings),
)
# Rare ones, for the pages about findings alone: no half of the bank has them.
SHOWN = (
    Fault(
        "a rate next to nothing", ("not_moving",), (1e-9,), (), MASKED, asked=to("learning_rate")
    ),
    Fault(
        "biases zero, rate",
        ("constant_predictions",),
        (2e-6,),
        (),
        MASKED,
        asked=to("learning_rate"),
        start=lambda params, _: scaled_biases(params, 0.0),
    ),
)
