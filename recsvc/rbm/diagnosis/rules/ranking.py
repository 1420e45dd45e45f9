"""Rules on predictions and lists."""

from recsvc.rbm.diagnosis.finding import Change, Evidence, Finding
from recsvc.rbm.diagnosis.rule import rule
from recsvc.rbm.diagnosis.run import WARM_UP, RunRecord
from recsvc.rbm.model_kind import DEFAULT_KIND, MACHINES

SAME_FOR_ALL = 0.1  # of the deviation of the actual ratings


@rule(code="constant_predictions", family="ranking", order=370)
def constant_predictions(run: RunRecord) -> Finding | None:
    """All predicted ratings are about the same, long after the start."""
    spread = run.series("prediction_spread").after(run.flat_start)
    if run.may_be_flat or spread.values.size < WARM_UP:
        return None
    if spread.values[-WARM_UP:].max() >= SAME_FOR_ALL:
        return None
    metric = "deviation of predictions over that of ratings"
    seen = Evidence(metric, float(spread.values[-1]), SAME_FOR_ALL, "own")
    cause = "All predictions are about the same: the biases are wrong and the weights add nothing."
    change = run.cold_start_change() or run.rate_change(3.0)
    return Finding("constant_predictions", "problem", spread.span, (seen,), cause, change, 0.6)


@rule(code="poor_list", family="ranking", order=390)
def poor_list(run: RunRecord) -> Finding | None:
    """The most-rated items are a better list."""
    ours = (run.metrics or {}).get("ndcg_at_10")
    theirs = (run.baselines or {}).get("most_rated", {}).get("ndcg_at_10")
    if ours is None or theirs is None or ours >= theirs or MACHINES[run.model_kind].makes_lists:
        return None
    seen = Evidence("validation nDCG@10", ours, theirs, "the list of the most-rated items")
    cause = "The lists are worse than the list of the most-rated items, even with accurate ratings."
    change = Change("model_kind", run.model_kind, DEFAULT_KIND)
    return Finding("poor_list", "warning", run.loss.span, (seen,), cause, change, 0.7)
