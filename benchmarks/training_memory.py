"""Largest resident memory of the process that trains on MovieLens 1M with the defaults.

    .venv/bin/python -m benchmarks training_memory

The job runs as ever, in a worker's child process; VmHWM, the kernel's own high-water mark of
that process, is read from /proc until it ends. Beside it the estimate by which a job that would
not fit is refused.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.data import ML_1M, data_file
from benchmarks.service import RECSVC, imported, process, service
from recsvc.engine.memory import needed_bytes
from recsvc.rbm.suiting import Shape, suited

MOST_MB = {"joint_rbm": 1500, "user_rbm": 700, "item_rbm": 700}
LOOK_SECONDS = 0.2
SHAPE = Shape(n_users=6040, n_items=3706, n_ratings=1_000_209, n_levels=5)


def main() -> None:
    print("| MovieLens 1M, defaults | peak resident, MB | estimate, MB | s | |")
    print("|---|---:|---:|---:|---|")
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        with service(home) as client:
            imported(client, data_file(ML_1M))
        for model_kind, most in MOST_MB.items():
            with service(home, "--no-worker") as client:
                job = client.train(model_kind=model_kind, publish="never")
                own = {"RECSVC_HOME": str(home), "RECSVC_LOG_LEVEL": "error"}
                with process([str(RECSVC), "worker"], **own) as worker:
                    began = time.monotonic()
                    peak = watched(worker, lambda job=job: client.job("training", job["id"]))
                    took = time.monotonic() - began
            hyper, _ = suited(model_kind, SHAPE, {})
            needed = needed_bytes(**SHAPE._asdict(), model_kind=model_kind, hyper=hyper)
            figures = f"{peak / 1e6:,.0f} | {needed / 1e6:,.0f} | {took:.0f}"
            print(f"| {model_kind} | {figures} | at most {most} MB |", flush=True)


def watched(worker: subprocess.Popen[bytes], job_now) -> int:
    """Give the high-water mark of the worker's child in bytes, once the job has succeeded."""
    peak, looked = 0, 0.0
    while True:
        peak = max([peak, *(high_water(pid) for pid in children(worker.pid))])
        if time.monotonic() - looked > 1:
            looked = time.monotonic()
            job = job_now()
            if job["state"] == "succeeded":
                return peak
            if job["state"] not in ("queued", "running"):
                sys.exit(f"The job is {job['state']}: {job['error']}")
        time.sleep(LOOK_SECONDS)


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def high_water(pid: int) -> int:
    """Give a process's VmHWM in bytes, 0 where it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    found = [line for line in lines if line.startswith("VmHWM:")]
    return int(found[0].split()[1]) * 1024 if found else 0


if __name__ == "__main__":
    if not Path("/proc/self/status").exists():
        sys.exit(f"{os.uname().sysname} has no /proc to read a process's memory from.")
    main()
