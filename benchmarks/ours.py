"""recsvc itself as the benchmarks fit it: in process, by the code that serves, all defaults.

The one seam to the model: `fit` is what quality and fit times measure, `epochs` what growth does.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256

import numpy as np

from benchmarks.data import random_split
from benchmarks.ranking import Scores
from benchmarks.system import RATES_ALONE, Peer, System
from recsvc.rbm.arrays import Doubles, Floats, Ints
from recsvc.rbm.auto_hyperparameters import DataShape, resolve_hyperparameters
from recsvc.rbm.evaluation import Protocol
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.inference import scoring
from recsvc.rbm.inference.folded_users import FoldedUsers
from recsvc.rbm.machines.functions import machine_functions
from recsvc.rbm.model import Model
from recsvc.rbm.model_kind import ModelKind
from recsvc.rbm.params import Params
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale
from recsvc.rbm.training.schedules import epoch_settings
from recsvc.rbm.training.trainer import TrainerState, TrainingData, learn_joint_epoch, train
from recsvc.rbm.vocabulary import Vocabulary
from recsvc.service.models.split import Split
from recsvc.service.training import model_selection

VALIDATION_SHARE = 0.1
KEPT = 3  # fits: as many as splits
MADE: dict[tuple[object, ...], FoldedUsers] = {}


def fit(ratings: RatingMatrix, scale: RatingScale, *, seed: int, kind: ModelKind) -> FoldedUsers:
    """Train as a training job does: a tenth of the ratings tells how, then all are learned.

    scale    what the levels stand for; one of its own for purchases
    returns  the model with every user folded in from all these ratings
    """
    split = division(ratings, scale, seed=seed)
    hyper, _ = resolve_hyperparameters(
        kind, DataShape.from_ratings(ratings, scale.n_all_levels), {}
    )
    state = fitted(split, split.train, split.validation, hyper, kind, seed)
    judged = model_of(split, state.best_params, kind)
    if kind != "joint_rbm":
        return FoldedUsers.from_ratings(judged, ratings)
    judged = model_selection.fit_couplings(judged, split, hyper)
    judged = model_selection.fit_rating_ensemble(
        judged, split, hyper, seed=seed, start_phase=lambda _: None
    )
    nothing = ratings.select(np.zeros(ratings.n_ratings, bool))
    long = replace(hyper, epochs=max(1, state.best_epoch))
    state = fitted(split, ratings, nothing, long, kind, seed)
    model = model_selection.refit_on_all_ratings(
        judged, model_of(split, state.params, kind), split, hyper
    )
    return FoldedUsers.from_ratings(model, ratings)


def division(ratings: RatingMatrix, scale: RatingScale, *, seed: int) -> Split:
    """Hold a tenth back."""
    train_part, validation = random_split(ratings, seed=1000 + seed, test_share=VALIDATION_SHARE)
    protocol = Protocol("at_random", VALIDATION_SHARE, seed=1000 + seed)
    names = numbered(ratings.n_users), numbered(ratings.n_items)
    return Split(*names, scale, train_part, validation, ratings, protocol)


def fitted(
    split: Split,
    learn: RatingMatrix,
    validation: RatingMatrix,
    hyper: Hyperparameters,
    kind: ModelKind,
    seed: int,
) -> TrainerState:
    """Learn to the end."""
    rng = np.random.default_rng([seed, 0])
    levels = split.scale.n_all_levels
    params = machine_functions(kind).initial_params(learn, levels, hyper, rng=rng)
    data = TrainingData(learn, validation, np.array(split.scale.values), split.scale.first_liked)
    state = TrainerState.initial(params)
    for _, reached in train(data, hyper, seed=seed, state=state, model_kind=kind):
        state = reached
    return state


def model_of(split: Split, params: Params, kind: ModelKind) -> Model:
    """Make a model that answers from all ratings."""
    names = {"users": split.users, "items": split.items}
    return Model.build(kind, params, split.everything, scale=split.scale, **names)


def epochs(ratings: RatingMatrix, scale: RatingScale, *, n_hidden: int) -> Iterator[None]:
    """Learn with the defaults for ever, an epoch a step; nothing is evaluated."""
    asked: dict[str, object] = {"n_hidden": n_hidden, "epochs": 10_000}
    hyper, _ = resolve_hyperparameters(
        "joint_rbm", DataShape.from_ratings(ratings, scale.n_all_levels), asked
    )
    nothing = ratings.select(np.zeros(ratings.n_ratings, bool))
    data = TrainingData(ratings, nothing, np.array(scale.values))
    rng = np.random.default_rng(0)
    first = machine_functions("joint_rbm").initial_params(
        ratings, scale.n_all_levels, hyper, rng=rng
    )
    state, epoch = TrainerState.initial(first), 0
    while True:
        epoch += 1
        learn_joint_epoch(state, data, hyper, epoch_settings(hyper, epoch), seed=0, epoch=epoch)
        yield


def fitted_once(
    ratings: RatingMatrix, scale: RatingScale, *, seed: int, kind: ModelKind
) -> FoldedUsers:
    """Fit, or take the fit that another row of the same table has had made."""
    arrays = (ratings.indptr, ratings.items, ratings.levels)
    key = (*(sha256(array.tobytes()).hexdigest() for array in arrays), seed, kind)
    if key not in MADE:
        while len(MADE) >= KEPT:
            MADE.pop(next(iter(MADE)))
        MADE[key] = fit(ratings, scale, seed=seed, kind=kind)
    return MADE[key]


def whole(ratings: RatingMatrix, scale: RatingScale, *, seed: int, kind: ModelKind) -> Peer:
    """Let it be asked as the peers are."""
    folded = fitted_once(ratings, scale, seed=seed, kind=kind)

    def expected(users: Ints, items: Ints) -> Doubles:
        shares = folded.level_probabilities(users, items)
        return scoring.expected_ratings(folded.model, shares)

    return Peer(_scores(folded), expected)


def hidden_alone(ratings: RatingMatrix, scale: RatingScale, *, seed: int) -> Peer:
    """The joint machine's lists without its couplings."""
    folded = fitted_once(ratings, scale, seed=seed, kind="joint_rbm")
    return Peer(_scores(replace(folded, model=replace(folded.model, coupling_scale=0.0))))


def couplings_alone(ratings: RatingMatrix, scale: RatingScale, *, seed: int) -> Peer:
    """The joint machine's lists by its couplings, without hidden units or biases."""
    folded = fitted_once(ratings, scale, seed=seed, kind="joint_rbm")
    couplings = folded.model.couplings

    def scores(users: Ints) -> Floats:
        return np.stack([couplings.field(ratings.row(user)[0]) for user in users.tolist()])

    return Peer(scores)


def _scores(folded: FoldedUsers) -> Scores:
    return lambda users: np.stack([folded.scores(user) for user in users.tolist()])


def numbered(n: int) -> Vocabulary:
    """Name rows by their numbers, in an order that keeps them."""
    return Vocabulary([f"{number:08}" for number in range(n)])


WHOLE = {
    "recsvc joint_rbm": System(partial(whole, kind="joint_rbm")),
    "recsvc user_rbm": System(partial(whole, kind="user_rbm"), left_out=RATES_ALONE),
}
SYSTEMS = WHOLE | {
    "its hidden units alone": System(hidden_alone),
    "its couplings alone": System(couplings_alone),
}
