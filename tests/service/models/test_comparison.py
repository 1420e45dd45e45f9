"""The split, the baselines, and two versions side by side, against plain loops."""

from dataclasses import replace
from math import log2, sqrt

import numpy as np
import pytest

from recsvc.errors import RatingsLeaked
from recsvc.rbm.model import Model
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale
from recsvc.rbm.snapshot import Snapshot
from recsvc.rbm.vocabulary import Vocabulary
from recsvc.service.models import comparison
from recsvc.service.models.split import SPLIT_SEED, split_snapshot
from tests import naive, naive_joint
from tests.factories.machines import random_params

HALF_STARS = RatingScale((1.0, 2.5, 5.0))


def snapshot_of(ratings: dict[tuple[str, str], float]) -> Snapshot:
    users, items = (Vocabulary.from_ids(pair[side] for pair in ratings) for side in (0, 1))
    numbers = (
        vocabulary.numbers(pair[side] for pair in ratings).astype(np.int32)
        for side, vocabulary in enumerate((users, items))
    )
    return Snapshot(users, items, *numbers, np.array(list(ratings.values())))


def some_ratings(n_users=14, n_items=12, *, seed=1) -> dict[tuple[str, str], float]:
    rng = np.random.default_rng(seed)
    return {
        (f"u{user:02}", f"i{item:02}"): HALF_STARS.values[rng.integers(3)]
        for user in range(n_users)
        for item in range(n_items)
        if rng.random() < 0.6
    }


def ratings_of(split, part: RatingMatrix) -> dict[tuple[str, str], float]:
    return {
        (split.users.ids[user], split.items.ids[item]): split.scale.values[level]
        for user, item, level in zip(part.users(), part.items, part.levels, strict=True)
    }


def machine(split, kind="user_rbm", *, seed=5, scale=HALF_STARS, but_items=(), but_users=()):
    """A machine of random weights that knows the split's items and users, but for some."""
    users = Vocabulary([id_ for id_ in split.users.ids if id_ not in but_users])
    items = Vocabulary([id_ for id_ in split.items.ids if id_ not in but_items])
    visible = users if kind == "item_rbm" else items
    params = random_params(
        np.random.default_rng(seed), n_items=len(visible), n_levels=scale.n_levels, n_hidden=3
    )
    known = {
        pair: value
        for pair, value in ratings_of(split, split.everything).items()
        if pair[0] in users.ids and pair[1] in items.ids
    }
    matrix = RatingMatrix.build(
        users.numbers(user for user, _ in known),
        items.numbers(item for _, item in known),
        scale.levels(np.array(list(known.values()))),
        shape=(len(users), len(items)),
    )
    return Model.build(kind, params, matrix, scale=scale, users=users, items=items)


@pytest.fixture
def split():
    return split_snapshot(snapshot_of(some_ratings()), HALF_STARS, share=0.3)


# ------------------------------------------------------------------------- plain loops


def liking_probability(
    model: Model, train: dict[tuple[str, str], float], user: str, item: str
) -> float:
    def level(value):
        return int(model.scale.levels(np.array([value]))[0])

    if model.model_kind == "user_rbm":
        row = [
            (model.items.number(i), level(value))
            for (u, i), value in train.items()
            if u == user and model.items.number(i) is not None
        ]
        visible = model.items.number(item)
    else:
        row = [
            (model.users.number(u), level(value))
            for (u, i), value in train.items()
            if i == item and model.users.number(u) is not None
        ]
        visible = model.users.number(user)
    return naive.liked_probability(model.params, row, visible, model.scale.first_liked)


def ndcg(best: list[str], wanted: set[str]) -> float:
    gain = sum(1 / log2(place + 2) for place, item in enumerate(best[:10]) if item in wanted)
    return gain / sum(1 / log2(place + 2) for place in range(min(10, len(wanted))))


def score_by_liking(model: Model, train, user: str, item: str) -> float:
    return liking_probability(model, train, user, item) * sqrt(sum(i == item for _, i in train))


def score_by_choice(model: Model, train, user: str, item: str) -> float:
    """A joint machine's: the item's liked levels among all pairs, no couplings."""
    row = [
        (model.items.number(i), int(model.scale.levels(np.array([value]))[0]))
        for (u, i), value in train.items()
        if u == user and model.items.number(i) is not None
    ]
    shares = naive_joint.pair_shares(model.params, naive_joint.hidden(model.params, row))
    return float(shares[model.items.number(item), model.scale.first_liked :].sum())


