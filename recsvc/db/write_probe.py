"""A small transaction that shows whether writes commit."""

from sqlalchemy import text

from recsvc.db.bulk_copy import is_postgresql
from recsvc.db.session import Database, unit_of_work


def commit_probe(database: Database) -> None:
    """Write, and commit to the disk, without changing anything. Raises DatabaseUnavailable.

    PostgreSQL: a lock on a row, which is written ahead and refused where writes are; no row
    version is left behind. SQLite: the first page, with the same content.
    """
    with unit_of_work(database) as session:
        if is_postgresql(session):
            session.execute(text("SELECT version_num FROM alembic_version FOR SHARE"))
        else:
            version = session.scalar(text("PRAGMA user_version"))
            session.execute(text(f"PRAGMA user_version = {version}"))
