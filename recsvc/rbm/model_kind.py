"""The register of model kinds: one entry holds every fact that other modules depend on.

A new kind needs its name and its entry here, and a place in the constraint of the table of model
versions. Imports nothing heavy, so that hyperparameters and the command line can read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ModelKind = Literal["user_rbm", "item_rbm", "joint_rbm"]
Learner = Literal["masked", "joint"]
BestMetric = Literal["validation_nll", "validation_ndcg"]

JOINT_HYPERPARAMETERS = frozenset(
    {
        "objective",
        "dropout",
        "least_input",
        "candidates",
        "neighbours",
        "coupling_regularisation",
        "rating_epochs",
    }
)
MOMENTUM_SCHEDULE = frozenset({"initial_momentum", "momentum_epoch"})
DEFAULT_KIND: ModelKind = "joint_rbm"


@dataclass(frozen=True, kw_only=True)
class MachineSpec:
    """The facts about one kind of model.

    summary              its use, as forms show it
    learner              the key of its functions and of its learning rule
    best_metric          the metric that chooses the best epoch and compares trials of a sweep
    makes_lists          ranks items by a learned score: it learns from interactions, too, and is
                         fitted a second time, to all ratings
    cases_are_items      the rows of its training matrix are items and its visible units users
    samples_items        a batch is normalised over a sample of the items, not rated ones alone
    uses_adam            steps are Adam's; otherwise gradients with momentum
    weighs_evidence      the number of a user's ratings scales what each adds to the hidden units
    has_couplings        couplings between items are fitted after training
    rates_by_ensemble    a rating ensemble predicts its ratings where that lowers the RMSE
    hyperparameters_from_data  the hyperparameters that depend on the shape of the data
    ignored_hyperparameters    the hyperparameters that have no effect
    defaults             the hyperparameters whose default differs from that of Hyperparameters
    """

    summary: str
    learner: Learner
    best_metric: BestMetric = "validation_nll"
    makes_lists: bool = False
    cases_are_items: bool = False
    samples_items: bool = False
    uses_adam: bool = False
    weighs_evidence: bool = False
    has_couplings: bool = False
    rates_by_ensemble: bool = False
    hyperparameters_from_data: tuple[str, ...] = ()
    ignored_hyperparameters: frozenset[str] = frozenset()
    defaults: Mapping[str, Any] = field(default_factory=dict)


MACHINES: dict[ModelKind, MachineSpec] = {
    "user_rbm": MachineSpec(
        summary="predicts ratings, by user",
        learner="masked",
        hyperparameters_from_data=("batch_size",),
        ignored_hyperparameters=JOINT_HYPERPARAMETERS,
    ),
    "item_rbm": MachineSpec(
        summary="predicts ratings, by item",
        learner="masked",
        cases_are_items=True,
        hyperparameters_from_data=("batch_size",),
        ignored_hyperparameters=JOINT_HYPERPARAMETERS,
        defaults={"weight_decay": 0.003},
    ),
    "joint_rbm": MachineSpec(
        summary="ranks items",
        learner="joint",
        best_metric="validation_ndcg",
        makes_lists=True,
        samples_items=True,
        uses_adam=True,
        weighs_evidence=True,
        has_couplings=True,
        rates_by_ensemble=True,
        hyperparameters_from_data=("n_hidden", "epochs", "candidates"),
        ignored_hyperparameters=MOMENTUM_SCHEDULE,
        defaults={
            "n_hidden": 256,
            "epochs": 14,
            "batch_size": 200,
            "learning_rate": 0.006,
            "learning_rate_schedule": "cosine",
            "initial_momentum": 0.9,
            "weight_decay": 0.3,
            "dropout": 0.65,
            "sparsity_cost": 100.0,  # Adam's steps do not depend on the gradient's scale
        },
    ),
}
