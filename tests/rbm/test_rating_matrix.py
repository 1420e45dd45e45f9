from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale, Scaling
from recsvc.rbm.vocabulary import Vocabulary

ids = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


@given(st.lists(ids))
def test_vocabulary_numbers_ids_by_code_point(given_ids):
    vocabulary = Vocabulary.from_ids(given_ids)

    assert list(vocabulary.ids) == sorted(set(given_ids))
    assert len(vocabulary) == len(set(given_ids))
    assert vocabulary.numbers(vocabulary.ids).tolist() == list(range(len(vocabulary)))
    assert vocabulary == Vocabulary.from_ids(reversed(given_ids))


def test_vocabulary_order_ignores_collation():
    vocabulary = Vocabulary.from_ids(["é", "z", "a", "Z", "10", "9", "ß", "ſ", "🜁", "￿"])

    assert vocabulary.ids == ("10", "9", "Z", "a", "z", "ß", "é", "ſ", "￿", "🜁")


def test_vocabulary_has_no_number_for_unknown_id():
    vocabulary = Vocabulary.from_ids(["a", "c"])

    assert vocabulary.number("c") == 1
    assert vocabulary.number("b") is None
    assert vocabulary.numbers(["b", "c", "", "a"]).tolist() == [-1, 1, -1, 0]
    assert vocabulary.numbers([]).dtype == np.int64


@pytest.mark.parametrize("bad", [["b", "a"], ["a", "a"]])
def test_vocabulary_refuses_unordered_ids(bad):
    with pytest.raises(ValueError, match="sorted by code point"):
        Vocabulary(bad)


# ---------------------------------------------------------------------------------- rating scale


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1:5:1", (1, 2, 3, 4, 5)),
        ("0.5:5:0.5", (0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5)),
        ("0:10:1", tuple(range(11))),
        ("0:1:0.1", (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)),
        ("-1:1:1", (-1, 0, 1)),
        ("1,2,3,5", (1, 2, 3, 5)),
        (" 1 , 2.5 ", (1, 2.5)),
    ],
)
def test_rating_scale_parses_text(text, values):
    assert RatingScale.parse(text).values == values


def test_rating_scale_parses_auto_as_none():
    assert RatingScale.parse("auto") is None
    assert RatingScale.parse(" Auto ") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "five",
        "1:5",
        "1:2:3:4",
        "5:1:1",
        "1:5:0",
        "1:5:-1",
        "1:5:0.3",
        "1:1:1",
        "2,1",
        "1,1",
        "1:inf:1",
        "nan:5:1",
        "1:5:nan",
        "-inf",
        "0:1000:1",
        "1:5:inf",
        "1,,2",
    ],
)
def test_rating_scale_raises_for_invalid_text(text):
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        RatingScale.parse(text)


@pytest.mark.parametrize(
    ("text", "n_liked"),
    [("1:5:1", 2), ("0.5:5:0.5", 4), ("0:10:1", 4), ("0,1", 1), ("1,2,3", 1), ("3", 1)],
)
def test_liked_levels_are_top_two_fifths_and_at_least_one(text, n_liked):
    scale = RatingScale.parse(text)

    assert scale.n_levels - scale.first_liked == n_liked


def test_rating_scale_accepts_half_stars_and_decimals():
    scale = RatingScale.parse("0:1:0.1")

    assert scale.levels(np.array([0.1 * 3, 0.7, 1.0, 0.0])).tolist() == [3, 7, 10, 0]
    assert all(scale.contains(0.1 * n) for n in range(11))
    assert not any(scale.contains(v) for v in (0.05, 1.1, -0.1, 0.10001, np.nan, np.inf))


def test_level_of_value_off_scale_is_nearest():
    scale = RatingScale.parse("1,2,5")

    assert scale.levels(np.array([-9, 1.4, 1.6, 3.4, 3.6, 99])).tolist() == [0, 0, 1, 1, 2, 2]


def test_infer_keeps_few_distinct_values():
    values = np.array([3.0, 1.0, 3.0, 4.5] * 3)

    assert RatingScale.infer(values) == RatingScale((1.0, 3.0, 4.5))
    assert RatingScale.infer(np.arange(20.0)).edges == ()


def test_infer_bins_many_values_into_equal_counts(rng):
    values = np.concatenate([np.arange(21.0), rng.normal(10, 30, 10_000)])

    scale = RatingScale.infer(values)

    levels = scale.levels(values)
    counts = np.bincount(levels)
    assert scale.n_levels == counts.size == 10
    assert counts.min() > 0.9 * counts.max()
    for level in range(10):
        assert scale.values[level] == pytest.approx(values[levels == level].mean())
    assert scale.contains(1234.5)
    assert str(scale).startswith("10 bins from ")


def test_infer_bins_more_than_twenty_values():
    assert RatingScale.infer(np.arange(21.0)).n_levels == 10
    assert RatingScale.infer(np.arange(20.0)).n_levels == 20


def test_infer_leaves_no_bin_empty_with_ties_at_minimum(rng):
    values = np.concatenate([np.zeros(9_900), rng.random(100) + 1])

    scale = RatingScale.infer(values)

    counts = np.bincount(scale.levels(values), minlength=scale.n_levels)
    assert scale.n_levels >= 2
    assert counts.min() > 0
    assert counts[0] == 9_900
    assert scale.values[0] == 0


