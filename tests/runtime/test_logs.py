"""Lines are written where that is possible, and name nobody where that is asked for."""

import json
import subprocess
import sys

from recsvc.runtime.user_hash import UserHash

FAIL = """
import logging, threading
from recsvc.runtime import logs
import structlog
logs.configure("info", hide_values={hide})
logs.configure_libraries("info", hide_values={hide})
try:
    try:
        int("ann")
    except ValueError as error:
        raise KeyError("ann") from error
except KeyError:
    structlog.get_logger().exception("request failed")
    logging.getLogger("library").exception("failed")
thread = threading.Thread(target=int, args=("ann",), name="reader")
thread.start()
thread.join()
int("ann")
"""


def run(*, hide: bool, stderr: int = subprocess.PIPE) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", FAIL.format(hide=hide)], stderr=stderr, text=True, check=False
    )


def test_uncaught_errors_are_json_lines_with_traceback():
    lines = [json.loads(line) for line in run(hide=False).stderr.splitlines()]

    assert [line["event"] for line in lines] == [
        "request failed",
        "failed",
        "uncaught error",
        "uncaught error",
    ]
    assert all("'ann'" in line["exception"] for line in lines)
    assert lines[2]["thread"] == "reader"


def test_hidden_values_are_not_in_messages_of_errors():
    ended = run(hide=True)

    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert len(lines) == 4
    assert not [line for line in lines if "'ann'" in line["exception"].replace('int("ann")', "")]
    assert "ValueError\n" in lines[0]["exception"]
    assert lines[0]["exception"].endswith("KeyError")


def test_log_that_cannot_be_written_stops_nothing():
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        ended = run(hide=False, stderr=full)

    assert ended.returncode == 1  # of the last, uncaught error


def test_user_hash_is_the_same_for_all_processes_of_a_home(tmp_path):
    first, second = UserHash.open(tmp_path), UserHash.open(tmp_path)
    other = UserHash.open(tmp_path / "other")

    redacted = first.redact(b"/v1/users/ann%2Fb/ratings/tea")

    assert redacted == second.redact(b"/v1/users/ann%2fb/ratings/tea")
    assert redacted != other.redact(b"/v1/users/ann%2Fb/ratings/tea")
    assert redacted == f"/v1/users/{first.digest(b'ann/b')}/ratings/tea"
    assert first.redact(b"/v1/users") == "/v1/users"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["log-secret"]
