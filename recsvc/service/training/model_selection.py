"""Couplings and rating ensemble of a joint model, chosen on validation ratings."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from recsvc.rbm import evaluation
from recsvc.rbm.arrays import Doubles, Floats, Ints
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.inference import scoring
from recsvc.rbm.inference.folded_users import FoldedUsers
from recsvc.rbm.inference.scoring import expected_ratings
from recsvc.rbm.machines import joint
from recsvc.rbm.machines.couplings import Couplings, Neighbourhoods
from recsvc.rbm.model import Model
from recsvc.rbm.rating_ensemble import ensemble
from recsvc.rbm.rating_ensemble.ensemble import RatingEnsemble
from recsvc.service.models.split import Split

LAMBDAS = (50.0, 150.0, 500.0)
DEFAULT_LAMBDA = 500.0
COUPLING_SCALES = (0.0, 2.0, 4.0, 9.0, 18.0, 36.0)
DEFAULT_COUPLING_SCALE = 9.0
MIN_RELATIVE_GAIN = 1.005
MOST_RANKED_USERS = 2000
SCORES_AT_ONCE = 2**24


def fit_rating_ensemble(
    model: Model,
    split: Split,
    hyper: Hyperparameters,
    *,
    seed: int,
    start_phase: Callable[[str], None],
) -> Model:
    """Attach the rating ensemble to a joint model if it lowers the validation RMSE.

    The ensemble is fitted to train ratings.

    start_phase  called after every epoch of the ensemble
    """
    scale, values = split.scale, np.array(split.scale.values)
    affordable = ensemble.fits_memory(len(split.users), len(split.items), values.size)
    if hyper.rating_epochs == 0 or values.size < 2 or not affordable:
        return model
    steps = ensemble.train_ensemble(
        split.train.without_interactions(scale),
        split.validation.without_interactions(scale),
        values,
        most_epochs=hyper.rating_epochs,
        seed=seed,
    )
    for step in steps:
        if isinstance(step, RatingEnsemble):
            with_ensemble = replace(model, raters=step)
            if not _validation_rmse(with_ensemble, split) <= _validation_rmse(model, split):
                return model  # also if either is not a number
            return replace(
                model, raters=step.with_item_ratings(split.everything.without_interactions(scale))
            )
        start_phase("learning how people rate")
    raise AssertionError("the last step is the ensemble")


def refit_on_all_ratings(
    evaluated: Model, model: Model, split: Split, hyper: Hyperparameters
) -> Model:
    """Complete a joint model that was fitted to all ratings as the evaluated one was completed.

    Couplings are fitted again, with the chosen strength. The ensemble is shared: it answers from
    all ratings already.
    """
    neighbourhoods = Neighbourhoods.fit(split.everything, hyper.neighbours)
    return replace(
        model,
        couplings=neighbourhoods.couplings(evaluated.couplings.regularisation),
        coupling_scale=evaluated.coupling_scale,
        raters=evaluated.raters,
    )


def _validation_rmse(model: Model, split: Split) -> float:
    """Return the RMSE of validation ratings, users folded in from train ratings; 0 without any."""
    ratings = split.validation.without_interactions(split.scale)
    if ratings.n_ratings == 0:
        return 0.0
    shares = FoldedUsers.from_ratings(model, split.train).level_probabilities(
        ratings.users(), ratings.items
    )
    errors = expected_ratings(model, shares) - model.values[ratings.levels]
    return float(np.sqrt(np.mean(np.square(errors))))


def fit_couplings(model: Model, split: Split, hyper: Hyperparameters) -> Model:
    """Add couplings to a joint model, with the λ and the scale of the best validation lists.

    The objective is the sum of nDCG@10 on all and on liked items. The default scale stays unless
    another is better by more than chance explains (decision 0060).

    λ is chosen for the couplings alone, the scale for their sum with the hidden units. Without
    validation ratings both have their defaults.
    """
    neighbourhoods = Neighbourhoods.fit(split.train, hyper.neighbours)
    most_users = min(MOST_RANKED_USERS, SCORES_AT_ONCE // len(split.items))
    users = split.sample_ranked_users(most_users)
    if hyper.neighbours == 0 or users.size == 0:
        return replace(
            model,
            couplings=neighbourhoods.couplings(hyper.coupling_regularisation or DEFAULT_LAMBDA),
            coupling_scale=DEFAULT_COUPLING_SCALE,
        )

    def objective(scores_of: Callable[[int], Doubles | Floats]) -> float:
        metrics = evaluation.ranking_metrics(
            scores_of, split.train, split.validation, users, first_liked=split.scale.first_liked
        )
        return metrics.ndcg_at_n + metrics.liked_ndcg_at_n

    def objective_of_couplings(couplings: Couplings) -> float:
        return objective(lambda user: couplings.field(split.train.row(user)[0]))

    lambdas = [hyper.coupling_regularisation] if hyper.coupling_regularisation else LAMBDAS
    couplings = max(neighbourhoods.path(lambdas), key=objective_of_couplings)
    coupled = replace(model, couplings=couplings)
    fields = _fields_from_hidden_units(model, split, users)
    tempered = {
        user: scoring.coupling_field(coupled, split.train.row(user)[0]) for user in users.tolist()
    }

    def objective_of_scale(scale: float) -> float:
        return objective(lambda user: fields[user] + scale * tempered[user])

    objectives = {scale: objective_of_scale(scale) for scale in COUPLING_SCALES}
    best = max(objectives, key=objectives.__getitem__)
    is_better = objectives[best] > MIN_RELATIVE_GAIN * objectives[DEFAULT_COUPLING_SCALE]
    return replace(coupled, coupling_scale=best if is_better else DEFAULT_COUPLING_SCALE)


def _fields_from_hidden_units(model: Model, split: Split, users: Ints) -> dict[int, Floats]:
    """Return the fields of all items from the hidden units by user, (n_items,) each."""
    hidden = joint.hidden_probabilities(model.params, split.train.rows(users))
    fields = joint.list_fields(model.params, hidden, split.scale.first_liked)
    return dict(zip(users.tolist(), fields, strict=True))
