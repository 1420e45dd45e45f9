"""Lists of ten on MovieLens 1M: nDCG@10 and P@10, beside the most-rated list and EASE.

    .venv/bin/python -m benchmarks lists

Five random 80/20 splits over the ratings; every item that a user has no train rating of is
ranked, and any test rating counts as a hit. In process, by the code that serves: the machine has
the defaults and learns from train ratings alone, a tenth of which is its validation, on which it
stops; like the service's own it then answers from all train ratings. EASE: λ = 500. All data sets
and all peers, tuned: `quality`.
"""

import time
from collections import defaultdict
from statistics import mean

from benchmarks import ours
from benchmarks.data import data_set, random_split
from benchmarks.peers import LISTS
from benchmarks.ranking import list_figures

SEEDS = range(5)
KNOWN = {"most rated": (0.202, 0.181), "EASE": (0.434, 0.383)}  # from data/README.md
BAR = 1.05  # of the most-rated list's nDCG@10
WAYS = {"most rated": LISTS["most rated"], **ours.WHOLE, "EASE": LISTS["EASE"]}


def main() -> None:
    data = data_set("ml-1m")
    found, took = defaultdict(list), defaultdict(list)
    for seed in SEEDS:
        train, test = random_split(data.ratings, seed=seed)
        for name, system in WAYS.items():
            began = time.perf_counter()
            peer = system.fit(train, data.scale, seed=seed)
            first_liked = data.scale.first_liked
            found[name].append(list_figures(peer.scores, train, test, first_liked=first_liked))
            took[name].append(time.perf_counter() - began)
    print(f"| {data.title}, mean of {len(SEEDS)} splits | nDCG@10 | P@10 | s a split | |")
    print("|---|---:|---:|---:|---|")
    popular = mean(figures.ndcg for figures in found["most rated"])
    for name, figures in found.items():
        ndcg = mean(one.ndcg for one in figures)
        precision = mean(one.precision for one in figures)
        note = f"{ndcg / popular:.2f}× most rated (at least {BAR}×)"
        if name in KNOWN:
            known_ndcg, known_precision = KNOWN[name]
            note = f"known: {known_ndcg}, {known_precision}; within 3 %"
        print(f"| {name} | {ndcg:.4f} | {precision:.4f} | {mean(took[name]):.1f} | {note} |")


if __name__ == "__main__":
    main()
