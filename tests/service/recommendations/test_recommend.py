"""Lists and predictions for one user, against plain loops in float64."""

from dataclasses import replace
from math import log, sqrt

import numpy as np
import pytest

from recsvc.db.recommendations.user_histories import CatalogueRow
from recsvc.rbm.inference import scoring
from recsvc.rbm.model import Model
from recsvc.rbm.rating_ensemble.ensemble import RatingEnsemble
from recsvc.service.recommendations.published_model import Catalogue, PublishedModel
from recsvc.service.recommendations.recommend import predict, recommend
from recsvc.service.recommendations.user_history import AnonymousHistory, UserHistory
from tests import naive, naive_joint
from tests.factories.machines import random_params
from tests.factories.recommendations import (
    FIRST_KEY,
    ITEMS,
    N_ITEMS,
    N_USERS,
    SCALE,
    USERS,
    answering,
    of_rows,
    ratings,
    row,
    stored,
)
from tests.factories.shop import NOON

EMPTY = np.empty(0, dtype=np.int32)
NOTHING = UserHistory(EMPTY, EMPTY.astype(np.uint8), EMPTY)
MINE = {"i00": 5.0, "i03": 1.0, "i07": 4.0}


@pytest.fixture
def answers():
    return answering()


def ids(ranked) -> list[str]:
    return [place.item_id for place in ranked.items]


def row_of(given: dict[str, float]) -> naive.Row:
    return [(ITEMS.number(item_id), int(value) - 1) for item_id, value in given.items()]


def shares(model: Model, given: dict[str, float], item_id: str) -> list[float]:
    return naive.level_probabilities(model.params, row_of(given), ITEMS.number(item_id))


def expected_order(model: Model, given: dict[str, float]) -> dict[str, float]:
    """item_id → log P(liked) + ½ log popularity, best first."""
    counts = ratings().item_counts()
    scores = {
        item_id: log(sum(shares(model, given, item_id)[3:])) + 0.5 * log(counts[number])
        for number, item_id in enumerate(ITEMS.ids)
        if item_id not in given
    }
    return dict(sorted(scores.items(), key=lambda entry: -entry[1]))


# ------------------------------------------------------------------------- lists


def test_recommend_orders_by_liking_and_root_of_popularity(answers):
    ranked = recommend(answers, "u", stored(answers, **MINE), n=12)

    expected = expected_order(answers.model, MINE)
    assert ids(ranked) == list(expected)
    np.testing.assert_allclose(
        [place.score for place in ranked.items], list(expected.values()), atol=1e-5
    )
    assert ranked.shortfall is None


def test_recommend_returns_title_and_expected_rating(answers):
    for place in recommend(answers, "u", stored(answers, **MINE), n=12).items:
        distribution = shares(answers.model, MINE, place.item_id)
        mean = sum(value * share for value, share in zip(SCALE.values, distribution, strict=True))
        assert place.expected_rating == pytest.approx(mean, rel=1e-5)
        assert place.title == f"Title of {place.item_id}"
        assert place.source == "model"


@pytest.mark.parametrize("n", [1, 4, 12])
def test_recommend_returns_best_n_items(answers, n):
    ranked = recommend(answers, "u", stored(answers, **MINE), n=n)

    assert ids(ranked) == list(expected_order(answers.model, MINE))[:n]
    assert ranked.shortfall is None


def test_recommend_explains_shortfall(answers):
    ranked = recommend(answers, "u", stored(answers, **MINE), n=20, exclude=["i05"])

    assert len(ranked.items) == 11
    assert ranked.shortfall.startswith(
        "9 fewer than requested: all other items are rated or bought"
    )


def test_recommend_excludes_barred_rated_and_excluded_items():
    answers = answering("user_rbm", row(4, "i04", is_barred=True), row(0, "i00", is_barred=True))
    mine = {"i03": 1.0, "i04": 4.0}

    ranked = recommend(answers, "u", stored(answers, **mine), n=20, exclude={"i09", "nothing"})

    assert set(ids(ranked)) == set(ITEMS.ids) - {"i00", "i03", "i04", "i09"}


