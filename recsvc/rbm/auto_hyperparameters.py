"""Hyperparameters that suit the data's shape, each with its reason; what is asked for stands.

Found on MovieLens 100K and 1M, goodbooks, MovieTweetings and Online Retail (decision 0060).
"""

from collections.abc import Callable
from typing import NamedTuple

from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.model_kind import MACHINES, ModelKind
from recsvc.rbm.rating_matrix import RatingMatrix

FEW_USERS, MANY_USERS = 3_000, 30_000
ENOUGH_RATINGS = 20  # an item, and a user
LEAST_CANDIDATES, ENOUGH_OF_ALL = 1_000, 0.5
ENOUGH_PAIRS, MOST_PAIRS = 7_500, 30_000
MOST_BATCHES = 100


class DataShape(NamedTuple):
    """How much there is to learn from; of interactions as of ratings.

    n_levels  those of interactions included
    """

    n_users: int
    n_items: int
    n_ratings: int
    n_levels: int

    @classmethod
    def from_ratings(cls, ratings: RatingMatrix, n_levels: int) -> "DataShape":
        """Measure a matrix whose rows are users."""
        return cls(ratings.n_users, ratings.n_items, ratings.n_ratings, n_levels)

    def ratings_per_parameter(self, n_hidden: int) -> float:
        """Tell how much there is to learn each weight from."""
        return self.n_ratings / max(1, self.n_items * self.n_levels * n_hidden)


class Choice(NamedTuple):
    """A value that was chosen, and why."""

    value: int
    because: str


def choices_from_data(model_kind: ModelKind, shape: DataShape) -> dict[str, Choice]:
    """Give what the data's shape decides, by hyperparameter."""
    names = MACHINES[model_kind].hyperparameters_from_data
    return {name: RULES[name](model_kind, shape) for name in names}


def resolve_hyperparameters(
    model_kind: ModelKind, shape: DataShape, asked: dict[str, object]
) -> tuple[Hyperparameters, dict[str, Choice]]:
    """Give all hyperparameters, and those that were chosen: what was asked for is not among them.

    Raises UnknownHyperparameter or InvalidHyperparameter, naming the field.
    """
    chosen = {
        name: choice
        for name, choice in choices_from_data(model_kind, shape).items()
        if name not in asked
    }
    values = {name: choice.value for name, choice in chosen.items()}
    return Hyperparameters.from_changes(model_kind, {**values, **asked}), chosen


def _batch_size(model_kind: ModelKind, shape: DataShape) -> Choice:
    """Momentum and decay of a masked machine touch all weights once a batch."""
    n_cases, cases = shape.n_users, "users"
    if MACHINES[model_kind].cases_are_items:
        n_cases, cases = shape.n_items, "items"
    usual = Hyperparameters.defaults(model_kind).batch_size
    size = max(usual, n_cases // MOST_BATCHES)
    if size == usual:
        return Choice(size, f"{n_cases:,} {cases} make at most {MOST_BATCHES} batches an epoch")
    return Choice(size, f"{n_cases:,} {cases} are taken in {MOST_BATCHES} batches an epoch")


def _n_hidden(_: ModelKind, shape: DataShape) -> Choice:
    of_item, of_user = (shape.n_ratings / max(1, n) for n in (shape.n_items, shape.n_users))
    told = f"{of_item:.0f} ratings an item and {of_user:.0f} a user"
    if min(of_item, of_user) >= ENOUGH_RATINGS:
        return Choice(256, f"{told} are enough for many hidden units")
    return Choice(100, f"{told} are too few for more hidden units")


def _epochs(_: ModelKind, shape: DataShape) -> Choice:
    if shape.n_users < FEW_USERS:
        return Choice(24, f"{shape.n_users:,} users make few steps an epoch")
    if shape.n_users > MANY_USERS:
        return Choice(8, f"{shape.n_users:,} users make many steps an epoch")
    return Choice(14, f"{shape.n_users:,} users make enough steps an epoch")


def _candidates(_: ModelKind, shape: DataShape) -> Choice:
    """Popular items make up most of the partition sum: half of all items tell it as well."""
    n_levels = max(1, shape.n_levels)
    wanted = max(ENOUGH_PAIRS / n_levels, ENOUGH_OF_ALL * shape.n_items)
    most = max(LEAST_CANDIDATES, int(min(wanted, MOST_PAIRS / n_levels)))
    told = f"{shape.n_items:,} items of {shape.n_levels} levels"
    if shape.n_items <= most:
        return Choice(most, f"{told} are few enough to weigh them all")
    return Choice(most, f"{told} are weighed by a sample in which popular ones are likelier")


RULES: dict[str, Callable[[ModelKind, DataShape], Choice]] = {
    "batch_size": _batch_size,
    "n_hidden": _n_hidden,
    "epochs": _epochs,
    "candidates": _candidates,
}
