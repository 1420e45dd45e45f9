#!/usr/bin/env bash
# numba 0.68.1 computes other bits from its disk cache than from a fresh compilation.
#
# The outer library holds a copy of every function that it calls, and optimises that copy again.
# With "arcp" the second optimisation turns x / total into x * (1 / total). A fresh process runs the
# first body, because it was loaded first. A process that reads the cache runs the copy.
# A parallel=True kernel is affected without a call: its loop is a function of its own.
# A serial kernel whose callee has inline="always" is one function, and its bits stay.
#
# Seen: "called" and "parallel" differ, "inlined" is equal. Exit status 0 means that this is still so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet numba==0.68.1 numpy

cat > program.py <<'PYTHON'
import hashlib
import sys

import numpy as np
from numba import njit, prange

FLAGS = {"reassoc", "contract", "nsz", "arcp"}


def shares(weights, hidden, n, out):
    total = 0.0
    for level in range(out.shape[1]):
        product = np.float32(1.0)
        for j in range(hidden.size):
            product *= np.float32(1.0) + hidden[j] * weights[n, level, j]
        out[n, level] = product
        total += out[n, level]
    for level in range(out.shape[1]):
        out[n, level] /= total


apart = njit(cache=True, fastmath=FLAGS)(shares)
inside = njit(inline="always")(shares)


@njit(cache=True, fastmath=FLAGS)
def called(weights, hidden, out):
    for n in range(out.shape[0]):
        apart(weights, hidden, n, out)


@njit(cache=True, fastmath=FLAGS, parallel=True)
def parallel(weights, hidden, out):
    for n in prange(out.shape[0]):
        inside(weights, hidden, n, out)


@njit(cache=True, fastmath=FLAGS)
def inlined(weights, hidden, out):
    for n in range(out.shape[0]):
        inside(weights, hidden, n, out)


rng = np.random.default_rng(0)
weights = rng.normal(0, 0.1, (300, 5, 128)).astype(np.float32)
hidden = rng.random(128, dtype=np.float32)
for kernel in (called, parallel, inlined):
    out = np.zeros((300, 5))
    kernel(weights, hidden, out)
    print(kernel.__name__, hashlib.sha256(out.tobytes()).hexdigest()[:16])
PYTHON

export NUMBA_CACHE_DIR=$folder/cache
venv/bin/python program.py > compiled
venv/bin/python program.py > cached
paste compiled cached
differing=$(comm -23 <(sort compiled) <(sort cached) | cut -d ' ' -f 1 | tr '\n' ' ')
echo "differ between compiled and cached: $differing"
[ "$differing" = "called parallel " ]
