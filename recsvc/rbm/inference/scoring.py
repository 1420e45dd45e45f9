"""Fold-in of a user and the scores of items, from the latest ratings."""

import numpy as np

from recsvc.rbm.arrays import Doubles, Floats, Ints, Levels, Numbers
from recsvc.rbm.machines import joint
from recsvc.rbm.machines.functions import machine_functions
from recsvc.rbm.model import Model
from recsvc.rbm.params import smooth_shares
from recsvc.rbm.rating_ensemble.ensemble import RatingEnsemble


def fold_in(model: Model, items: Numbers, levels: Levels) -> Floats:
    """P(h = 1 | a user's ratings), without training [S07 section 2].

    items, levels  (n,) numbers and levels of the rated items, in any order
    returns        (width,), as the predictor needs it: the first n_hidden are the hidden units
    """
    functions = machine_functions(model.model_kind)
    return functions.fold_in(model.params, model.predictor, items, levels)


def level_probabilities(
    model: Model, items: Ints, *, hidden: Floats | None = None, user: int | None = None
) -> Doubles:
    """p(level | the user's ratings) of some items, (n, n_levels).

    hidden  for a user_rbm or joint_rbm: the user, folded in
    user    for an item_rbm: the user's number
    """
    return model.predictor.level_probabilities(*predictor_arguments(model, items, hidden, user))


def ensemble_probabilities(
    raters: RatingEnsemble, items: Ints, *, user: int | None, rated: Numbers, levels: Levels
) -> Doubles:
    """p(level | the user's ratings) of some items by a rating ensemble, (n, n_levels).

    user           the user's number at training, None for a later user
    rated, levels  the items that the user rated, and the levels
    """
    hidden = raters.fold_in(rated, levels)[np.newaxis]
    known = np.full(items.size, -1 if user is None else user)
    counts = np.full(items.size, rated.size)
    return raters.level_probabilities(hidden, np.zeros_like(items), known, items, counts)


def list_scores(model: Model, hidden: Floats, rated: Numbers) -> Doubles:
    """Return a score of how likely a user chooses and likes each item (joint_rbm), (n_items,).

    log Σ over the liked levels r of e^field(i, r | V), plus γ √evidence(N) Σ_l J[l, i] over the N
    rated items l; γ is the model's `coupling_scale`.

    hidden  the user, folded in
    rated   (n,) numbers of the items that the user rated
    """
    scores = joint.item_fields(model.params, hidden, model.scale.first_liked).astype(np.float64)
    return add_couplings(model, scores, rated)


def add_couplings(model: Model, scores: Doubles, rated: Numbers) -> Doubles:
    """Add the tempered couplings of the rated items to scores in place, and return the scores."""
    if model.couplings.strengths.size and model.coupling_scale and rated.size:
        scores += model.coupling_scale * coupling_field(model, rated)
    return scores


def coupling_field(model: Model, rated: Numbers) -> Floats:
    """√evidence(N) Σ_l J[l, i] of every item i over the N items l that a user rated, (n_items,)."""
    tempered: Floats = np.sqrt(joint.evidence(np.array(rated.size))) * model.couplings.field(rated)
    return tempered


def predictor_arguments(
    model: Model, items: Ints, hidden: Floats | None, user: int | None
) -> tuple[Floats, Ints, Ints]:
    """Return the arguments of a predictor: hidden units of the cases, cases and visible units."""
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
    """Entropy of each distribution in nats: 0 for certain, log n_levels for uniform, (n,)."""
    safe = np.maximum(probabilities, np.finfo(np.float64).tiny)
    entropies: Doubles = -(probabilities * np.log(safe)).sum(axis=1)
    return entropies


def ranking_scores(model: Model, liked: Doubles) -> Doubles:
    """P(liked) · √popularity of every item, (n_items,): ranks as log P(liked) + ½ log popularity.

    P(liked) does not contain how likely a user wants an item at all; its popularity does.
    """
    return liked * model.root_popularity


def base_probabilities(model: Model, items: Ints) -> Doubles:
    """p(level) of items from the rating counts of training alone, (n, n_levels).

    An unknown item, number −1, has the shares of all ratings. The shares are smoothed like the
    initial visible biases.
    """
    rated = model.level_counts[:, : model.scale.n_levels]
    counts = np.where(items[:, np.newaxis] >= 0, rated[items], 0)
    return smooth_shares(counts, rated.sum(axis=0))
