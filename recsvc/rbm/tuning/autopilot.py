"""Autopilot: the next change to try, and whether a change is kept.

The change of the first finding is tried on a short run. It is kept if its loss is below that of the
previous run at the same epoch; then the run continues. Otherwise the change of the next finding is
tried.
"""

from collections.abc import Collection, Sequence

import numpy as np

from recsvc.rbm.diagnosis import Change, Finding, RunRecord
from recsvc.rbm.diagnosis.run import LEAST_LOSS, PATIENCE
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.model_kind import ModelKind
from recsvc.rbm.params import Params
from recsvc.rbm.training.schedules import longest_flat_start
from recsvc.rbm.training.trainer import TrainingData, build_evaluator

MOST_TRIES = 6
LEAST_GAIN = 1e-6  # a smaller one is rounding
HOPELESS_EPOCHS = 5
ENOUGH_EPOCHS = 10  # to tell a cause from its consequences

Tried = tuple[str, float | str]


def next_change(findings: Sequence[Finding], tried: Collection[Tried]) -> Change | None:
    """Return the first change of a finding that was not tried; a note suggests none.

    A change of the kind of machine is left to people, because it changes what is learned.
    """
    for finding in findings:
        change = finding.change
        if change is None or finding.severity == "note" or change.hyperparameter == "model_kind":
            continue
        if (change.hyperparameter, change.to) not in tried:
            return change
    return None


def changes_to_skip(tried: Sequence[tuple[Tried, bool]]) -> list[Tried]:
    """Return the changes to skip: those kept, and those that failed after the last kept one.

    A change that failed earlier may help now.

    tried  each change and whether it was kept, the oldest first
    """
    last_kept = max((place for place, (_, kept) in enumerate(tried) if kept), default=-1)
    return [change for place, (change, kept) in enumerate(tried) if kept or place > last_kept]


def comparison_epoch(hyper: Hyperparameters, before: RunRecord) -> int:
    """Return the epoch at which a changed run is compared with the previous one.

    By then its flat start is over, and the previous run had stopped improving.
    """
    loss = before.loss
    best = int(loss.epochs[np.argmin(loss.values)]) if loss.values.size else 0
    flat_start = 0 if before.makes_lists else longest_flat_start(hyper)
    return min(hyper.epochs, max(flat_start, best + PATIENCE))


def is_better(changed: RunRecord, before: RunRecord, *, epoch: int) -> bool:
    """Return whether the best loss up to an epoch is below that of the run before the change.

    If the change excludes ratings, the previous run is measured on the ratings of both. If it
    changes the levels, likelihoods do not compare. Then each loss is divided by the first loss of
    its run, that of the items' means (1 − R² of McFadden, 1974).
    """
    ours, theirs = _best(changed, epoch), _best(before, epoch)
    if _differ("leave_out", changed, before) and before.loss_without is not None:
        theirs = before.loss_without.get(_setting("leave_out", changed), theirs)
    if not before.makes_lists and _differ("scaling", changed, before):
        ours, theirs = ours / _first(changed), theirs / _first(before)
    return ours < (1.0 - LEAST_GAIN) * theirs


def loss_of(
    params: Params, data: TrainingData, model_kind: ModelKind, *, seed: int
) -> float | None:
    """Return the loss of these parameters on this data, None if it is not finite."""
    figures = build_evaluator(data, model_kind, seed=seed).measure(params)
    loss = RunRecord.from_rows([{"epoch": 0, **vars(figures)}]).loss.values
    return float(loss[0]) if loss.size else None


def is_hopeless(latest: Sequence[Sequence[Finding]]) -> bool:
    """Return whether each of the latest epochs has the same problem with a suggested change.

    latest  findings after each epoch, the first included
    """
    if len(latest) < ENOUGH_EPOCHS:
        return False
    curable = (
        {one.code for one in found if one.severity == "problem" and one.change is not None}
        for found in latest[-HOPELESS_EPOCHS:]
    )
    return bool(set.intersection(*curable))


def _differ(hyperparameter: str, run: RunRecord, other: RunRecord) -> bool:
    return _setting(hyperparameter, run) != _setting(hyperparameter, other)


def _setting(hyperparameter: str, run: RunRecord) -> str:
    return str(getattr(run.hyper or run.usual, hyperparameter))


def _first(run: RunRecord) -> float:
    return max(float(run.loss.values[0]), LEAST_LOSS) if run.loss.values.size else 1.0


def _best(run: RunRecord, epoch: int) -> float:
    so_far = run.loss.values[run.loss.epochs <= epoch]
    return float(so_far.min()) if so_far.size else np.inf
