"""Files of ratings and interactions: taken in at the door, imported by a worker.

A file is imported in chunks of whole lines. One transaction holds what a chunk says, its refused
lines and the account so far, so that a job that was killed goes on after its last chunk and every
line is counted once. See docs/decisions/0010-how-ratings-are-imported.md.
"""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from recsvc.db.catalog import items
from recsvc.db.feedback import interactions, ratings
from recsvc.db.feedback.rating_merge import WriteCounts
from recsvc.db.imports import refusals
from recsvc.db.imports.refusals import RefusedLine
from recsvc.db.jobs.queue import JobQueue, Lease
from recsvc.db.session import Session, pause_for_other_writers, reading, unit_of_work
from recsvc.db.tables import Job, JobKind, microseconds
from recsvc.errors import NothingAccepted, TruncatedFile
from recsvc.service.context import Context
from recsvc.service.imports.decompression import HEAD_BYTES, Upload, blocks, refuse_binary
from recsvc.service.imports.file_format import BOM, Layout, checked_format, recognise
from recsvc.service.imports.parser import header_length, read_lines
from recsvc.service.imports.records import Lines, Refusal, Undated

CHUNK_BYTES = 1 << 20  # 10,000 to 80,000 lines, a quarter of a second
LONGEST_NAME = 200
NO_TIME = 0  # of interactions that tell none: the same at every import, so none counts twice


@dataclass(frozen=True)
class Account:
    """What became of each line so far.

    lines = header + blank + accepted + all refused; accepted = ratings + interactions = added +
    changed + unchanged + outdated (see `recsvc.db.settling.Written`; a dry run does not tell
    these four).
    """

    format: str
    dry_run: bool
    lines: int = 0
    header: int = 0
    blank: int = 0
    accepted: int = 0
    ratings: int = 0
    interactions: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    outdated: int = 0
    refused: dict[str, int] = field(default_factory=dict)

    def with_header(self, n_lines: int) -> "Account":
        """Count the header, and the blank lines before it."""
        return replace(self, lines=n_lines, header=1, blank=n_lines - 1)

    def plus(self, read: Lines, written: WriteCounts) -> "Account":
        """Count some more lines."""
        by_code = Counter(self.refused) + Counter(refusal.code for refusal in read.refusals)
        return replace(
            self,
            lines=self.lines + read.n_lines,
            blank=self.blank + read.n_blank,
            accepted=self.accepted + read.n_accepted,
            ratings=self.ratings + read.ratings.values.size,
            interactions=self.interactions + read.interactions.types.size,
            added=self.added + written.added,
            changed=self.changed + written.changed,
            unchanged=self.unchanged + written.unchanged,
            outdated=self.outdated + written.outdated,
            refused=dict(sorted(by_code.items())),
        )

    def as_dict(self) -> dict[str, Any]:
        """Give the form in which a job keeps its account."""
        return asdict(self)


class ShelvedUpload(NamedTuple):
    """An uploaded file on the shelf."""

    upload_sha256: str
    filename: str
    format: str


def shelve_upload(
    context: Context, file: BinaryIO, *, filename: str, file_format: str
) -> ShelvedUpload:
    """Copy an upload to the shelf; no transaction is open meanwhile.

    Raises MalformedRequest where there is no such format.
    """
    checked_format(file_format)
    return ShelvedUpload(_shelved(context, file), filename[:LONGEST_NAME], file_format)


def request_import(session: Session, upload: ShelvedUpload, *, dry_run: bool, now: datetime) -> Job:
    """Queue the import of an upload."""
    spec = {**upload._asdict(), "dry_run": dry_run}
    return JobQueue(session).enqueue(JobKind.IMPORT, spec=spec, now=now)


def list_refusals(
    session: Session, job_id: int, *, after: int = 0, limit: int = 50
) -> Sequence[RefusedLine]:
    """Give the refused lines of an import job above line `after`. Raises JobNotFound."""
    JobQueue(session).get(job_id, JobKind.IMPORT)
    return refusals.page(session, job_id, after=after, limit=limit)


def carry_out(context: Context, lease: Lease, job: Job) -> dict[str, Any]:
    """Import the job's file from where it was left; give the account of its lines.

    Raises BinaryFile or UnrecognisedFormat before anything is stored, TruncatedFile where a
    compressed file ends early: what came before that is stored and counted. Raises
    NothingAccepted where every line was refused.
    """
    with context.shelf.open(job.spec["upload_sha256"]) as raw:
        upload = Upload(raw)
        chunks = blocks(upload, CHUNK_BYTES)
        first = next(chunks, b"").removeprefix(BOM)
        if not first and upload.cut:
            raise _truncated(upload, _account(job, Layout("")))
        refuse_binary(first[:HEAD_BYTES])
        layout = recognise(first[:HEAD_BYTES], job.spec["format"])
        account = _account(job, layout)
        if layout.has_header and account.lines == 0:
            n_lines, _ = header_length(first)
            account = account.with_header(n_lines)
        left = _after(account.lines, first, chunks)
        for read in _ahead(_reads(context, job, layout, account.lines, left, upload)):
            account = _stored(context, lease, job, account, read, share=_share(raw))
            pause_for_other_writers(context.database)
    if upload.cut:
        raise _truncated(upload, account)
    if not account.accepted:
        raise _nothing_accepted(context, job, account)
    return account.as_dict()


