"""Where training begins: cold, or at the weights of the published version."""

import numpy as np
import pytest

from recsvc.db.session import reading
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.machines.functions import machine_functions
from recsvc.rbm.vocabulary import Vocabulary
from recsvc.service.models.split import split_snapshot
from recsvc.service.training import initialization, snapshots
from recsvc.service.training.initialization import warm_params
from recsvc.service.training_spec import TrainingSpec
from tests.conftest import on_sqlite
from tests.factories.machines import random_params
from tests.factories.shop import SHORT

NEWCOMERS = [  # they sort before, between and after the others, users not as items do
    {"user_id": user, "item_id": item, "value": value}
    for user, item, value in (
        ("a-user", "i03", 1),
        ("b-user", "i04", 5),
        ("z-user", "i05", 1),
        ("u01", "a-item", 5),
        ("u02", "i05x", 1),
        ("u03", "z-item", 5),
    )
]


def begin(shop, *, model_kind="user_rbm", warm_start=True, seed=3, judged=True):
    """The parameters that a job would begin at now, beside the cold ones."""
    with reading(shop.database) as session:
        snapshot = snapshots.read_snapshot(session)
    scale = shop.model(1).scale
    split = split_snapshot(snapshot, scale, share=0.1)
    train = split.train.transpose() if model_kind == "item_rbm" else split.train
    hyper = Hyperparameters.from_changes(model_kind, SHORT)
    spec = TrainingSpec(SHORT, model_kind, seed, warm_start=warm_start)
    params, warnings = initialization.initial_params(
        shop.context, split, train, hyper, spec, is_evaluated=judged
    )
    rng = np.random.default_rng([seed, 0])
    cold = machine_functions(model_kind).initial_params(train, scale.n_levels, hyper, rng=rng)
    return split, params, cold, warnings


def is_same(params, others) -> bool:
    pairs = zip(params.arrays().values(), others.arrays().values(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


@on_sqlite
@pytest.mark.parametrize("model_kind", ["user_rbm", "item_rbm", "joint_rbm"])
@pytest.mark.parametrize("answering", [False, True])
def test_warm_start_keeps_known_weights_and_initializes_new_rows(shop, model_kind, answering):
    shop.train(model_kind=model_kind)
    published = shop.model(1) if answering else shop.judged_model(1)
    shop.rate(NEWCOMERS)

    split, params, cold, warnings = begin(shop, model_kind=model_kind, judged=not answering)

    was, now, new = (
        (published.items, split.items, {"a-item", "i05x", "z-item"})
        if model_kind != "item_rbm"
        else (published.users, split.users, {"a-user", "b-user", "z-user"})
    )
    assert warnings == []
    assert set(now.ids) - set(was.ids) == new
    np.testing.assert_array_equal(params.hidden_bias, published.params.hidden_bias)
    for number, id_ in enumerate(now.ids):
        source = cold if id_ in new else published.params
        row = number if id_ in new else was.number(id_)
        np.testing.assert_array_equal(params.weights[number], source.weights[row])
        np.testing.assert_array_equal(params.visible_bias[number], source.visible_bias[row])


def test_warm_params_drop_removed_rows():
    rng = np.random.default_rng(0)
    earlier, cold = (random_params(rng, n_items=n) for n in (3, 2))

    warm = warm_params(cold, earlier, Vocabulary(["a", "b", "c"]), Vocabulary(["b", "d"]))

    np.testing.assert_array_equal(warm.weights, [earlier.weights[1], cold.weights[1]])


def test_warm_params_copy_arrays():
    rng = np.random.default_rng(0)
    earlier, cold = random_params(rng), random_params(rng)
    ids = Vocabulary([f"i{n}" for n in range(9)])
    before = earlier.copy(), cold.copy()

    warm = warm_params(cold, earlier, ids, ids)
    for array in warm.arrays().values():
        array += 1

    assert is_same(earlier, before[0])
    assert is_same(cold, before[1])


@on_sqlite
def test_cold_start_ignores_published_version(shop):
    shop.train()

    _, params, cold, warnings = begin(shop, warm_start=False)

    assert is_same(params, cold)
    assert warnings == []


@on_sqlite
def test_warm_start_continues_from_published_loss(shop):
    shop.train(hyperparameters={"epochs": 30, "learning_rate": 0.1})
    cold = shop.train(publish="never")

    warm = shop.train(warm_start=True)

    assert warm["warnings"] == cold["warnings"] == []
    first_cold, first_warm = shop.curve(2)[0], shop.curve(3)[0]
    assert first_warm.train_nll < 0.9 * first_cold.train_nll


@on_sqlite
@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"model_kind": "item_rbm"}, "the published version is a joint_rbm, this job a item_rbm."),
        (
            {"hyperparameters": {"n_hidden": 5}},
            "the published version has n_hidden 4, this job 5.",
        ),
    ],
)
def test_warm_start_is_ignored_with_warning_when_weights_do_not_fit(shop, spec, reason):
    shop.train()
    cold = shop.train(publish="never", **spec)

    warm = shop.train(publish="never", warm_start=True, **spec)

    assert warm["warnings"] == [f"warm_start was ignored: {reason}"]
    assert warm["weights_sha256"] == cold["weights_sha256"]


@on_sqlite
def test_warm_start_is_ignored_with_warning_for_other_scale(shop):
    shop.train()
    shop.rate([{"user_id": "u00", "item_id": "i02", "value": 3}])

    assert shop.train(warm_start=True)["warnings"] == [
        "warm_start was ignored: the published version's rating scale is 1, 5, now 1, 3, 5."
    ]


def test_warm_start_is_ignored_with_warning_without_published_version(shop):
    result = shop.train(warm_start=True)

    assert result["warnings"] == ["warm_start was ignored: no version is published."]


@on_sqlite
@pytest.mark.parametrize("damage", ["spoil", "remove"])
@pytest.mark.parametrize("which", ["checkpoint_sha256", "judged_sha256"])
def test_warm_start_warning_names_unreadable_object(shop, which, damage):
    """A fit begins at the one or the other; what cannot begin there begins cold."""
    shop.train()
    sha256 = getattr(shop.card(1), which)
    shop.spoil(sha256) if damage == "spoil" else shop.context.shelf.remove(sha256)

    (warning,) = shop.train(warm_start=True)["warnings"]

    assert warning.startswith("warm_start was ignored: ")
    assert sha256 in warning