def mean_ndcg(model: Model, split, users: list[str]) -> float:
    """By the train ratings alone; an item that the model does not know cannot be listed."""
    train, validation = (ratings_of(split, part) for part in (split.train, split.validation))
    figures = []
    for user in users:
        wanted = {item for u, item in validation if u == user}
        if not wanted:
            continue
        score = score_by_choice if model.model_kind == "joint_rbm" else score_by_liking
        scores = {
            item: score(model, train, user, item)
            for item in model.items.ids
            if (user, item) not in train
        }
        figures.append(ndcg(sorted(scores, key=lambda i: (-scores[i], i)), wanted))
    return float(np.mean(figures))


# ------------------------------------------------------------------------- the split


def test_split_partitions_ratings(split):
    train, validation = (ratings_of(split, part) for part in (split.train, split.validation))

    assert train.keys().isdisjoint(validation)
    assert train | validation == some_ratings()
    assert 0.15 < len(validation) / len(train | validation) < 0.45


def test_split_keeps_held_out_ratings_when_snapshot_grows():
    earlier = some_ratings()
    newer = {("a-new-user", "i03"): 5.0, ("u03", "a-new-item"): 1.0} | {
        (f"v{user}", item): 5.0 for (user, item) in earlier
    }
    before, after = (
        split_snapshot(snapshot_of(ratings), HALF_STARS, share=0.3)
        for ratings in (earlier, earlier | newer)
    )

    still = {pair for pair in ratings_of(after, after.validation) if pair in earlier}
    assert still == ratings_of(before, before.validation).keys()


def test_split_with_larger_share_contains_smaller_one():
    few, many = (
        split_snapshot(snapshot_of(some_ratings()), HALF_STARS, share=share) for share in (0.1, 0.4)
    )

    assert ratings_of(few, few.validation).keys() < ratings_of(many, many.validation).keys()


# ------------------------------------------------------------------------- baselines


def test_baseline_metrics_equal_loops(split):
    train, validation = (ratings_of(split, part) for part in (split.train, split.validation))
    mean = sum(train.values()) / len(train)
    counts = {item: sum(i == item for _, i in train) for item in split.items.ids}
    of_item = {
        item: sum(v for (_, i), v in train.items() if i == item) / n for item, n in counts.items()
    }
    by_count = sorted(counts, key=lambda item: (-counts[item], item))
    lists = [
        (
            [item for item in by_count if (user, item) not in train],
            {item for u, item in validation if u == user},
        )
        for user in split.users.ids
    ]
    measured = [(best, wanted) for best, wanted in lists if wanted]

    figures = comparison.evaluate_baselines(split)

    for name, predicted in (("global_mean", lambda item: mean), ("item_mean", of_item.get)):
        off = [predicted(item) - value for (_, item), value in validation.items()]
        assert figures[name]["rmse"] == pytest.approx(sqrt(np.mean(np.square(off))))
        assert figures[name]["mae"] == pytest.approx(np.mean(np.abs(off)))
    assert figures["user_item_bias"]["rmse"] > 0
    most_rated = figures["most_rated"]
    assert most_rated["ndcg_at_10"] == pytest.approx(np.mean([ndcg(*each) for each in measured]))
    assert most_rated["precision_at_10"] == pytest.approx(
        np.mean([len(wanted & set(best[:10])) / 10 for best, wanted in measured])
    )
    assert figures["ease"].keys() == most_rated.keys()


def test_ease_is_evaluated_for_small_catalogues_only(split):
    n_items = len(split.items)

    assert "ease" in comparison.evaluate_baselines(split, ease_up_to=n_items)
    assert "ease" not in comparison.evaluate_baselines(split, ease_up_to=n_items - 1)
    assert comparison.EASE_IN_TRAINING < comparison.EASE_AT_MOST == 20_000


def test_evaluation_without_validation_ratings_is_empty():
    split = split_snapshot(snapshot_of(some_ratings()), HALF_STARS, share=0)

    assert comparison.evaluate_baselines(split) == {}
    assert comparison.evaluate_model(machine(split), split) is None


# ------------------------------------------------------------------------- models