def test_infer_leaves_no_bin_empty_with_ties_at_maximum(rng):
    values = np.concatenate([rng.random(100), np.full(9_900, 7.0)])

    scale = RatingScale.infer(values)

    counts = np.bincount(scale.levels(values), minlength=scale.n_levels)
    assert counts.min() > 0
    assert scale.values[-1] == 7


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(finite, min_size=1, max_size=60), st.sampled_from(get_args(Scaling)))
def test_infer_accepts_any_finite_values(values, scaling):
    """However large, however close together."""
    given_values = np.array(values)
    scale = RatingScale.infer(given_values, scaling)

    levels = scale.levels(given_values)

    assert levels.max() < scale.n_levels
    assert (levels[np.argsort(given_values)][1:] >= levels[np.argsort(given_values)][:-1]).all()
    if scale.edges:
        assert np.bincount(levels, minlength=scale.n_levels).min() > 0


def test_infer_by_widths_has_bins_of_equal_width():
    assert RatingScale.infer(np.arange(101.0), "widths").edges == tuple(range(10, 100, 10))
    assert RatingScale.infer(np.append(np.arange(30.0), 1000.0), "widths").edges == (1000.0,)


def test_infer_by_logarithms_has_bins_of_equal_factor():
    values = np.expm1(np.linspace(0, 10, 101))

    scale = RatingScale.infer(values, "logarithms")

    np.testing.assert_allclose(np.log1p(scale.edges), range(1, 10), atol=0.11)
    assert np.ptp(np.bincount(scale.levels(values))) <= 2


def test_infer_by_logarithms_accepts_negative_values():
    scale = RatingScale.infer(np.arange(-1000.0, 1001.0), "logarithms")

    assert [edge for edge in scale.edges if edge < 0] == [-250, -62, -14, -2]
    assert [edge for edge in scale.edges if edge > 0] == [3, 15, 63, 251]


@pytest.mark.parametrize("scaling", get_args(Scaling))
def test_infer_keeps_few_values_for_any_scaling(scaling):
    assert RatingScale.infer(np.array([1.0, 5.0, 500.0]), scaling).values == (1.0, 5.0, 500.0)


@given(st.sets(st.integers(-1000, 1000), min_size=1, max_size=20))
def test_levels_round_trip_to_values(hundredths):
    values = np.array(sorted(hundredths)) / 100
    scale = RatingScale.infer(values)

    assert np.array(scale.values)[scale.levels(values)].tolist() == values.tolist()
    assert RatingScale.parse(",".join(map(str, scale.values))) == scale
    assert all(scale.contains(value) for value in values)


# ---------------------------------------------------------------------------------- rating matrix


@st.composite
def dense_ratings(draw):
    """(n_users, n_items) of levels, −1 where there is no rating."""
    n_users, n_items = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    cells = st.lists(st.integers(-1, 4), min_size=n_users * n_items, max_size=n_users * n_items)
    return np.array(draw(cells)).reshape(n_users, n_items)


def matrix(dense: np.ndarray, order: np.ndarray | None = None) -> RatingMatrix:
    users, items = np.nonzero(dense >= 0)
    order = np.arange(users.size) if order is None else order
    users, items = users[order], items[order]
    return RatingMatrix.build(users, items, dense[users, items].astype(np.uint8), shape=dense.shape)


def dense(ratings: RatingMatrix) -> np.ndarray:
    cells = np.full((ratings.n_users, ratings.n_items), -1)
    for user in range(ratings.n_users):
        items, levels = ratings.row(user)
        assert (np.diff(items) > 0).all()
        cells[user, items] = levels
    return cells


@given(dense_ratings(), st.randoms())
def test_rating_matrix_does_not_depend_on_order_of_ratings(cells, random):
    order = list(range(int((cells >= 0).sum())))
    random.shuffle(order)

    ratings = matrix(cells, np.array(order, dtype=np.int64))

    np.testing.assert_array_equal(dense(ratings), cells)
    assert ratings.n_ratings == (cells >= 0).sum()
    assert ratings.users().tolist() == np.nonzero(cells >= 0)[0].tolist()
    assert (ratings.items.dtype, ratings.levels.dtype) == (np.int32, np.uint8)


@given(dense_ratings(), st.data())
def test_rows_are_returned_in_requested_order(cells, data):
    asked = data.draw(st.lists(st.integers(0, len(cells) - 1), max_size=8))

    taken = matrix(cells).rows(np.array(asked, dtype=np.int64))

    np.testing.assert_array_equal(dense(taken), cells[asked])


@given(dense_ratings(), st.data())
def test_select_keeps_positions_of_ratings(cells, data):
    ratings = matrix(cells)
    size = ratings.n_ratings
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)), dtype=bool)
    expected = cells.copy()
    expected[tuple(axis[~kept] for axis in np.nonzero(cells >= 0))] = -1

    np.testing.assert_array_equal(dense(ratings.select(kept)), expected)


@given(dense_ratings())
def test_transpose_swaps_users_and_items(cells):
    ratings = matrix(cells).transpose()

    np.testing.assert_array_equal(dense(ratings), cells.T)
    np.testing.assert_array_equal(dense(ratings.transpose()), cells)


@given(dense_ratings())
def test_counts_equal_those_of_dense_matrix(cells):
    ratings = matrix(cells)

    assert ratings.item_counts().tolist() == (cells >= 0).sum(axis=0).tolist()
    expected = np.stack([(cells == level).sum(axis=0) for level in range(5)], axis=1)
    np.testing.assert_array_equal(ratings.level_counts(5), expected)
