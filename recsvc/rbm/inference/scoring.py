"""Answers from a model: how a user would rate, and what to show them, from their latest ratings."""

import numpy as np
from numpy.typing import NDArray

from recsvc.rbm import kernels
from recsvc.rbm.arrays import Doubles, Floats, Ints, Levels, Numbers
from recsvc.rbm.machines import joint
from recsvc.rbm.machines.functions import machine_functions
from recsvc.rbm.machines.masked import Predictor
from recsvc.rbm.model import Model
from recsvc.rbm.params import smoothed_shares
from recsvc.rbm.rating_ensemble.ensemble import Raters

NO_ITEMS = np.empty(0, dtype=np.int32)
SCORED_WHOLE = 20_000  # items; scoring so many takes about two milliseconds
FIRST_SCORED = 2_000


def fold_in(model: Model, items: Numbers, levels: Levels) -> Floats:
    """P(h = 1 | a user's ratings), without training [S07 section 2].

    items, levels  (n,) numbers and levels of what the user rated, in any order
    returns        (width,), as the predictor wants it: the first n_hidden are the hidden units
    """
    functions = machine_functions(model.model_kind)
    return functions.fold_in(model.params, model.predictor, items, levels)


def level_probabilities(
    model: Model, items: Ints, *, hidden: Floats | None = None, user: int | None = None
) -> Doubles:
    """p(level | the user's ratings) of some items, (n, n_levels).

    hidden  of a user_rbm or joint_rbm: the user, folded in
    user    of an item_rbm: the user's number
    """
    return model.predictor.level_probabilities(*_asked(model, items, hidden, user))


def rated_probabilities(
    raters: Raters, items: Ints, *, user: int | None, rated: Numbers, levels: Levels
) -> Doubles:
    """p(level | the user's ratings) of some items by the raters of a joint_rbm, (n, n_levels).

    user           the user's number at training, None for somebody who came later
    rated, levels  what they have rated
    """
    hidden = raters.fold_in(rated, levels)[np.newaxis]
    known = np.full(items.size, -1 if user is None else user)
    counts = np.full(items.size, rated.size)
    return raters.level_probabilities(hidden, np.zeros_like(items), known, items, counts)


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
        return _top_listed(model, n, left_out, hidden, rated)
    activations, cases, visible = _asked(model, model.all_items, hidden, user)
    best = np.empty(min(n, n_items), dtype=np.int64)
    scores = np.empty(best.size)
    found = kernels.top_liked(
        predictor.expm1_weights,
        predictor.visible_odds,
        predictor.fitted(activations),
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


def list_scores(model: Model, hidden: Floats, rated: Numbers) -> Doubles:
    """How likely a user is to choose and like every item, by a joint_rbm, (n_items,).

    log Σ over the liked levels r of e^field(i, r | V), and γ √evidence(N) Σ_l J[l, i] over the
    items l that they rated, γ the model's `coupling_scale`.

    hidden  the user, folded in
    rated   (n,) what the user rated
    """
    scores = joint.item_fields(model.params, hidden, model.scale.first_liked).astype(np.float64)
    return _with_couplings(model, scores, rated)


def _with_couplings(model: Model, scores: Doubles, rated: Numbers) -> Doubles:
    if model.couplings.strengths.size and model.coupling_scale and rated.size:
        scores += model.coupling_scale * tempered_couplings(model, rated)
    return scores


def tempered_couplings(model: Model, rated: Numbers) -> Floats:
    """√evidence(N) Σ_l J[l, i] of every item i over the N items l that a user rated, (n_items,)."""
    tempered: Floats = np.sqrt(joint.evidence(np.array(rated.size))) * model.couplings.field(rated)
    return tempered


def _top_listed(
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
    bias, length = model.liked_bounds
    bounds = _with_couplings(model, bias + length * float(np.linalg.norm(hidden)), rated)
    bounds[left_out] = -np.inf
    first = np.argpartition(bounds, -max(n, FIRST_SCORED))[-max(n, FIRST_SCORED) :]
    least = np.partition(_listed_scores(model, hidden, rated, first), -n)[-n]
    hopeful = np.flatnonzero(bounds >= min(least, bounds[first].max()))
    scores = _listed_scores(model, hidden, rated, hopeful)
    order = np.lexsort((hopeful, -scores))[:n]
    order = order[np.isfinite(bounds[hopeful[order]])]
    return hopeful[order], scores[order]


def _listed_scores(model: Model, hidden: Floats, rated: Numbers, items: Ints) -> Doubles:
    """`list_scores` of some items, (n,)."""
    fields = joint.fields_of(model.params, hidden, items)[:, model.scale.first_liked :]
    scores: Doubles = np.logaddexp.reduce(fields, axis=1)
    return scores + _with_couplings(model, np.zeros(len(model.items)), rated)[items]


def _asked(
    model: Model, items: Ints, hidden: Floats | None, user: int | None
) -> tuple[Floats, Ints, Ints]:
    """Say it as the kernels do: hidden units of the cases, a case and a visible unit each."""
    if not model.machine.cases_are_items:
        assert hidden is not None
        return hidden[np.newaxis], np.zeros_like(items), items
    assert user is not None
    return model.case_hidden, items, np.full_like(items, user)


def expected_ratings(model: Model, probabilities: Doubles) -> Doubles:
    """Mean rating of each distribution, on the users' scale: Σ_r p_r · value_r, (n,)."""
    expected: Doubles = probabilities @ model.values
    return expected


def entropies(probabilities: Doubles) -> Doubles:
    """How unsure each distribution is, in nats: 0 for certain, log n_levels for no idea, (n,)."""
    safe = np.maximum(probabilities, np.finfo(np.float64).tiny)
    entropies: Doubles = -(probabilities * np.log(safe)).sum(axis=1)
    return entropies


def ranking_scores(model: Model, liked: Doubles) -> Doubles:
    """P(liked) · √popularity of every item, (n_items,): ranks as log P(liked) + ½ log popularity.

    How well a user would like an item says nothing of how likely they are to want it at all;
    its popularity does.
    """
    return liked * model.root_popularity


def top_n(scores: Doubles, n: int, *, left_out: Ints | Numbers) -> Ints:
    """Give the numbers of the n highest scores, best first, without some items.

    Writes −inf over the scores of the items left out.
    """
    scores[left_out] = -np.inf
    best = np.empty(min(n, scores.size), dtype=np.int64)
    return best[: kernels.top_n(scores, best)]


def base_probabilities(model: Model, items: Ints) -> Doubles:
    """p(level) of items from the ratings counted at training alone, (n, n_levels).

    An item number of −1, an item that the model does not know, gets the shares of all ratings.
    Smoothed as the visible biases are at the start.
    """
    rated = model.level_counts[:, : model.scale.n_levels]
    counts = np.where(items[:, np.newaxis] >= 0, rated[items], 0)
    return smoothed_shares(counts, rated.sum(axis=0))
