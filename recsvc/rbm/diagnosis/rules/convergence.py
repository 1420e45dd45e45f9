"""Checks of what is learned: of the loss, of the wrong curve, of the list."""

import numpy as np

from recsvc.rbm.diagnosis.finding import Change, Evidence, Finding
from recsvc.rbm.diagnosis.run import (
    FLAT,
    LEAST_LOSS,
    MUCH_LEARNED,
    NOTHING_LEARNED,
    PATIENCE,
    WARM_UP,
    RunRecord,
    above,
)
from recsvc.rbm.model_kind import DEFAULT_KIND, MACHINES

OVERFIT = 0.1  # [SM] of the train loss
WORSE_THAN_BEST = 0.01
STILL_FALLING = 0.005
MANY_TIMES = 10
FAR_MORE_UNITS = 4
LISTS_NOT_LEARNED = 0.02  # sound ones come 19 % nearer to the ideal
TOO_GOOD = 1.0
SAME_FOR_ALL = 0.1  # of the deviation of the given ratings
NEARER = 0.015  # sound runs have .001, leaked ones .06 and more


def reconstruction_misleads(run: RunRecord) -> Finding | None:
    """Reconstruction says how far one step of the chain leads, not how well ratings are told."""
    shown, loss = run.series("reconstruction_error"), run.series("validation_nll").after(0)
    if min(shown.values.size, loss.values.size) <= PATIENCE:
        return None
    by_loss, by_shown = loss.gain(PATIENCE), shown.gain(PATIENCE)
    rises = above(loss.values[-1], loss.values[-PATIENCE - 1])
    epochs = int(loss.epochs[-PATIENCE]), int(loss.epochs[-1])
    if by_shown < FLAT and by_loss > 10 * FLAT:
        seen = Evidence("gain of reconstruction_error", by_shown, FLAT, "SM")
        cause = "Reconstruction stands still while validation improves: watch validation_nll."
        return Finding("wrong_curve", "note", epochs, (seen,), cause, None, 0.9)
    if by_shown > FLAT and rises > WORSE_THAN_BEST:
        seen = Evidence("rise of validation_nll", rises, WORSE_THAN_BEST, "own")
        cause = "Reconstruction improves while validation gets worse: watch validation_nll."
        return Finding("wrong_curve", "note", epochs, (seen,), cause, None, 0.9)
    return None


def overfit(run: RunRecord) -> Finding | None:
    """Validation gets worse and train does not follow."""
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
    cause = f"It learns the train ratings by heart: validation was best at epoch {best}."
    change = run.scaled("weight_decay", 3.0)
    if run.hyper is not None and run.hyper.n_hidden > FAR_MORE_UNITS * run.usual.n_hidden:
        change = run.as_usual("n_hidden")
    epochs = (best, int(loss.epochs[-1]))
    return Finding("overfit", "warning", epochs, seen, cause, change, 0.8)


def too_good(run: RunRecord) -> Finding | None:
    """Validation ratings gain more than train ratings: they leaked.

    Train ratings are left out of their own input one by one: what is learned helps them more than
    ratings that nobody learned from. Which of them are easier to tell is chance, so what counts is
    how far they have moved since epoch 0.
    """
    validation, train = run.series("validation_nll"), run.series("train_nll")
    if run.is_from_elsewhere or train.values.size != validation.values.size:
        return None
    if validation.values.size <= WARM_UP:
        return None
    shares = validation.values / np.maximum(train.values, LEAST_LOSS)
    last, nearer = float(shares[-1]), -above(shares[WARM_UP:].min(), shares[0])
    if nearer <= NEARER or validation.learned <= MUCH_LEARNED:
        return None
    seen = [Evidence("fall of validation / train NLL since epoch 0", nearer, NEARER, "own")]
    if last < TOO_GOOD:
        seen.insert(0, Evidence("validation / train NLL", last, TOO_GOOD, "own"))
        cause = "Validation ratings are told better than train ratings: they are among them."
        return Finding("too_good", "problem", validation.span, tuple(seen), cause, None, 0.8)
    cause = "Validation ratings gain more than train ratings: some may be among them."
    return Finding("too_good", "warning", validation.span, tuple(seen), cause, None, 0.6)


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
    cause = "The loss was still falling when the epochs ran out."
    change = Change("epochs", float(hyper.epochs), float(2 * hyper.epochs))
    epochs = int(loss.epochs[-last]), int(loss.epochs[-1])
    return Finding("too_short", "warning", epochs, (seen,), cause, change, 0.8)


