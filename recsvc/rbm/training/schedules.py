"""Schedules of the learning rate, the momentum and the number of Gibbs steps."""

from dataclasses import dataclass
from math import cos, pi

from recsvc.rbm.hyperparameters import Hyperparameters

FINAL_RATE_SHARE = 0.1  # of the learning rate at the end of a cosine schedule
ROLLBACK_RATE_FACTOR = 0.1  # applied at each rollback
DEFAULT_PATIENCE = Hyperparameters().patience


@dataclass(frozen=True)
class EpochSettings:
    """The scheduled values of one epoch."""

    learning_rate: float
    momentum: float
    cd_steps: int


def epoch_settings(
    hyper: Hyperparameters, epoch: int, *, halvings: int = 0, rollbacks: int = 0
) -> EpochSettings:
    """Return the values of an epoch, counted from 1.

    halvings   of the schedule "plateau" so far: see `trainer.TrainerState`
    rollbacks  so far; each divides the rate by ten

    The momentum starts low, because the first gradients are large [H10 section 9]. The chain may
    be longer in the last third, because large weights mix slowly [S07 section 5].
    """
    rate = hyper.learning_rate * ROLLBACK_RATE_FACTOR**rollbacks
    late = epoch > hyper.epochs * 2 // 3
    return EpochSettings(
        learning_rate=rate * _rate_share(hyper, epoch, halvings),
        momentum=hyper.initial_momentum if epoch <= hyper.momentum_epoch else hyper.momentum,
        cd_steps=max(hyper.cd_steps, hyper.final_cd_steps) if late else hyper.cd_steps,
    )


def plateau_epochs(hyper: Hyperparameters) -> int:
    """Return the epochs without improvement before "plateau" halves the rate.

    It is a third of the patience, so the rate is halved twice before training stops.
    """
    return max(1, hyper.patience // 3)


def longest_flat_start(hyper: Hyperparameters) -> int:
    """Return the most epochs in which the loss of a masked machine may stay flat at the start.

    Small weights must first grow apart, so a flat loss is expected during the warm-up and the
    patience, at most the default one.
    """
    return hyper.warm_up_epochs + min(hyper.patience, DEFAULT_PATIENCE)


def _rate_share(hyper: Hyperparameters, epoch: int, halvings: int) -> float:
    """Return the share of the learning rate that an epoch uses."""
    if hyper.learning_rate_schedule == "cosine":
        done = epoch / hyper.epochs
        return FINAL_RATE_SHARE + (1.0 - FINAL_RATE_SHARE) * 0.5 * (1.0 + cos(pi * done))
    if hyper.learning_rate_schedule == "step":
        return 0.5 ** min(2, (epoch - 1) * 3 // hyper.epochs)
    if hyper.learning_rate_schedule == "plateau":
        return 0.5**halvings
    return 1.0
