"""`recsvc serve`: one parent, and children that never outlive it."""

import json
import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest

from recsvc.client import Client
from tests.conftest import PATIENCE_SECONDS, eventually
from tests.worker.conftest import assert_gone, descendants

pytestmark = pytest.mark.acceptance

NOTICED_SECONDS = 5.0  # on a busy machine; a client of an unnoticed process would wait for longer


def test_serve_prints_address_that_responds(shared):
    with Client(shared.url) as client:
        assert client.live()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_exits_with_0_on_signal_without_remaining_processes(serve, number):
    served = serve()
    family = descendants(served.process.pid)

    assert served.stop(number) == 0
    assert_gone(family)


def test_serve_children_end_when_parent_is_killed(serve):
    served = serve("--workers", "2")
    family = descendants(served.process.pid)

    served.stop(signal.SIGKILL)

    assert len(family) >= 3
    assert_gone(family)


def test_serve_restarts_killed_api_process(serve):
    served = serve("--no-worker")
    with Client(served.url) as client:
        (api,) = (pid for pid in descendants(served.process.pid) if b"spawn_main" in _command(pid))
        os.kill(api, signal.SIGKILL)

        eventually(client.live)
        log = served.home.with_name("served.log").read_text()
        lines = [json.loads(line) for line in log.splitlines()]
        exits = [line for line in lines if line["event"] == "process exited"]
        assert [(line["process"], line["pid"], line["status"]) for line in exits] == [
            ("api", api, "SIGKILL")
        ]


@pytest.mark.parametrize("workers", [1, 2])
def test_serve_refuses_connections_while_no_api_process_is_alive(serve, workers):
    served = serve("--workers", str(workers), "--no-worker")
    parent = served.process.pid
    killed = [pid for pid in descendants(parent) if b"spawn_main" in _command(pid)]
    assert len(killed) == workers
    waiting = socket.create_connection(_address(served))  # accepted, or in the queue

    for pid in killed:
        os.kill(pid, signal.SIGKILL)

    eventually(lambda: _is_refused(served), seconds=2 * NOTICED_SECONDS)
    with waiting, suppress(ConnectionResetError):
        waiting.settimeout(NOTICED_SECONDS)
        assert waiting.recv(1) == b""
    n_refused = 0
    while _is_refused(served):  # until a process is ready: nothing waits meanwhile
        n_refused += 1
        time.sleep(0.05)
    with Client(served.url, timeout=PATIENCE_SECONDS) as client:
        assert client.live()
    assert n_refused > 0


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_serve_responds_while_one_api_process_hangs(serve):
    served = serve("--workers", "2", "--no-worker")
    family = descendants(served.process.pid)
    hanging = next(pid for pid in family if b"spawn_main" in _command(pid))
    os.kill(hanging, signal.SIGSTOP)
    try:
        for _ in range(10):
            with Client(served.url, timeout=PATIENCE_SECONDS) as client:
                assert client.live()
    finally:
        os.kill(hanging, signal.SIGCONT)


def test_serve_prints_error_line_when_port_is_in_use(recsvc):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        told = recsvc("serve", "--port", port)

    assert told.returncode == 1
    assert told.stderr == f"error: Cannot listen on 127.0.0.1:{port}: Address already in use.\n"


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        ("RECSVC_PORT", "many", "error: RECSVC_PORT is invalid: "),
        ("RECSVC_DATABASE_URL", "mysql://host/db", "error: RECSVC_DATABASE_URL names 'mysql'"),
        ("RECSVC_RATING_SCALE", "5:1:1", "error: The rating scale is '5:1:1'"),
        ("RECSVC_HOME", "/proc/nowhere", "error: RECSVC_HOME is '/proc/nowhere'"),
    ],
)
def test_serve_prints_error_line_for_invalid_setting(recsvc, setting, value, told):
    ended = recsvc("serve", "--port", 0, **{setting: value})

    assert ended.returncode == 1
    assert ended.stderr.startswith(told)
    assert ended.stderr.count("\n") == 1


def _address(served) -> tuple[str, int]:
    host, _, port = served.url.removeprefix("http://").partition(":")
    return host, int(port)


def _is_refused(served) -> bool:
    try:
        socket.create_connection(_address(served), timeout=NOTICED_SECONDS).close()
    except ConnectionRefusedError:
        return True
    return False
