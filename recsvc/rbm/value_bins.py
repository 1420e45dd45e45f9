"""How many different values become a few levels: where one bin ends and the next begins."""

from typing import Literal

import numpy as np

from recsvc.rbm.arrays import Doubles

Scaling = Literal["quantiles", "logarithms", "widths"]

N_BINS = 10


def edges_of(values: Doubles, distinct: Doubles, scaling: Scaling) -> Doubles:
    """Give the values at which the bins after the first begin, at most nine; no bin is empty.

    quantiles   bins of about equal counts
    logarithms  of equal width in sign(v) · log(1 + |v|): each step is a factor
    widths      of equal width between the least and the greatest value, as if nothing were scaled

    distinct    the distinct values, sorted, at least two
    """
    if scaling == "quantiles":
        shares = np.arange(1, N_BINS) / N_BINS
        edges = np.quantile(values, shares, method="higher")
    else:
        measured = _logarithms(distinct) if scaling == "logarithms" else distinct
        borders = _between(float(measured[0]), float(measured[-1]))
        edges = distinct[np.searchsorted(measured, borders)]
    edges = np.unique(edges)
    above_least = edges[edges > distinct[0]]
    return above_least if above_least.size else distinct[1:2]


def _between(low: float, high: float) -> Doubles:
    """Give the nine borders of ten equal stretches; twice the largest number is none."""
    shares = np.arange(1, N_BINS) / N_BINS
    borders: Doubles = np.clip(low * (1.0 - shares) + high * shares, low, high)
    return borders


def _logarithms(values: Doubles) -> Doubles:
    logarithms: Doubles = np.copysign(np.log1p(np.abs(values)), values)
    return logarithms
