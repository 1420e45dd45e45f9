"""How the learning rate, the momentum and the length of the chain change over the epochs."""

from dataclasses import dataclass
from math import cos, pi

from recsvc.rbm.hyperparameters import Hyperparameters

FINAL_RATE_SHARE = 0.1  # of the learning rate, where it falls by a cosine
ROLLBACK_RATE_FACTOR = 0.1  # of the rate that made training diverge
DEFAULT_PATIENCE = Hyperparameters().patience


@dataclass(frozen=True)
class EpochSettings:
    """The values of one epoch."""

    learning_rate: float
    momentum: float
    cd_steps: int


def epoch_settings(
    hyper: Hyperparameters, epoch: int, *, halvings: int = 0, rollbacks: int = 0
) -> EpochSettings:
    """Give the values of an epoch, counted from 1.

    halvings   of "plateau", so far: see `training.TrainerState`
    rollbacks  so far: each divides the rate by ten

    The momentum starts low, while the first gradients are large [H10 section 9]; the chain may
    be longer in the last third, when large weights mix slowly [S07 section 5].
    """
    rate = hyper.learning_rate * ROLLBACK_RATE_FACTOR**rollbacks
    late = epoch > hyper.epochs * 2 // 3
    return EpochSettings(
        learning_rate=rate * _rate_share(hyper, epoch, halvings),
        momentum=hyper.initial_momentum if epoch <= hyper.momentum_epoch else hyper.momentum,
        cd_steps=max(hyper.cd_steps, hyper.final_cd_steps) if late else hyper.cd_steps,
    )


def plateau_epochs(hyper: Hyperparameters) -> int:
    """How many epochs without a better one halve the rate of "plateau": a third of the patience.

    So the rate is halved twice before patience ends.
    """
    return max(1, hyper.patience // 3)


def longest_flat_start(hyper: Hyperparameters) -> int:
    """How many epochs the loss of a machine that only rates may stand still before it falls.

    Small weights must first grow apart. So long training waits, or longer by a patience that is
    longer than usual.
    """
    return hyper.warm_up_epochs + min(hyper.patience, DEFAULT_PATIENCE)


def _rate_share(hyper: Hyperparameters, epoch: int, halvings: int) -> float:
    """Give what share of the learning rate an epoch has."""
    if hyper.learning_rate_schedule == "cosine":
        done = epoch / hyper.epochs
        return FINAL_RATE_SHARE + (1.0 - FINAL_RATE_SHARE) * 0.5 * (1.0 + cos(pi * done))
    if hyper.learning_rate_schedule == "step":
        return 0.5 ** min(2, (epoch - 1) * 3 // hyper.epochs)
    if hyper.learning_rate_schedule == "plateau":
        return 0.5**halvings
    return 1.0
