"""Constants of ranked lists, and the discounts of nDCG."""

import numpy as np

from recsvc.rbm.arrays import Doubles

LIST_LENGTH = 10
NO_ITEM = -1  # in the places of a list after its last item


def discounts(n: int) -> Doubles:
    """Return 1 / log2(place + 1) for the places 1 … n, (n,)."""
    gains: Doubles = 1.0 / np.log2(np.arange(2, n + 2))
    return gains
