#!/usr/bin/env bash
# safetensors 0.8.0 stores a strided numpy array with its values in the wrong places.
#
# save() copies the memory behind the array and records the array's own shape. A transposed array, or
# one with a step, is read back with other values, without an error. np.ascontiguousarray() first
# avoids it.
#
# Seen: the output below. Exit status 0 means that this is still so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet safetensors==0.8.0 numpy

cat > program.py <<'PYTHON'
import numpy as np
from safetensors.numpy import load, save

for name, array in (
    ("transposed", np.arange(6).reshape(2, 3).T),
    ("every second", np.arange(10)[::2]),
    ("Fortran order", np.asfortranarray(np.arange(6).reshape(2, 3))),
):
    copied = np.ascontiguousarray(array)
    for kind, stored in (("as it is", array), ("contiguous", copied)):
        same = np.array_equal(load(save({"array": stored}))["array"], array)
        print(name, kind, "equal" if same else "different")
PYTHON
venv/bin/python program.py | tee output
diff output - <<'EXPECTED'
transposed as it is different
transposed contiguous equal
every second as it is different
every second contiguous equal
Fortran order as it is different
Fortran order contiguous equal
EXPECTED
