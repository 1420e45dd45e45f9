"""Rules on the hidden units: saturated, dead, duplicate, too few or too many."""

from recsvc.rbm.diagnosis.finding import Change, Evidence, Finding
from recsvc.rbm.diagnosis.rule import rule
from recsvc.rbm.diagnosis.run import WARM_UP, RunRecord

MANY_UNITS = 0.25
MOST_UNITS = 0.5
SATURATED = 0.95
TWINS = 0.99
FEW_UNITS = 8
SCARCE = 0.02  # ratings a parameter; healthy runs of the bank have .037 and more, faulty ones .012


@rule(code="saturated", family="hidden_units", order=270)
def saturation(run: RunRecord) -> Finding | None:
    """Many hidden units are on, or off, for nearly every user."""
    jammed = saturation_evidence(run)
    if jammed is None or jammed.value <= jammed.threshold:
        return None
    cause = "Many hidden units are on, or off, for nearly all users, so they distinguish no users."
    change = None
    if run.hyper is not None and run.knows("sparsity_target"):
        change = Change("sparsity_target", run.hyper.sparsity_target, 0.2)
    shown = run.series("saturated_units")
    epochs = (shown if shown.values.size else run.series("hidden_activity")).span
    return Finding("saturated", "problem", epochs, (jammed,), cause, change, 0.6)


def saturation_evidence(run: RunRecord) -> Evidence | None:
    """Return the share of saturated units, or the mean activity if that was not measured."""
    jammed = run.series("saturated_units").values
    if jammed.size:
        return Evidence("saturated_units", float(jammed[-1]), MANY_UNITS, "own")
    activity = run.series("hidden_activity").values
    if activity.size:
        extreme = float(max(activity[-1], 1.0 - activity[-1]))
        return Evidence("hidden_activity, or 1 − it", extreme, SATURATED, "own")
    return None


@rule(code="dead_units", family="hidden_units", order=280)
def dead_units(run: RunRecord) -> Finding | None:
    """Most hidden units respond to every user alike, after the flat start as well."""
    dead = run.series("dead_units").after(run.flat_start)
    if run.may_be_flat or dead.values.size < WARM_UP:
        return None
    if dead.values[-WARM_UP:].min() <= MOST_UNITS:
        return None
    seen = Evidence("dead_units", float(dead.values[-1]), MOST_UNITS, "own")
    cause = "Most hidden units respond to all users alike: there are too many for these ratings."
    change = run.scale_change("n_hidden", 1.0 - 0.9 * float(dead.values[-1]))
    if run.decays_too_much:
        cause = "Weight decay is stronger than learning: hidden units stay inactive."
        change = run.default_change("weight_decay")
    return Finding("dead_units", "problem", dead.span, (seen,), cause, change, 0.7)


@rule(code="twin_units", family="hidden_units", order=290)
def twin_units(run: RunRecord) -> Finding | None:
    """Two hidden units have learned the same weights, so they count as one."""
    if equal_weights_change(run) is not None or not (alike := similarity_evidence(run)):
        return None
    cause = "Hidden units have learned the same weights: there are too many for these ratings."
    change = run.scale_change("n_hidden", 0.5)
    epochs = run.series("unit_similarity").after(WARM_UP).span
    return Finding("twin_units", "warning", epochs, alike, cause, change, 0.8)


def equal_weights_change(run: RunRecord) -> Change | None:
    """Return the change of the setting that made all initial weights equal, if any did."""
    if run.hyper is None:
        return None
    if run.hyper.initialisation == "constant":
        return run.default_change("initialisation")
    if run.hyper.initial_weight < run.usual.initial_weight:
        return run.default_change("initial_weight")
    return None


def similarity_evidence(run: RunRecord) -> tuple[Evidence, ...]:
    """Return the evidence that two hidden units have the same weights, empty if there is none."""
    alike = run.series("unit_similarity").after(WARM_UP)
    if alike.values.size < WARM_UP or alike.values[-WARM_UP:].min() <= TWINS:
        return ()
    return (Evidence("unit_similarity", float(alike.values[-1]), TWINS, "own"),)


@rule(code="too_few_units", family="hidden_units", order=300)
def too_few_units(run: RunRecord) -> Finding | None:
    """The hidden units are too few for the structure of the ratings."""
    hyper = run.hyper
    if hyper is None or hyper.n_hidden >= FEW_UNITS:
        return None
    seen = Evidence("n_hidden", hyper.n_hidden, FEW_UNITS, "own")
    cause = "The hidden units are too few to represent the differences between users."
    change = Change("n_hidden", float(hyper.n_hidden), float(run.usual.n_hidden))
    epochs = (0, run.last_epoch)
    return Finding("too_few_units", "warning", epochs, (seen,), cause, change, 0.7)


@rule(code="too_little_data", family="hidden_units", order=380)
def too_little_data(run: RunRecord) -> Finding | None:
    """There are far more parameters than ratings."""
    ratio = run.ratings_per_parameter
    if ratio is None or ratio >= SCARCE:
        return None
    seen = Evidence("ratings per parameter", ratio, SCARCE, "own")
    cause = "There are far more weights than ratings: the model is too large."
    change = None
    if run.hyper is not None and run.hyper.n_hidden > FEW_UNITS:
        fewer = max(FEW_UNITS, round(run.hyper.n_hidden * ratio / SCARCE))
        change = Change("n_hidden", float(run.hyper.n_hidden), float(fewer))
    epochs = (0, run.last_epoch)
    return Finding("too_little_data", "warning", epochs, (seen,), cause, change, 0.5)
