"""Ratings as Surprise wants them."""

from collections import defaultdict

from surprise import Trainset

from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale


def trainset(train: RatingMatrix, scale: RatingScale) -> Trainset:
    """Keep users' and items' numbers as Surprise's own, raw and inner."""
    of_user, of_item = defaultdict(list), defaultdict(list)
    rows = zip(train.users().tolist(), train.items.tolist(), train.levels.tolist(), strict=True)
    for user, item, level in rows:
        of_user[user].append((item, scale.values[level]))
        of_item[item].append((user, scale.values[level]))
    return Trainset(
        of_user,
        of_item,
        train.n_users,
        train.n_items,
        train.n_ratings,
        (scale.values[0], scale.values[-1]),
        {number: number for number in range(train.n_users)},
        {number: number for number in range(train.n_items)},
    )
