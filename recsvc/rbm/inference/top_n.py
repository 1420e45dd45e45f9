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
    """Give the n items of the highest scores, best first, and those scores.

    The scores are `list_scores` of a joint_rbm, else log of `ranking_scores`.

    left_out      (n_items,) true where an item must not come
    hidden, user  as in `level_probabilities`
    rated         of a joint_rbm: what the user rated, for the couplings
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
    """Give the numbers of the n highest scores, best first, without some items.

    Writes −inf over the scores of the items left out.
    """
    scores[left_out] = -np.inf
    best = np.empty(min(n, scores.size), dtype=np.int64)
    return best[: kernels.top_n(scores, best)]


def _top_by_list_score(
    model: Model, n: int, left_out: NDArray[np.bool_], hidden: Floats, rated: Numbers
) -> tuple[Ints, Doubles]:
    """Give the n highest `list_scores` and their items, exactly.

    Of a large catalogue only those items are scored whose bound passes the n-th of the first few
    thousand: a field is at most its bias and the product of the lengths of h and of the weights.
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
