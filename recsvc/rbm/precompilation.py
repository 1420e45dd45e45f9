"""Compile the kernels ahead of time, so that the first job and the first request do not wait."""

import dataclasses

import numpy as np

from recsvc.rbm import checkpoint, evaluation
from recsvc.rbm.hyperparameters import Hyperparameters, Objective
from recsvc.rbm.inference import explanations, scoring, top_n
from recsvc.rbm.inference.folded_users import FoldedUsers
from recsvc.rbm.machines import masked
from recsvc.rbm.machines.couplings import Couplings, Neighbourhoods
from recsvc.rbm.machines.functions import machine_functions
from recsvc.rbm.model import Model
from recsvc.rbm.model_kind import MACHINES, ModelKind
from recsvc.rbm.params import Params
from recsvc.rbm.rating_ensemble import ensemble, fine_tuning
from recsvc.rbm.rating_ensemble.blend import Blend
from recsvc.rbm.rating_ensemble.ensemble import RatingEnsemble, RatingPredictor
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale
from recsvc.rbm.training.trainer import TrainerState, TrainingData, train
from recsvc.rbm.vocabulary import Vocabulary

N_USERS, N_ITEMS = 6, 5
SCALE = RatingScale((1.0, 2.0))


def compile_kernels() -> None:
    """Train, evaluate and use a tiny machine of each kind; the compiled kernels stay on disk."""
    ratings = _some_ratings()
    held_out = np.arange(ratings.n_ratings) % 4 == 0
    parts = ratings.select(~held_out), ratings.select(held_out)
    for model_kind, machine in MACHINES.items():
        _use_once(model_kind, *parts)
        if "objective" not in machine.ignored_hyperparameters:
            _use_once(model_kind, *parts, objective="contrastive")
    evaluation.baseline_metrics(*parts, np.arange(N_USERS), SCALE, with_ease=True)


def compile_answer_kernels() -> None:
    """Compile the kernels of recommendations, predictions and explanations alone.

    It takes a quarter of the time of `compile_kernels`, which also trains and evaluates.
    """
    ratings = _some_ratings()
    for model_kind in MACHINES:
        cases = ratings.transpose() if MACHINES[model_kind].cases_are_items else ratings
        hyper, rng = Hyperparameters(n_hidden=2), np.random.default_rng(0)
        params = machine_functions(model_kind).initial_params(cases, SCALE.n_levels, hyper, rng=rng)
        model = _model(model_kind, params, ratings, _some_couplings())
        for either in (model, dataclasses.replace(model, raters=_initial_ensemble(ratings))):
            _answer_requests(checkpoint.read_model(checkpoint.write_model(either)), ratings)


def _some_couplings() -> Couplings:
    """Return one coupling of each item."""
    return Couplings(
        np.arange(N_ITEMS + 1),
        np.roll(np.arange(N_ITEMS, dtype=np.int32), 1),
        np.ones(N_ITEMS, dtype=np.float32),
    )


def _initial_ensemble(ratings: RatingMatrix) -> RatingEnsemble:
    """Return an untrained rating ensemble with the types of a trained one."""
    by_user, by_item = (
        RatingPredictor.from_params(
            fine_tuning.initial_params(
                cases,
                SCALE.n_levels,
                fine_tuning.FinetuningConfig.from_data(cases, SCALE.n_levels),
                rng=np.random.default_rng(0),
            )
        )
        for cases in (ratings, ratings.transpose())
    )
    width = by_item.predictor.expm1_weights.shape[2]
    return RatingEnsemble(
        by_user,
        by_item,
        Blend.default(SCALE.n_levels),
        item_hidden=np.zeros((N_ITEMS, width), dtype=np.float32),
        user_bias=np.zeros(N_USERS),
        item_bias=np.zeros(N_ITEMS),
        mean=0.0,
        item_counts=ratings.item_counts(),
        values=np.array(SCALE.values),
    )


def _some_ratings() -> RatingMatrix:
    users, items = np.nonzero(np.ones((N_USERS, N_ITEMS)))
    levels = ((users + items) % 2).astype(np.uint8)
    return RatingMatrix.build(users, items, levels, shape=(N_USERS, N_ITEMS))


def _use_once(
    model_kind: ModelKind,
    ratings: RatingMatrix,
    held_out: RatingMatrix,
    *,
    objective: Objective = "conditional",
) -> None:
    hyper = Hyperparameters(n_hidden=2, epochs=1, warm_up_epochs=0, objective=objective)
    matrices = ratings, held_out
    if MACHINES[model_kind].cases_are_items:
        matrices = ratings.transpose(), held_out.transpose()
    data = TrainingData(*matrices, np.array(SCALE.values))
    rng = np.random.default_rng(0)
    params = machine_functions(model_kind).initial_params(
        data.train, SCALE.n_levels, hyper, rng=rng
    )
    first = TrainerState.initial(params)
    for _, state in train(data, hyper, seed=0, state=first, model_kind=model_kind):
        params = state.params
    couplings = Neighbourhoods.fit(ratings, 2).couplings(1.0)
    model = _model(model_kind, params, ratings, couplings)
    for either in (model, _with_raters(model, ratings, held_out)):
        # The arrays of a mapped model are read-only, which is another type to the compiler.
        for one in (either, checkpoint.read_model(checkpoint.write_model(either))):
            folded = FoldedUsers.from_ratings(one, ratings)
            evaluation.model_metrics(folded, ratings, held_out, np.arange(N_USERS))
            _answer_requests(one, ratings)
    masked.free_energy(params, data.train, masked.hidden_inputs(params, data.train))


def _model(
    model_kind: ModelKind, params: Params, ratings: RatingMatrix, couplings: Couplings
) -> Model:
    return Model.build(
        model_kind,
        params,
        ratings,
        scale=SCALE,
        users=_vocabulary("u", N_USERS),
        items=_vocabulary("i", N_ITEMS),
        couplings=couplings,
        coupling_scale=0.5,
    )


def _with_raters(model: Model, ratings: RatingMatrix, held_out: RatingMatrix) -> Model:
    """Return a joint model with a rating ensemble, and a model of another kind unchanged."""
    if not model.machine.rates_by_ensemble:
        return model
    *_, made = ensemble.train_ensemble(
        ratings, held_out, np.array(SCALE.values), most_epochs=1, seed=0
    )
    assert isinstance(made, RatingEnsemble)
    return dataclasses.replace(model, raters=made)


def _answer_requests(model: Model, ratings: RatingMatrix) -> None:
    """Predict, recommend and explain."""
    hidden = scoring.fold_in(model, *ratings.row(0)) if not model.machine.cases_are_items else None
    scoring.level_probabilities(model, model.all_items, hidden=hidden, user=0)
    if model.raters is not None:
        items, levels = ratings.row(0)
        scoring.ensemble_probabilities(
            model.raters, model.all_items, user=0, rated=items, levels=levels
        )
    nothing = np.zeros(N_ITEMS, dtype=np.bool_)
    rated, _ = ratings.row(0)
    top_n.top_liked(model, 2, left_out=nothing, hidden=hidden, user=0, rated=rated)
    reasons = explanations.effects(model, *ratings.row(0), model.all_items)
    explanations.strongest(reasons[:, 0], 1, left_out=model.all_items[:1])


def _vocabulary(prefix: str, n: int) -> Vocabulary:
    return Vocabulary([f"{prefix}{number}" for number in range(n)])


if __name__ == "__main__":
    compile_kernels()
