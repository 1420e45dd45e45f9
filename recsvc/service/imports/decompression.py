"""Uploaded bytes → blocks of whole lines, without ever holding the file in memory.

A file may be plain, gzip or zstandard, told apart by its first bytes. A compressed file that ends
early gives every byte that can be had, then says that it was cut.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

import zstandard

from recsvc.errors import BinaryFile

PIECE_BYTES = 1 << 19
HEAD_BYTES = 1 << 16
READ_BYTES = 1 << 16
ZSTD_READ_BYTES = 1 << 10  # at most 32 MB come out of so few bytes, whatever they are

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
BINARY_MAGIC = {
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
    """What zlib's and zstandard's decompressors have in common."""

    @property
    def eof(self) -> bool:
        """Say whether the compressed stream's own end was seen."""

    @property
    def unused_data(self) -> bytes:
        """Give what follows that end."""

    def decompress(self, data: bytes, /) -> bytes:
        """Give the bytes that came out."""


@dataclass
class Upload:
    """The bytes of an uploaded file, decompressed as they are read.

    `cut` is True once a compressed file turned out to end early; `error` says how it broke.
    """

    raw: BinaryIO
    cut: bool = field(default=False, init=False)
    error: str = field(default="", init=False)

    def pieces(self) -> Iterator[bytes]:
        """Yield the decompressed bytes in order."""
        first = self.raw.read(READ_BYTES)
        if first.startswith(GZIP_MAGIC):
            yield from self._inflated(first)
        elif first.startswith(ZSTD_MAGIC):
            yield from self._unzstandardised(first)
        else:
            while first:
                yield first
                first = self.raw.read(READ_BYTES)

    def _inflated(self, data: bytes) -> Iterator[bytes]:
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

    def _unzstandardised(self, first: bytes) -> Iterator[bytes]:
        frame: Decompressor = zstandard.ZstdDecompressor().decompressobj()
        ended = False
        for data in self._spoonfuls(first):
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

    def _spoonfuls(self, data: bytes) -> Iterator[bytes]:
        while data:
            for start in range(0, len(data), ZSTD_READ_BYTES):
                yield data[start : start + ZSTD_READ_BYTES]
            data = self.raw.read(READ_BYTES)


def blocks(upload: Upload, block_bytes: int) -> Iterator[bytes]:
    """Yield blocks of whole lines, each line ended by a line feed but perhaps the very last one.

    A line longer than a block comes out cut to about one, still one line.
    """
    held: list[bytes] = []
    size = 0
    for piece in _line_feeds(upload.pieces()):
        if size > block_bytes and b"\n" not in piece:
            continue  # the middle of an endless line: enough is held to refuse it
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
    """Turn lone carriage returns into line feeds, where the first piece has nothing else."""
    is_old = None
    for piece in filter(None, pieces):
        if is_old is None:
            is_old = b"\r" in piece and b"\n" not in piece
        yield piece.replace(b"\r", b"\n") if is_old else piece


def refuse_binary(head: bytes) -> None:
    """Raise BinaryFile where the first bytes are not those of a text."""
    for magic, what in BINARY_MAGIC.items():
        if head.startswith(magic):
            raise BinaryFile(f"The file is {what}. {REMEDY}", looks_like=what)
    found = UNPRINTABLE.search(head)
    if found:
        raise BinaryFile(
            f"Byte {found.start()} of the file is 0x{found[0][0]:02x}, which no text has. {REMEDY}",
            byte=found.start(),
        )


REMEDY = "Send ratings as text: CSV, TSV or NDJSON in UTF-8, plain or as .gz or .zst."
