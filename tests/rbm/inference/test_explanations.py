"""Explanations: what each rating adds to the score of an item that is listed."""

import numpy as np
import pytest

from recsvc.rbm.arrays import Levels, Numbers
from recsvc.rbm.inference import explanations, scoring, top_n
from recsvc.rbm.machines.couplings import Couplings, Neighbourhoods
from recsvc.rbm.model import Model
from recsvc.rbm.params import Params
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale
from recsvc.rbm.vocabulary import Vocabulary
from tests import naive, naive_joint
from tests.factories.machines import (
    STARS,
    joint_model_of,
    learn,
    learn_joint,
    random_params,
    ratings_of,
)

FIRST_LIKED = 3
LISTED = np.array([8, 0, 5])
ROWS = [[(2, 4)], [(0, 1), (3, 4)], [(0, 3), (1, 0), (2, 4), (4, 2), (6, 3), (7, 1)]]
NOTHING = np.empty(0, dtype=np.int64)


def items_and_levels(row: naive.Row) -> tuple[Numbers, Levels]:
    items, levels = zip(*row, strict=True)
    return np.array(items, np.int32), np.array(levels, np.uint8)


def rating_model(kind: str, params: Params, ratings: RatingMatrix) -> Model:
    """A user_rbm or an item_rbm whose users and items are named by their numbers."""
    users, items = (
        Vocabulary([f"{number:05}" for number in range(n)])
        for n in (ratings.n_users, ratings.n_items)
    )
    scale = RatingScale(tuple(STARS))
    return Model.build(kind, params, ratings, scale=scale, users=users, items=items)


def couplings_of(strengths: np.ndarray) -> Couplings:
    """Couplings of the strengths [l, i] that are not 0."""
    sources, neighbours = np.nonzero(strengths)
    indptr = np.searchsorted(sources, np.arange(len(strengths) + 1))
    return Couplings(indptr, neighbours.astype(np.int32), strengths[sources, neighbours])


# ------------------------------------------------------------------------- exactly


@pytest.fixture(params=[2, 512])
def ratings_at_once(request, monkeypatch):
    monkeypatch.setattr(explanations, "RATINGS_AT_ONCE", request.param)


@pytest.mark.usefixtures("ratings_at_once")
@pytest.mark.parametrize("row", ROWS)
def test_effect_equals_loss_of_joint_score_without_rating(params, ratings, rng, row):
    strengths = rng.normal(size=(9, 9)).astype(np.float32) * (rng.random((9, 9)) < 0.5)
    model = joint_model_of(params, ratings, couplings=couplings_of(strengths), coupling_scale=0.4)

    found = explanations.effects(model, *items_and_levels(row), LISTED)

    for place, column in np.ndindex(found.shape):
        expected = naive_joint.effect(
            params, row, place, LISTED[column], strengths, 0.4, FIRST_LIKED
        )
        assert found[place, column] == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.usefixtures("ratings_at_once")
@pytest.mark.parametrize("row", ROWS)
def test_effect_equals_loss_of_log_p_liked_for_user_rbm(params, ratings, row):
    model = rating_model("user_rbm", params, ratings)

    found = explanations.effects(model, *items_and_levels(row), LISTED)

    for place, column in np.ndindex(found.shape):
        expected = naive.liking_effect(params, row, place, LISTED[column], FIRST_LIKED)
        assert found[place, column] == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_effects_are_finite_under_large_weights(ratings, rng):
    params = random_params(rng, spread=300.0)
    params.visible_bias[LISTED[0], FIRST_LIKED:] = -2000.0  # as good as never liked
    for model in (joint_model_of(params, ratings), rating_model("user_rbm", params, ratings)):
        assert np.isfinite(explanations.effects(model, *ratings.row(4), LISTED)).all()


def test_effects_are_zero_for_item_rbm(ratings, rng):
    params = random_params(rng, n_items=ratings.n_users)
    model = rating_model("item_rbm", params, ratings)

    assert not explanations.effects(model, *ratings.row(4), LISTED).any()


def test_effects_are_empty_without_ratings(params, ratings):
    couplings = Neighbourhoods.fit(ratings, 3).couplings(1.0)
    joint = joint_model_of(params, ratings, couplings=couplings, coupling_scale=0.4)
    for model in (joint, rating_model("user_rbm", params, ratings)):
        assert explanations.effects(model, *ratings.row(0), LISTED).shape == (0, 3)


def test_couplings_between_items_equal_fields(ratings):
    couplings = Neighbourhoods.fit(ratings, 3).couplings(1.0)
    items, others = np.array([7, 2, 0], np.int32), np.array([5, 0, 8, 2])

    found = couplings.between(items, others)

    assert found.any()
    for place in range(3):
        field = couplings.field(items[place : place + 1])
        np.testing.assert_array_equal(found[place], field[others])


@pytest.mark.parametrize(
    ("effects", "left_out", "best"),
    [
        ([0.2, -0.9, 0.5, 0.0, 0.9, 0.5], [], [4, 2, 5]),
        ([0.2, -0.9, 0.5, 0.0, 0.9, 0.5], [4], [2, 5, 0]),
        ([0.2, -0.9, 0.0], [], [0]),
        ([-0.2, 0.9], [1], []),
    ],
)
def test_strongest_returns_greatest_positive_effects(effects, left_out, best):
    found = explanations.strongest(np.array(effects), 3, left_out=np.array(left_out, np.int64))

    assert found.tolist() == best


