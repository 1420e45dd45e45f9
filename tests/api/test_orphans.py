"""No API process outlives the one that started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PARENT = """
import multiprocessing, os, sys, time
from recsvc.api import orphans

def child():
    orphans.exit_with_parent()
    print(os.getpid(), orphans.has_parent(), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    spawning = multiprocessing.get_context("spawn")
    spawning.Process(target=child).start()
    time.sleep(60)
"""


def is_alive(pid: int) -> bool:
    try:
        with Path(f"/proc/{pid}/stat").open() as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_child_ends_when_its_parent_is_killed(tmp_path):
    program = tmp_path / "parent.py"
    program.write_text(PARENT)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, program], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        pid, has_parent = parent.stdout.readline().split()
        assert has_parent == "True"
        parent.send_signal(signal.SIGKILL)

    deadline = time.monotonic() + 10
    while is_alive(int(pid)):
        assert time.monotonic() < deadline, "an orphan"
        time.sleep(0.05)
