"""A penalty on hidden units that are on for too many or too few users [H10 section 11]."""

import numpy as np

from recsvc.rbm.arrays import Floats
from recsvc.rbm.hyperparameters import Hyperparameters


def apply_sparsity_penalty(
    hidden_bias: Floats, active: Floats, hyper: Hyperparameters, *, learning_rate: float
) -> None:
    """Move the hidden biases towards the target activity, in place; a target of 0 has no effect.

    hidden_bias += learning_rate · sparsity_cost · (sparsity_target − mean of `active` by user)

    The weights and the momentum do not depend on the penalty.

    active  (n_batch, n_hidden) P(h = 1 | ratings) of the batch
    """
    if hyper.sparsity_target:
        missing = np.float32(hyper.sparsity_target) - active.mean(axis=0)
        hidden_bias += np.float32(learning_rate * hyper.sparsity_cost) * missing
