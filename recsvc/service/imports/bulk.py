"""Parse the ratings or interactions of one request: JSON objects or NDJSON."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from recsvc.db.feedback.rating_merge import WriteCounts
from recsvc.db.tables import microseconds
from recsvc.rbm.rating_scale import RatingScale
from recsvc.service.imports.file_format import Layout
from recsvc.service.imports.parser import read_lines, read_objects
from recsvc.service.imports.records import DefaultTimestamps, Lines, Refusal


class Bulk(NamedTuple):
    """The content of a request: the entries of a JSON list, or else the lines of NDJSON."""

    entries: Sequence[Any] | None = None
    lines: bytes = b""


class BulkReport(NamedTuple):
    """What was written, and the lines that were refused."""

    written: WriteCounts
    refusals: Sequence[Refusal]


def read_bulk(
    layout: Layout, bulk: Bulk, *, defaults: DefaultTimestamps, scale: RatingScale | None
) -> Lines:
    """Parse all entries or lines, numbered from 1."""
    if bulk.entries is not None:
        return read_objects(layout, bulk.entries, defaults=defaults, scale=scale)
    return read_lines(layout, bulk.lines, first_line=1, defaults=defaults, scale=scale)


def default_timestamps(now: datetime) -> DefaultTimestamps:
    """Return `now`, the time of arrival, as the time of lines without a timestamp."""
    return DefaultTimestamps(microseconds(now), microseconds(now), arrival=True)
