"""A profile sees what is odd: planted in real ratings, counted to the last one."""

from dataclasses import replace

import numpy as np
import pytest

from recsvc.rbm.data_profile import Days, agreement_with_others, profile
from recsvc.rbm.data_profile.value_checks import on_another_scale
from recsvc.rbm.snapshot import Snapshot
from recsvc.rbm.vocabulary import Vocabulary
from tests.factories.machines import STARS


def snapshot(ratings, values=None) -> Snapshot:
    names = (
        Vocabulary([f"{letter}{n:05}" for n in range(size)])
        for letter, size in (("u", ratings.n_users), ("i", ratings.n_items))
    )
    users = ratings.users().astype(np.int32)
    given = STARS[ratings.levels] if values is None else values
    return Snapshot(*names, users, ratings.items.astype(np.int32), given)


@pytest.fixture(scope="module")
def movies(movielens) -> Snapshot:
    return snapshot(movielens("u.data"))


def with_values(movies: Snapshot, change) -> Snapshot:
    """The same ratings, of which `change(users, values)` has changed some."""
    values = movies.values.copy()
    change(movies.user_numbers, values)
    facts = movies.users, movies.items, movies.user_numbers, movies.item_numbers
    return Snapshot(*facts, values)


def codes(of: Snapshot) -> set[str]:
    return {one.code for one in profile(of).issues}


def remark(of: Snapshot, code: str):
    (found,) = [one for one in profile(of).issues if one.code == code]
    return found


@pytest.mark.parametrize("times", [6, 20])
def test_mixed_scales_are_reported(movies, times):
    def percent(users, values):
        values[users % 20 == 0] *= times

    found = remark(with_values(movies, percent), "mixed_scales")

    assert found.count == np.count_nonzero(movies.user_numbers % 20 == 0)
    assert found.examples == tuple(str(times * star) for star in range(1, 6))


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 2, 3, 4, 10],
        [1.0, 2, 3],
        [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5],
        [1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        [0.0, 1, 2, 3, 4, 5],
        [1.0, 2, 3, 4, 5, 6, 12, 20],
    ],
)
def test_mixed_scales_are_not_reported_for_scale_with_gaps(values):
    given = np.repeat(np.array(values), [90, *[10] * (len(values) - 1)])

    assert not on_another_scale(given).any()


def test_unscaled_counts_are_reported(movies):
    def counted(users, values):
        values[:] = np.exp(2.5 * np.random.default_rng(0).standard_normal(values.size)).round() + 1

    changed = with_values(movies, counted)

    assert remark(changed, "unscaled_counts").count == np.count_nonzero(
        changed.values > 20 * np.median(changed.values)
    )
    assert not on_another_scale(changed.values).any()


def test_duplicate_user_is_reported_once(movies):
    n_users = len(movies.users)
    ids = Vocabulary([*movies.users.ids, "v00000", "v00001"])
    of_two = movies.user_numbers < 2
    again = replace(
        movies,
        users=ids,
        user_numbers=np.append(movies.user_numbers, movies.user_numbers[of_two] + n_users),
        item_numbers=np.append(movies.item_numbers, movies.item_numbers[of_two]),
        values=np.append(movies.values, movies.values[of_two]),
    )
    last = again.user_numbers == n_users + 1
    again.values[np.flatnonzero(last)[0]] += 1  # no more the same, to the last rating

    assert remark(again, "duplicate_users").examples == ("v00000",)


def test_missing_agreement_is_reported_for_shuffled_ratings(movies):
    def shuffled(users, values):
        np.random.default_rng(0).shuffle(values)

    assert remark(with_values(movies, shuffled), "no_agreement").share > 0.5


def test_small_number_of_users_is_reported(movies):
    kept = movies.user_numbers < 99
    few = replace(
        movies,
        users=Vocabulary(movies.users.ids[:99]),
        user_numbers=movies.user_numbers[kept],
        item_numbers=movies.item_numbers[kept],
        values=movies.values[kept],
    )

    assert remark(few, "few_users").count == 99


def test_profile_of_movielens_has_known_issues(movies):
    found = profile(movies)

    assert (found.n_users, found.n_items, found.n_ratings) == (943, 1682, 100_000)
    assert found.missing_share == pytest.approx(1 - 100_000 / (943 * 1682))
    assert found.ratings_per_user == 65
    assert found.levels == {1.0: 6110, 2.0: 11370, 3.0: 27145, 4.0: 34174, 5.0: 21201}
    assert [one.code for one in found.issues] == ["random_raters", "contrary_raters", "cold_items"]
    assert remark(movies, "random_raters").count == 1
    assert remark(movies, "cold_items").count == np.sum(np.bincount(movies.item_numbers) < 5)


