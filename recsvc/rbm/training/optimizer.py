"""Adam with decoupled weight decay [Kingma, Ba 2015; Loshchilov, Hutter 2019]."""

from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np

from recsvc.rbm.arrays import Floats, Ints
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.params import Params

ADAM_BETA2 = 0.999
ADAM_EPSILON = 1e-10
ALL_ROWS = slice(None)


@dataclass(frozen=True)
class Moments:
    """What Adam remembers of past gradients."""

    mean: Params
    square: Params


@dataclass(frozen=True)
class AdamStep:
    """The numbers of one step, corrected for moments that started at zero."""

    rate: np.float32
    epsilon: np.float32
    decay: np.float32
    mean_kept: np.float32
    square_kept: np.float32

    @classmethod
    def at(cls, n_steps: int, learning_rate: float, hyper: Hyperparameters) -> "AdamStep":
        """Give those of step `n_steps`, counted from 1."""
        started = sqrt(1.0 - ADAM_BETA2**n_steps)
        return cls(
            np.float32(learning_rate * started / (1.0 - hyper.momentum**n_steps)),
            np.float32(ADAM_EPSILON * started),
            np.float32(learning_rate * hyper.weight_decay),
            np.float32(hyper.momentum),
            np.float32(ADAM_BETA2),
        )


def adam_steps(mean: Floats, square: Floats) -> Floats:
    """Mean / √square: Adam's last steps, in units of the learning rate."""
    root: Floats = np.sqrt(square)
    taken: Floats = np.divide(mean, root + np.float32(ADAM_EPSILON))
    return taken


def move_bias(
    bias: Floats,
    moments: Moments,
    name: Literal["visible_bias", "hidden_bias"],
    slope: Floats,
    step: AdamStep,
    *,
    rows: Ints | slice = ALL_ROWS,
) -> None:
    """Move some rows of a bias and of its moments, in place; a bias does not decay.

    slope  of those rows
    """
    means, squares = getattr(moments.mean, name), getattr(moments.square, name)
    mean = step.mean_kept * means[rows] + (1 - step.mean_kept) * slope
    square = step.square_kept * squares[rows] + (1 - step.square_kept) * slope * slope
    means[rows], squares[rows] = mean, square
    bias[rows] -= step.rate * mean / (np.sqrt(square) + step.epsilon)