@pytest.mark.parametrize("kind", ["user_rbm", "item_rbm", "joint_rbm"])
def test_model_ndcg_equals_loop(split, kind):
    model = machine(split, kind)

    figures = comparison.evaluate_model(model, split).as_dict()

    assert figures["ndcg_at_10"] == pytest.approx(mean_ndcg(model, split, list(split.users.ids)))
    assert figures["n_ratings"] == split.validation.n_ratings


def test_evaluation_accepts_any_list_length_and_number_of_users(split):
    whole, some = (
        comparison.evaluate_model(machine(split), split, n=3, most_users=most).as_dict()
        for most in (None, 4)
    )

    n_with_ratings = len({user for user, _ in ratings_of(split, split.validation)})
    assert whole["n_users_ranked"] == n_with_ratings
    assert some["n_users_ranked"] == 4
    assert {"ndcg_at_3", "recall_at_3", "coverage_at_3"} < whole.keys() == some.keys()
    assert whole["validation_rmse"] == some["validation_rmse"]


def test_overlapping_split_raises_ratings_leaked_with_example(split):
    leaking = replace(split, train=split.everything)

    with pytest.raises(RatingsLeaked) as told:
        comparison.evaluate_model(machine(split), leaking)

    assert told.value.facts["n_leaked"] == split.validation.n_ratings
    example = told.value.facts["user_id"], told.value.facts["item_id"]
    assert example in ratings_of(split, split.validation)
    with pytest.raises(RatingsLeaked):
        comparison.evaluate_baselines(leaking)


def test_split_has_protocol(split):
    assert split.protocol.as_dict() == {
        "kind": "by_hash",
        "share": 0.3,
        "seed": SPLIT_SEED,
        "words": split.protocol.words(),
    }


def test_evaluation_ignores_popularity_stored_in_model(split):
    model = machine(split)
    tempted = replace(model, level_counts=1000 * split.validation.level_counts(3))

    assert comparison.evaluate_model(tempted, split) == comparison.evaluate_model(model, split)
    assert comparison.compare_ndcg(tempted, tempted, split) == comparison.compare_ndcg(
        model, model, split
    )


@pytest.mark.parametrize("kind", ["user_rbm", "item_rbm", "joint_rbm"])
def test_compare_ndcg_of_model_with_itself_is_equal(split, kind):
    model = machine(split, kind)

    ours, theirs = comparison.compare_ndcg(model, model, split)

    assert ours == theirs == comparison.evaluate_model(model, split).as_dict()["ndcg_at_10"]


@pytest.mark.parametrize("kind", ["user_rbm", "item_rbm", "joint_rbm"])
def test_compare_ndcg_includes_items_unknown_to_older_model(split, kind):
    candidate = machine(split, "user_rbm")
    older = machine(split, kind, seed=6, but_items=("i00", "i05"))

    ours, theirs = comparison.compare_ndcg(candidate, older, split)

    assert ours == pytest.approx(mean_ndcg(candidate, split, list(split.users.ids)))
    assert theirs == pytest.approx(mean_ndcg(older, split, list(split.users.ids)))


def test_compare_ndcg_includes_users_unknown_to_older_user_rbm(split):
    older = machine(split, seed=6, but_users=("u00", "u07"))

    _, theirs = comparison.compare_ndcg(machine(split), older, split)

    assert theirs == pytest.approx(mean_ndcg(older, split, list(split.users.ids)))


def test_compare_ndcg_excludes_users_unknown_to_older_item_rbm(split):
    candidate = machine(split)
    older = machine(split, "item_rbm", seed=6, but_users=("u00", "u07", "u08"))

    ours, theirs = comparison.compare_ndcg(candidate, older, split)

    known = list(older.users.ids)
    assert ours == pytest.approx(mean_ndcg(candidate, split, known))
    assert theirs == pytest.approx(mean_ndcg(older, split, known))


def test_compare_ndcg_is_none_without_common_users(split):
    strangers = split_snapshot(
        snapshot_of({("x" + user, item): value for (user, item), value in some_ratings().items()}),
        HALF_STARS,
        share=0.3,
    )

    older = machine(strangers, "item_rbm")

    assert comparison.compare_ndcg(machine(split), older, split) is None


def test_compare_ndcg_uses_levels_of_each_scale(split):
    stars = RatingScale((1.0, 2.0, 3.0, 4.0, 5.0))
    older = machine(split, seed=6, scale=stars)

    _, theirs = comparison.compare_ndcg(machine(split), older, split)

    assert theirs == pytest.approx(mean_ndcg(older, split, list(split.users.ids)))
