#!/usr/bin/env bash
# safetensors 0.8.0 writes metadata of several keys in a random order.
#
# Equal tensors and equal metadata give files of different bytes, so a file's SHA-256 does not
# identify its content. With one metadata key the bytes are equal every time.
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
from safetensors.numpy import save

tensors = {"weights": np.zeros(3)}
for n_keys in (1, 8):
    metadata = {f"key{number}": "value" for number in range(n_keys)}
    files = {save(tensors, metadata=metadata) for _ in range(50)}
    print(n_keys, "key(s):", "equal bytes" if len(files) == 1 else "different bytes")
PYTHON
venv/bin/python program.py | tee output
diff output - <<'EXPECTED'
1 key(s): equal bytes
8 key(s): different bytes
EXPECTED
