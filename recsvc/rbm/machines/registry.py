"""What tells one kind of machine from another: where it begins, learns, and how it predicts."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recsvc.rbm import params
from recsvc.rbm.arrays import Doubles, Floats, Ints
from recsvc.rbm.machines import joint, masked
from recsvc.rbm.machines.joint import JointPredictor
from recsvc.rbm.machines.masked import Predictor
from recsvc.rbm.model_kind import ModelKind
from recsvc.rbm.params import Params
from recsvc.rbm.rating_matrix import RatingMatrix

AnyPredictor = Predictor | JointPredictor


@dataclass(frozen=True)
class Machine:
    """The functions of one kind; their arguments and answers are those of `units`.

    Given its hidden inputs, either kind believes and weighs a user alike.

    predictor      of parameters and the number of levels that are ratings
    leave_one_out  p(level | V without that rating) of the ratings at some places of a matrix, by a
                   predictor and the hidden probabilities of the matrix' cases
    """

    initial_params: Callable[..., Params]
    hidden_inputs: Callable[[Params, RatingMatrix], Floats]
    predictor: Callable[[Params, int], AnyPredictor]
    leave_one_out: Callable[..., Doubles]

    def hidden_probabilities(self, params: Params, ratings: RatingMatrix) -> Floats:
        """P(h = 1 | V) of every user, (n_users, n_hidden)."""
        return masked.sigmoid(self.hidden_inputs(params, ratings))


def _masked_predictor(params: Params, _: int) -> Predictor:
    return Predictor.of(params)


def _masked_leave_one_out(
    predictor: Predictor, hidden: Floats, ratings: RatingMatrix, places: Ints
) -> Doubles:
    return predictor.leave_one_out_probabilities(
        hidden,
        ratings.users()[places].astype(np.int64),
        ratings.items[places].astype(np.int64),
        ratings.levels[places],
    )


def _joint_leave_one_out(
    predictor: JointPredictor, _: Floats, ratings: RatingMatrix, places: Ints
) -> Doubles:
    cases = ratings.users()[places].astype(np.int64)
    return predictor.leave_one_out_probabilities(ratings, cases, places)


MASKED = Machine(
    params.initial_params,
    masked.hidden_inputs,
    _masked_predictor,
    _masked_leave_one_out,
)
JOINT = Machine(
    joint.initial_params,
    joint.hidden_inputs,
    JointPredictor,
    _joint_leave_one_out,
)


def machine_of(model_kind: ModelKind) -> Machine:
    """Give the machine of a kind: user_rbm and item_rbm are the same one, on other rows."""
    return JOINT if model_kind == "joint_rbm" else MASKED