# ------------------------------------------------------------------------- answers one can see

N_GENRES, A_SHELF = 3, 8


def readers(n: int = 240) -> RatingMatrix:
    """Each reads about three quarters of the books of one genre, and likes them all."""
    rng = np.random.default_rng(5)
    rows = []
    for user in range(n):
        read = user % N_GENRES * A_SHELF + np.flatnonzero(rng.random(A_SHELF) < 0.75)
        rows.append({int(book): int(rng.integers(3, 5)) for book in read})
    return ratings_of(rows, n_items=N_GENRES * A_SHELF)


@pytest.fixture(scope="module", params=["hidden units", "couplings", "both"])
def library(request):
    ratings = readers()
    *_, (_, state) = learn_joint(ratings, n_hidden=16, epochs=20, batch_size=20)
    params, couplings = state.params, Couplings.empty(ratings.n_items)
    if request.param == "couplings":
        params = params.zeros_like()
    if request.param != "hidden units":
        couplings = Neighbourhoods.fit(ratings, 7).couplings(20.0)
    return joint_model_of(params, ratings, couplings=couplings, coupling_scale=3.0)


@pytest.mark.parametrize("genres", [(0, 1), (1, 2), (2, 0)])
def test_effects_are_positive_within_genre_only(library, genres):
    books = np.sort(np.concatenate([genre * A_SHELF + np.arange(5) for genre in genres]))
    levels = np.full(books.size, 4, np.uint8)
    unread = np.concatenate([genre * A_SHELF + np.arange(5, A_SHELF) for genre in genres])

    effects = explanations.effects(library, books.astype(np.int32), levels, unread)

    same = books[:, np.newaxis] // A_SHELF == unread // A_SHELF
    assert (effects[same] > 0).all()
    assert (effects[~same] < 0).all()


def test_opposing_rating_has_negative_effect():
    """Even users like even items and dislike odd ones; odd users the reverse."""
    likes = [{i: 4 if (u + i) % 2 == 0 else 0 for i in range(20) if i != u} for u in range(20)]
    ratings = ratings_of(likes, n_items=20)
    curve = learn(
        ratings,
        n_hidden=8,
        epochs=100,
        batch_size=4,
        learning_rate=0.1,
        momentum=0.5,
        initial_weight=0.1,
    )
    model = rating_model("user_rbm", curve[-1][1].best_params, ratings)
    row = [(0, 4), (1, 4), (2, 4), (4, 4)]  # an odd item liked among even ones

    effects = explanations.effects(model, *items_and_levels(row), np.array([6, 8]))

    assert (effects[[0, 2, 3]] > 0).all()
    assert (effects[1] < 0).all()


# ------------------------------------------------------------------------- real ratings

HORROR = [
    "Psycho (1960)",
    "Shining, The (1980)",
    "Carrie (1976)",
    "Nightmare on Elm Street, A (1984)",
]
CARTOONS = ["Aladdin (1992)", "Lion King, The (1994)", "Toy Story (1995)", "Dumbo (1941)"]


@pytest.fixture(scope="module")
def cinema(movielens, data_dir):
    """A joint model of ml-100k, its ratings, and each film's number by its title."""
    ratings = movielens("u.data")
    *_, (_, state) = learn_joint(ratings, n_hidden=64, epochs=8)
    couplings = Neighbourhoods.fit(ratings, 100).couplings(200.0)
    model = joint_model_of(state.params, ratings, couplings=couplings, coupling_scale=9.0)
    lines = (data_dir / "ml-100k" / "u.item").read_text(encoding="latin-1").splitlines()
    return model, ratings, {line.split("|")[1]: number for number, line in enumerate(lines)}


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ("Birds, The (1963)", HORROR),
        ("Cape Fear (1991)", HORROR),
        ("Beauty and the Beast (1991)", CARTOONS),
        ("Pinocchio (1940)", CARTOONS),
    ],
)
def test_strongest_effects_belong_to_films_of_same_genre(cinema, asked, kind):
    model, _, numbers = cinema
    rated = HORROR + CARTOONS
    items = np.array([numbers[title] for title in rated], np.int32)

    effects = explanations.effects(
        model, items, np.full(8, 4, np.uint8), np.array([numbers[asked]])
    )

    best = explanations.strongest(effects[:, 0], 2, left_out=NOTHING)
    assert {rated[place] for place in best} <= set(kind)


@pytest.mark.parametrize("user", [195, 404, 12])  # 39, 737 and 636 ratings
def test_effects_equal_losses_of_score_on_real_list(cinema, user):
    model, ratings, _ = cinema
    items, levels = ratings.row(user)
    hidden = scoring.fold_in(model, items, levels)
    listed, scores = top_n.top_liked(
        model, 10, left_out=np.isin(model.all_items, items), hidden=hidden, rated=items
    )

    effects = explanations.effects(model, items, levels, listed)

    for place in range(0, items.size, 9):
        others = np.arange(items.size) != place
        hidden = scoring.fold_in(model, items[others], levels[others])
        without = scoring.list_scores(model, hidden, items[others])[listed]
        np.testing.assert_allclose(effects[place], scores - without, atol=2e-4)
