"""Types of arrays, by their elements. The model has its own: `db` and `rbm` are independent."""

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Types = NDArray[np.uint8]  # of interactions: places in `InteractionType`
Flags = NDArray[np.bool_]
