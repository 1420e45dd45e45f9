#!/usr/bin/env bash
# numba 0.68.1 disagrees with numpy about the median with a NaN and the sign of unsigned numbers.
#
# np.median in a kernel returns a number or NaN, depending on the place of the NaN. np.sign of an
# unsigned number of half its range or more is the largest value of its type.
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
def median(values):
    return np.median(values)


@njit
def sign(value):
    return np.sign(value)


for place in range(5):
    values = np.arange(1.0, 6.0)
    values[place] = np.nan
    print("NaN at", place, "kernel", median(values), "numpy", np.median(values))
print("sign of 200", "kernel", sign(np.uint8(200)), "numpy", np.sign(np.uint8(200)))
PYTHON
venv/bin/python program.py | tee output
diff output - <<'EXPECTED'
NaN at 0 kernel 4.0 numpy nan
NaN at 1 kernel 4.0 numpy nan
NaN at 2 kernel nan numpy nan
NaN at 3 kernel nan numpy nan
NaN at 4 kernel 3.0 numpy nan
sign of 200 kernel 255 numpy 1
EXPECTED
