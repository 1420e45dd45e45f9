"""Rules on the initial weights and biases."""

from recsvc.rbm.diagnosis.finding import Evidence, Finding
from recsvc.rbm.diagnosis.rule import rule
from recsvc.rbm.diagnosis.rules.hidden_units import equal_weights_change, similarity_evidence
from recsvc.rbm.diagnosis.run import RunRecord

WORSE_THAN_ITEMS = 1.05
MANY_UNITS = 0.25


@rule(code="bad_start", family="initialisation", order=210, after_divergence=True)
def bad_start(run: RunRecord) -> Finding | None:
    """Epoch 0 predicts worse than the items' mean ratings, or its hidden units are saturated."""
    seen = _far_off(run) or _saturation_at_start(run)
    if seen is None:
        return None
    cause = "The initial weights are so large that the model cannot learn from them."
    change = run.cold_start_change()
    if change is not None:
        cause = "The warm start uses the weights of an earlier version, and these are unusable."
    elif run.hyper is not None and run.hyper.initial_weight > run.usual.initial_weight:
        change = run.default_change("initial_weight")
    return Finding("bad_start", "problem", (0, 0), (seen,), cause, change, 0.9)


def _far_off(run: RunRecord) -> Evidence | None:
    """Return the evidence that epoch 0 predicts worse than each item's own ratings."""
    known = (run.baselines or {}).get("item_mean", {})
    for name in ("rmse", "nll"):
        first, theirs = run.series(f"validation_{name}"), known.get(name)
        if first.values.size == 0 or first.epochs[0] != 0 or not theirs:
            continue
        times = float(first.values[0] / theirs)
        if times > WORSE_THAN_ITEMS:
            metric = f"validation_{name} of epoch 0 over that of the items' own ratings"
            return Evidence(metric, times, WORSE_THAN_ITEMS, "own")
    return None


def _saturation_at_start(run: RunRecord) -> Evidence | None:
    jammed = run.series("saturated_units")
    if jammed.values.size == 0 or jammed.epochs[0] != 0 or jammed.values[0] <= MANY_UNITS:
        return None
    return Evidence("saturated_units of epoch 0", float(jammed.values[0]), MANY_UNITS, "own")


@rule(code="twin_units", family="initialisation", order=220)
def equal_start(run: RunRecord) -> Finding | None:
    """Hidden units began with the same weights and keep them."""
    change = equal_weights_change(run)
    if change is None or not (alike := similarity_evidence(run)):
        return None
    cause = "Hidden units start with equal weights, so they stay equal."
    return Finding("twin_units", "problem", (0, run.last_epoch), alike, cause, change, 0.9)
