"""How the learning rate, the momentum and the length of the chain change over the epochs."""

from dataclasses import dataclass
from math import cos, pi

from recsvc.rbm.params import Hyperparameters

LAST_SHARE = 0.1  # of the learning rate, where it falls by a cosine


@dataclass(frozen=True)
class Pace:
    """The values of one epoch."""

    learning_rate: float
    momentum: float
    cd_steps: int


def pace(hyper: Hyperparameters, epoch: int) -> Pace:
    """Give the values of an epoch, counted from 1.

    The momentum starts low, while the first gradients are large [H10 section 9]; the chain may
    be longer in the last third, when large weights mix slowly [S07 section 5].
    """
    late = epoch > hyper.epochs * 2 // 3
    return Pace(
        learning_rate=hyper.learning_rate * _share_of_rate(hyper, epoch),
        momentum=hyper.initial_momentum if epoch <= hyper.momentum_epoch else hyper.momentum,
        cd_steps=max(hyper.cd_steps, hyper.final_cd_steps) if late else hyper.cd_steps,
    )


def _share_of_rate(hyper: Hyperparameters, epoch: int) -> float:
    """Give what share of the learning rate an epoch has."""
    if hyper.learning_rate_schedule == "cosine":
        done = epoch / hyper.epochs
        return LAST_SHARE + (1.0 - LAST_SHARE) * 0.5 * (1.0 + cos(pi * done))
    if hyper.learning_rate_schedule == "step":
        return 0.5 ** min(2, (epoch - 1) * 3 // hyper.epochs)
    return 1.0
