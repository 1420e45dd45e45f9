"""The shelf: immutable objects (checkpoints, snapshots, uploads) named by their SHA-256.

The shelf is a local folder by default. Several machines can share any fsspec URL (s3://, gs://, …);
objects are then cached in a local folder. Every read verifies the SHA-256.
"""

import hashlib
import mmap
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

import fsspec
from fsspec.implementations.local import LocalFileSystem

from recsvc.errors import (
    ConfigurationError,
    ObjectCorrupt,
    ObjectMissing,
    RecsvcError,
    ShelfUnavailable,
    StorageFull,
)
from recsvc.runtime import private_files

CHUNK_BYTES = 1 << 20
CACHED_OBJECTS = 16
INCOMING = "incoming"


class ShelfObject(NamedTuple):
    """Metadata of an object, available without reading it."""

    sha256: str
    n_bytes: int
    modified_at: datetime


class Shelf:
    """Objects under a URL.

    `url`    `file:///var/lib/recsvc/shelf`, `s3://bucket/prefix`, …
    `cache`  local folder for the objects of a remote shelf
    """

    def __init__(self, url: str, cache: Path) -> None:
        self.url = re.sub(r"//[^/@]*@", "//…@", url)  # the URL is printed, and may have a password
        with _translate_errors(self.url):
            self._remote, self._root = self._open_filesystem(url)
        self._is_local = isinstance(self._remote, LocalFileSystem)
        self._folder = LocalFolder(Path(self._root) if self._is_local else cache)

    def _open_filesystem(self, url: str) -> tuple[fsspec.AbstractFileSystem, str]:
        try:
            remote, root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise ConfigurationError(
                f"RECSVC_SHELF_URL is {self.url!r}, which cannot be opened: {error}. "
                "Write file:///a/folder, or install the library for the URL (s3fs for s3://)."
            ) from error
        return remote, root

    def put(self, data: bytes) -> str:
        """Store bytes durably and atomically; return their SHA-256."""
        sha256 = hashlib.sha256(data).hexdigest()
        if self._is_local:
            self._folder.write(sha256, [data])
        else:
            with _translate_errors(self.url):
                self._remote.pipe_file(self._address(sha256), data)
        return sha256

    def put_file(self, path: Path) -> str:
        """Store the content of a file, read in chunks; return its SHA-256."""
        with path.open("rb") as file:
            return self.put_open_file(file)

    def put_open_file(self, file: BinaryIO) -> str:
        """Store the content of an open file, read in chunks; return its SHA-256.

        A temporary file needs no name, and no copy of it is made besides the object.
        """
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type] # readable
        file.seek(0)
        if self._is_local:
            self._folder.write(sha256, iter(lambda: file.read(CHUNK_BYTES), b""))
        else:
            with _translate_errors(self.url):
                self._remote.put_file(f"/dev/fd/{file.fileno()}", self._address(sha256))
        return sha256

    def get(self, sha256: str) -> bytes:
        """Return the bytes of an object. Raises ObjectMissing or ObjectCorrupt."""
        return bytes(self.map(sha256))

    def map(self, sha256: str) -> memoryview:
        """Map an object into memory without copying; processes share the pages.

        Raises ObjectMissing or ObjectCorrupt.
        """
        return self._local_folder(sha256).map(sha256)

    def open(self, sha256: str) -> BinaryIO:
        """Verify an object and open it for reading. Raises ObjectMissing or ObjectCorrupt."""
        return self._local_folder(sha256).open(sha256)

    def contains(self, sha256: str) -> bool:
        """Return whether the object is on the shelf."""
        if self._is_local:
            return self._folder.path(sha256).is_file()
        with _translate_errors(self.url):
            return bool(self._remote.isfile(self._address(sha256)))

    def remove(self, sha256: str) -> None:
        """Delete an object if it exists. Existing memory maps remain valid."""
        self._folder.path(sha256).unlink(missing_ok=True)
        if not self._is_local:
            with _translate_errors(self.url), suppress(FileNotFoundError):
                self._remote.rm_file(self._address(sha256))

    def objects(self) -> Iterator[ShelfObject]:
        """Yield all objects on the shelf."""
        if self._is_local:
            yield from self._folder.objects()
            return
        with _translate_errors(self.url):
            self._remote.invalidate_cache()
            addresses = self._remote.find(self._root)
        for address in addresses:
            with _translate_errors(self.url), suppress(FileNotFoundError):
                found = self._remote.info(address)
                yield ShelfObject(
                    address.rsplit("/", 1)[-1], found["size"], self._remote.modified(address)
                )

    def remove_abandoned(self, before: datetime) -> None:
        """Delete the incomplete files of interrupted writers on this machine."""
        self._folder.remove_abandoned(before)

    def _local_folder(self, sha256: str) -> "LocalFolder":
        """Return the local folder with the object, after fetching it if necessary."""
        if not self._is_local and not self._folder.path(sha256).is_file():
            self._fetch(sha256)
        return self._folder

    def _fetch(self, sha256: str) -> None:
        with _translate_errors(self.url):
            try:
                with self._remote.open(self._address(sha256), "rb") as source:
                    self._folder.write(sha256, iter(lambda: source.read(CHUNK_BYTES), b""))
            except FileNotFoundError as error:
                raise ObjectMissing(sha256) from error
        self._folder.keep_newest(CACHED_OBJECTS)

    def _address(self, sha256: str) -> str:
        return f"{self._root}/{sha256[:2]}/{sha256}"