def test_include_rated_returns_rated_items_except_barred_and_excluded():
    answers = answering("user_rbm", row(0, "i00", is_barred=True))

    ranked = recommend(
        answers, "u", stored(answers, **MINE), n=20, include_rated=True, exclude=["i07"]
    )

    assert set(ids(ranked)) == set(ITEMS.ids) - {"i00", "i07"}


def test_recommend_returns_most_rated_items_without_history(answers):
    ranked = recommend(answers, "nobody", NOTHING, n=15)

    counts = ratings().item_counts()
    assert [place.score for place in ranked.items] == sorted(counts.tolist(), reverse=True)
    assert all(counts[ITEMS.number(place.item_id)] == place.score for place in ranked.items)
    assert {place.source for place in ranked.items} == {"popular"}
    assert all(1 < place.expected_rating < 5 for place in ranked.items)


NEW = (row(100, "new-1", "First"), row(101, "new-2"), row(102, "new-3", is_barred=True))


def test_recommend_appends_unknown_items_in_order_of_creation():
    answers = answering("user_rbm", *reversed(NEW))

    ranked = recommend(answers, "u", stored(answers, **MINE), n=20)

    assert ids(ranked)[12:] == ["new-1", "new-2"]
    first = ranked.items[12]
    assert (first.title, first.score, first.expected_rating) == ("First", 0, None)
    assert first.source == "popular"
    assert ranked.shortfall.startswith("6 fewer")
    assert ids(recommend(answers, "u", stored(answers, **MINE), n=13))[12:] == ["new-1"]
    assert ids(recommend(answers, "u", stored(answers, **MINE), n=12)) == ids(ranked)[:12]


@pytest.mark.parametrize(
    ("how", "come"),
    [
        ({}, {"new-2"}),
        ({"include_rated": True}, {"new-1", "new-2"}),
        ({"exclude": ["new-2"]}, set()),
    ],
)
def test_recommend_filters_items_unknown_to_model(how, come):
    answers = answering("user_rbm", *NEW)
    rated = of_rows(answers, [(1, 5.0), (100, 5.0)])

    ranked = recommend(answers, "u", rated, n=30, **how)

    assert {item_id for item_id in ids(ranked) if item_id.startswith("new")} == come


def test_recommend_returns_popular_items_for_history_of_unknown_items(answers):
    rated = of_rows(answers, [(99_999 - FIRST_KEY, 5.0), (3 - FIRST_KEY, 1.0)])

    ranked = recommend(answers, "u", rated, n=3)

    assert rated.unknown_keys == {99_999, 3}
    assert {place.source for place in ranked.items} == {"popular"}


def test_history_from_request_equals_stored_history(answers):
    given = UserHistory.from_request(
        answers, AnonymousHistory({"i00": 4.8, "i03": 0.7, "i07": 4.0, "unheard-of": 5.0})
    )

    assert recommend(answers, None, given, n=9) == recommend(
        answers, "u", stored(answers, **MINE), n=9
    )
    assert recommend(
        answers, None, UserHistory.from_request(answers, AnonymousHistory({})), n=3
    ) == recommend(answers, None, NOTHING, n=3)


# ------------------------------------------------------------------------- item-oriented


def naive_item_oriented(model: Model, user: str, item_id: str) -> list[float]:
    by_item = ratings().transpose()
    case = naive.row_of(by_item, ITEMS.number(item_id))
    return naive.level_probabilities(model.params, case, USERS.number(user))


