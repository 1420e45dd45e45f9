"""Numbers that survive their process, and readers that never fail."""

import errno
import mmap
import signal
import subprocess
import sys
import threading
from random import Random

import pytest

from recsvc.runtime import number_file
from recsvc.runtime.number_file import NumberFile, is_running, read_numbers

COUNT_AND_WAIT = """
import sys, time
from pathlib import Path
from recsvc.runtime.number_file import NumberFile
file = NumberFile(Path(sys.argv[1]))
row = file.row(("requests", "GET"), 2)
for _ in range(1000):
    row[1] += 1
print("counted", flush=True)
time.sleep(60)
"""


def count_until_killed(path):
    command = [sys.executable, "-c", COUNT_AND_WAIT, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "counted\n"
        assert is_running(path)
        assert read_numbers(path).process_id == process.pid
        process.send_signal(signal.SIGKILL)
        process.wait()


def test_numbers_survive_sigkill_and_continue_in_next_process(tmp_path):
    for n_processes in (1, 2, 3):
        count_until_killed(tmp_path / "api-1")

        found = read_numbers(tmp_path / "api-1")
        assert not found.is_running
        assert found.rows == {("requests", "GET"): (0.0, 1000.0 * n_processes)}


def test_numbers_of_process_id_that_repeats_are_those_of_the_file(tmp_path):
    for _ in range(3):  # the same process id each time
        file = NumberFile(tmp_path / "api-1")
        file.row(("n",))[0] += 1
        file.close()

    assert read_numbers(tmp_path / "api-1").rows == {("n",): (3.0,)}


@pytest.mark.parametrize("shared", [True, False])
def test_rows_keep_their_values_while_file_grows(tmp_path, shared):
    file = NumberFile(tmp_path / "api-1" if shared else None)
    first = file.row(("first",))
    rows = [file.row((f"metric {n} é", "label" * (n % 7)), 1 + n % 5) for n in range(3000)]
    for n, row in enumerate(rows):
        row[0] = n
    first[0] = 7

    found = read_numbers(tmp_path / "api-1") if shared else file.numbers()

    if shared:
        assert len(found.rows) == 3001
        assert [values[0] for values in found.rows.values()] == [7, *range(3000)]
    assert found.rows["first",] == (7,)
    assert found.rows["metric 9 é", "label" * 2] == (9, 0, 0, 0, 0)


def test_reader_finds_complete_rows_while_writer_adds_them(tmp_path):
    path = tmp_path / "api-1"
    stop = threading.Event()
    failures = []

    def read():
        n_rows = 0
        while not stop.is_set():
            found = read_numbers(path)
            if found is None:
                continue
            if len(found.rows) < n_rows or any(len(v) != 3 for v in found.rows.values()):
                failures.append(found)
            n_rows = len(found.rows)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    file = NumberFile(path)
    for n in range(4000):
        file.row((f"row {n}",), 3)[2] = 1
    stop.set()
    for reader in readers:
        reader.join()

    assert not failures


def test_row_counts_in_memory_alone_when_disk_is_full(tmp_path, monkeypatch):
    file = NumberFile(tmp_path / "api-1")
    file.row(("small",))[0] = 1

    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(number_file.os, "posix_fallocate", refuse)
    file.row(("large",), 100_000)[0] = 1

    assert read_numbers(tmp_path / "api-1").rows == {("small",): (1.0,)}


@pytest.mark.parametrize("content", [b"", b"[]", b"\0" * 64, Random(7).randbytes(64)])
def test_reader_returns_nothing_for_another_file(tmp_path, content):
    (tmp_path / "api-1").write_bytes(content)

    assert read_numbers(tmp_path / "api-1") is None
    assert read_numbers(tmp_path / "missing") is None


def test_reader_leaves_out_rows_that_were_added_beyond_its_map(tmp_path):
    file = NumberFile(tmp_path / "api-1")
    with (tmp_path / "api-1").open("rb") as opened:
        early = memoryview(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ))
    for n in range(1000):
        file.row(("requests", f"/route/{n}"), 16)

    found = number_file._find_rows(early.cast("q"), early)

    assert 0 < len(found) < 1000
    assert [key for key, _, _ in found] == [("requests", f"/route/{n}") for n in range(len(found))]
    file.close()
