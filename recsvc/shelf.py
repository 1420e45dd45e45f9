"""The shelf: immutable objects (checkpoints, snapshots, uploads) named by their SHA-256.

A folder by default; any fsspec URL (s3://, gs://, …) where several machines share it, and then
what is read goes through a folder of this machine. Whatever is read is checked against its name.
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
)

CHUNK_BYTES = 1 << 20
CACHED_OBJECTS = 16
INCOMING = "incoming"


class ShelfObject(NamedTuple):
    """What the shelf knows of an object without reading it."""

    sha256: str
    n_bytes: int
    modified_at: datetime


class Shelf:
    """Objects under a URL.

    `url`    `file:///var/lib/recsvc/shelf`, `s3://bucket/prefix`, …
    `cache`  folder of this machine through which objects of a remote shelf are read
    """

    def __init__(self, url: str, cache: Path) -> None:
        self.url = re.sub(r"//[^/@]*@", "//…@", url)  # it is shown, and may hold a password
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
                "Write file:///a/folder, or install what the URL needs (s3fs for s3://)."
            ) from error
        return remote, root

    def put(self, data: bytes) -> str:
        """Keep the bytes and give their SHA-256; they are there for good, or not at all."""
        sha256 = hashlib.sha256(data).hexdigest()
        if self._is_local:
            self._folder.write(sha256, [data])
        else:
            with _translate_errors(self.url):
                self._remote.pipe_file(self._address(sha256), data)
        return sha256

    def put_file(self, path: Path) -> str:
        """Keep a file's content, read piece by piece."""
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            if self._is_local:
                self._folder.write(sha256, iter(lambda: file.read(CHUNK_BYTES), b""))
            else:
                with _translate_errors(self.url):
                    self._remote.put_file(str(path), self._address(sha256))
        return sha256

    def get(self, sha256: str) -> bytes:
        """Give an object's bytes. Raises ObjectMissing or ObjectCorrupt."""
        return bytes(self.map(sha256))

    def map(self, sha256: str) -> memoryview:
        """Give an object's bytes without copying: processes that map one share its memory.

        Raises ObjectMissing or ObjectCorrupt.
        """
        return self._local_folder(sha256).map(sha256)

    def open(self, sha256: str) -> BinaryIO:
        """Open an object for reading, checked beforehand. Raises ObjectMissing or ObjectCorrupt."""
        return self._local_folder(sha256).open(sha256)

    def contains(self, sha256: str) -> bool:
        """Tell whether the object is on the shelf."""
        if self._is_local:
            return self._folder.path(sha256).is_file()
        with _translate_errors(self.url):
            return bool(self._remote.isfile(self._address(sha256)))

    def remove(self, sha256: str) -> None:
        """Take an object off the shelf; what is mapped stays mapped. No error where it is gone."""
        self._folder.path(sha256).unlink(missing_ok=True)
        if not self._is_local:
            with _translate_errors(self.url), suppress(FileNotFoundError):
                self._remote.rm_file(self._address(sha256))

    def objects(self) -> Iterator[ShelfObject]:
        """Go through everything on the shelf."""
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
        """Remove what interrupted writers left behind on this machine."""
        self._folder.remove_abandoned(before)

    def _local_folder(self, sha256: str) -> "LocalFolder":
        """Give the folder of this machine that has the object, fetching it first if need be."""
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
    """Objects in a folder: ab/ab12…; written beside, then renamed, so that none is ever half."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, sha256: str) -> Path:
        """Give the place of an object, there or not."""
        return self._root / sha256[:2] / sha256

    def write(self, sha256: str, chunks: Iterator[bytes] | list[bytes]) -> None:
        """Write an object through to the disk. One that is there is renewed, and so healed."""
        incoming = self._root / INCOMING
        incoming.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=incoming, delete=False) as file:
            try:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
                self._move_into_place(Path(file.name), self.path(sha256))
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise

    def map(self, sha256: str) -> memoryview:
        """Map an object whose bytes are what its name says."""
        with self._open_checked(sha256) as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:  # nothing cannot be mapped
                return memoryview(b"")
            return memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ))

    def open(self, sha256: str) -> BinaryIO:
        """Open an object whose bytes are what its name says."""
        with self._open_checked(sha256) as file:
            return os.fdopen(os.dup(file.fileno()), "rb")

    def objects(self) -> Iterator[ShelfObject]:
        """Go through everything in the folder."""
        for path in self._root.glob("??/*"):
            with suppress(FileNotFoundError):  # removed by another process meanwhile
                found = path.stat()
                modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
                yield ShelfObject(path.name, found.st_size, modified_at)

    def keep_newest(self, n: int) -> None:
        """Remove all but the objects written last."""
        newest_first = sorted(self.objects(), key=lambda o: o.modified_at, reverse=True)
        for old in newest_first[n:]:
            self.path(old.sha256).unlink(missing_ok=True)

    def remove_abandoned(self, before: datetime) -> None:
        """Remove half-written files that nobody has touched since."""
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
            place.parent.mkdir(exist_ok=True)
            _sync_directory(self._root)
        written.replace(place)
        _sync_directory(place.parent)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translate_errors(url: str) -> Iterator[None]:
    """Say what went wrong at a remote shelf, whatever its library raises."""
    try:
        yield
    except (RecsvcError, FileNotFoundError):
        raise
    except Exception as error:
        raise ShelfUnavailable(f"The shelf at {url} did not answer: {error}.") from error
