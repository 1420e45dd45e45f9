"""Blending: the two machines' answers as a product of experts, and how well it rates."""

import numpy as np

from recsvc.rbm.machines import masked
from recsvc.rbm.machines.baselines import Biases
from recsvc.rbm.params import Params
from recsvc.rbm.rating_ensemble.blend import Blend, ExpertOutputs, normal_level_shares
from recsvc.rbm.rating_ensemble.fine_tuning import (
    FinetuningConfig,
    FinetuningState,
    finetune,
    initial_params,
)
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.training.trainer import TrainingData
from tests import naive
from tests.factories.machines import STARS


def answers_and_levels(
    rng: np.random.Generator, n: int = 4000, *, least_count: int = 1
) -> tuple[ExpertOutputs, np.ndarray]:
    """Both experts see the truth through noise; the user-oriented one better where the user is
    rated often, the item-oriented one where the item is."""
    counts = rng.integers(least_count, 500, (2, n))
    truth = rng.normal(0, 1.5, (n, 5))
    noise = rng.normal(0, 1, (2, n, 5)) * (6 / np.sqrt(counts))[:, :, np.newaxis]
    levels = np.argmax(truth + rng.gumbel(size=(n, 5)), axis=1).astype(np.uint8)
    biases = normal_level_shares(STARS[levels] + rng.normal(0, 2, n), STARS)
    experts = softmax(truth + noise[0]), softmax(truth + noise[1]), biases
    return ExpertOutputs(*experts, *counts), levels


