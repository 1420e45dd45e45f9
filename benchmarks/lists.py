"""Lists of ten on MovieLens 1M: nDCG@10 and P@10, beside the most-rated list and EASE.

    .venv/bin/python -m benchmarks lists

Five random 80/20 splits over the ratings; every item that a user has no train rating of is
ranked, and any test rating counts as a hit. In process, by the code that serves: the machine has
the defaults and learns from train ratings alone, a tenth of which is its validation, on which it
stops; like the service's own it then answers from all train ratings. EASE: λ = 500.
"""

import time
from collections import defaultdict
from collections.abc import Callable
from statistics import mean

import numpy as np

from benchmarks.data import FIVE_STARS, ml_1m, random_split
from recsvc.rbm import evaluation
from recsvc.rbm.baselines import ease_weights
from recsvc.rbm.evaluation import RankingFigures
from recsvc.rbm.folded import Folded
from recsvc.rbm.model import Model
from recsvc.rbm.params import Hyperparameters, initial_params
from recsvc.rbm.ratings import RatingMatrix, RatingScale, Vocabulary
from recsvc.rbm.training import TrainerState, TrainingData, train

SEEDS = range(5)
VALIDATION_SHARE = 0.1
REGULARISATION = 500.0
KNOWN = {"most rated": (0.202, 0.181), "EASE, λ = 500": (0.434, 0.383)}  # from data/README.md
BAR = 1.05  # of the most-rated list's nDCG@10


def most_rated(train_part: RatingMatrix, test: RatingMatrix, seed: int) -> RankingFigures:
    return evaluation.most_rated_figures(train_part, test, np.arange(test.n_users))


def user_rbm(train_part: RatingMatrix, test: RatingMatrix, seed: int) -> RankingFigures:
    model = learned(train_part, seed)
    scores_of = Folded.of(model, train_part).scores
    return evaluation.ranking_figures(scores_of, train_part, test, np.arange(test.n_users))


def learned(ratings: RatingMatrix, seed: int) -> Model:
    """Train with the defaults, as a training job does."""
    learn, validation = random_split(ratings, seed=1000 + seed, test_share=VALIDATION_SHARE)
    hyper = Hyperparameters.defaults("user_rbm")
    params = initial_params(learn, FIVE_STARS.size, hyper, rng=np.random.default_rng([seed, 0]))
    state = TrainerState.initial(params)
    for _, reached in train(
        TrainingData(learn, validation, FIVE_STARS), hyper, seed=seed, state=state
    ):
        state = reached
    return Model.of(
        "user_rbm",
        state.best_params,
        ratings,
        scale=RatingScale(tuple(FIVE_STARS.tolist())),
        users=numbered(ratings.n_users),
        items=numbered(ratings.n_items),
    )


def numbered(n: int) -> Vocabulary:
    """Name rows by their numbers, in an order that keeps them."""
    return Vocabulary([f"{number:06}" for number in range(n)])


def ease(train_part: RatingMatrix, test: RatingMatrix, seed: int) -> RankingFigures:
    weights = ease_weights(train_part, regularisation=REGULARISATION)

    def scores_of(user: int) -> np.ndarray:
        items, _ = train_part.row(user)
        return weights[items].sum(axis=0)

    users = np.arange(test.n_users)
    return evaluation.ranking_figures(scores_of, train_part, test, users)


WAYS: dict[str, Callable[[RatingMatrix, RatingMatrix, int], RankingFigures]] = {
    "most rated": most_rated,
    "user_rbm, defaults": user_rbm,
    "EASE, λ = 500": ease,
}


def main() -> None:
    ratings = ml_1m()
    found, took = defaultdict(list), defaultdict(list)
    for seed in SEEDS:
        train_part, test = random_split(ratings, seed=seed)
        for name, way in WAYS.items():
            began = time.perf_counter()
            found[name].append(way(train_part, test, seed))
            took[name].append(time.perf_counter() - began)
    print(f"| MovieLens 1M, mean of {len(SEEDS)} splits | nDCG@10 | P@10 | s a split | |")
    print("|---|---:|---:|---:|---|")
    popular = mean(figures.ndcg_at_n for figures in found["most rated"])
    for name, figures in found.items():
        ndcg = mean(one.ndcg_at_n for one in figures)
        precision = mean(one.precision_at_n for one in figures)
        note = f"{ndcg / popular:.2f}× most rated (at least {BAR}×)"
        if name in KNOWN:
            known_ndcg, known_precision = KNOWN[name]
            note = f"known: {known_ndcg}, {known_precision}; within 3 %"
        print(f"| {name} | {ndcg:.4f} | {precision:.4f} | {mean(took[name]):.1f} | {note} |")


if __name__ == "__main__":
    main()
