"""Rules on a loss that stops falling, or is stopped too early."""

import numpy as np

from recsvc.rbm.diagnosis.finding import Change, Evidence, Finding
from recsvc.rbm.diagnosis.rule import rule
from recsvc.rbm.diagnosis.run import NOTHING_LEARNED, PATIENCE, WARM_UP, RunRecord

STANDING_STILL = 1e-7
STILL_FALLING = 0.005
MANY_TIMES = 10
LISTS_NOT_LEARNED = 0.02  # healthy runs gain 19 % of the distance to the ideal


@rule(code="not_moving", family="convergence", order=250)
def not_moving(run: RunRecord) -> Finding | None:
    """The weights do not change."""
    ratio, largest = run.ratio, run.series("largest_weight").after(0)
    if ratio.values.size < WARM_UP:
        return None
    cause = "The weights do not change: they are all equal, or the learning rate is almost zero."
    longest = float(ratio.values[-WARM_UP:].max())
    seen = Evidence("update_to_weight_ratio", longest, STANDING_STILL, "own")
    change = run.scale_change("learning_rate", 1000.0)
    if run.hyper is not None and run.hyper.initial_weight == 0:
        change = run.default_change("initial_weight")
    if longest > STANDING_STILL:
        moved = float(np.ptp(largest.values)) if largest.values.size > WARM_UP else 1.0
        if moved > 0:
            return None
        seen = Evidence("change of largest_weight since epoch 1", moved, 0.0, "own")
        cause = "Steps are made, but the weights do not change: something resets them."
        change = None
    return Finding("not_moving", "problem", ratio.span, (seen,), cause, change, 0.9)


@rule(code="too_short", family="convergence", order=330)
def too_short(run: RunRecord) -> Finding | None:
    """The loss still falls at the end."""
    loss, hyper = run.loss, run.hyper
    if hyper is None or not run.knows("epochs") or not run.is_over:
        return None
    if loss.values.size <= hyper.epochs:
        return None
    if loss.values.size <= PATIENCE or np.argmin(loss.values) != loss.values.size - 1:
        return None
    last = max(PATIENCE, loss.values.size // 10)
    gain = loss.gain(last)
    if gain <= STILL_FALLING or hyper.learning_rate_schedule == "cosine":
        return None
    seen = Evidence("gain of the loss in the last ten epochs", gain, STILL_FALLING, "own")
    cause = "The loss was still falling at the last epoch."
    change = Change("epochs", float(hyper.epochs), float(2 * hyper.epochs))
    epochs = int(loss.epochs[-last]), int(loss.epochs[-1])
    return Finding("too_short", "warning", epochs, (seen,), cause, change, 0.8)


@rule(code="stopped_too_soon", family="convergence", order=340)
def early_end(run: RunRecord) -> Finding | None:
    """Patience ran out while small weights were still diverging from each other."""
    loss, hyper = run.loss, run.hyper
    if hyper is None or not run.is_over or loss.values.size == 0 or loss.values.size > hyper.epochs:
        return None
    last, wanted = int(loss.epochs[-1]), run.usual.warm_up_epochs
    change = run.default_change("patience")
    if hyper.warm_up_epochs < wanted:
        change = run.default_change("warm_up_epochs")
    if change is None or last > 2 * wanted or loss.total_gain > NOTHING_LEARNED:
        return None
    seen = Evidence("epochs before patience ran out", last, 2 * wanted, "own")
    cause = "Patience ran out while the small initial weights were still diverging from each other."
    return Finding("stopped_too_soon", "problem", loss.span, (seen,), cause, change, 0.8)


@rule(code="no_decrease", family="convergence", order=500, is_fallback=True)
def no_decrease(run: RunRecord) -> Finding | None:
    """The loss did not fall, for a reason that no other rule finds; guess it from the settings."""
    loss, hyper = run.loss, run.hyper
    if run.may_be_flat or loss.values.size <= PATIENCE + 1:
        return None
    gain = loss.total_gain
    least = LISTS_NOT_LEARNED if run.makes_lists else NOTHING_LEARNED
    if gain >= least:
        return None
    seen = Evidence("gain of the loss since epoch 0", gain, least, "own")
    cause = "Only the frequencies of the levels were learned: steps are too few or too short."
    change, usual = run.scale_change("learning_rate", 3.0), run.usual
    if run.decays_too_much:
        cause = "Weight decay is stronger than learning."
        change = run.default_change("weight_decay")
    elif hyper is not None and hyper.initial_weight == 0:
        cause = "Equal initial weights stay equal: hidden units must start with different weights."
        change = Change("initial_weight", 0.0, usual.initial_weight)
    elif hyper is not None and hyper.batch_size > MANY_TIMES * usual.batch_size:
        cause = "Batches are so large that an epoch has very few steps."
        change = run.default_change("batch_size")
    return Finding("no_decrease", "problem", loss.span, (seen,), cause, change, 0.5)
