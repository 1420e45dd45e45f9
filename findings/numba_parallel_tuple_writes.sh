#!/usr/bin/env bash
# numba 0.68.1 drops writes to an array of a named tuple from a parallel kernel.
#
# parallel=True removes dead code. It does not see that an array which is an attribute of a tuple
# belongs to the caller, so it removes the writes to that array, without a warning.
# inline="always" moves the writes of a callee into the kernel, where they are removed, too.
# A callee that is compiled apart keeps its writes.
#
# Seen: "direct" and "inlined" leave zeros, "called" writes ones. Exit status 0 means that this is
# still so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet numba==0.68.1 numpy

cat > program.py <<'PYTHON'
from typing import NamedTuple

import numpy as np
from numba import njit, prange


class Part(NamedTuple):
    places: np.ndarray


def write(part, n):
    part.places[n] = 1


apart = njit(write)
inside = njit(inline="always")(write)


@njit(parallel=True)
def direct(part):
    for n in prange(8):
        part.places[n] = 1


@njit(parallel=True)
def inlined(part):
    for n in prange(8):
        inside(part, n)


@njit(parallel=True)
def called(part):
    for n in prange(8):
        apart(part, n)


for kernel in (direct, inlined, called):
    part = Part(np.zeros(8, np.int64))
    kernel(part)
    print(kernel.__name__, part.places.sum())
PYTHON

seen=$(venv/bin/python program.py | tr '\n' ' ')
echo "ones written of 8: $seen"
[ "$seen" = "direct 0 inlined 0 called 8 " ]
