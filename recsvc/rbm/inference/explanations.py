"""Explanations of a list: the effect of each of a user's ratings on the score of an item."""

import numpy as np

from recsvc.rbm.arrays import Doubles, Floats, Ints, Levels, Numbers
from recsvc.rbm.inference import top_n
from recsvc.rbm.machines import joint, masked
from recsvc.rbm.model import Model

RATINGS_AT_ONCE = 512


def effects(model: Model, items: Numbers, levels: Levels, listed: Ints) -> Doubles:
    """Return the effect of each rating on the score of each listed item, (n, n_listed).

    The effect is score(i | V) − score(i | V without the rating), with the score of `top_liked`. A
    joint_rbm weighs the ratings by their number N, so leaving one out also changes the weight of
    the others in the hidden units and in the couplings.

    An item_rbm predicts from the ratings of other users for an item and from the learned weights
    of the user. It does not read the user's other ratings, so all effects are 0.

    items, levels  (n,) numbers and levels of what the user rated, each item once
    listed         (n_listed,) numbers of items, each once
    """
    found = np.zeros((items.size, listed.size))
    if model.machine.cases_are_items:
        return found
    of_hidden_units = _choice_effects if model.machine.makes_lists else _liking_effects
    hidden = _leave_one_out_probabilities(model, items, levels)
    for start in range(0, items.size, RATINGS_AT_ONCE):
        some = slice(start, start + RATINGS_AT_ONCE)
        found[some] = of_hidden_units(model, hidden[:1], hidden[1:][some], listed)
    if model.couplings.strengths.size:
        found += model.coupling_scale * _coupling_effects(model, items, listed)
    return found


def strongest(effects: Doubles, most: int, *, left_out: Ints) -> Ints:
    """Return the places of the greatest effects above 0, greatest first.

    effects   (n,) on one listed item
    most      the greatest number of places
    left_out  excluded places
    """
    helpful = np.where(effects > 0.0, effects, -np.inf)
    return top_n.top_n(helpful, most, left_out=left_out)


def _leave_one_out_probabilities(model: Model, items: Numbers, levels: Levels) -> Floats:
    """P(h = 1 | V), then P(h = 1 | V without the rating) for each rating, (1 + n, n_hidden)."""
    params = model.params
    weights = params.weights[items, levels]
    total = weights.sum(axis=0)
    inputs = np.vstack([total, total - weights])
    if model.machine.weighs_evidence:
        inputs[0] *= joint.evidence(np.array(items.size))
        inputs[1:] *= joint.evidence(np.array(items.size - 1))
    return masked.sigmoid(inputs + params.hidden_bias)


def _choice_effects(model: Model, hidden: Floats, without: Floats, listed: Ints) -> Doubles:
    """Log Σ over the liked levels r of e^field(i, r), less the same without each rating.

    Computed from the difference of the hidden units, because the two sums are nearly equal.

    hidden   (1, n_hidden) P(h = 1 | V)
    without  (n, n_hidden) the same without each rating
    returns  (n, n_listed)
    """
    first, weights = model.scale.first_liked, model.params.weights
    fields = joint.level_fields(model.params, hidden[0], listed)[:, first:]
    fields -= np.logaddexp.reduce(fields, axis=1, keepdims=True)
    lost = hidden - without
    heard = [
        np.einsum("nj,ij->ni", lost, weights[listed, r]) for r in range(first, weights.shape[1])
    ]
    effects: Doubles = -np.logaddexp.reduce(fields.T[:, np.newaxis] - heard)
    return effects


def _liking_effects(model: Model, hidden: Floats, without: Floats, listed: Ints) -> Doubles:
    """Log P(liked | V) − log P(liked | V without each rating); popularity is the same in both."""
    before, after = (
        _liking_probabilities(model, hidden, listed),
        _liking_probabilities(model, without, listed),
    )
    effects: Doubles = np.log(before) - np.log(after)
    return effects


def _liking_probabilities(model: Model, hidden: Floats, listed: Ints) -> Doubles:
    """P(liked) of the listed items for each row of hidden units, (n, n_listed)."""
    cases = np.repeat(np.arange(len(hidden)), listed.size)
    repeated = np.tile(listed, len(hidden))
    shares = model.predictor.level_probabilities(hidden, cases, repeated)
    liked = shares[:, model.scale.first_liked :].sum(axis=1).reshape(len(hidden), -1)
    above_zero: Doubles = np.maximum(liked, np.finfo(np.float64).tiny)
    return above_zero


def _coupling_effects(model: Model, items: Numbers, listed: Ints) -> Doubles:
    """√evidence(N) Σ_l J[l, i], less √evidence(N − 1) times the same without each item.

    returns  (n, n_listed)
    """
    own = model.couplings.between(items, listed).astype(np.float64)
    total = own.sum(axis=0)
    now, then = np.sqrt(joint.evidence(np.array([items.size, items.size - 1])))
    effects: Doubles = now * total - then * (total - own)
    return effects
