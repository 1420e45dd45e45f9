"""The joint machine: what is chosen and how it is rated, from one softmax over all pairs."""

import numpy as np
import pytest

from recsvc.rbm.machines import joint, masked
from recsvc.rbm.machines.joint import JointPredictor
from tests import naive, naive_joint
from tests.factories.machines import random_params

USERS = np.array([4, 1, 7, 2])


@pytest.fixture
def params(rng):
    return random_params(rng, spread=0.3)


def test_hidden_inputs_depend_on_average_of_ratings(params, ratings):
    expected = [naive_joint.hidden(params, naive.row_of(ratings, user)) for user in range(12)]

    np.testing.assert_allclose(joint.hidden_probabilities(params, ratings), expected, atol=1e-5)


def test_free_energy_equals_sum_over_hidden_states(params, ratings):
    energies = masked.free_energy(params, ratings, joint.hidden_inputs(params, ratings))
    for user in USERS:
        row = naive.row_of(ratings, user)
        mass = sum(
            np.exp(
                sum(float(params.visible_bias[pair]) for pair in row)
                + states @ np.array(naive_joint.hidden_inputs(params, row))
            )
            for states in naive.hidden_states(7)
        )
        np.testing.assert_allclose(energies[user], -np.log(mass), 1e-5)


def test_item_fields_sum_pair_shares(params):
    states = [0.1, 0.9, 0.5, 0.0, 1.0, 0.3, 0.7]
    shares = naive_joint.pair_shares(params, states)
    hidden = np.array(states, np.float32)
    fields = joint.pair_fields(params, hidden, 0)

    np.testing.assert_allclose(np.exp(fields) / np.exp(fields).sum(), shares, rtol=1e-4)
    np.testing.assert_array_equal(joint.pair_fields(params, hidden, 2), fields[:, 2:])
    best = joint.item_fields(params, hidden, 0).max()
    for first in (0, 3):
        liked = joint.item_fields(params, hidden, first) - best
        expected = np.log(shares[:, first:].sum(1)) - np.log(shares.sum(1)).max()
        np.testing.assert_allclose(liked, expected, rtol=1e-4, atol=1e-4)


def test_level_probabilities_are_conditional_softmax(params, ratings):
    hidden = joint.hidden_probabilities(params, ratings)
    cases, items = np.array([4, 1, 1]), np.array([0, 3, 8])

    for in_parallel in (False, True):
        found = JointPredictor(params, params.visible_bias.shape[1]).level_probabilities(
            hidden, cases, items, in_parallel=in_parallel
        )
        for n, (case, item) in enumerate(zip(cases, items, strict=True)):
            pairs = naive_joint.pair_shares(params, list(hidden[case]))[item]
            np.testing.assert_allclose(found[n], pairs / pairs.sum(), rtol=1e-4)


def test_leave_one_out_excludes_own_rating(params, ratings):
    places = np.arange(0, ratings.n_ratings, 3)
    users = ratings.users().astype(np.int64)[places]
    found = JointPredictor(params, params.visible_bias.shape[1]).leave_one_out_probabilities(
        ratings, users, places
    )

    for n, place in enumerate(places):
        row = naive.row_of(ratings, users[n])
        own = place - ratings.indptr[users[n]]
        others = [pair for at, pair in enumerate(row) if at != own]
        pairs = naive_joint.pair_shares(params, naive_joint.hidden(params, others))
        item = ratings.items[place]
        np.testing.assert_allclose(found[n], pairs[item] / pairs[item].sum(), rtol=1e-3)
