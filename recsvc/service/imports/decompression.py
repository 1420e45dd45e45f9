"""Decompress an upload into blocks of whole lines, in constant memory.

A file may be plain, gzip or zstandard, which its first bytes decide. A compressed file that ends
early yields every readable byte and is then marked as truncated.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

import zstandard

from recsvc.errors import BinaryFile, InflatedTooLarge

PIECE_BYTES = 1 << 19
HEAD_BYTES = 1 << 16
READ_BYTES = 1 << 16
ZSTD_READ_BYTES = 1 << 10  # they decompress to at most 32 MB

FREE_BYTES = 1 << 28  # decompressed, at any ratio
MAX_RATIO = 500  # of decompressed to compressed size; tables of ratings reach 50

GZIP_SIGNATURE = b"\x1f\x8b"
ZSTD_SIGNATURE = b"\x28\xb5\x2f\xfd"
BINARY_SIGNATURES = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF document",
    b"SQLite format 3": "a SQLite database",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
}
UNPRINTABLE = re.compile(rb"[\x00-\x08\x0e-\x1f]")


class Decompressor(Protocol):
    """The common interface of the decompressors of zlib and zstandard."""

    @property
    def eof(self) -> bool:
        """Whether the end of the compressed stream was read."""

    @property
    def unused_data(self) -> bytes:
        """The bytes after that end."""

    def decompress(self, data: bytes, /) -> bytes:
        """Return the decompressed bytes."""


@dataclass
class Upload:
    """The bytes of an uploaded file, decompressed while they are read.

    max_bytes  limit of the decompressed size
    cut        whether the compressed file has ended early
    error      how it ended, in words
    """

    raw: BinaryIO
    max_bytes: int
    cut: bool = field(default=False, init=False)
    error: str = field(default="", init=False)

    def pieces(self) -> Iterator[bytes]:
        """Yield the decompressed bytes in order. Raises InflatedTooLarge."""
        n_bytes = 0
        for piece in self._read():
            n_bytes += len(piece)
            n_read = max(1, self.raw.tell())
            if n_bytes > self.max_bytes or n_bytes > max(FREE_BYTES, MAX_RATIO * n_read):
                raise InflatedTooLarge(n_bytes, n_read)
            yield piece

    def _read(self) -> Iterator[bytes]:
        first = self.raw.read(READ_BYTES)
        if first.startswith(GZIP_SIGNATURE):
            yield from self._read_gzip(first)
        elif first.startswith(ZSTD_SIGNATURE):
            yield from self._read_zstd(first)
        else:
            while first:
                yield first
                first = self.raw.read(READ_BYTES)

    def _read_gzip(self, data: bytes) -> Iterator[bytes]:
        member = zlib.decompressobj(wbits=31)
        while data:
            try:
                out = member.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                self.cut, self.error = True, str(error)
                return
            yield out
            data = member.unconsumed_tail
            if member.eof:
                data = (member.unused_data or self.raw.read(READ_BYTES)).lstrip(b"\0")
                if not data:
                    return
                member = zlib.decompressobj(wbits=31)
            data = data or self.raw.read(READ_BYTES)
        yield member.flush()
        self.cut, self.error = True, "its end is missing"

    def _read_zstd(self, first: bytes) -> Iterator[bytes]:
        frame: Decompressor = zstandard.ZstdDecompressor().decompressobj()
        ended = False
        for data in self._small_pieces(first):
            while data:
                try:
                    yield frame.decompress(data)
                except zstandard.ZstdError as error:
                    self.cut, self.error = True, str(error)
                    return
                ended, data = frame.eof, frame.unused_data if frame.eof else b""
                if ended:
                    frame = zstandard.ZstdDecompressor().decompressobj()
        if not ended:
            self.cut, self.error = True, "its end is missing"

    def _small_pieces(self, data: bytes) -> Iterator[bytes]:
        while data:
            for start in range(0, len(data), ZSTD_READ_BYTES):
                yield data[start : start + ZSTD_READ_BYTES]
            data = self.raw.read(READ_BYTES)


def blocks(upload: Upload, block_bytes: int) -> Iterator[bytes]:
    """Yield blocks of whole lines. Only the last line of the file may lack a line feed.

    A line longer than a block is cut to about the size of a block and remains one line.
    """
    held: list[bytes] = []
    size = 0
    for piece in _line_feeds(upload.pieces()):
        if size > block_bytes and b"\n" not in piece:
            continue  # the middle of an overlong line: the part kept so far suffices to refuse it
        held.append(piece)
        size += len(piece)
        if size < block_bytes:
            continue
        joined = b"".join(held)
        end = joined.rfind(b"\n") + 1
        if end:
            yield joined[:end]
        held, size = [joined[end:]], len(joined) - end
    rest = b"".join(held)
    if rest:
        yield rest


def _line_feeds(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Replace lone carriage returns by line feeds if the first piece has no line feed."""
    is_old = None
    for piece in filter(None, pieces):
        if is_old is None:
            is_old = b"\r" in piece and b"\n" not in piece
        yield piece.replace(b"\r", b"\n") if is_old else piece


def refuse_binary(head: bytes) -> None:
    """Check that a file is text by its first bytes. Raises BinaryFile."""
    for signature, kind in BINARY_SIGNATURES.items():
        if head.startswith(signature):
            raise BinaryFile(f"The file is {kind}. {REMEDY}", looks_like=kind)
    found = UNPRINTABLE.search(head)
    if found:
        raise BinaryFile(
            f"Byte {found.start()} of the file is 0x{found[0][0]:02x}, which is not text. {REMEDY}",
            byte=found.start(),
        )


REMEDY = "Send ratings as text: CSV, TSV or NDJSON in UTF-8, plain or as .gz or .zst."
