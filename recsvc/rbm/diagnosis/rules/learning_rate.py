"""Rules on the length of a step."""

import numpy as np

from recsvc.rbm.diagnosis.finding import Evidence, Finding
from recsvc.rbm.diagnosis.rule import rule
from recsvc.rbm.diagnosis.rules.hidden_units import saturation_evidence
from recsvc.rbm.diagnosis.run import PATIENCE, WARM_UP, RunRecord, above
from recsvc.rbm.model_kind import MACHINES

STEP_TOO_LONG, STEP_TOO_SHORT, STEP_WANTED = 1e-2, 1e-4, 1e-3  # [H10 section 7]
HEALTHY, HEALTHY_ADAM = 0.01, 0.034  # steps of healthy runs; a joint machine has Adam's
FAR_TOO_LONG = 2.5  # times that
NEXT_TO_NOTHING = 0.01
STANDING_STILL = 1e-7
WORSE_THAN_START = 0.01
RISEN = 0.05  # [SM], and in a flat start
SHOCK_EPOCHS, SHOCK = 3, 0.05
STILL_FALLING = 0.005


@rule(code="rate_too_high", family="learning_rate", order=230)
def rate_too_high(run: RunRecord) -> Finding | None:
    """Steps are long, and the loss rose or the hidden units are saturated.

    Long steps are normal while the loss falls.
    """
    ratio, loss = run.ratio, run.loss
    if run.series("update_to_weight_ratio").values.size == 0:
        return _rising_loss(run)
    if ratio.values.size < WARM_UP or loss.values.size < WARM_UP:
        return None
    step, worse = float(np.median(ratio.values)), above(loss.values[-1], loss.values[0])
    risen, jammed = above(loss.values[-1], loss.values.min()), saturation_evidence(run)
    if step <= STEP_TOO_LONG:
        return None
    most, source = WORSE_THAN_START, "own"
    if run.may_be_flat:
        most, source = RISEN, "SM"
    if jammed is not None and jammed.value > jammed.threshold:
        second_evidence = jammed
    elif worse > most:
        second_evidence = Evidence("last loss above the first", worse, most, source)
    elif step > FAR_TOO_LONG * HEALTHY and not run.makes_lists and risen > most:
        second_evidence = Evidence("last loss above its least", risen, most, source)
    else:
        return None
    seen = (Evidence("update_to_weight_ratio", step, STEP_TOO_LONG, "H10"), second_evidence)
    cause = "Each step exceeds what the weights have learned: the learning rate is too high."
    uses_adam = MACHINES[run.model_kind].uses_adam  # whose steps are longer
    wanted = STEP_TOO_LONG if uses_adam else STEP_WANTED
    change = run.rate_change(0.5 ** max(1, round(np.log2(step / wanted))))
    return Finding("rate_too_high", "problem", ratio.span, seen, cause, change, 0.85)


def _rising_loss(run: RunRecord) -> Finding | None:
    """Return a finding if the loss only rises and the steps were not measured."""
    loss, train = run.loss, run.series("train_nll")
    if loss.values.size <= WARM_UP + 1 or loss.total_gain > 0:
        return None
    risen = above(loss.values[-1], loss.values[0])
    if risen <= RISEN or (train.values.size and train.total_gain > 0):
        return None
    seen = Evidence("last loss above the first", risen, RISEN, "SM")
    cause = "The loss rises from the first epoch on: the learning rate is probably too high."
    change = run.rate_change(0.1)
    return Finding("rate_too_high", "problem", loss.span, (seen,), cause, change, 0.5)


@rule(code="rate_too_low", family="learning_rate", order=240)
def rate_too_low(run: RunRecord) -> Finding | None:
    """Steps are short and the loss stands still, or has not moved since the start."""
    ratio, loss = run.ratio, run.loss
    if ratio.values.size < WARM_UP or loss.values.size <= WARM_UP:
        return None
    step = float(np.median(ratio.values))
    gain = loss.gain(min(PATIENCE, loss.values.size - 1))
    wanted = HEALTHY_ADAM if run.makes_lists else HEALTHY
    if step <= STANDING_STILL:
        return None
    if step < STEP_TOO_SHORT and gain < STILL_FALLING:
        seen = (
            Evidence("update_to_weight_ratio", step, STEP_TOO_SHORT, "H10"),
            Evidence("gain of the loss", gain, STILL_FALLING, "own"),
        )
    elif step < wanted / 3 and loss.total_gain < NEXT_TO_NOTHING:
        seen = (
            Evidence("update_to_weight_ratio", step, wanted / 3, "own"),
            Evidence("gain of the loss since epoch 0", loss.total_gain, NEXT_TO_NOTHING, "own"),
        )
    else:
        return None
    cause = "Steps are too short to make progress: the learning rate is too low."
    change = run.rate_change(wanted / step)
    return Finding("rate_too_low", "problem", ratio.span, seen, cause, change, 0.85)


@rule(code="momentum_shock", family="learning_rate", order=260)
def momentum_shock(run: RunRecord) -> Finding | None:
    """The loss jumps when the momentum rises."""
    loss, hyper = run.loss, run.hyper
    if hyper is None or not run.knows("momentum", "initial_momentum", "momentum_epoch"):
        return None
    if hyper.momentum <= hyper.initial_momentum:
        return None
    at = hyper.momentum_epoch
    calm = loss.values[loss.epochs == at]
    shaken = loss.after(at).values[:SHOCK_EPOCHS]
    if calm.size == 0 or shaken.size == 0:
        return None
    jump = above(shaken.max(), calm[0])
    if jump <= SHOCK:
        return None
    seen = Evidence("jump of the loss", jump, SHOCK, "own")
    cause = "The loss jumped when the momentum rose: the learning rate is too high for it."
    change = run.scale_change("learning_rate", 0.5)
    epochs = (at, at + SHOCK_EPOCHS)
    return Finding("momentum_shock", "warning", epochs, (seen,), cause, change, 0.7)
