"""The functions of each kind of machine: initial parameters, fold-in and predictions."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recsvc.rbm import kernels, params
from recsvc.rbm.arrays import Doubles, Floats, Ints, Levels, Numbers
from recsvc.rbm.machines import joint, masked
from recsvc.rbm.machines.joint import JointPredictor
from recsvc.rbm.machines.masked import Predictor
from recsvc.rbm.model_kind import MACHINES, Learner, ModelKind
from recsvc.rbm.params import Params
from recsvc.rbm.rating_matrix import RatingMatrix

AnyPredictor = Predictor | JointPredictor


@dataclass(frozen=True)
class MachineFunctions:
    """The functions of one kind; arguments and results are those of `masked`.

    The hidden inputs determine the hidden probabilities in the same way for every kind.

    predictor      builds a predictor from parameters and the number of rating levels
    fold_in        computes P(h = 1 | V) of one user, (width,) as the predictor needs it
    leave_one_out  computes p(level | V without that rating) of the ratings at some places of a
                   matrix, from a predictor and the hidden probabilities of the cases
    """

    initial_params: Callable[..., Params]
    hidden_inputs: Callable[[Params, RatingMatrix], Floats]
    predictor: Callable[[Params, int], AnyPredictor]
    fold_in: Callable[[Params, AnyPredictor, Numbers, Levels], Floats]
    leave_one_out: Callable[..., Doubles]

    def hidden_probabilities(self, params: Params, ratings: RatingMatrix) -> Floats:
        """Return P(h = 1 | V) of every user, (n_users, n_hidden)."""
        return masked.sigmoid(self.hidden_inputs(params, ratings))


def _build_masked_predictor(params: Params, _: int) -> Predictor:
    return Predictor.from_params(params)


def _fold_in_masked(
    params: Params, predictor: AnyPredictor, items: Numbers, levels: Levels
) -> Floats:
    assert isinstance(predictor, Predictor)
    hidden = np.zeros(predictor.expm1_weights.shape[2], dtype=np.float32)
    units = hidden[: params.hidden_bias.size]
    kernels.fold_in_one(params.weights, params.hidden_bias, items, levels, units)
    return hidden


def _fold_in_joint(params: Params, _: AnyPredictor, items: Numbers, levels: Levels) -> Floats:
    own = RatingMatrix(np.array([0, items.size]), items, levels, params.visible_bias.shape[0])
    hidden: Floats = joint.hidden_probabilities(params, own)[0]
    return hidden


def _leave_one_out_masked(
    predictor: Predictor, hidden: Floats, ratings: RatingMatrix, places: Ints
) -> Doubles:
    return predictor.leave_one_out_probabilities(
        hidden,
        ratings.users()[places].astype(np.int64),
        ratings.items[places].astype(np.int64),
        ratings.levels[places],
    )


def _leave_one_out_joint(
    predictor: JointPredictor, _: Floats, ratings: RatingMatrix, places: Ints
) -> Doubles:
    cases = ratings.users()[places].astype(np.int64)
    return predictor.leave_one_out_probabilities(ratings, cases, places)


FUNCTIONS: dict[Learner, MachineFunctions] = {
    "masked": MachineFunctions(
        params.initial_params,
        masked.hidden_inputs,
        _build_masked_predictor,
        _fold_in_masked,
        _leave_one_out_masked,
    ),
    "joint": MachineFunctions(
        joint.initial_params,
        joint.hidden_inputs,
        JointPredictor,
        _fold_in_joint,
        _leave_one_out_joint,
    ),
}


def machine_functions(model_kind: ModelKind) -> MachineFunctions:
    """Return the functions of a kind; user_rbm and item_rbm share them, on other rows."""
    return FUNCTIONS[MACHINES[model_kind].learner]