def stopped_too_soon(run: RunRecord) -> Finding | None:
    """Patience ran out while small weights were still growing apart."""
    loss, hyper = run.loss, run.hyper
    if hyper is None or not run.is_over or loss.values.size == 0 or loss.values.size > hyper.epochs:
        return None
    last, wanted = int(loss.epochs[-1]), run.usual.warm_up_epochs
    change = run.as_usual("patience")
    if hyper.warm_up_epochs < wanted:
        change = run.as_usual("warm_up_epochs")
    if change is None or last > 2 * wanted or loss.learned > NOTHING_LEARNED:
        return None
    seen = Evidence("epochs before patience ran out", last, 2 * wanted, "own")
    cause = "Patience ran out while the first weights were still growing apart."
    return Finding("stopped_too_soon", "problem", loss.span, (seen,), cause, change, 0.8)


def no_decrease(run: RunRecord) -> Finding | None:
    """Tell what no other check explains; the hyperparameters tell the likeliest cause."""
    loss, hyper = run.loss, run.hyper
    if run.may_be_flat or loss.values.size <= PATIENCE + 1:
        return None
    gain = loss.learned
    least = LISTS_NOT_LEARNED if run.makes_lists else NOTHING_LEARNED
    if gain >= least:
        return None
    seen = Evidence("gain of the loss since epoch 0", gain, least, "own")
    cause = "Nothing was learned beyond how often each level is given: steps are too few or short."
    change, usual = run.scaled("learning_rate", 3.0), run.usual
    if run.decays_too_much:
        cause = "Weights are pulled to zero faster than they learn."
        change = run.as_usual("weight_decay")
    elif hyper is not None and hyper.initial_weight == 0:
        cause = "Equal weights learn the same: hidden units must begin different."
        change = Change("initial_weight", 0.0, usual.initial_weight)
    elif hyper is not None and hyper.batch_size > MANY_TIMES * usual.batch_size:
        cause = "Batches are so large that an epoch makes next to no steps."
        change = run.as_usual("batch_size")
    return Finding("no_decrease", "problem", loss.span, (seen,), cause, change, 0.5)


def constant_predictions(run: RunRecord) -> Finding | None:
    """Everything is predicted to be rated about the same, long after the start."""
    spread = run.series("prediction_spread").after(run.flat_start)
    if run.may_be_flat or spread.values.size < WARM_UP:
        return None
    if spread.values[-WARM_UP:].max() >= SAME_FOR_ALL:
        return None
    metric = "deviation of predictions over that of ratings"
    seen = Evidence(metric, float(spread.values[-1]), SAME_FOR_ALL, "own")
    cause = "Everything is predicted about the same: biases are off, and no weight tells more."
    change = run.begun_cold() or run.rescaled_rate(3.0)
    return Finding("constant_predictions", "problem", spread.span, (seen,), cause, change, 0.6)


def poor_list(run: RunRecord) -> Finding | None:
    """The most-rated items make a better list."""
    ours = (run.metrics or {}).get("ndcg_at_10")
    theirs = (run.baselines or {}).get("most_rated", {}).get("ndcg_at_10")
    if ours is None or theirs is None or ours >= theirs or MACHINES[run.model_kind].makes_lists:
        return None
    seen = Evidence("validation nDCG@10", ours, theirs, "the list of the most-rated items")
    cause = "Its lists are worse than that of the most-rated items, however well it rates."
    change = Change("model_kind", run.model_kind, DEFAULT_KIND)
    return Finding("poor_list", "warning", run.loss.span, (seen,), cause, change, 0.7)
