"""The best items of a user."""

import numpy as np
from numpy.typing import NDArray

from recsvc.rbm import kernels
from recsvc.rbm.arrays import Doubles, Floats, Ints, Numbers
from recsvc.rbm.inference.scoring import add_couplings, list_scores, predictor_arguments
from recsvc.rbm.machines import joint
from recsvc.rbm.machines.masked import Predictor
from recsvc.rbm.model import Model

NO_ITEMS = np.empty(0, dtype=np.int32)
SCORED_WHOLE = 20_000  # items; scoring so many takes about two milliseconds
FIRST_SCORED = 2_000


def top_liked(
    model: Model,
    n: int,
    *,
    left_out: NDArray[np.bool_],
    hidden: Floats | None = None,
    user: int | None = None,
    rated: Numbers = NO_ITEMS,
) -> tuple[Ints, Doubles]:
    """Return the n items with the highest scores, best first, and their scores.

    The scores are `list_scores` for a joint_rbm, otherwise log of `ranking_scores`.

    left_out      (n_items,) true for excluded items
    hidden, user  as in `level_probabilities`
    rated         for a joint_rbm: the items that the user rated, for the couplings
    """
    predictor, n_items = model.predictor, len(model.items)
    if not isinstance(predictor, Predictor):
        assert hidden is not None
        return _top_by_list_score(model, n, left_out, hidden, rated)
    activations, cases, visible = predictor_arguments(model, model.all_items, hidden, user)
    best = np.empty(min(n, n_items), dtype=np.int64)
    scores = np.empty(best.size)
    found = kernels.top_liked(
        predictor.expm1_weights,
        predictor.visible_odds,
        predictor.pad_hidden(activations),
        predictor.block,
        cases,
        visible,
        model.scale.first_liked,
        model.root_popularity,
        model.by_popularity,
        left_out,
        best,
        scores,
    )
    return best[:found], np.log(np.maximum(scores[:found], np.finfo(np.float64).tiny))


def top_n(scores: Doubles, n: int, *, left_out: Ints | Numbers) -> Ints:
    """Return the numbers of the n highest scores, best first, without some items.

    Writes −inf over the scores of the items left out.
    """
    scores[left_out] = -np.inf
    best = np.empty(min(n, scores.size), dtype=np.int64)
    return best[: kernels.top_n(scores, best)]


def _top_by_list_score(
    model: Model, n: int, left_out: NDArray[np.bool_], hidden: Floats, rated: Numbers
) -> tuple[Ints, Doubles]:
    """Return the items with the n highest `list_scores`, and the exact scores.

    In a large catalogue, items are scored only if their bound passes the n-th score of the first
    few thousand. A field is at most its bias plus the product of the lengths of h and the weights.
    """
    if len(model.items) <= SCORED_WHOLE:
        scores = list_scores(model, hidden, rated)
        best = top_n(scores, n, left_out=np.flatnonzero(left_out))
        return best, scores[best]
    bias, length = model.list_score_bounds
    bounds = add_couplings(model, bias + length * float(np.linalg.norm(hidden)), rated)
    bounds[left_out] = -np.inf
    first = np.argpartition(bounds, -max(n, FIRST_SCORED))[-max(n, FIRST_SCORED) :]
    least = np.partition(_list_scores_of(model, hidden, rated, first), -n)[-n]
    hopeful = np.flatnonzero(bounds >= min(least, bounds[first].max()))
    scores = _list_scores_of(model, hidden, rated, hopeful)
    order = np.lexsort((hopeful, -scores))[:n]
    order = order[np.isfinite(bounds[hopeful[order]])]
    return hopeful[order], scores[order]


def _list_scores_of(model: Model, hidden: Floats, rated: Numbers, items: Ints) -> Doubles:
    """`list_scores` of some items, (n,)."""
    fields = joint.level_fields(model.params, hidden, items)[:, model.scale.first_liked :]
    scores: Doubles = np.logaddexp.reduce(fields, axis=1)
    return scores + add_couplings(model, np.zeros(len(model.items)), rated)[items]
