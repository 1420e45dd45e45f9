"""Odd ratings are left out to the last one, and no other."""

from dataclasses import replace

import numpy as np
import pytest

from recsvc.rbm.data_profile import profile
from recsvc.rbm.data_profile.exclusions import exclude_suspect_ratings, snapshots_by_exclusion
from recsvc.rbm.rating_scale import RatingScale
from recsvc.rbm.snapshot import Snapshot
from recsvc.rbm.vocabulary import Vocabulary
from tests.factories.machines import STARS

ODD = {
    "mixed_scales",
    "outliers",
    "duplicate_users",
    "constant_raters",
    "suspicious_raters",
    "random_raters",
    "contrary_raters",
}


@pytest.fixture(scope="module")
def movies(movielens) -> Snapshot:
    ratings = movielens("u.data")
    users, items = (
        Vocabulary([f"{letter}{n:05}" for n in range(size)])
        for letter, size in (("u", ratings.n_users), ("i", ratings.n_items))
    )
    numbers = ratings.users().astype(np.int32), ratings.items.astype(np.int32)
    return Snapshot(users, items, *numbers, STARS[ratings.levels])


def users_removed(before: Snapshot, after: Snapshot) -> set[int]:
    """Users of whom nothing is left."""
    return set(before.user_numbers.tolist()) - set(after.user_numbers.tolist())


def test_exclusion_removes_few_suspect_users_of_movielens(movies):
    kept = exclude_suspect_ratings(movies, "odd")

    assert len(users_removed(movies, kept)) == 4  # three contrary ones, and one at random
    assert (kept.users, kept.items) == (movies.users, movies.items)
    assert not ODD & {one.code for one in profile(kept).issues}


def test_exclusion_removes_suspect_values_and_keeps_users(movies):
    values = movies.values.copy()
    values[::50] *= 20
    values[7] = 999.0

    kept = exclude_suspect_ratings(replace(movies, values=values), "odd_values")

    assert RatingScale.infer(kept.values).values == (1.0, 2.0, 3.0, 4.0, 5.0)
    assert users_removed(movies, kept) == set()
    assert kept.values.size > 0.97 * movies.values.size


def test_suspect_values_are_none_when_one_value_dominates(movies):
    """Four of five reviews of many a shop are five stars: there is no range between quartiles."""
    rng = np.random.default_rng(0)
    content = np.where(rng.random(movies.values.size) < 0.8, 5.0, movies.values)
    mistyped = content.copy()
    mistyped[::500] = 50.0

    assert (
        exclude_suspect_ratings(replace(movies, values=content), "odd_values").values.size
        == content.size
    )
    kept = exclude_suspect_ratings(replace(movies, values=mistyped), "odd_values").values
    assert kept.tolist() == np.delete(content, np.s_[::500]).tolist()


def test_snapshots_by_exclusion_omit_choices_without_effect(movies):
    values = movies.values.copy()
    values[:9] = 999.0
    spoilt = replace(movies, values=values)

    left = snapshots_by_exclusion(spoilt)

    assert list(left) == ["odd_values", "odd_raters", "odd"]
    for choice, one in left.items():
        np.testing.assert_array_equal(one.values, exclude_suspect_ratings(spoilt, choice).values)
    assert snapshots_by_exclusion(left["odd"]) == {}


def test_suspect_values_are_none_for_amounts(movies):
    rng = np.random.default_rng(0)
    amounts = replace(movies, values=np.exp(2 * rng.standard_normal(movies.values.size)))

    kept = exclude_suspect_ratings(amounts, "odd")

    assert kept.values.max() == amounts.values.max()


def test_exclusion_removes_bot(movies):
    n_items, bot = len(movies.items), len(movies.users)
    with_bot = replace(
        movies,
        users=Vocabulary([*movies.users.ids, "v"]),
        user_numbers=np.append(movies.user_numbers, np.full(n_items, bot, np.int32)),
        item_numbers=np.append(movies.item_numbers, np.arange(n_items, dtype=np.int32)),
        values=np.append(movies.values, np.full(n_items, 5.0)),
    )

    assert bot in users_removed(with_bot, exclude_suspect_ratings(with_bot, "odd_raters"))


def test_exclusion_is_empty_by_default(movies):
    assert exclude_suspect_ratings(movies, "nobody") is movies