def test_constant_raters_are_reported(movies):
    def always_three(users, values):
        values[np.isin(users, [3, 40])] = 3.0

    found = remark(with_values(movies, always_three), "constant_raters")

    assert (found.count, found.examples) == (2, ("u00003", "u00040"))
    assert found.share == pytest.approx(2 / 943)


def test_contrary_raters_are_reported_for_inverted_scale(movies):
    turned = np.arange(0, 943, 20)

    def turn(users, values):
        some = np.isin(users, turned)
        values[some] = 6.0 - values[some]

    before = set(remark(movies, "contrary_raters").examples)
    after = remark(with_values(movies, turn), "contrary_raters")

    assert after.count > 15 > 3 == remark(movies, "contrary_raters").count
    numbers = {int(user[1:]) for user in set(after.examples) - before}
    assert numbers
    assert numbers <= set(turned.tolist())


def test_agreement_equals_correlation_with_others(movies):
    agreement = agreement_with_others(movies, np.bincount(movies.user_numbers))

    for user in (0, 12, 404):
        own = movies.user_numbers == user
        pairs = []
        for item, value in zip(movies.item_numbers[own], movies.values[own], strict=True):
            others = movies.values[(movies.item_numbers == item) & ~own]
            if others.size:
                pairs.append((value, others.mean()))
        assert agreement[user] == pytest.approx(np.corrcoef(np.array(pairs).T)[0, 1])


def test_suspicious_raters_include_user_of_every_item():
    rng = np.random.default_rng(0)
    users = np.concatenate([np.repeat(np.arange(200), rng.integers(8, 15, 200)), [200] * 900])
    items = np.concatenate([rng.integers(0, 900, users.size - 900), np.arange(900)])
    names = (
        Vocabulary([f"u{n:03}" for n in range(201)]),
        Vocabulary([f"i{n:03}" for n in range(900)]),
    )
    values = rng.integers(1, 6, users.size).astype(float)

    found = remark(
        Snapshot(*names, users.astype(np.int32), items.astype(np.int32), values),
        "suspicious_raters",
    )

    assert (found.count, found.examples) == (1, ("u200",))


def with_crawlers(movies: Snapshot, n_items: int, give) -> Snapshot:
    """The same, and before them three who rate as many of the items as `give(rng, n)` tells."""
    rng = np.random.default_rng(0)
    items = [rng.permutation(len(movies.items))[:n_items] for _ in range(3)]
    return Snapshot(
        Vocabulary(["a0", "a1", "a2", *movies.users.ids]),
        movies.items,
        np.concatenate([np.repeat([0, 1, 2], n_items), movies.user_numbers + 3]).astype(np.int32),
        np.concatenate([*items, movies.item_numbers]).astype(np.int32),
        np.concatenate([give(rng, 3 * n_items), movies.values]),
    )


def test_suspicious_raters_include_crawlers(movies):
    crawled = with_crawlers(movies, 1600, lambda _rng, n: np.full(n, 5.0))
    busy = with_crawlers(movies, 740, lambda _rng, n: np.full(n, 5.0))

    assert remark(crawled, "suspicious_raters").examples == ("a0", "a1", "a2")
    random = {one.code: one.examples for one in profile(crawled).issues}.get("random_raters", ())
    assert not {"a0", "a1", "a2"} & set(random), "all fives are constant, not random"
    assert "suspicious_raters" not in [one.code for one in profile(busy).issues]


def test_random_raters_are_reported(movies):
    def at_random(rng, n):
        return rng.integers(1, 6, n).astype(float)

    found = remark(with_crawlers(movies, 800, at_random), "random_raters")
    few = remark(with_crawlers(movies, 150, at_random), "random_raters")

    assert found.examples[:3] == ("a0", "a1", "a2")
    assert found.count <= 4
    assert not {"a0", "a1", "a2"} & set(few.examples), "fewer than 200 ratings may be chance"


@pytest.mark.parametrize(("n_items", "n_full"), [(120, 30), (60, 1)])
def test_suspicious_raters_are_none_in_dense_or_small_catalogue(n_items, n_full):
    users, items = (grid.ravel().astype(np.int32) for grid in np.mgrid[0:30, 0:n_items])
    kept = (users < n_full) | ((items + users) % 4 == 0)
    users, items = users[kept], items[kept]
    names = (
        Vocabulary([f"u{n:02}" for n in range(30)]),
        Vocabulary([f"i{n:03}" for n in range(n_items)]),
    )
    values = np.random.default_rng(0).integers(1, 6, users.size).astype(float)

    assert "suspicious_raters" not in {
        one.code for one in profile(Snapshot(*names, users, items, values)).issues
    }


