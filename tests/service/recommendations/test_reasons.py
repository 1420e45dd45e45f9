"""The reasons for each place of a list, against plain loops in float64."""

import numpy as np
import pytest

from recsvc.rbm.rating_scale import EVENT_TYPES, RatingScale
from recsvc.service.recommendations.published_model import PublishedModel
from recsvc.service.recommendations.reasons import Reason, add_reasons, ratings_by_item
from recsvc.service.recommendations.recommend import recommend
from recsvc.service.recommendations.user_history import AnonymousHistory, UserHistory
from tests import naive, naive_joint
from tests.factories.recommendations import ITEMS, N_ITEMS, answering, history_of, of_rows, row

WITH_EVENTS = RatingScale((1.0, 2.0, 3.0, 4.0, 5.0), events=("view", "cart"))
RATED = [(0, 4.8), (3, 1.0), (7, 4.0), (9, 2.0)]  # one between two levels: it counts as a 5
EVENTS = [(2, "cart"), (5, "view")]
GIVEN = {ITEMS.ids[item]: value for item, value in RATED}
ROW = [(0, 4), (2, 6), (3, 0), (5, 5), (7, 3), (9, 1)]  # the same, as levels
NO_COUPLINGS = np.zeros((N_ITEMS, N_ITEMS)), 0.0


def recommend_with_reasons(answers: PublishedModel, known: UserHistory, **how):
    ranked = recommend(answers, "u", known, n=20, **how)
    return add_reasons(answers, known, GIVEN, ranked).items


@pytest.fixture
def answers():
    return answering("joint_rbm", scale=WITH_EVENTS)


@pytest.fixture
def mine(answers):
    return of_rows(answers, RATED, *EVENTS)


def value_and_type(item: int) -> tuple[float | None, str | None]:
    """What the user gave an item: a rating, or a type of interaction."""
    return dict(RATED).get(item), dict(EVENTS).get(item)


def test_reasons_are_three_strongest_with_original_values(answers, mine):
    for place in recommend_with_reasons(answers, mine):
        item = ITEMS.number(place.item_id)
        effects = {
            rated: naive_joint.effect(answers.model.params, ROW, at, item, *NO_COUPLINGS, 3)
            for at, (rated, _) in enumerate(ROW)
            if rated != item
        }
        speaking = sorted((n for n in effects if effects[n] > 0), key=lambda n: -effects[n])[:3]
        assert place.because == [
            Reason(ITEMS.ids[n], *value_and_type(n), pytest.approx(effects[n], rel=1e-4))
            for n in speaking
        ]


def test_reasons_include_ratings_views_and_carts(answers, mine):
    reasons = [
        reason for place in recommend_with_reasons(answers, mine) for reason in place.because
    ]

    assert {reason.type for reason in reasons} == {None, "view", "cart"}
    assert {reason.rating for reason in reasons} >= {None, 4.8, 4.0}


def test_add_reasons_keeps_list(answers, mine):
    plain = recommend(answers, "u", mine, n=20)

    with_reasons = add_reasons(answers, mine, GIVEN, plain)

    assert with_reasons.shortfall == plain.shortfall
    for before, after in zip(plain.items, with_reasons.items, strict=True):
        assert vars(before) == {k: v for k, v in vars(after).items() if k != "because"}


def test_reasons_exclude_listed_item_itself(answers, mine):
    places = recommend_with_reasons(answers, mine, include_rated=True)

    assert {place.item_id for place in places} >= GIVEN.keys()
    for place in places:
        assert place.item_id not in [reason.item_id for reason in place.because]


def test_popular_items_have_no_reasons():
    answers = answering("joint_rbm", row(100, "new-1"), scale=WITH_EVENTS)
    mine, nobody = (
        of_rows(answers, RATED, *EVENTS),
        UserHistory.from_request(answers, AnonymousHistory({})),
    )

    *known, unknown = recommend_with_reasons(answers, mine)

    assert all(place.because for place in known)
    assert (unknown.item_id, unknown.because) == ("new-1", [])
    assert [place.because for place in recommend_with_reasons(answers, nobody)] == [[]] * 16


def test_reasons_of_user_rbm_have_effects_on_liking():
    answers = answering("user_rbm")
    mine = of_rows(answers, RATED)
    row_ = [(0, 4), (3, 0), (7, 3), (9, 1)]

    best = recommend_with_reasons(answers, mine)[0]

    assert best.because
    for reason in best.because:
        at = [item for item, _ in row_].index(ITEMS.number(reason.item_id))
        effect = naive.liking_effect(answers.model.params, row_, at, ITEMS.number(best.item_id), 3)
        assert reason.effect == pytest.approx(effect, rel=1e-3)


def test_reasons_of_item_rbm_are_empty():
    answers = answering("item_rbm")
    mine = of_rows(answers, RATED)
    ranked = recommend(answers, "u05", mine, n=20)

    places = add_reasons(answers, mine, GIVEN, ranked).items

    assert {place.source for place in places} == {"model"}
    assert [place.because for place in places] == [[]] * len(places)


def test_reasons_of_model_without_ratings_keep_value_of_rating():
    answers = answering("joint_rbm", scale=RatingScale((), events=EVENT_TYPES))
    mine = of_rows(answers, RATED, *EVENTS)

    reasons = [
        reason for place in recommend_with_reasons(answers, mine) for reason in place.because
    ]

    assert {(reason.rating, reason.type) for reason in reasons} >= {(4.8, None), (None, "view")}


def test_ratings_by_item_include_known_items_only(answers):
    history = history_of([*RATED, (100, 3.0)], *EVENTS)

    assert ratings_by_item(answers, history) == GIVEN
