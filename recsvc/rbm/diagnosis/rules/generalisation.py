"""Rules that compare validation ratings with train ratings."""

import numpy as np

from recsvc.rbm.diagnosis.finding import Evidence, Finding
from recsvc.rbm.diagnosis.rule import rule
from recsvc.rbm.diagnosis.run import (
    FLAT,
    LEAST_LOSS,
    MUCH_LEARNED,
    PATIENCE,
    WARM_UP,
    RunRecord,
    above,
)

OVERFIT = 0.1  # [SM] of the train loss
WORSE_THAN_BEST = 0.01
FAR_MORE_UNITS = 4
TOO_GOOD = 1.0
NEARER = 0.015  # healthy runs have .001, leaked ones .06 and more


@rule(code="too_good", family="generalisation", order=200)
def too_good(run: RunRecord) -> Finding | None:
    """Validation ratings gain more than train ratings: they leaked.

    Each train rating is predicted without itself as input, and learning still helps it more than a
    rating that was not learned from. Which ratings are easier to predict is chance, so the rule
    compares the changes since epoch 0.
    """
    validation, train = run.series("validation_nll"), run.series("train_nll")
    if run.is_external or train.values.size != validation.values.size:
        return None
    if validation.values.size <= WARM_UP:
        return None
    shares = validation.values / np.maximum(train.values, LEAST_LOSS)
    last, nearer = float(shares[-1]), -above(shares[WARM_UP:].min(), shares[0])
    if nearer <= NEARER or validation.total_gain <= MUCH_LEARNED:
        return None
    seen = [Evidence("fall of validation / train NLL since epoch 0", nearer, NEARER, "own")]
    if last < TOO_GOOD:
        seen.insert(0, Evidence("validation / train NLL", last, TOO_GOOD, "own"))
        cause = "Validation ratings are predicted better than train ratings: they have leaked."
        return Finding("too_good", "problem", validation.span, tuple(seen), cause, None, 0.8)
    cause = "Validation ratings gain more than train ratings: some may have leaked."
    return Finding("too_good", "warning", validation.span, tuple(seen), cause, None, 0.6)


@rule(code="wrong_curve", family="generalisation", order=310)
def reconstruction_misleads(run: RunRecord) -> Finding | None:
    """The reconstruction error and the validation NLL move in different directions."""
    shown, loss = run.series("reconstruction_error"), run.series("validation_nll").after(0)
    if min(shown.values.size, loss.values.size) <= PATIENCE:
        return None
    by_loss, by_shown = loss.gain(PATIENCE), shown.gain(PATIENCE)
    rises = above(loss.values[-1], loss.values[-PATIENCE - 1])
    epochs = int(loss.epochs[-PATIENCE]), int(loss.epochs[-1])
    if by_shown < FLAT and by_loss > 10 * FLAT:
        seen = Evidence("gain of reconstruction_error", by_shown, FLAT, "SM")
        cause = "The reconstruction error is flat while validation improves: watch validation_nll."
        return Finding("wrong_curve", "note", epochs, (seen,), cause, None, 0.9)
    if by_shown > FLAT and rises > WORSE_THAN_BEST:
        seen = Evidence("rise of validation_nll", rises, WORSE_THAN_BEST, "own")
        cause = (
            "The reconstruction error improves while validation gets worse: watch validation_nll."
        )
        return Finding("wrong_curve", "note", epochs, (seen,), cause, None, 0.9)
    return None


@rule(code="overfit", family="generalisation", order=320)
def overfit(run: RunRecord) -> Finding | None:
    """Validation gets worse while train does not."""
    validation, train, loss = run.series("validation_nll"), run.series("train_nll"), run.loss
    if loss.values.size <= WARM_UP or not 0 < train.values.size == validation.values.size:
        return None
    first_gap, gap = (above(validation.values[at], train.values[at]) for at in (0, -1))
    risen = above(loss.values[-1], loss.values.min())
    if gap <= max(OVERFIT, first_gap) or risen <= WORSE_THAN_BEST:
        return None
    best = int(loss.epochs[np.argmin(loss.values)])
    seen = (
        Evidence("(validation − train) / train NLL", gap, OVERFIT, "SM"),
        Evidence("loss above its least", risen, WORSE_THAN_BEST, "own"),
    )
    cause = f"The model memorises the train ratings: validation was best at epoch {best}."
    change = run.scale_change("weight_decay", 3.0)
    if run.hyper is not None and run.hyper.n_hidden > FAR_MORE_UNITS * run.usual.n_hidden:
        change = run.default_change("n_hidden")
    epochs = (best, int(loss.epochs[-1]))
    return Finding("overfit", "warning", epochs, seen, cause, change, 0.8)
