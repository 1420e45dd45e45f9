"""Import jobs: a request shelves a file of ratings and interactions, a worker imports it.

A file is imported in chunks of whole lines. One transaction stores the ratings and interactions of
a chunk, its refused lines and the counts so far. A job that was killed continues after its last
chunk, and every line is counted once. See docs/decisions/0010-how-ratings-are-imported.md.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from itertools import chain
from typing import Any, BinaryIO, NamedTuple

from recsvc.db.catalog import items
from recsvc.db.feedback import interactions, ratings
from recsvc.db.feedback.rating_merge import WriteCounts
from recsvc.db.imports import refusals
from recsvc.db.imports.refusals import RefusedLine
from recsvc.db.jobs.queue import ANYONE, JobQueue, Lease, Requester
from recsvc.db.session import Session, pause_for_other_writers, reading, unit_of_work
from recsvc.db.tables import Job, JobKind, microseconds
from recsvc.errors import NothingAccepted, TruncatedFile
from recsvc.service.context import Context
from recsvc.service.imports.decompression import HEAD_BYTES, Upload, blocks, refuse_binary
from recsvc.service.imports.file_format import BOM, Layout, check_format, recognise
from recsvc.service.imports.parser import header_length, read_lines
from recsvc.service.imports.records import DefaultTimestamps, Lines, Refusal

CHUNK_BYTES = 1 << 20  # 10,000 to 80,000 lines, a quarter of a second
MAX_NAME_LENGTH = 200
DEFAULT_EVENT_TIME = 0  # the same at every import, so that no interaction counts twice


@dataclass(frozen=True)
class ImportCounts:
    """The number of lines by outcome, so far.

    lines = header + blank + accepted + all refused
    accepted = ratings + interactions = added + changed + unchanged + outdated

    The last four are those of `recsvc.db.feedback.rating_merge.WriteCounts`; they stay 0 in a dry
    run.
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

    def with_header(self, n_lines: int) -> "ImportCounts":
        """Return the counts with the header and the blank lines before it."""
        return replace(self, lines=n_lines, header=1, blank=n_lines - 1)

    def plus(self, read: Lines, written: WriteCounts) -> "ImportCounts":
        """Return the counts with more lines."""
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
        """Return the JSON form that a job stores."""
        return asdict(self)


class ShelvedUpload(NamedTuple):
    """An uploaded file on the shelf."""

    upload_sha256: str
    filename: str
    format: str


def shelve_upload(
    context: Context,
    file: BinaryIO,
    *,
    filename: str,
    file_format: str,
    requester: Requester = ANYONE,
) -> ShelvedUpload:
    """Copy an upload to the shelf, outside of any transaction.

    Raises MalformedRequest for an unknown format; QueueFull, JobQuotaReached.
    """
    check_format(file_format)
    with reading(context.database) as session:
        JobQueue(session).check_room(requester)
    sha256 = context.shelf.put_open_file(file)
    return ShelvedUpload(sha256, filename[:MAX_NAME_LENGTH], file_format)


IMPORT_PRIORITY = 50  # that of other kinds is 100
MAX_STORED_REFUSALS = 10_000  # lines of a file; all are counted


def request_import(
    session: Session,
    upload: ShelvedUpload,
    *,
    dry_run: bool,
    now: datetime,
    requester: Requester = ANYONE,
) -> Job:
    """Queue the import of a shelved upload, before all jobs of other kinds.

    Raises QueueFull, JobQuotaReached.
    """
    queue = JobQueue(session)
    queue.admit(requester)
    spec = {**upload._asdict(), "dry_run": dry_run}
    return queue.enqueue(
        JobKind.IMPORT,
        spec=spec,
        now=now,
        priority=IMPORT_PRIORITY,
        key_prefix=requester.key_prefix,
    )


def list_refusals(
    session: Session, job_id: int, *, after: int = 0, limit: int = 50
) -> Sequence[RefusedLine]:
    """Return refused lines of an import job with numbers above `after`. Raises JobNotFound."""
    JobQueue(session).get(job_id, JobKind.IMPORT)
    return refusals.page(session, job_id, after=after, limit=limit)


