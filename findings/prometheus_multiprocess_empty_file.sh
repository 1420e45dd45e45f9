#!/usr/bin/env bash
# prometheus-client 0.26.0: in multi-process mode a scrape fails while another process creates its file.
#
# A process creates its file empty and enlarges it afterwards. A collector that reads it in between
# raises struct.error, and the whole scrape fails. The same holds for a counter's file that is
# removed between the collector's listing and its reading (FileNotFoundError).
#
# Seen: the output below. Exit status 0 means that this is still so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet prometheus-client==0.26.0
mkdir files

cat > program.py <<'PYTHON'
import struct
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

Path("files/counter_7.db").touch()  # what open(…, "a+b") leaves until truncate() follows
registry = CollectorRegistry()
try:
    MultiProcessCollector(registry, "files")
    generate_latest(registry)
except struct.error:
    print("the scrape failed")
PYTHON
venv/bin/python program.py | tee output
diff output - <<'EXPECTED'
the scrape failed
EXPECTED
