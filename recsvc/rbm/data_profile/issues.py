"""Data issues: what the checks of a data profile report."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from recsvc.rbm.arrays import Doubles, Flags, Ints
from recsvc.rbm.snapshot import Snapshot
from recsvc.rbm.vocabulary import Vocabulary

MAX_EXAMPLES = 5
MIN_RATINGS = 20  # of a user who can be reported as constant or contrary


@dataclass(frozen=True)
class DataIssue:
    """An unusual property of the data.

    of        the counted unit: users, items or ratings
    share     share of all users, items or ratings
    examples  ids or values, at most five
    seen      the observation, for the user
    training  the effect on training and the remedy, for the user
    """

    code: str
    of: str
    count: int
    share: float
    examples: tuple[str, ...]
    seen: str
    training: str


class RatingCounts(NamedTuple):
    """Counts of a snapshot's ratings, computed once for all checks.

    ratings_by_user, ratings_by_item  number of ratings of each user and item
    events_by_user, events_by_item    the same, including interactions
    agreement                         (n_users,) from `agreement_with_others`
    """

    snapshot: Snapshot
    ratings_by_user: Ints
    ratings_by_item: Ints
    events_by_user: Ints
    events_by_item: Ints
    agreement: Doubles


def find_user_issue(
    counts: RatingCounts, code: str, is_affected: Flags, seen: str, training: str
) -> DataIssue | None:
    """Return an issue about some users, if there are any; is_affected (n_users,)."""
    return find_issue(code, "users", counts.snapshot.users, is_affected, seen, training)


def find_issue(
    code: str, of: str, ids: Vocabulary, is_affected: Flags, seen: str, training: str
) -> DataIssue | None:
    """Return an issue about some users or items, if there are any, with the first ids."""
    numbers = np.flatnonzero(is_affected)
    if numbers.size == 0:
        return None
    examples = tuple(ids.ids[number] for number in numbers[:MAX_EXAMPLES].tolist())
    return DataIssue(
        code, of, numbers.size, numbers.size / is_affected.size, examples, seen, training
    )
