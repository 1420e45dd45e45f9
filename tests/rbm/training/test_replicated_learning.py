"""Training by contrastive divergence of the joint machine: what it comes to."""

from functools import partial

import numpy as np

from recsvc.rbm import evaluation
from recsvc.rbm.machines import joint
from tests.factories.machines import learn_joint, movielens_100k, random_ratings

learn = partial(learn_joint, objective="contrastive")


def test_objective_cd_steps_and_sparsity_change_parameters(rng):
    ratings = random_ratings(rng, n_users=40, n_items=30)
    hashes = []
    differently = (
        {},
        {"final_cd_steps": 3},
        {"cd_steps": 3},
        {"sparsity_target": 0.1},
        {"objective": "conditional"},
    )
    for changes in differently:
        *_, (_, state) = learn(ratings, epochs=3, batch_size=8, **changes)
        hashes.append(state.params.sha256())

    assert len(set(hashes)) == len(differently)


def test_contrastive_objective_beats_most_rated_on_movielens(data_dir):
    base, test = (movielens_100k(data_dir, name) for name in ("u1.base", "u1.test"))
    *_, (_, state) = learn(base, n_hidden=50, batch_size=50, epochs=12)
    hidden = joint.hidden_probabilities(state.params, base)
    users, counts = np.arange(base.n_users), base.item_counts().astype(float)

    def ndcg(scores_of) -> float:
        return evaluation.ranking_metrics(scores_of, base, test, users).ndcg_at_n

    ours = ndcg(lambda user: joint.item_fields(state.params, hidden[user], 0).astype(float))

    assert ours > 1.2 * ndcg(lambda _: counts.copy())
    assert 0.05 < hidden.mean() < 0.95
