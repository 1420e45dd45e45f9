"""Lists of ten, ours beside every peer, on one data set.

    .venv/bin/python -m benchmarks quality --data ml-1m

Random 80/20 splits over the ratings, the mean of three; how lists are measured is told in
ranking.py, how data are read in data.py. Peers are tuned on a tenth of the first split's train
ratings by nDCG@10 and then fitted to all train ratings of every split; what that may flatter is
the peers. recsvc has its defaults. All systems see that a user has an item; Surprise's and ours
also see how they liked it. A picture of the table goes to docs/pictures/.
"""

import sys
import time
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from benchmarks import ours
from benchmarks.data import READERS, DataSet, data_set, random_split
from benchmarks.options import SEEDS, chosen, parser
from benchmarks.peers import LISTS
from benchmarks.pictures import bars
from benchmarks.progress import Step, steps
from benchmarks.ranking import ListFigures, list_figures
from benchmarks.system import Choice, System, described
from benchmarks.tuning import best_choice, by_ndcg

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
SYSTEMS = ours.SYSTEMS | LISTS
MEASURES = ("nDCG@10", "P@10", "liked nDCG@10", "liked P@10")


@dataclass(frozen=True)
class Row:
    """A system's means over the splits."""

    name: str
    figures: ListFigures
    fit_seconds: float
    choice: Choice


def main() -> None:
    options = parser(__doc__)
    options.add_argument("data", choices=READERS)
    told = options.parse_args()
    data = data_set(told.data)
    systems = {
        name: system
        for name, system in chosen(SYSTEMS, told.only).items()
        if data.name not in system.left_out
    }
    rows = measured(data, systems, told.seeds)
    print(table(data, rows, len(told.seeds)))
    for name, system in SYSTEMS.items():
        if data.name in system.left_out:
            print(f"\n{name} is left out here: {system.left_out[data.name]}.")
    if not told.only and told.seeds == SEEDS:  # a look leaves the picture of the whole as it is
        PICTURES.mkdir(exist_ok=True)
        (PICTURES / f"quality-{data.name}.svg").write_text(picture(data, rows))


def measured(data: DataSet, systems: dict[str, System], seeds: tuple[int, ...]) -> list[Row]:
    """Tune on the first split, then fit and measure on each; best list first."""
    total = sum(len(system.grid) + len(seeds) for system in systems.values())
    with steps(data.name, total) as step:
        rows = [row(data, name, system, seeds, step) for name, system in systems.items()]
    return sorted(rows, key=lambda row: -row.figures.ndcg)


def row(data: DataSet, name: str, system: System, seeds: tuple[int, ...], step: Step) -> Row:
    def tried(choice: Choice, figure: float | None) -> None:
        step(f"{name} {described(choice)} {figure or float('nan'):.4f}")

    train, _ = random_split(data.ratings, seed=seeds[0])
    choice = best_choice(system, train, data.scale, by_ndcg, seed=seeds[0], tried=tried)
    found, took = [], []
    for seed in seeds:
        train, test = random_split(data.ratings, seed=seed)
        began = time.perf_counter()
        peer = system.fit(train, data.scale, seed=seed, **choice)
        took.append(time.perf_counter() - began)
        liked = data.scale.first_liked
        found.append(astuple(list_figures(peer.scores, train, test, first_liked=liked)))
        step(f"{name}, split {seed}: {found[-1][0]:.4f}")
    means = ListFigures(*np.mean(found, axis=0).tolist())
    return Row(name, means, float(np.mean(took)), choice)


def table(data: DataSet, rows: list[Row], n_splits: int) -> str:
    measures = MEASURES if data.has_ratings else MEASURES[:2]
    splits = f"mean of {n_splits} splits" if n_splits > 1 else "one split"
    lines = [
        f"| {data.title}, {splits} | {' | '.join(measures)} | fit, s | tuned to |",
        "|---|" + "---:|" * (len(measures) + 1) + "---|",
    ]
    for one in rows:
        name = f"**{one.name}**" if one.name in ours.SYSTEMS else one.name
        figures = " | ".join(f"{value:.4f}" for value in astuple(one.figures)[: len(measures)])
        lines.append(f"| {name} | {figures} | {one.fit_seconds:.1f} | {described(one.choice)} |")
    return "\n".join(lines)


def picture(data: DataSet, rows: list[Row]) -> str:
    values = [(one.name, one.figures.ndcg, one.name in ours.SYSTEMS) for one in rows]
    return bars(f"{data.title}: nDCG@10 of lists of ten", values)


if __name__ == "__main__":
    sys.exit(main())
