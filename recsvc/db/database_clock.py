"""The clock of the database, which all workers share."""

from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, literal, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from recsvc.db.session import Session
from recsvc.db.tables import EPOCH, MICROSECOND


class database_now(FunctionElement[int]):  # noqa: N801 - named like an SQL function
    """Microseconds since 1970 at the moment the statement runs.

    SQLite's clock ticks in milliseconds, PostgreSQL's in microseconds.
    """

    type = BigInteger()
    inherit_cache = True


def from_now(seconds: float) -> ColumnElement[int]:
    """Return the database time plus `seconds`, in microseconds since 1970."""
    return database_now() + literal(round(seconds * 1e6), BigInteger)


def read_clock(session: Session) -> datetime:
    """Return the time of the database."""
    return EPOCH + session.execute(select(database_now())).scalar_one() * MICROSECOND


@compiles(database_now, "sqlite")
def _sqlite(element: database_now, compiler: SQLCompiler, **options: object) -> str:
    return "CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000"


@compiles(database_now, "postgresql")
def _postgresql(element: database_now, compiler: SQLCompiler, **options: object) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"
