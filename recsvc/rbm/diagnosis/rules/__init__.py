"""The rules of a diagnosis by topic; importing this package registers them."""

from recsvc.rbm.diagnosis.rules import (
    convergence,
    data,
    divergence,
    generalisation,
    hidden_units,
    initialisation,
    learning_rate,
    liveness,
    ranking,
)

__all__ = [
    "convergence",
    "data",
    "divergence",
    "generalisation",
    "hidden_units",
    "initialisation",
    "learning_rate",
    "liveness",
    "ranking",
]
