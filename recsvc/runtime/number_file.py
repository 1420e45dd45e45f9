"""Numbers of one process in a mapped file, which other processes read at any time.

An update is one store into memory that the kernel keeps when the process is killed. The next
process that opens the file continues its numbers. A lock on the file marks a running process:
the kernel releases it at the end of the process, so a repeated process id has no effect.

The file is a sequence of 8-byte words: FORMAT, the number of used bytes, the process id, a spare
word, then rows. A row is the length of its key in bytes, its number of values, the key padded to
whole words, and the values. The number of used bytes grows after a row is complete.
"""

import fcntl
import mmap
import os
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

FORMAT = 0x7265637376630001
WORD = 8
HEADER_WORDS = 4
FIRST_BYTES = 1 << 16
LOCK_SECONDS = 10.0
LOCK_RETRY_SECONDS = 0.001
SEPARATOR = "\x1f"  # between the parts of a key

Key = tuple[str, ...]

if TYPE_CHECKING:
    Row = memoryview[float]  # a view of the file
else:
    Row = memoryview


class NumberFile:
    """The numbers of this process. All rows are added by the same thread.

    path  None for a process that shares its numbers with no other: they stay in memory
    Raises OSError if the file cannot be created.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._descriptor = -1 if path is None else _open_locked(path)
        self._n_bytes = FIRST_BYTES if path is None else os.fstat(self._descriptor).st_size
        self._map()
        if self._words[0] != FORMAT:
            self._words[0], self._words[1] = FORMAT, HEADER_WORDS * WORD
        self._words[2] = os.getpid()
        self._rows: dict[Key, Row] = {
            key: self._row_at(first, n) for key, first, n in _find_rows(self._words, self._bytes)
        }

    def row(self, key: Key, n_values: int = 1) -> Row:
        """Return the values of a key, zeros if it is new; assignment updates the file."""
        found = self._rows.get(key)
        if found is None:
            found = self._rows[key] = self._add(key, n_values)
        return found

    def numbers(self) -> "Numbers":
        """Return the present values."""
        return _numbers(self._words, self._bytes, is_running=True)

    def close(self) -> None:
        """Release the lock; the numbers stay in the file."""
        if self._descriptor >= 0:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # the map keeps the file open
            os.close(self._descriptor)
            self._descriptor = -1

    def _add(self, key: Key, n_values: int) -> Row:
        name = SEPARATOR.join(key).encode()
        n_name_words = -(-len(name) // WORD)
        n_bytes = (2 + n_name_words + n_values) * WORD
        start = self._words[1]
        if start + n_bytes > self._n_bytes and not self._grow(start + n_bytes):
            return memoryview(bytearray(n_values * WORD)).cast("d")
        word = start // WORD
        self._words[word], self._words[word + 1] = len(name), n_values
        first = word + 2 + n_name_words
        self._bytes[start + 2 * WORD : first * WORD] = name.ljust(n_name_words * WORD, b"\0")
        row = self._row_at(first, n_values)
        for position in range(n_values):
            row[position] = 0.0
        self._words[1] = start + n_bytes
        return row

    def _grow(self, n_bytes: int) -> bool:
        """Double the file until `n_bytes` fit; return False if the disk is full."""
        size = self._n_bytes
        while size < n_bytes:
            size *= 2
        if self._descriptor < 0:
            return False
        try:
            _allocate(self._descriptor, size)
        except OSError:
            return False
        self._n_bytes = size
        self._map()
        return True

    def _map(self) -> None:
        """Map the whole file. Rows of an earlier map stay valid: the pages are the same."""
        self._bytes = memoryview(mmap.mmap(self._descriptor, self._n_bytes))
        self._words = self._bytes.cast("q")

    def _row_at(self, first_word: int, n_values: int) -> Row:
        return self._bytes[first_word * WORD : (first_word + n_values) * WORD].cast("d")


class Numbers(NamedTuple):
    """The numbers of a process at one moment.

    is_running  the process has not ended
    """

    process_id: int
    is_running: bool
    rows: dict[Key, tuple[float, ...]]


def read_numbers(path: Path) -> Numbers | None:
    """Return the numbers in a file; None if the file does not exist or has another format."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < FIRST_BYTES:
                return None
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            is_running = _is_locked(file.fileno())
    except OSError:
        return None
    with mapped, memoryview(mapped) as content, content.cast("q") as words:
        return _numbers(words, content, is_running=is_running) if words[0] == FORMAT else None


def is_running(path: Path) -> bool:
    """Return whether the process that opened the file is running."""
    try:
        with path.open("rb") as file:
            return _is_locked(file.fileno())
    except OSError:
        return False


def _open_locked(path: Path) -> int:
    """Open a file, created whole if it is missing, and wait for its lock. Raises OSError."""
    if not path.exists():
        _create(path)
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:  # a reader, for a moment, or another process of this name
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise
        time.sleep(LOCK_RETRY_SECONDS)


def _create(path: Path) -> None:
    """Create a file with its header, so that no reader sees it without one."""
    incomplete = path.with_name(f".{path.name}")
    with incomplete.open("wb") as file:
        _allocate(file.fileno(), FIRST_BYTES)
        file.write(struct.pack("qq", FORMAT, HEADER_WORDS * WORD))
    incomplete.replace(path)


def _allocate(descriptor: int, n_bytes: int) -> None:
    """Enlarge a file. Raises OSError if the disk is full.

    A hole that the disk could not fill later would end the process by SIGBUS.
    """
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, n_bytes)
    else:  # macOS
        os.ftruncate(descriptor, n_bytes)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _numbers(words: memoryview, content: memoryview, *, is_running: bool) -> Numbers:
    rows = {}
    for key, first, n_values in _find_rows(words, content):
        with content[first * WORD : (first + n_values) * WORD] as part, part.cast("d") as values:
            rows[key] = tuple(values)
    return Numbers(words[2], is_running, rows)


def _find_rows(words: memoryview, content: memoryview) -> list[tuple[Key, int, int]]:
    """Return key, first word and number of values of each row.

    A file that has grown since it was mapped has rows beyond the map, which are left out.
    """
    found = []
    word, end = HEADER_WORDS, words[1] // WORD
    while word < min(end, len(words) - 1):
        n_name_bytes, n_values = words[word], words[word + 1]
        first = word + 2 - (-n_name_bytes // WORD)
        if first + n_values > len(words):
            break
        name = bytes(content[(word + 2) * WORD : (word + 2) * WORD + n_name_bytes]).decode()
        found.append((tuple(name.split(SEPARATOR)), first, n_values))
        word = first + n_values
    return found
