"""Checks of the start and of the hidden units."""

from recsvc.rbm.diagnosis.findings import Change, Evidence, Finding, Severity
from recsvc.rbm.diagnosis.run import WARM_UP, Run

SATURATED, TWINS = 0.95, 0.99
MOST_UNITS = 0.5
WORSE_THAN_ITEM_MEANS = 1.05


def bad_start(run: Run) -> Finding | None:
    """Epoch 0 predicts worse than the items' own means."""
    rmse = run.series("validation_rmse")
    known = (run.baselines or {}).get("item_mean", {}).get("rmse")
    if rmse.values.size == 0 or rmse.epochs[0] != 0 or not known:
        return None
    times = float(rmse.values[0] / known)
    if times <= WORSE_THAN_ITEM_MEANS:
        return None
    seen = Evidence(
        "validation_rmse of epoch 0 over that of item means", times, WORSE_THAN_ITEM_MEANS, "own"
    )
    cause = "The machine begins worse than the items' own means: its first weights are too large."
    change = None
    usual = run.usual.initial_weight
    if run.hyper is not None and run.hyper.initial_weight > usual:
        change = Change("initial_weight", run.hyper.initial_weight, usual)
    return Finding("bad_start", "problem", (0, 0), (seen,), cause, change, 0.9)


def saturated(run: Run) -> Finding | None:
    """Hidden units say the same of everybody: yes, or no."""
    jammed = saturation(run)
    if jammed is None or jammed.value <= jammed.threshold:
        return None
    cause = "Most hidden units are on for nearly everybody, or off: they tell no users apart."
    change = None
    if run.hyper is not None:
        change = Change("sparsity_target", run.hyper.sparsity_target, 0.2)
    epochs = run.series("hidden_activity").span
    return Finding("saturated", "problem", epochs, (jammed,), cause, change, 0.6)


def saturation(run: Run) -> Evidence | None:
    """Tell how many hidden units are jammed; of a curve from elsewhere, their mean activity."""
    jammed = run.series("saturated_units").values
    if jammed.size:
        return Evidence("saturated_units", float(jammed[-1]), MOST_UNITS, "own")
    activity = run.series("hidden_activity").values
    if activity.size:
        extreme = float(max(activity[-1], 1.0 - activity[-1]))
        return Evidence("hidden_activity, or 1 − it", extreme, SATURATED, "own")
    return None


def dead_units(run: Run) -> Finding | None:
    """Most hidden units answer everybody alike, and not only while small weights grow apart."""
    dead = run.series("dead_units").after(run.flat_start)
    if dead.values.size < WARM_UP or dead.values[-WARM_UP:].min() <= MOST_UNITS:
        return None
    seen = Evidence("dead_units", float(dead.values[-1]), MOST_UNITS, "own")
    cause = "Most hidden units answer everybody alike: there are more than the ratings can teach."
    change = run.scaled("n_hidden", 1.0 - 0.9 * float(dead.values[-1]))
    if run.decays_too_much:
        cause = "Weights are pulled to zero faster than they learn: hidden units stay asleep."
        change = run.scaled("weight_decay", 0.1)
    return Finding("dead_units", "problem", dead.span, (seen,), cause, change, 0.7)


def twin_units(run: Run) -> Finding | None:
    """Two hidden units have the same weights, and keep them: they count as one."""
    alike = run.series("unit_similarity").after(WARM_UP)
    if alike.values.size < WARM_UP or alike.values[-WARM_UP:].min() <= TWINS:
        return None
    seen = Evidence("unit_similarity", float(alike.values[-1]), TWINS, "own")
    cause = "Hidden units have learned the same: there are more than the ratings can tell apart."
    change = run.scaled("n_hidden", 0.5)
    severity: Severity = "warning"
    if run.hyper is not None and run.hyper.initial_weight < run.usual.initial_weight:
        cause = "Hidden units began equal, and what begins equal learns the same for ever."
        change = Change("initial_weight", run.hyper.initial_weight, run.usual.initial_weight)
        severity = "problem"
    return Finding("twin_units", severity, alike.span, (seen,), cause, change, 0.8)
