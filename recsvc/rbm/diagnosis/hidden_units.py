"""Checks of the start and of the hidden units."""

from recsvc.rbm.diagnosis.findings import Change, Evidence, Finding
from recsvc.rbm.diagnosis.run import Run

SATURATED, NEARLY_SATURATED = 0.95, 0.9
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
    """Hidden units say the same of everybody."""
    extreme = extremity(run)
    if extreme <= SATURATED:
        return None
    seen = Evidence("hidden_activity, or 1 − it", extreme, SATURATED, "own")
    cause = "Hidden units are nearly all on, or nearly all off, whoever the user is."
    change = None
    if run.hyper is not None:
        change = Change("sparsity_target", run.hyper.sparsity_target, 0.2)
    epochs = run.series("hidden_activity").span
    return Finding("saturated", "problem", epochs, (seen,), cause, change, 0.6)


def extremity(run: Run) -> float:
    """How near the hidden units' last mean activity is to all or to none; 0 if not measured."""
    activity = run.series("hidden_activity").values
    return float(max(activity[-1], 1.0 - activity[-1])) if activity.size else 0.0
