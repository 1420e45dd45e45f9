"""Array aliases by element type. `rbm` has its own, because the two packages are independent."""

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Types = NDArray[np.uint8]  # of interactions: index in `InteractionType`
Flags = NDArray[np.bool_]
