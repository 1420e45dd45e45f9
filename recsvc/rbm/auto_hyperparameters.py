"""Hyperparameters chosen from the shape of the data, each with its reason.

Requested values are kept. The rules were found on MovieLens 100K and 1M, goodbooks, MovieTweetings
and Online Retail (decision 0060).
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
    """The amount of data to learn from; interactions count as ratings.

    n_levels  includes the levels of interactions
    """

    n_users: int
    n_items: int
    n_ratings: int
    n_levels: int

    @classmethod
    def from_ratings(cls, ratings: RatingMatrix, n_levels: int) -> "DataShape":
        """Build the shape of a matrix whose rows are users."""
        return cls(ratings.n_users, ratings.n_items, ratings.n_ratings, n_levels)

    def ratings_per_parameter(self, n_hidden: int) -> float:
        """Return the number of ratings divided by the number of weights."""
        return self.n_ratings / max(1, self.n_items * self.n_levels * n_hidden)


class Choice(NamedTuple):
    """A chosen value and its reason."""

    value: int
    because: str


def choices_from_data(model_kind: ModelKind, shape: DataShape) -> dict[str, Choice]:
    """Return the values that depend on the shape of the data, by hyperparameter."""
    names = MACHINES[model_kind].hyperparameters_from_data
    return {name: RULES[name](model_kind, shape) for name in names}


def resolve_hyperparameters(
    model_kind: ModelKind, shape: DataShape, asked: dict[str, object]
) -> tuple[Hyperparameters, dict[str, Choice]]:
    """Return all hyperparameters, and the choices for those that were not requested.

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
    """Choose the batch size: a masked machine updates all weights once a batch."""
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
    """Choose the sample size: popular items make up most of the partition sum."""
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