def softmax(inputs: np.ndarray) -> np.ndarray:
    shares = np.exp(inputs - inputs.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def mean_nll(shares: np.ndarray, levels: np.ndarray) -> float:
    return -np.log(shares[np.arange(levels.size), levels]).mean()


def knowledge(n: int, *, user: bool = True, item: bool = True) -> dict[str, np.ndarray]:
    return {"knows_user": np.full(n, user), "knows_item": np.full(n, item)}


def test_normal_level_shares_peak_at_expected_level():
    shares = normal_level_shares(np.array([3.0, 5.5]), STARS)

    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_allclose(shares[0] / shares[0, 2], np.exp([-2, -0.5, 0, -0.5, -2]))
    assert shares[1].argmax() == 4
    assert normal_level_shares(np.array([3.0]), np.array([7.0])).tolist() == [[1.0]]


def test_blend_prefers_biases_when_machines_are_noise(rng):
    noise, expected = softmax(rng.normal(0, 1, (4000, 5))), rng.uniform(1, 5, 4000)
    levels = np.array(
        [rng.choice(5, p=share) for share in normal_level_shares(expected, STARS)], dtype=np.uint8
    )
    counts = rng.integers(1, 20, (2, 4000))

    blend = Blend.fit(
        ExpertOutputs(noise, noise, normal_level_shares(expected, STARS), *counts), levels
    )

    np.testing.assert_allclose(blend.powers[:, 0], [0, 0, 1], atol=0.1)


def test_blend_is_product_of_experts(rng):
    answers, _ = answers_and_levels(rng, 50)
    powers = np.array([[0.5, -0.1, 0.05], [0.6, 0.1, -0.02], [0.3, 0.01, 0.02]])
    blend = Blend(powers, np.array([0.0, 0.1, -0.2, 0.3, 0.0]), np.array([4.0, 5.0]))

    shares = blend.level_probabilities(answers, **knowledge(50))

    for n in range(50):
        users = np.log(1 + answers.user_counts[n]) - 4
        items = np.log(1 + answers.item_counts[n]) - 5
        own = [a + b * users + c * items for a, b, c in powers.tolist()]
        experts = (answers.by_user, answers.by_item, answers.by_biases)
        wanted = naive.blended(
            [expert[n].tolist() for expert in experts], own, blend.level_bias.tolist()
        )
        np.testing.assert_allclose(shares[n], wanted, rtol=1e-9)


def test_blend_fit_beats_experts_and_default(rng):
    answers, levels = answers_and_levels(rng)
    unseen, their_levels = answers_and_levels(rng)

    shares = Blend.fit(answers, levels).level_probabilities(unseen, **knowledge(4000))

    unfitted = Blend.default(5).level_probabilities(unseen, **knowledge(4000))
    for other in (unfitted, unseen.by_user, unseen.by_item, unseen.by_biases):
        assert mean_nll(shares, their_levels) < mean_nll(other, their_levels)


def test_blend_powers_grow_with_counts(rng):
    blend = Blend.fit(*answers_and_levels(rng))

    (_, by_users, by_items), (_, item_by_users, item_by_items), _ = blend.powers
    assert by_users > 0 > by_items
    assert item_by_items > 0 > item_by_users


def test_blend_fit_has_zero_gradient(rng):
    """More ratings than fit into one block, and no powers at their bounds."""
    answers, levels = answers_and_levels(rng, 70_000, least_count=100)
    blend = Blend.fit(answers, levels)
    at, first = blend._parameters(), Blend.default(5)._parameters()

    def loss(theta: np.ndarray) -> float:
        shares = blend._with_parameters(theta).level_probabilities(
            answers, **knowledge(levels.size)
        )
        return mean_nll(shares, levels) + 5.0 * ((theta - first) ** 2).sum() / levels.size

    np.testing.assert_allclose(naive.numeric_slope(loss, at), 0, atol=1e-4)


def test_blend_uses_one_machine_for_unknown_user_or_item(rng):
    answers, levels = answers_and_levels(rng)
    blend = Blend.fit(answers, levels)

    new_user = blend.level_probabilities(answers, **knowledge(4000, user=False))
    new_item = blend.level_probabilities(answers, **knowledge(4000, item=False))
    neither = blend.level_probabilities(answers, **knowledge(4000, user=False, item=False))

    assert (new_user == answers.by_user).all()
    assert (new_item == answers.by_item).all()
    assert (neither == answers.by_user).all()


def test_blend_stays_finite_at_extremes(rng):
    certain = np.eye(5)[rng.integers(0, 5, 40)]
    nothing = np.zeros(40, dtype=np.int64)
    answers = ExpertOutputs(certain, certain[::-1].copy(), certain, nothing, nothing)

    shares = Blend.fit(answers, np.zeros(40, np.uint8)).level_probabilities(
        answers, **knowledge(40)
    )

    assert np.isfinite(shares).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_blend_fit_returns_default_without_ratings(rng):
    answers, levels = answers_and_levels(rng, 1)

    blend = Blend.fit(answers.part(slice(0, 0)), levels[:0])

    assert (blend.powers == Blend.default(5).powers).all()


def test_blend_fit_is_deterministic(rng):
    answers, levels = answers_and_levels(rng)

    again = Blend.fit(answers, levels)

    assert (again.powers == Blend.fit(answers, levels).powers).all()


def finetune_params(train: RatingMatrix, validation: RatingMatrix) -> tuple[Params, float]:
    """The parameters, and the best validation RMSE."""
    settings = FinetuningConfig.from_data(train, 5)
    first = initial_params(train, 5, settings, rng=np.random.default_rng(0))
    data, start = TrainingData(train, validation, STARS), FinetuningState.initial(first)
    *_, (_, last) = finetune(data, settings, seed=0, state=start)
    return last.best_params, last.best_rmse


def outputs_of_experts(
    by_user: Params, by_item: Params, given: RatingMatrix, about: RatingMatrix
) -> ExpertOutputs:
    """The experts' answers about ratings, from those given."""
    users, items = about.users().astype(np.int64), about.items.astype(np.int64)
    of_users = masked.hidden_probabilities(by_user, given)
    of_items = masked.hidden_probabilities(by_item, given.transpose())
    return ExpertOutputs(
        masked.Predictor.from_params(by_user).level_probabilities(of_users, users, items),
        masked.Predictor.from_params(by_item).level_probabilities(of_items, items, users),
        normal_level_shares(Biases.fit(given, STARS).predict(users, items), STARS),
        np.diff(given.indptr)[users],
        given.item_counts()[items],
    )


def test_blend_reaches_known_rmse_on_movielens(movielens):
    """u1, epochs and blend chosen on a tenth of u1.base. Below the bands something would leak."""
    base, test = movielens("u1.base"), movielens("u1.test")
    held_out = np.random.default_rng(7).random(base.n_ratings) < 0.1
    train, validation = base.select(~held_out), base.select(held_out)
    by_user, user_rmse = finetune_params(train, validation)
    by_item, item_rmse = finetune_params(train.transpose(), validation.transpose())
    blend = Blend.fit(outputs_of_experts(by_user, by_item, train, validation), validation.levels)

    shares = blend.level_probabilities(
        outputs_of_experts(by_user, by_item, base, test), **knowledge(test.n_ratings)
    )

    rmse = np.sqrt(np.mean(np.square(shares @ STARS - STARS[test.levels])))
    assert 0.85 < item_rmse < user_rmse < 0.97
    assert 0.87 < rmse < 0.905
    assert 1.1 < mean_nll(shares, test.levels) < 1.22
