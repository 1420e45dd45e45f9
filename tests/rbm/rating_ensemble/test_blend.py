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


def known(n: int, *, user: bool = True, item: bool = True) -> dict[str, np.ndarray]:
    return {"knows_user": np.full(n, user), "knows_item": np.full(n, item)}


def test_the_bell_is_highest_at_the_level_that_is_expected_and_one_step_of_five_wide():
    shares = normal_level_shares(np.array([3.0, 5.5]), STARS)

    np.testing.assert_allclose(shares.sum(axis=1), 1)
    np.testing.assert_allclose(shares[0] / shares[0, 2], np.exp([-2, -0.5, 0, -0.5, -2]))
    assert shares[1].argmax() == 4
    assert normal_level_shares(np.array([3.0]), np.array([7.0])).tolist() == [[1.0]]


def test_where_neither_machine_knows_more_than_biases_the_bell_counts_most(rng):
    noise, expected = softmax(rng.normal(0, 1, (4000, 5))), rng.uniform(1, 5, 4000)
    levels = np.array(
        [rng.choice(5, p=share) for share in normal_level_shares(expected, STARS)], dtype=np.uint8
    )
    counts = rng.integers(1, 20, (2, 4000))

    blend = Blend.fit(
        ExpertOutputs(noise, noise, normal_level_shares(expected, STARS), *counts), levels
    )

    np.testing.assert_allclose(blend.powers[:, 0], [0, 0, 1], atol=0.1)


def test_it_is_the_product_of_the_experts_by_their_powers(rng):
    answers, _ = answers_and_levels(rng, 50)
    powers = np.array([[0.5, -0.1, 0.05], [0.6, 0.1, -0.02], [0.3, 0.01, 0.02]])
    blend = Blend(powers, np.array([0.0, 0.1, -0.2, 0.3, 0.0]), np.array([4.0, 5.0]))

    shares = blend.level_probabilities(answers, **known(50))

    for n in range(50):
        users = np.log(1 + answers.user_counts[n]) - 4
        items = np.log(1 + answers.item_counts[n]) - 5
        own = [a + b * users + c * items for a, b, c in powers.tolist()]
        experts = (answers.by_user, answers.by_item, answers.by_biases)
        wanted = naive.blended(
            [expert[n].tolist() for expert in experts], own, blend.level_bias.tolist()
        )
        np.testing.assert_allclose(shares[n], wanted, rtol=1e-9)


def test_a_fitted_blend_is_likelier_than_either_expert_and_than_an_unfitted_one(rng):
    answers, levels = answers_and_levels(rng)
    unseen, their_levels = answers_and_levels(rng)

    shares = Blend.fit(answers, levels).level_probabilities(unseen, **known(4000))

    unfitted = Blend.default(5).level_probabilities(unseen, **known(4000))
    for other in (unfitted, unseen.by_user, unseen.by_item, unseen.by_biases):
        assert mean_nll(shares, their_levels) < mean_nll(other, their_levels)


def test_each_expert_counts_for_more_where_it_knows_more(rng):
    blend = Blend.fit(*answers_and_levels(rng))

    (_, by_users, by_items), (_, item_by_users, item_by_items), _ = blend.powers
    assert by_users > 0 > by_items
    assert item_by_items > 0 > item_by_users


def test_the_fit_is_where_the_likelihood_does_not_slope(rng):
    """More ratings than fit into one block, and no powers at their bounds."""
    answers, levels = answers_and_levels(rng, 70_000, least_count=100)
    blend = Blend.fit(answers, levels)
    at, first = blend._parameters(), Blend.default(5)._parameters()

    def loss(theta: np.ndarray) -> float:
        shares = blend._with_parameters(theta).level_probabilities(answers, **known(levels.size))
        return mean_nll(shares, levels) + 5.0 * ((theta - first) ** 2).sum() / levels.size

    np.testing.assert_allclose(naive.numeric_slope(loss, at), 0, atol=1e-4)


def test_who_came_after_training_is_answered_by_the_machine_that_can(rng):
    answers, levels = answers_and_levels(rng)
    blend = Blend.fit(answers, levels)

    new_user = blend.level_probabilities(answers, **known(4000, user=False))
    new_item = blend.level_probabilities(answers, **known(4000, item=False))
    neither = blend.level_probabilities(answers, **known(4000, user=False, item=False))

    assert (new_user == answers.by_user).all()
    assert (new_item == answers.by_item).all()
    assert (neither == answers.by_user).all()


def test_a_distribution_that_is_certain_or_a_count_of_nothing_stays_finite(rng):
    certain = np.eye(5)[rng.integers(0, 5, 40)]
    nothing = np.zeros(40, dtype=np.int64)
    answers = ExpertOutputs(certain, certain[::-1].copy(), certain, nothing, nothing)

    shares = Blend.fit(answers, np.zeros(40, np.uint8)).level_probabilities(answers, **known(40))

    assert np.isfinite(shares).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1)


def test_without_validation_ratings_the_usual_powers_hold(rng):
    answers, levels = answers_and_levels(rng, 1)

    blend = Blend.fit(answers.part(slice(0, 0)), levels[:0])

    assert (blend.powers == Blend.default(5).powers).all()


def test_the_fit_gives_the_same_bits_again(rng):
    answers, levels = answers_and_levels(rng)

    again = Blend.fit(answers, levels)

    assert (again.powers == Blend.fit(answers, levels).powers).all()


def finetuned(train: RatingMatrix, validation: RatingMatrix) -> tuple[Params, float]:
    """The parameters, and the best validation RMSE."""
    settings = FinetuningConfig.from_data(train, 5)
    first = initial_params(train, 5, settings, rng=np.random.default_rng(0))
    data, start = TrainingData(train, validation, STARS), FinetuningState.initial(first)
    *_, (_, last) = finetune(data, settings, seed=0, state=start)
    return last.best_params, last.best_rmse


def asked(
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


def test_movielens_is_rated_as_well_as_promised(movielens):
    """u1, epochs and blend chosen on a tenth of u1.base. Below the bands something would leak."""
    base, test = movielens("u1.base"), movielens("u1.test")
    held_out = np.random.default_rng(7).random(base.n_ratings) < 0.1
    train, validation = base.select(~held_out), base.select(held_out)
    by_user, user_rmse = finetuned(train, validation)
    by_item, item_rmse = finetuned(train.transpose(), validation.transpose())
    blend = Blend.fit(asked(by_user, by_item, train, validation), validation.levels)

    shares = blend.level_probabilities(asked(by_user, by_item, base, test), **known(test.n_ratings))

    rmse = np.sqrt(np.mean(np.square(shares @ STARS - STARS[test.levels])))
    assert 0.85 < item_rmse < user_rmse < 0.97
    assert 0.87 < rmse < 0.905
    assert 1.1 < mean_nll(shares, test.levels) < 1.22
