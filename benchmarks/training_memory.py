"""Memory and time of training jobs with the defaults, beside what was said of them before.

    .venv/bin/python -m benchmarks training_memory

A job runs as ever, in a worker's child process; VmHWM, the kernel's own high-water mark of that
process, is read from /proc until it ends, and its time is from start to end as the job tells it.
Beside them the estimates of POST /v1/training-jobs:validate, by which a job that would not fit is
refused. A first job, which compiles the kernels, is not measured.
"""

import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from benchmarks.data import ML_1M, data_file
from benchmarks.service import RECSVC, imported, process, service, trained
from recsvc.client import Job

MOST_MB = {"joint_rbm": 1500, "user_rbm": 700, "item_rbm": 700}
FILES = {"MovieLens 100K": "ml-100k/u.data", "MovieLens 1M": ML_1M}
LOOK_SECONDS = 0.2


def main() -> None:
    print("| data, defaults | | peak resident, MB | told, MB | s | told, s | |")
    print("|---|---|---:|---:|---:|---:|---|")
    for title, file in FILES.items():
        with tempfile.TemporaryDirectory() as name:
            home = Path(name)
            with service(home) as client:
                imported(client, data_file(file))
                for model_kind in MOST_MB:
                    trained(client, model_kind=model_kind, hyperparameters={"epochs": 1})
            for model_kind, most in MOST_MB.items():
                print(row(home, title, model_kind, most), flush=True)


def row(home: Path, title: str, model_kind: str, most: int) -> str:
    with service(home, "--no-worker") as client:
        told = client.validate(model_kind=model_kind)
        job = client.train(model_kind=model_kind, publish="never")
        own = {"RECSVC_HOME": str(home), "RECSVC_LOG_LEVEL": "error"}
        with process([str(RECSVC), "worker"], **own) as worker:
            peak = watched(worker, lambda: client.job("training", job["id"]))
        took = seconds_of(client.job("training", job["id"]))
    memory = f"{peak / 1e6:,.0f} | {told['needed_bytes'] / 1e6:,.0f}"
    times = f"{took:.0f} | {told['estimated_seconds']:.0f}"
    return f"| {title} | {model_kind} | {memory} | {times} | at most {most} MB, told within 2x |"


def seconds_of(job: Job) -> float:
    begun, ended = (datetime.fromisoformat(str(job[at])) for at in ("started_at", "finished_at"))
    return (ended - begun).total_seconds()


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