def _account(job: Job, layout: Layout) -> Account:
    """Go on with the account of the last chunk that was stored."""
    if job.progress_note:
        return Account(**job.progress_note)
    return Account(format=layout.name, dry_run=job.spec["dry_run"])


def _after(n_lines: int, first: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Leave out the first so many lines, which are dealt with."""
    for chunk in chain([first], chunks):
        n_here = chunk.count(b"\n") + (not chunk.endswith(b"\n"))
        if n_here <= n_lines:
            n_lines -= n_here
            continue
        yield chunk.split(b"\n", n_lines)[n_lines]
        n_lines = 0


def _reads(
    context: Context,
    job: Job,
    layout: Layout,
    n_lines: int,
    chunks: Iterator[bytes],
    upload: Upload,
) -> Iterator[Lines]:
    """Read chunk after chunk, the first of which comes after so many lines."""
    for chunk in chunks:
        read = _read(context, job, layout, n_lines + 1, chunk, upload)
        n_lines += read.n_lines
        yield read


def _ahead(reads: Iterator[Lines]) -> Iterator[Lines]:
    """Read the next chunk while the last one is being stored."""
    with ThreadPoolExecutor(1, thread_name_prefix="reading") as pool:
        coming = pool.submit(next, reads, None)
        while (read := coming.result()) is not None:
            coming = pool.submit(next, reads, None)
            yield read


def _read(
    context: Context, job: Job, layout: Layout, first_line: int, chunk: bytes, upload: Upload
) -> Lines:
    """Read a chunk. Where the file was cut, nobody knows how its last line would go on."""
    whole = chunk[: chunk.rfind(b"\n") + 1] if upload.cut else chunk
    read = read_lines(
        layout,
        whole,
        first_line=first_line,
        undated=Undated(microseconds(job.created_at), NO_TIME),
        scale=context.rating_scale,
    )
    if whole == chunk:
        return read
    line = first_line + read.n_lines
    torn = Refusal(line, "truncated-line", "The compressed file ends within this line.")
    return replace(read, n_lines=read.n_lines + 1, refusals=[*read.refusals, torn])


def _stored(
    context: Context, lease: Lease, job: Job, account: Account, read: Lines, *, share: float
) -> Account:
    """Store a chunk: what it says, its refusals and the account, all or nothing."""
    refused = [RefusedLine._make(refusal) for refusal in read.refusals]
    with unit_of_work(context.database) as session:
        written = WriteCounts()
        if not account.dry_run:
            items.add_missing_titles(session, read.titles, now=job.created_at)  # first: see there
            written = ratings.write(session, read.ratings, now=job.created_at)
            written += interactions.write(session, read.interactions, now=job.created_at)
        account = account.plus(read, written)
        refusals.add(session, job.id, refused)
        queue = JobQueue(session)
        queue.update_progress(lease, share, account.as_dict())
        queue.record_checkpoint(lease, job.spec["upload_sha256"])  # the attempt got somewhere
    return account


def _share(raw: BinaryIO) -> float:
    return raw.tell() / max(1, os.fstat(raw.fileno()).st_size)


def _truncated(upload: Upload, account: Account) -> TruncatedFile:
    return TruncatedFile(
        f"The compressed file ends early, after line {account.lines}: {upload.error}. "
        f"{account.accepted:,} lines up to there are kept. Import the whole file again; "
        "nothing is counted twice.",
        line=account.lines,
        **{name: value for name, value in account.as_dict().items() if name != "lines"},
    )


def _nothing_accepted(context: Context, job: Job, account: Account) -> NothingAccepted:
    with reading(context.database) as session:
        first = refusals.page(session, job.id, after=0, limit=1)
    told = " ".join(f"Line {refused.line}: {refused.detail}" for refused in first)
    counts = account.as_dict()
    return NothingAccepted(counts.pop("refused"), told, **counts)


def _shelved(context: Context, file: BinaryIO) -> str:
    """Copy an upload to the shelf, which takes whole files."""
    with tempfile.NamedTemporaryFile(prefix="recsvc-upload-") as copy:
        shutil.copyfileobj(file, copy)
        copy.flush()
        return context.shelf.put_file(Path(copy.name))
