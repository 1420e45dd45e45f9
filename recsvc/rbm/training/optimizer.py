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
    """Adam's running means of past gradients and of their squares."""

    mean: Params
    square: Params


@dataclass(frozen=True)
class AdamStep:
    """The factors of one step, corrected for moments that started at zero."""

    rate: np.float32
    epsilon: np.float32
    decay: np.float32
    beta1: np.float32
    beta2: np.float32

    @classmethod
    def at(cls, n_steps: int, learning_rate: float, hyper: Hyperparameters) -> "AdamStep":
        """Return the factors of step `n_steps`, counted from 1."""
        started = sqrt(1.0 - ADAM_BETA2**n_steps)
        return cls(
            np.float32(learning_rate * started / (1.0 - hyper.momentum**n_steps)),
            np.float32(ADAM_EPSILON * started),
            np.float32(learning_rate * hyper.weight_decay),
            np.float32(hyper.momentum),
            np.float32(ADAM_BETA2),
        )


def adam_steps(mean: Floats, square: Floats) -> Floats:
    """Return mean / √square: Adam's last steps, in units of the learning rate."""
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

    slope  the gradient of these rows
    """
    means, squares = getattr(moments.mean, name), getattr(moments.square, name)
    mean = step.beta1 * means[rows] + (1 - step.beta1) * slope
    square = step.beta2 * squares[rows] + (1 - step.beta2) * slope * slope
    means[rows], squares[rows] = mean, square
    bias[rows] -= step.rate * mean / (np.sqrt(square) + step.epsilon)