def test_recommend_uses_item_rbm_for_trained_user():
    answers = answering("item_rbm")
    counts = ratings().item_counts()
    scores = {
        item_id: log(sum(naive_item_oriented(answers.model, "u05", item_id)[3:]))
        + log(sqrt(counts[number]))
        for number, item_id in enumerate(ITEMS.ids)
        if item_id not in MINE
    }

    ranked = recommend(answers, "u05", stored(answers, **MINE), n=12)

    assert ids(ranked) == sorted(scores, key=lambda item_id: -scores[item_id])
    assert {place.source for place in ranked.items} == {"model"}
    first = ranked.items[0]
    mean = np.dot(naive_item_oriented(answers.model, "u05", first.item_id), SCALE.values)
    assert first.expected_rating == pytest.approx(mean, rel=1e-5)


@pytest.mark.parametrize("user_id", ["somebody-new", None])
def test_recommend_returns_popular_items_for_user_unknown_to_item_rbm(user_id):
    answers = answering("item_rbm")

    ranked = recommend(answers, user_id, stored(answers, **MINE), n=5)

    assert {place.source for place in ranked.items} == {"popular"}
    assert not MINE.keys() & set(ids(ranked))
    (prediction,) = predict(answers, user_id, stored(answers, **MINE), ["i05"])
    assert prediction.source == "baseline"


def test_predict_uses_item_rbm_for_trained_user():
    answers = answering("item_rbm")

    predictions = predict(answers, "u05", NOTHING, ["i09", "i02"])

    for prediction in predictions:
        expected = naive_item_oriented(answers.model, "u05", prediction.item_id)
        np.testing.assert_allclose(
            [share for _, share in prediction.distribution], expected, rtol=1e-4
        )


def joint_with_raters() -> PublishedModel:
    answers = answering("joint_rbm")
    rng = np.random.default_rng(8)
    held_out = np.arange(ratings().n_ratings) % 6 == 0
    made = RatingEnsemble.fit(
        random_params(rng, n_items=N_ITEMS),
        random_params(rng, n_items=N_USERS),
        ratings().select(~held_out),
        ratings().select(held_out),
        np.array(SCALE.values),
    )
    return replace(answers, model=replace(answers.model, raters=made))


def test_joint_model_ranks_by_choice_and_rates_by_ensemble():
    answers = joint_with_raters()
    mine = stored(answers, **MINE)
    row_ = list(zip(mine.numbers.tolist(), mine.levels.tolist(), strict=True))
    params = answers.model.params
    shares = naive_joint.pair_shares(params, naive_joint.hidden(params, row_))
    scores = {
        item_id: log(shares[number, 3:].sum())
        for number, item_id in enumerate(ITEMS.ids)
        if item_id not in MINE
    }

    ranked = recommend(answers, "u05", mine, n=12)

    assert ids(ranked) == sorted(scores, key=lambda item_id: -scores[item_id])
    first = ITEMS.numbers([ranked.items[0].item_id])
    expected = scoring.ensemble_probabilities(
        answers.model.raters, first, user=5, rated=mine.numbers, levels=mine.levels
    )
    assert ranked.items[0].expected_rating == pytest.approx(expected[0] @ SCALE.values)


def test_joint_model_rates_for_new_user_by_user_rbm():
    answers = joint_with_raters()
    raters = answers.model.raters
    mine = stored(answers, **MINE)

    (known, new) = (
        predict(answers, user_id, mine, ["i09"])[0] for user_id in ("u05", "somebody-new")
    )

    row_ = list(zip(mine.numbers.tolist(), mine.levels.tolist(), strict=True))
    expected = naive.level_probabilities(raters.by_user.params, row_, 9)
    np.testing.assert_allclose([share for _, share in new.distribution], expected, rtol=1e-4)
    assert known.distribution != new.distribution
    assert known.source == new.source == "model"


# ------------------------------------------------------------------------- predictions


