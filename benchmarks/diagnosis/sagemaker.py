"""SageMaker Debugger's built-in rules at their defaults, on the same curves.

Those that speak of any network and whose quantities an error curve has: ExplodingTensor,
WeightUpdateRatio (1e-8 to 10), UnchangedTensor (three steps), LossNotDecreasing (10 steps, .1 %
down or 5 % up, of the train loss) and Overfit ((validation - train) / train above .1).
"""

import math
from typing import Any

LEAST_RATIO, MOST_RATIO = 1e-8, 10.0
STEPS, DOWN, UP = 10, 0.001, 0.05
UNCHANGED_STEPS = 3
OVERFIT = 0.1

Rows = list[dict[str, Any]]


def fired(rows: Rows, *, diverged: bool) -> list[str]:
    """Name the rules that find something."""
    ratios = [row["update_to_weight_ratio"] for row in rows[1:] if row["update_to_weight_ratio"]]
    losses = [row["train_nll"] for row in rows if row["train_nll"] is not None]
    told = {
        "ExplodingTensor": diverged or any(not math.isfinite(loss) for loss in losses),
        "WeightUpdateRatio": any(not LEAST_RATIO <= ratio <= MOST_RATIO for ratio in ratios),
        "UnchangedTensor": any(
            max(ratios[at : at + UNCHANGED_STEPS]) == 0.0
            for at in range(len(ratios) - UNCHANGED_STEPS + 1)
        ),
        "LossNotDecreasing": any(
            now > before * (1 - DOWN) or now > before * (1 + UP)
            for before, now in zip(losses, losses[STEPS:], strict=False)
        ),
        "Overfit": any(_gap(row) > OVERFIT for row in rows),
    }
    return [name for name, found in told.items() if found]


def _gap(row: dict[str, Any]) -> float:
    train, validation = row["train_nll"], row["validation_nll"]
    return (validation - train) / train if train and validation is not None else 0.0
