"""Array types by element."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Numbers = NDArray[np.int32]  # of users or items
Levels = NDArray[np.uint8]
Keys = NDArray[np.uint64]  # of random streams
Flags = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
