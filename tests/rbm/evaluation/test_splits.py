"""Dividing ratings: what is held out, from whom, and how it is told."""

import numpy as np
import pytest

from recsvc.errors import RatingsLeaked
from recsvc.rbm import evaluation
from recsvc.rbm.evaluation import Protocol
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.vocabulary import Vocabulary
from tests import naive
from tests.factories.machines import random_ratings, ratings_of


def vocabulary(prefix: str, n: int) -> Vocabulary:
    return Vocabulary([f"{prefix}{number:05}" for number in range(n)])


def kept_pairs(ratings, users, items, **split):
    held_out = evaluation.validation_flags(ratings, users, items, **split)
    pairs = zip(ratings.users(), ratings.items, strict=True)
    return {
        (users.ids[user], items.ids[item]): bool(out)
        for (user, item), out in zip(pairs, held_out, strict=True)
    }


@pytest.mark.parametrize("share", [0.0, 0.05, 0.1, 0.5, 1.0])
def test_validation_flags_have_requested_share(rng, share):
    ratings = random_ratings(rng, n_users=300, n_items=300)
    users, items = vocabulary("u", 300), vocabulary("i", 300)

    held_out = evaluation.validation_flags(ratings, users, items, share=share, split_seed=0)

    assert held_out.mean() == pytest.approx(share, abs=0.01)
    kept_of_user = np.diff(ratings.select(held_out).indptr)[1:-1] / np.diff(ratings.indptr)[1:-1]
    assert np.abs(kept_of_user - share).max() < 0.2  # of no user are all or none taken


def test_validation_flags_do_not_change_with_new_users_and_items(rng):
    ratings = random_ratings(rng, n_users=40, n_items=30)
    users, items = vocabulary("u", 40), vocabulary("i", 30)
    before = kept_pairs(ratings, users, items, share=0.3, split_seed=7)
    more_users = Vocabulary.from_ids([*users.ids, "a", "u00003x", "zz"])
    more_items = Vocabulary.from_ids([*items.ids, "0", "i00001-"])
    triples = [
        (more_users.number(users.ids[u]), more_items.number(items.ids[i]), level)
        for u in range(40)
        for i, level in naive.row_of(ratings, u)
    ] + [(more_users.number("a"), more_items.number("0"), 1)]
    order = rng.permutation(len(triples))
    columns = np.array(triples)[order].T
    grown = RatingMatrix.build(columns[0], columns[1], columns[2].astype(np.uint8), shape=(43, 32))

    after = kept_pairs(grown, more_users, more_items, share=0.3, split_seed=7)

    assert after.items() >= before.items()
    assert len(after) == len(before) + 1


def test_validation_flags_depend_on_seed_and_nest_by_share(rng):
    ratings = random_ratings(rng, n_users=100, n_items=50)
    users, items = vocabulary("u", 100), vocabulary("i", 50)

    def split(share, seed):
        return evaluation.validation_flags(ratings, users, items, share=share, split_seed=seed)

    assert (split(0.1, 0) & split(0.1, 1)).mean() < 0.03
    assert (split(0.2, 0) >= split(0.1, 0)).all()
    assert split(0.1, -5).any()


def pairs(ratings: RatingMatrix) -> dict[tuple[int, int], int]:
    return {
        (user, item): level
        for user in range(ratings.n_users)
        for item, level in naive.row_of(ratings, user)
    }


def test_split_by_hash_equals_validation_flags(rng):
    ratings = random_ratings(rng, n_users=60, n_items=20)
    ids = vocabulary("u", 60), vocabulary("i", 20)

    parts = evaluation.split_by_hash(ratings, *ids, share=0.3, seed=4)

    held_out = evaluation.validation_flags(ratings, *ids, share=0.3, split_seed=4)
    assert pairs(parts.test) == pairs(ratings.select(held_out))
    assert pairs(parts.train) == pairs(ratings.select(~held_out))
    assert parts.protocol == Protocol("by_hash", 0.3, 4)


def test_split_at_random_partitions_ratings_by_seed(rng):
    ratings = random_ratings(rng, n_users=300, n_items=40)

    parts, again, other = (
        evaluation.split_at_random(ratings, share=0.2, seed=seed) for seed in (1, 1, 2)
    )

    assert pairs(parts.train) | pairs(parts.test) == pairs(ratings)
    assert pairs(parts.train).keys().isdisjoint(pairs(parts.test))
    assert parts.test.n_ratings / ratings.n_ratings == pytest.approx(0.2, abs=0.02)
    assert pairs(parts.test) == pairs(again.test) != pairs(other.test)


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        (
            Protocol("by_hash", 0.1, 0),
            "10 % of the ratings are held out, chosen by a hash of user id, item id and seed 0; "
            "users are folded in from their train ratings.",
        ),
        (
            Protocol("at_random", 0.125, 7),
            "12.5 % of the ratings are held out, chosen at random with seed 7; "
            "users are folded in from their train ratings.",
        ),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_protocol_has_words_and_parameters(protocol, words):
    told = protocol.as_dict()

    assert protocol.words() == told.pop("words") == words
    assert Protocol(**told) == protocol


# ------------------------------------------------------------------------- the guard


def test_check_leakage_raises_with_number_and_example():
    inputs = ratings_of([{0: 4, 1: 2}, {2: 3}, {0: 1}], 3)
    test = ratings_of([{2: 4}, {2: 3}, {0: 0, 1: 1}], 3)

    with pytest.raises(RatingsLeaked) as told:
        evaluation.check_leakage(
            inputs, test, users=Vocabulary(["ann", "bob", "cid"]), items=vocabulary("i", 3)
        )

    assert told.value.facts == {
        "n_leaked": 2,
        "n_test": 4,
        "user_id": "bob",
        "item_id": "i00002",
    }
    assert "2 of 4 test ratings" in told.value.detail
    assert "'bob'" in told.value.detail
    with pytest.raises(RatingsLeaked, match="item '2' of user '1'"):
        evaluation.check_leakage(inputs, test)


def test_check_leakage_ignores_levels():
    with pytest.raises(RatingsLeaked):
        evaluation.check_leakage(ratings_of([{0: 4}], 1), ratings_of([{0: 1}], 1))


def test_check_leakage_accepts_similar_pairs():
    nothing = ratings_of([{}, {}], 3)
    inputs = ratings_of([{0: 4}, {0: 2}], 2)

    evaluation.check_leakage(inputs, ratings_of([{1: 4, 2: 1}, {1: 1, 2: 2}], 3))
    evaluation.check_leakage(inputs, nothing)
    evaluation.check_leakage(nothing, inputs)