class LocalFolder:
    """Objects in a folder: ab/ab12…; writes are atomic, through a temporary file."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, sha256: str) -> Path:
        """Return the path of an object, which need not exist."""
        return self._root / sha256[:2] / sha256

    def write(self, sha256: str, chunks: Iterator[bytes] | list[bytes]) -> None:
        """Write an object durably. An existing object is replaced, which repairs corruption.

        Raises StorageFull, and ShelfUnavailable for any other error of the disk.
        """
        incoming = self._root / INCOMING
        with _translate_write_errors():
            private_files.create_folder(self._root)
            private_files.create_folder(incoming)
            written = _write_file(incoming, chunks)
            try:
                self._move_into_place(written, self.path(sha256))
            except BaseException:
                written.unlink(missing_ok=True)
                raise

    def map(self, sha256: str) -> memoryview:
        """Verify an object and map it into memory."""
        with self._open_checked(sha256) as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:  # an empty file cannot be mapped
                return memoryview(b"")
            return memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ))

    def open(self, sha256: str) -> BinaryIO:
        """Verify an object and open it for reading."""
        with self._open_checked(sha256) as file:
            return os.fdopen(os.dup(file.fileno()), "rb")

    def objects(self) -> Iterator[ShelfObject]:
        """Yield all objects in the folder."""
        for path in self._root.glob("??/*"):
            with suppress(FileNotFoundError):  # removed by another process meanwhile
                found = path.stat()
                modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
                yield ShelfObject(path.name, found.st_size, modified_at)

    def keep_newest(self, n: int) -> None:
        """Delete all but the n newest objects."""
        newest_first = sorted(self.objects(), key=lambda o: o.modified_at, reverse=True)
        for old in newest_first[n:]:
            self.path(old.sha256).unlink(missing_ok=True)

    def remove_abandoned(self, before: datetime) -> None:
        """Delete incomplete files that were last modified before a time."""
        for path in (self._root / INCOMING).glob("*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before.timestamp():
                    path.unlink()

    @contextmanager
    def _open_checked(self, sha256: str) -> Iterator[BinaryIO]:
        try:
            file = self.path(sha256).open("rb")
        except FileNotFoundError as error:
            raise ObjectMissing(sha256) from error
        with file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != sha256:
                raise ObjectCorrupt(sha256, found)
            file.seek(0)
            yield file

    def _move_into_place(self, written: Path, place: Path) -> None:
        if not place.parent.is_dir():
            private_files.create_folder(place.parent)
            _sync_directory(self._root)
        written.replace(place)
        _sync_directory(place.parent)


def _write_file(folder: Path, chunks: Iterator[bytes] | list[bytes]) -> Path:
    """Write a new file durably and return its path; nothing is left of it after an error."""
    descriptor, name = tempfile.mkstemp(dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translate_write_errors() -> Iterator[None]:
    """Raise StorageFull or ShelfUnavailable for an error of the local disk."""
    try:
        yield
    except OSError as error:
        if StorageFull.causes(error):
            raise StorageFull(
                "The disk of the shelf is full. Free space, then try again.", "shelf"
            ) from error
        raise ShelfUnavailable("The folder of the shelf cannot be written to.") from error


@contextmanager
def _translate_errors(url: str) -> Iterator[None]:
    """Raise ShelfUnavailable for any error of a remote filesystem."""
    try:
        yield
    except (RecsvcError, FileNotFoundError):
        raise
    except Exception as error:
        raise ShelfUnavailable("The shelf does not respond. Try again.") from error
