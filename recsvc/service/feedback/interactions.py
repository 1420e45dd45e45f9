"""Users view items, put them in a cart, buy them: many such interactions at a time."""

from collections.abc import Sequence
from datetime import datetime

from recsvc.db.feedback import interactions
from recsvc.db.feedback.rating_merge import WriteCounts
from recsvc.db.session import Session
from recsvc.db.tables import microseconds
from recsvc.service.imports.file_format import INTERACTIONS
from recsvc.service.imports.parser import read_lines, read_objects
from recsvc.service.imports.records import Lines, Undated

AT_ONCE = 10_000  # interactions in one request


def read_entries(entries: Sequence[object], *, now: datetime) -> Lines:
    """Read JSON objects `{user_id, item_id, type, occurred_at?, quantity?}`, numbered from 1."""
    return read_objects(INTERACTIONS, entries, undated=_as_of(now), scale=None)


def read_ndjson(lines: bytes, *, now: datetime) -> Lines:
    """Read interactions from lines of JSON, an object each."""
    return read_lines(INTERACTIONS, lines, first_line=1, undated=_as_of(now), scale=None)


def add_interactions(session: Session, lines: Lines, *, now: datetime) -> WriteCounts:
    """Store what was read from lines; each event counts once, however often it comes."""
    return interactions.write(session, lines.interactions, now=now)


def _as_of(now: datetime) -> Undated:
    """What tells no time happens now."""
    return Undated(microseconds(now), microseconds(now))
