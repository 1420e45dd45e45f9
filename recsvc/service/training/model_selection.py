"""What a joint machine gets beside its hidden units: couplings for lists, raters for ratings."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from recsvc.rbm import evaluation
from recsvc.rbm.arrays import Doubles, Floats, Ints
from recsvc.rbm.inference import scoring
from recsvc.rbm.inference.folded_users import Folded
from recsvc.rbm.inference.scoring import expected_ratings
from recsvc.rbm.machines import joint
from recsvc.rbm.machines.couplings import Couplings, Neighbourhoods
from recsvc.rbm.model import Model
from recsvc.rbm.params import Hyperparameters
from recsvc.rbm.rating_ensemble import ensemble
from recsvc.rbm.rating_ensemble.ensemble import Raters
from recsvc.service.models.comparison import Split

LAMBDAS = (50.0, 150.0, 500.0)
USUAL_LAMBDA = 500.0
COUPLING_SCALES = (0.0, 2.0, 4.0, 9.0, 18.0, 36.0)
USUAL_COUPLING_SCALE = 9.0
WORTH_A_CHANGE = 1.005
USERS_TO_CHOOSE_BY = 2000
SCORES_AT_ONCE = 2**24


def rated(
    model: Model, split: Split, hyper: Hyperparameters, *, seed: int, told: Callable[[str], None]
) -> Model:
    """Give a joint model the machines that predict its ratings, where they do it better than it.

    They learn from train ratings; validation ratings tell which is better.

    told  is called after every epoch of theirs
    """
    scale, values = split.scale, np.array(split.scale.values)
    affordable = ensemble.are_affordable(len(split.users), len(split.items), values.size)
    if hyper.rating_epochs == 0 or values.size < 2 or not affordable:
        return model
    made = ensemble.learn(
        split.train.rated(scale),
        split.validation.rated(scale),
        values,
        most_epochs=hyper.rating_epochs,
        seed=seed,
    )
    for one in made:
        if isinstance(one, Raters):
            kept = replace(model, raters=one)
            better = _validation_rmse(kept, split) <= _validation_rmse(model, split)
            if not better:
                return model
            return replace(kept, raters=one.answering_from(split.everything.rated(scale)))
        told("learning how people rate")
    raise AssertionError("the raters come last")


def relearned(judged: Model, model: Model, split: Split, hyper: Hyperparameters) -> Model:
    """Give a joint model that was fitted to all ratings what the judged one was given.

    Couplings are found anew, as strong as was best; the raters answer from all ratings already.
    """
    neighbourhoods = Neighbourhoods.of(split.everything, hyper.neighbours)
    return replace(
        model,
        couplings=neighbourhoods.couplings(judged.couplings.regularisation),
        coupling_scale=judged.coupling_scale,
        raters=judged.raters,
    )


def _validation_rmse(model: Model, split: Split) -> float:
    """RMSE of validation ratings, everybody folded in from train ratings; 0 without any."""
    asked = split.validation.rated(split.scale)
    if asked.n_ratings == 0:
        return 0.0
    shares = Folded.of(model, split.train).level_probabilities(asked.users(), asked.items)
    errors = expected_ratings(model, shares) - model.values[asked.levels]
    return float(np.sqrt(np.mean(np.square(errors))))


def coupled(model: Model, split: Split, hyper: Hyperparameters) -> Model:
    """Give a joint model its couplings, with the λ and the scale that list validation ratings best.

    Best is the sum of nDCG@10 on all and on liked ones; the usual scale stands unless another is
    better by more than chance makes it (decision 0060).

    λ is chosen for the couplings alone, the scale beside the hidden units. Without validation
    ratings both are what has done well elsewhere.
    """
    neighbourhoods = Neighbourhoods.of(split.train, hyper.neighbours)
    users = split.ranked_users(min(USERS_TO_CHOOSE_BY, SCORES_AT_ONCE // len(split.items)))
    if hyper.neighbours == 0 or users.size == 0:
        return replace(
            model,
            couplings=neighbourhoods.couplings(hyper.coupling_regularisation or USUAL_LAMBDA),
            coupling_scale=USUAL_COUPLING_SCALE,
        )

    def worth(scores_of: Callable[[int], Doubles | Floats]) -> float:
        liked = split.scale.first_liked
        figures = evaluation.ranking_figures(
            scores_of, split.train, split.validation, users, first_liked=liked
        )
        return figures.ndcg_at_n + figures.liked_ndcg_at_n

    def alone(couplings: Couplings) -> float:
        return worth(lambda user: couplings.field(split.train.row(user)[0]))

    lambdas = [hyper.coupling_regularisation] if hyper.coupling_regularisation else LAMBDAS
    couplings = max(neighbourhoods.path(lambdas), key=alone)
    made = replace(model, couplings=couplings)
    fields = _fields(model, split, users)
    tempered = {
        user: scoring.tempered_couplings(made, split.train.row(user)[0]) for user in users.tolist()
    }

    def beside(scale: float) -> float:
        return worth(lambda user: fields[user] + scale * tempered[user])

    worths = {scale: beside(scale) for scale in COUPLING_SCALES}
    best = max(worths, key=worths.__getitem__)
    is_better = worths[best] > WORTH_A_CHANGE * worths[USUAL_COUPLING_SCALE]
    return replace(made, coupling_scale=best if is_better else USUAL_COUPLING_SCALE)


def _fields(model: Model, split: Split, users: Ints) -> dict[int, Floats]:
    """What the hidden units say of all items to some users, (n_items,) each."""
    hidden = joint.hidden_probabilities(model.params, split.train.rows(users))
    fields = joint.list_fields(model.params, hidden, split.scale.first_liked)
    return dict(zip(users.tolist(), fields, strict=True))
