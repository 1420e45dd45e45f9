"""RMSE of expected ratings, ours beside every peer.

    .venv/bin/python -m benchmarks quality_ratings

MovieLens 1M divided 90/10 at random (the mean of three splits), and MovieLens 100K's five official
folds. Peers are tuned by RMSE on a tenth of the first split's or fold's train ratings and then
fitted to all train ratings of each; what that may flatter is the peers. recsvc has its defaults
and stops on a tenth of its train ratings: no test rating is ever seen.
"""

from dataclasses import dataclass
from statistics import mean

import numpy as np

from benchmarks import ours
from benchmarks.data import STARS, data_file, data_set, random_split
from benchmarks.options import chosen, parser
from benchmarks.peers import RATINGS
from benchmarks.progress import Step, steps
from benchmarks.system import Choice, System, described
from benchmarks.tuning import best_choice, by_rmse, rmse
from recsvc.rbm.rating_matrix import RatingMatrix

SYSTEMS = RATINGS | ours.WHOLE
FOLDS = range(1, 6)
FOLD_SHAPE = (943, 1682)

Division = tuple[RatingMatrix, RatingMatrix]


@dataclass(frozen=True)
class Measured:
    """A system's RMSE on each division of a data set."""

    figures: tuple[float, ...]
    choice: Choice


def main() -> None:
    told = parser(__doc__).parse_args()
    systems = chosen(SYSTEMS, told.only)
    one_million = [
        random_split(data_set("ml-1m").ratings, seed=seed, test_share=0.1) for seed in told.seeds
    ]
    divided = {"ml-1m": one_million, "ml-100k": [fold(number) for number in FOLDS]}
    found = {name: measured(name, divisions, systems) for name, divisions in divided.items()}
    columns = [f"u{number}" for number in FOLDS]
    print(f"| RMSE | ml-1m, 90/10 | {' | '.join(columns)} | u1–u5, mean | tuned to |")
    print("|---|" + "---:|" * (len(columns) + 2) + "---|")
    for name in systems:
        large, folds = found["ml-1m"].get(name), found["ml-100k"][name]
        cells = [f"{mean(large.figures):.4f}" if large else "–"]
        cells += [f"{figure:.4f}" for figure in folds.figures]
        cells.append(f"**{mean(folds.figures):.4f}**")
        settings = [described(one.choice) for one in (large, folds) if one and one.choice]
        print(f"| {name} | {' | '.join(cells)} | {'; '.join(settings)} |")
    for name, system in systems.items():
        for data, reason in system.left_out.items():
            if data in divided:
                print(f"\n{name} is left out on {data}: {reason}.")


def fold(number: int) -> Division:
    """Give u<n>.base and u<n>.test, users and items numbered by their ids."""
    return tuple(_official(f"ml-100k/u{number}.{part}") for part in ("base", "test"))


def _official(name: str) -> RatingMatrix:
    users, items, values = np.loadtxt(data_file(name), dtype=np.int64, usecols=(0, 1, 2)).T
    levels = STARS.levels(values.astype(np.float64))
    return RatingMatrix.build(users - 1, items - 1, levels, shape=FOLD_SHAPE)


def measured(
    data: str, divisions: list[Division], systems: dict[str, System]
) -> dict[str, Measured]:
    run = {name: system for name, system in systems.items() if data not in system.left_out}
    total = sum(len(system.grid) + len(divisions) for system in run.values())
    with steps(data, total) as step:
        return {name: _one(name, system, divisions, step) for name, system in run.items()}


def _one(name: str, system: System, divisions: list[Division], step: Step) -> Measured:
    def tried(choice: Choice, figure: float | None) -> None:
        step(f"{name} {described(choice)} {-(figure or float('nan')):.4f}")

    first, _ = divisions[0]
    choice = best_choice(system, first, STARS, by_rmse, seed=0, tried=tried)
    figures = []
    for seed, (train, test) in enumerate(divisions):
        figures.append(rmse(system.fit(train, STARS, seed=seed, **choice), test, STARS))
        step(f"{name}: {figures[-1]:.4f}")
    return Measured(tuple(figures), choice)


if __name__ == "__main__":
    main()
