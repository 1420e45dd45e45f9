"""What is odd about ratings, and how it is said."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from recsvc.rbm.arrays import Doubles, Flags, Ints
from recsvc.rbm.snapshot import Snapshot
from recsvc.rbm.vocabulary import Vocabulary

MAX_EXAMPLES = 5
MIN_RATINGS = 20  # ratings of a user who can be called constant, or contrary


@dataclass(frozen=True)
class DataIssue:
    """Something odd.

    of        what is counted: users, items or ratings
    share     of all of them
    examples  ids, or values, at most five
    training  what it will do about it
    """

    code: str
    of: str
    count: int
    share: float
    examples: tuple[str, ...]
    seen: str
    training: str


class RatingCounts(NamedTuple):
    """A snapshot's ratings, counted once for all remarks.

    by_user, of_item    ratings of each user, and of each item
    told_by, told_of    the same, interactions included
    agreement           (n_users,) of `agreement_with_others`
    """

    snapshot: Snapshot
    by_user: Ints
    of_item: Ints
    told_by: Ints
    told_of: Ints
    agreement: Doubles


def find_user_issue(
    counted: RatingCounts, code: str, odd: Flags, seen: str, training: str
) -> DataIssue | None:
    """Remark on some users, if there are any; odd (n_users,)."""
    return find_issue(code, "users", counted.snapshot.users, odd, seen, training)


def find_issue(
    code: str, of: str, ids: Vocabulary, odd: Flags, seen: str, training: str
) -> DataIssue | None:
    """Remark on some users or items, if there are any, with the ids of the first."""
    numbers = np.flatnonzero(odd)
    if numbers.size == 0:
        return None
    examples = tuple(ids.ids[number] for number in numbers[:MAX_EXAMPLES].tolist())
    return DataIssue(code, of, numbers.size, numbers.size / odd.size, examples, seen, training)