@pytest.mark.parametrize("odd", [50.0, -7.0])
def test_outliers_exclude_ends_of_scale(movies, odd):
    def mistype(users, values):
        values[::1000] = odd

    found = remark(with_values(movies, mistype), "outliers")

    assert (found.count, found.share, found.examples) == (100, 0.001, (f"{odd:g}",))
    assert "RECSVC_RATING_SCALE" in found.training
    assert "leave_out=odd_values" in found.training


def test_outliers_are_none_when_one_value_dominates(movies):
    def praise(users, values):
        values[np.arange(values.size) % 5 > 0] = 5.0

    assert "outliers" not in codes(with_values(movies, praise))


def test_level_imbalance_is_reported(movies):
    def praise(users, values):
        values[np.arange(values.size) % 20 > 0] = 5.0

    found = remark(with_values(movies, praise), "level_imbalance")

    assert found.examples == ("5",)
    assert found.share > 0.95


@pytest.mark.parametrize(("share", "is_odd"), [(0.9, False), (0.91, True)])
def test_level_imbalance_starts_above_ninety_percent(movies, share, is_odd):
    def praise(users, values):
        values[:] = np.where(np.arange(values.size) < share * values.size, 5, np.minimum(values, 4))

    assert ("level_imbalance" in codes(with_values(movies, praise))) == is_odd


@pytest.mark.parametrize(("share", "are_few"), [(0.009, True), (0.02, False)])
def test_outliers_are_none_when_frequent(movies, share, are_few):
    def mistype(users, values):
        odd = int(share * values.size)
        values[:odd] = 40 + np.arange(odd) % 7

    told = [one for one in profile(with_values(movies, mistype)).issues if one.code == "outliers"]

    assert [one.examples for one in told] == [("40", "41", "42", "43", "44")] * are_few


def test_issue_has_at_most_five_examples(movies):
    assert [len(one.examples) for one in profile(movies).issues if one.count > 5] == [5]
    assert remark(movies, "cold_items").count == 333


def test_cold_users_count_interactions(movies):
    cold = remark(movies, "cold_items")
    number = movies.items.ids.index(cold.examples[0])
    viewers = np.arange(5, dtype=np.int32)
    viewed, types = np.full(5, number, np.int32), np.zeros(5, np.uint8)
    with_views = replace(movies, event_users=viewers, event_items=viewed, event_types=types)

    told = remark(with_views, "cold_items")

    assert (told.count, cold.examples[0] in told.examples) == (cold.count - 1, False)


def by_day(times, values) -> Days:
    days, which = np.unique(times.astype(int) // 86_400, return_inverse=True)
    return Days(days, np.bincount(which), np.bincount(which, values), np.bincount(which, values**2))


def test_drift_is_reported(movies, data_dir):
    _, _, values, times = np.loadtxt(data_dir / "ml-100k" / "u.data").T
    stricter = np.where(times > np.quantile(times, 0.9), np.maximum(1, values - 1), values)

    as_given = profile(movies, by_day(times, values))
    (drift,) = [
        one for one in profile(movies, by_day(times, stricter)).issues if one.code == "drift"
    ]

    assert "drift" not in {one.code for one in as_given.issues}
    assert (drift.count, drift.share) == (9359, 0.09359)
    assert drift.examples == ("1998-04-01 to 1998-04-22: mean 2.63",)


def test_drift_is_none_for_one_day_or_value(movies):
    noon = np.full(movies.values.size, 43_200)

    for values in (movies.values, np.full(noon.size, 3.3)):
        assert "drift" not in {one.code for one in profile(movies, by_day(noon, values)).issues}
        spread = by_day(np.arange(noon.size), np.full(noon.size, 3.3))
        assert "drift" not in {one.code for one in profile(movies, spread).issues}


def test_profile_accepts_interactions_without_ratings():
    users, items = Vocabulary(["a", "b"]), Vocabulary(["x", "y"])
    nothing = np.empty(0, np.int32)
    events = np.array([0, 0, 1], np.int32), np.array([0, 1, 0], np.int32)
    types = np.zeros(3, np.uint8)

    found = profile(Snapshot(users, items, nothing, nothing, np.empty(0), *events, types))

    assert (found.n_ratings, found.n_interactions, found.levels) == (0, 3, {})
    assert found.missing_share == 0.25
    assert [one.code for one in found.issues] == ["few_users", "cold_users", "cold_items"]


def test_profile_accepts_empty_snapshot():
    nothing, none = np.empty(0, np.int32), Vocabulary([])

    found = profile(Snapshot(none, none, nothing, nothing, np.empty(0)))

    assert (found.n_users, found.missing_share, found.issues) == (0, 1.0, ())
