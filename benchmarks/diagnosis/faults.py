"""Faults: what a person, or their data, may do to training."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from recsvc.rbm.params import Hyperparameters, ModelKind, Params
from recsvc.rbm.ratings import RatingMatrix

BOTH: tuple[ModelKind, ...] = ("user_rbm", "joint_rbm")
MASKED: tuple[ModelKind, ...] = ("user_rbm",)

Asked = Callable[[Hyperparameters, float], dict[str, object]]
Start = Callable[[Params, float], Params]
Spoil = Callable[[RatingMatrix, float, np.random.Generator], RatingMatrix]


@dataclass(frozen=True)
class Fault:
    """One kind of fault.

    codes        the findings that name its cause
    calibration  strengths on the half that thresholds are chosen on
    held_back    strengths on the other half, none of them the same
    asked        hyperparameters of that strength; of the kind's defaults
    start        what becomes of the first parameters
    spoil        what becomes of the train ratings
    frozen       whether the weights are put back after each epoch
    """

    name: str
    codes: tuple[str, ...]
    calibration: tuple[float, ...]
    held_back: tuple[float, ...]
    kinds: tuple[ModelKind, ...] = BOTH
    asked: Asked = lambda usual, strength: {}
    start: Start = lambda params, strength: params
    spoil: Spoil = lambda ratings, strength, rng: ratings
    frozen: bool = False


def times(name: str) -> Asked:
    def asked(usual: Hyperparameters, strength: float) -> dict[str, object]:
        wanted = getattr(usual, name) * strength
        return {name: Hyperparameters.nearest_allowed(name, wanted)}

    return asked


def to(name: str) -> Asked:
    return lambda usual, strength: {
        name: int(strength) if isinstance(getattr(usual, name), int) else strength
    }


def shock(usual: Hyperparameters, strength: float) -> dict[str, object]:
    return {"momentum": strength, "learning_rate": 5 * usual.learning_rate}


def equal_weights(params: Params, strength: float) -> Params:
    return replace(params, weights=np.full_like(params.weights, strength))


def scaled_biases(params: Params, strength: float) -> Params:
    return replace(params, visible_bias=(strength * params.visible_bias).astype(np.float32))


def shuffled(ratings: RatingMatrix, share: float, rng: np.random.Generator) -> RatingMatrix:
    """Deal the levels of a share of the ratings anew."""
    levels = ratings.levels.copy()
    some = np.flatnonzero(rng.random(levels.size) < share)
    levels[some] = levels[rng.permutation(some)]
    return replace(ratings, levels=levels)


def turned_over(ratings: RatingMatrix, share: float, rng: np.random.Generator) -> RatingMatrix:
    """Let a share of the users rate on a scale that runs the other way."""
    turned = (rng.random(ratings.n_users) < share)[ratings.users()]
    top = ratings.levels.max()
    return replace(ratings, levels=np.where(turned, top - ratings.levels, ratings.levels))


def one_level(ratings: RatingMatrix, share: float, rng: np.random.Generator) -> RatingMatrix:
    """Let a share of the ratings be the highest."""
    high = rng.random(ratings.n_ratings) < share
    return replace(ratings, levels=np.where(high, ratings.levels.max(), ratings.levels))


FAULTS = (
    Fault("rate too high", ("rate_too_high", "not_finite"), (10, 100), (20, 200),
          asked=times("learning_rate")),
    Fault("rate too low", ("rate_too_low", "no_decrease", "not_moving"), (1e-2, 1e-3),
          (5e-3, 5e-4), asked=times("learning_rate")),
    Fault("first weights 0", ("twin_units", "not_moving"), (0.0,), (0.0,), MASKED,
          asked=to("initial_weight")),
    Fault("first weights equal", ("twin_units",), (0.01, 0.1), (0.03, 0.2), MASKED,
          start=equal_weights),
    Fault("first weights huge", ("bad_start",), (1.0, 5.0), (2.0, 10.0),
          asked=to("initial_weight")),
    Fault("biases not base rates", ("bad_start",), (0.0, -1.0), (3.0, -0.5), start=scaled_biases),
    Fault("decay too strong", ("dead_units", "twin_units", "no_decrease"), (300, 1000),
          (500, 2000), MASKED, asked=times("weight_decay")),
    Fault("momentum shock", ("momentum_shock", "rate_too_high", "not_finite"), (0.99,), (0.98,),
          MASKED, asked=shock),
    Fault("batches of one", ("rate_too_high",), (1,), (2,), MASKED, asked=to("batch_size")),
    Fault("one batch of all", ("no_decrease", "rate_too_low", "too_short"), (100_000,), (50_000,),
          MASKED, asked=to("batch_size")),
    Fault("too many hidden units", ("overfit", "dead_units", "twin_units"), (1000,), (1500,),
          MASKED, asked=to("n_hidden")),
    Fault("too few epochs", ("too_short",), (25,), (30,), MASKED, asked=to("epochs")),
    Fault("frozen weights", ("not_moving", "no_decrease"), (0.0,), (0.0,), frozen=True),
    Fault("shuffled ratings", ("no_decrease", "overfit"), (1.0,), (0.9,), MASKED, spoil=shuffled),
    Fault("scale turned over", ("odd_users",), (0.1,), (0.05,), spoil=turned_over),
    Fault("nearly one level", ("level_imbalance",), (0.95,), (0.9,), spoil=one_level),
)  # fmt: skip
