"""No process outlives the one that started it."""

import os
import signal
import subprocess
import sys

from tests.worker.conftest import assert_gone

PARENT = """
import multiprocessing, os, sys, time
from recsvc.runtime import parent_watch

def child():
    parent_watch.terminate_with_parent()
    print(os.getpid(), parent_watch.has_parent(), flush=True)
    time.sleep(3600)

if __name__ == "__main__":
    spawning = multiprocessing.get_context("spawn")
    spawning.Process(target=child).start()
    time.sleep(3600)
"""


def test_child_ends_when_parent_is_killed(tmp_path):
    program = tmp_path / "parent.py"
    program.write_text(PARENT)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, program], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        pid, has_parent = parent.stdout.readline().split()
        assert has_parent == "True"
        parent.send_signal(signal.SIGKILL)

    assert_gone([int(pid)])
