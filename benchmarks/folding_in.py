"""Lists for users whom the model has never seen, beside the same users trained on.

    .venv/bin/python -m benchmarks folding_in

MovieLens, random 80/20 over the ratings. A tenth of the users is left out of training entirely and
folded in from their 80 %; the other model has learned from those ratings as well. Both are asked
for the same users' lists, whose test ratings are the other 20 %. recsvc has its defaults.
"""

from statistics import mean

import numpy as np

from benchmarks import ours
from benchmarks.data import data_set, random_split
from benchmarks.options import SEEDS
from benchmarks.progress import steps
from benchmarks.ranking import ListFigures, list_figures
from recsvc.rbm.arrays import Ints
from recsvc.rbm.inference.folded_users import FoldedUsers
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale

DATA = ("ml-100k", "ml-1m")
HELD_OUT = 0.1
AT_LEAST = 0.97


def main() -> None:
    print("| nDCG@10, mean of three splits | trained on | folded in | |")
    print("|---|---:|---:|---|")
    with steps("folding in", len(DATA) * len(SEEDS)) as step:
        for name in DATA:
            data, found = data_set(name), []
            for seed in SEEDS:
                found.append(side_by_side(data.ratings, data.scale, seed))
                step(f"{name}, split {seed}: {found[-1][0].ndcg:.4f} and {found[-1][1].ndcg:.4f}")
            known, folded = (mean(pair[n].ndcg for pair in found) for n in (0, 1))
            note = f"{folded / known:.3f}× (at least {AT_LEAST}×)"
            print(f"| {data.title} | {known:.4f} | {folded:.4f} | {note} |")


def side_by_side(
    ratings: RatingMatrix, scale: RatingScale, seed: int
) -> tuple[ListFigures, ListFigures]:
    """Measure the same users trained on, and folded in."""
    train, test = random_split(ratings, seed=seed)
    users = np.random.default_rng(seed).permutation(train.n_users)
    users = np.sort(users[: round(HELD_OUT * users.size)])
    is_held_out = np.zeros(train.n_users, dtype=np.bool_)
    is_held_out[users] = True
    others = train.select(~is_held_out[train.users()])
    learned = ours.fit(train, scale, seed=seed, kind="joint_rbm")
    unaware = ours.fit(others, scale, seed=seed, kind="joint_rbm")
    return (
        figures(learned, train, test, users, scale),
        figures(FoldedUsers.from_ratings(unaware.model, train), train, test, users, scale),
    )


def figures(
    folded: FoldedUsers, train: RatingMatrix, test: RatingMatrix, users: Ints, scale: RatingScale
) -> ListFigures:
    def scores(asked: Ints) -> np.ndarray:
        return np.stack([folded.scores(user) for user in asked.tolist()])

    return list_figures(scores, train, test, first_liked=scale.first_liked, users=users)


if __name__ == "__main__":
    main()
