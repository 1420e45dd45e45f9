"""The refused lines of imported files."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select, text

from recsvc.db.bulk_copy import is_postgresql
from recsvc.db.session import Session
from recsvc.db.tables import ImportRefusal


class RefusedLine(NamedTuple):
    """A refused line: its number from 1, a code for programs and a detail for people."""

    line: int
    code: str
    detail: str


INTO = "INSERT INTO import_refusal (job_id, line, code, detail)"
ADD_SQLITE = (
    f"{INTO} SELECT :job_id, value ->> 0, value ->> 1, value ->> 2 FROM json_each(:refused)"
)
ADD_POSTGRESQL = (
    f"{INTO} SELECT :job_id, refused.* FROM unnest("
    "CAST(:lines AS bigint[]), CAST(:codes AS text[]), CAST(:details AS text[])) AS refused"
)


def add(session: Session, job_id: int, refused: Sequence[RefusedLine]) -> None:
    """Store the refused lines of a job, in one statement."""
    if not refused:
        return
    if is_postgresql(session):
        lines, codes, details = (list(column) for column in zip(*refused, strict=True))
        columns = {"lines": lines, "codes": codes, "details": details}
        session.execute(text(ADD_POSTGRESQL), {"job_id": job_id, **columns})
    else:
        session.execute(text(ADD_SQLITE), {"job_id": job_id, "refused": json.dumps(refused)})


def page(session: Session, job_id: int, *, after: int, limit: int) -> list[RefusedLine]:
    """Return up to `limit` refused lines of a job, in order, with numbers above `after`."""
    found = (
        select(ImportRefusal.line, ImportRefusal.code, ImportRefusal.detail)
        .where(ImportRefusal.job_id == job_id, ImportRefusal.line > after)
        .order_by(ImportRefusal.line)
        .limit(limit)
    )
    return [RefusedLine._make(row) for row in session.execute(found)]
