"""A check for leakage: test ratings must not be among the inputs of a prediction."""

import numpy as np

from recsvc.errors import RatingsLeaked
from recsvc.rbm.arrays import Ints
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.vocabulary import Vocabulary


def check_leakage(
    inputs: RatingMatrix,
    test: RatingMatrix,
    *,
    users: Vocabulary | None = None,
    items: Vocabulary | None = None,
) -> None:
    """Raise RatingsLeaked if the inputs contain the user and item of a test rating.

    inputs, test  rows are the same users, columns the same items; either may have more columns
    users, items  for the ids of the example in the error; by default its numbers
    """
    n_columns = max(inputs.n_items, test.n_items)
    known, tested = _pairs(inputs, n_columns), _pairs(test, n_columns)
    places = np.searchsorted(known, tested)
    leaked = tested[known.take(places, mode="clip") == tested] if known.size else known
    if leaked.size == 0:
        return
    user, item = divmod(int(leaked[0]), n_columns)
    raise RatingsLeaked(
        int(leaked.size),
        test.n_ratings,
        user_id=users.ids[user] if users else str(user),
        item_id=items.ids[item] if items else str(item),
    )


def _pairs(ratings: RatingMatrix, n_columns: int) -> Ints:
    """Return a number for each rating's (user, item), in rising order, (n_ratings,)."""
    return ratings.users().astype(np.int64) * n_columns + ratings.items
