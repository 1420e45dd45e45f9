"""Bulk reads and writes without the ORM, with the fastest method of each database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.exc import IntegrityError, OperationalError

from recsvc.db.session import Session

READ_ROWS = 65_536
READ_BYTES = 1 << 21

# PostgreSQL's binary COPY: a row is its number of fields, then length and bytes of each.
COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TAIL = b"\xff\xff"


def is_postgresql(session: Session) -> bool:
    """Return whether the database is PostgreSQL; otherwise it is SQLite."""
    return session.get_bind().dialect.name == "postgresql"


def copy_dtype(row: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of a row in a binary COPY: each field f follows its length f_n."""
    pairs = [
        pair
        for name in row.names or ()
        for pair in ((f"{name}_n", ">i4"), (name, row[name].newbyteorder(">")))
    ]
    return np.dtype([("n_fields", ">i2"), *pairs])


def iter_blocks(session: Session, query: str, row: np.dtype[Any]) -> Iterator[NDArray[np.void]]:
    """Yield the rows of a query in blocks with the fields of `row`; one block is in memory.

    row  dtype with exactly the widths of the columns on PostgreSQL
    """
    connection: Any = session.connection().connection.driver_connection
    if not is_postgresql(session):
        cursor = connection.execute(query)
        while (block := np.fromiter(islice(cursor, READ_ROWS), dtype=row)).size:
            yield block
        return
    form = copy_dtype(row)
    copy_out = f"COPY ({query}) TO STDOUT (FORMAT binary)"
    with connection.cursor() as cursor, cursor.copy(copy_out) as copy:
        for rows in _whole_rows(iter(copy), form.itemsize):
            yield np.frombuffer(rows, dtype=form)


def copy_in(session: Session, statement: str, columns: dict[str, NDArray[Any]]) -> None:
    """Write columns to PostgreSQL with a statement COPY … FROM STDIN (FORMAT binary)."""
    row = np.dtype([(name, column.dtype) for name, column in columns.items()])
    block = np.empty(len(next(iter(columns.values()))), dtype=copy_dtype(row))
    block["n_fields"] = len(columns)
    for name, column in columns.items():
        block[name], block[f"{name}_n"] = column, column.itemsize
    with (
        _driver_connection(session, statement) as connection,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        copy.write(COPY_HEAD + block.tobytes() + COPY_TAIL)


def executemany(session: Session, statement: str, columns: Sequence[NDArray[Any]]) -> int:
    """Run a statement on SQLite for each row; return the number of written rows.

    The rows are converted to Python objects one at a time.
    """
    rows = zip(*(column.tolist() for column in columns), strict=True)
    with _driver_connection(session, statement) as connection:
        written: int = connection.executemany(statement, rows).rowcount
    return written


def _whole_rows(pieces: Iterator[bytes], row_bytes: int) -> Iterator[bytes]:
    """Yield blocks of whole rows from the chunks of a binary COPY, without header and trailer."""
    buffer = bytearray(bytes(next(pieces, b""))[len(COPY_HEAD) :])
    for piece in pieces:
        buffer += piece
        if len(buffer) >= READ_BYTES:
            whole = len(buffer) - len(buffer) % row_bytes
            yield bytes(buffer[:whole])
            del buffer[:whole]
    yield bytes(buffer[: len(buffer) - len(buffer) % row_bytes])


@contextmanager
def _driver_connection(session: Session, statement: str) -> Iterator[Any]:
    """Yield the connection of the driver; translate its errors to those of SQLAlchemy."""
    connection = session.connection()
    driver: Any = connection.dialect.loaded_dbapi
    try:
        yield connection.connection.driver_connection
    except driver.IntegrityError as error:
        raise IntegrityError(statement, None, error) from error
    except driver.OperationalError as error:
        raise OperationalError(statement, None, error) from error
