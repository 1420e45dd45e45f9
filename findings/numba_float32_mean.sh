#!/usr/bin/env bash
# numba 0.68.1 computes a float32 mean that is 9 % off where numpy's is exact.
#
# In a kernel, mean() and sum() of a float32 array add one value after the other into a float32.
# numpy adds in pairs. Of ten million values of 0.1 the kernel returns 0.1088. Adding into a float64
# of one's own avoids it.
#
# Seen: the output below. Exit status 0 means that this is still so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet numba==0.68.1 numpy

cat > program.py <<'PYTHON'
import numpy as np
from numba import njit


@njit
def mean(values):
    return values.mean()


@njit
def mean_in_double(values):
    total = 0.0
    for value in values:
        total += value
    return total / values.size


values = np.full(10_000_000, 0.1, np.float32)
print(f"numpy {values.mean():.4f}")
print(f"kernel {mean(values):.4f}")
print(f"kernel, float64 sum {mean_in_double(values):.4f}")
PYTHON
venv/bin/python program.py | tee output
diff output - <<'EXPECTED'
numpy 0.1000
kernel 0.1088
kernel, float64 sum 0.1000
EXPECTED
