"""Seconds from `make demo DATA=…/ml-100k/u.data ONCE=1` to the first recommendation on the screen.

    .venv/bin/python -m benchmarks demo_time

Warm, and with no kernel compiled yet (NUMBA_CACHE_DIR names an empty folder). The environment
.venv is made beforehand; the data is real, the training is the default one.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.data import data_file
from benchmarks.service import free_port

ROOT = Path(__file__).resolve().parents[1]
HEADING = "Ten recommendations for user"
MOST = {"warm": 30, "no compiled kernels": 60}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        kernels = Path(name) / "kernels"
        seconds(kernels, Path(name) / "first")  # whatever is not there yet is made
        warm = seconds(kernels, Path(name) / "warm")
        shutil.rmtree(kernels)
        cold = seconds(kernels, Path(name) / "cold")
    print("| make demo, ml-100k | first recommendation, s | all, s | |")
    print("|---|---:|---:|---|")
    for (kind, most), (first, whole) in zip(MOST.items(), (warm, cold), strict=True):
        print(f"| {kind} | {first:.1f} | {whole:.1f} | at most {most} s |")


def seconds(kernels: Path, home: Path) -> tuple[float, float]:
    """Run the demo; give the seconds to the first recommendation, and to the end."""
    kernels.mkdir(exist_ok=True)
    command = [
        "make",
        "--no-print-directory",
        "demo",
        "ONCE=1",
        f"PORT={free_port()}",
        f"DATA={data_file('ml-100k/u.data')}",
        f"ARGS=--home {home}",
    ]
    began = time.monotonic()
    first = None
    told = []
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(kernels)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as demo:
        for line in demo.stdout or ():
            told.append(line)
            if first is None and HEADING in line:
                first = time.monotonic() - began
    if demo.returncode != 0 or first is None:
        sys.exit(f"make demo ended with {demo.returncode}:\n{''.join(told)}")
    return first, time.monotonic() - began


if __name__ == "__main__":
    main()