def test_predict_returns_distribution_mean_and_entropy(answers):
    predictions = predict(answers, "u", stored(answers, **MINE), ["i10", "i05"])

    assert [prediction.item_id for prediction in predictions] == ["i10", "i05"]
    for prediction in predictions:
        values, given = zip(*prediction.distribution, strict=True)
        expected = shares(answers.model, MINE, prediction.item_id)
        assert values == SCALE.values
        np.testing.assert_allclose(given, expected, rtol=1e-4)
        assert sum(given) == pytest.approx(1)
        assert prediction.expected_rating == pytest.approx(np.dot(values, expected), rel=1e-5)
        assert prediction.entropy == pytest.approx(-sum(p * log(p) for p in expected), rel=1e-4)
        assert prediction.source == "model"


def test_predict_excludes_own_rating_of_item(answers):
    (prediction,) = predict(answers, "u", stored(answers, **MINE), ["i03"])

    others = {item_id: value for item_id, value in MINE.items() if item_id != "i03"}
    expected = shares(answers.model, others, "i03")
    np.testing.assert_allclose([p for _, p in prediction.distribution], expected, rtol=1e-4)


@pytest.mark.parametrize("mine", [{}, {"i03": 1.0}])
def test_predict_uses_item_baseline_without_other_ratings(answers, mine):
    (prediction,) = predict(answers, "u", stored(answers, **mine), ["i03"])

    levels = [
        level
        for user in range(N_USERS)
        for item, level in naive.row_of(ratings(), user)
        if item == 3
    ]
    assert prediction.source == "baseline"
    assert prediction.expected_rating == pytest.approx(1 + np.mean(levels), abs=0.2)


def test_predict_uses_global_baseline_for_unknown_item(answers):
    known, unknown = predict(answers, "u", stored(answers, **MINE), ["i03", "unheard-of"])

    counts = np.bincount(ratings().levels, minlength=5) + 1
    assert (known.source, unknown.source) == ("model", "baseline")
    assert [p for _, p in unknown.distribution] == pytest.approx(list(counts / counts.sum()))


# ------------------------------------------------------------------------- the catalogue


def test_catalogue_update_changes_rows(answers):
    catalogue = answers.catalogue
    catalogue.update([row(2, "i02", "Renamed", is_barred=True), *NEW])
    barred = recommend(answers, "u", NOTHING, n=30)
    catalogue.update([row(2, "i02", "Back"), row(101, "new-2", is_barred=True), row(102, "new-3")])
    back = recommend(answers, "u", NOTHING, n=30)

    assert "i02" not in ids(barred)
    assert ids(barred)[-2:] == ["new-1", "new-2"]
    assert {place.title for place in back.items if place.item_id == "i02"} == {"Back"}
    assert ids(back)[-2:] == ["new-1", "new-3"]


@pytest.mark.parametrize("key", [0, 1, 1023, 1024, 1025, 4000, 10**6, 2**40])
def test_catalogue_has_no_number_for_unknown_keys(answers, key):
    asked = np.array([key, FIRST_KEY, FIRST_KEY + N_ITEMS - 1])

    assert answers.catalogue.numbers(asked).tolist() == [-1, 0, N_ITEMS - 1]


@pytest.mark.parametrize("key", [1, 1023, 1024, 1025, 2048, 100_000])
def test_catalogue_finds_number_of_any_key(key):
    answers = answering()
    rows = [
        CatalogueRow(2, "i00", None, False, NOON),
        CatalogueRow(key, "i01", None, False, NOON),
        CatalogueRow(3, "i02", None, False, NOON),
    ]
    catalogue = Catalogue(answers.model, rows)

    assert catalogue.numbers(np.array([3, key, 2, key + 7])).tolist() == [2, 1, 0, -1]
    assert catalogue.numbers(np.array([], dtype=np.int64)).tolist() == []


def test_user_history_does_not_depend_on_order_of_ratings(answers):
    rows = [(0, 5.0), (3, 1.0), (7, 4.0)]

    one, other = of_rows(answers, rows), of_rows(answers, rows[::-1])

    assert one.numbers.tolist() == other.numbers.tolist() == [0, 3, 7]
    assert one.levels.tolist() == other.levels.tolist()