def carry_out(context: Context, lease: Lease, job: Job) -> dict[str, Any]:
    """Import the rest of the job's file and return the counts of all its lines.

    Raises BinaryFile or UnrecognisedFormat before anything is stored. Raises TruncatedFile for a
    compressed file that ends early, and InflatedTooLarge for one over a limit; the lines before
    that are stored and counted. Raises NothingAccepted if every line was refused.
    """
    with context.shelf.open(job.spec["upload_sha256"]) as raw:
        upload = Upload(raw, context.max_inflated_bytes)
        chunks = blocks(upload, CHUNK_BYTES)
        first = next(chunks, b"").removeprefix(BOM)
        if not first and upload.cut:
            raise _early_end_error(upload, _counts_so_far(job, Layout("")))
        refuse_binary(first[:HEAD_BYTES])
        layout = recognise(first[:HEAD_BYTES], job.spec["format"])
        counts = _counts_so_far(job, layout)
        if layout.has_header and counts.lines == 0:
            n_lines, _ = header_length(first)
            counts = counts.with_header(n_lines)
        left = _after(counts.lines, first, chunks)
        for read in _ahead(_reads(context, job, layout, counts.lines, left, upload)):
            counts = _store_chunk(context, lease, job, counts, read, share=_share(raw))
            pause_for_other_writers(context.database)
    if upload.cut:
        raise _early_end_error(upload, counts)
    if not counts.accepted:
        raise _no_accepted_line(context, job, counts)
    return counts.as_dict()


def _counts_so_far(job: Job, layout: Layout) -> ImportCounts:
    """Return the counts after the last stored chunk."""
    if job.progress_note:
        return ImportCounts(**job.progress_note)
    return ImportCounts(format=layout.name, dry_run=job.spec["dry_run"])


def _after(n_lines: int, first: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the chunks without their first `n_lines` lines, which are stored."""
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
    """Parse chunk after chunk; the first one follows `n_lines` lines."""
    for chunk in chunks:
        read = _read(context, job, layout, n_lines + 1, chunk, upload)
        n_lines += read.n_lines
        yield read


def _ahead(reads: Iterator[Lines]) -> Iterator[Lines]:
    """Parse the next chunk on a thread while the caller stores the last one."""
    with ThreadPoolExecutor(1, thread_name_prefix="reading") as pool:
        coming = pool.submit(next, reads, None)
        while (read := coming.result()) is not None:
            coming = pool.submit(next, reads, None)
            yield read


def _read(
    context: Context, job: Job, layout: Layout, first_line: int, chunk: bytes, upload: Upload
) -> Lines:
    """Parse a chunk. The last line of a truncated file is refused: its end is missing."""
    whole = chunk[: chunk.rfind(b"\n") + 1] if upload.cut else chunk
    read = read_lines(
        layout,
        whole,
        first_line=first_line,
        defaults=DefaultTimestamps(microseconds(job.created_at), DEFAULT_EVENT_TIME),
        scale=context.rating_scale,
    )
    if whole == chunk:
        return read
    line = first_line + read.n_lines
    torn = Refusal(line, "truncated-line", "The compressed file ends within this line.")
    return replace(read, n_lines=read.n_lines + 1, refusals=[*read.refusals, torn])


def _store_chunk(
    context: Context, lease: Lease, job: Job, counts: ImportCounts, read: Lines, *, share: float
) -> ImportCounts:
    """Store a chunk, its refusals and the counts in one transaction."""
    refused = [RefusedLine._make(refusal) for refusal in read.refusals]
    with unit_of_work(context.database) as session:
        written = WriteCounts()
        if not counts.dry_run:
            items.add_missing_titles(session, read.titles, now=job.created_at)  # first: see there
            written = ratings.write(session, read.ratings, now=job.created_at)
            written += interactions.write(session, read.interactions, now=job.created_at)
        counts = counts.plus(read, written)
        stored = sum(counts.refused.values()) - len(refused)
        refusals.add(session, job.id, refused[: max(0, MAX_STORED_REFUSALS - stored)])
        queue = JobQueue(session)
        queue.update_progress(lease, share, counts.as_dict())
        queue.record_checkpoint(lease, job.spec["upload_sha256"])  # the attempt made progress
    return counts


def _share(raw: BinaryIO) -> float:
    return raw.tell() / max(1, os.fstat(raw.fileno()).st_size)


def _early_end_error(upload: Upload, counts: ImportCounts) -> TruncatedFile:
    return TruncatedFile(
        f"The compressed file ends early, after line {counts.lines}: {upload.error}. "
        f"The {counts.accepted:,} accepted lines are stored. Import the whole file again; "
        "no line counts twice.",
        line=counts.lines,
        **{name: value for name, value in counts.as_dict().items() if name != "lines"},
    )


def _no_accepted_line(context: Context, job: Job, counts: ImportCounts) -> NothingAccepted:
    with reading(context.database) as session:
        first = refusals.page(session, job.id, after=0, limit=1)
    example = " ".join(f"Line {refused.line}: {refused.detail}" for refused in first)
    facts = counts.as_dict()
    return NothingAccepted(facts.pop("refused"), example, **facts)
