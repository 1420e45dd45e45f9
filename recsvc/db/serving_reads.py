"""What an API process reads for every request, or to keep up with the catalogue: quickly."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import or_, select

from recsvc.db.session import Database, Session
from recsvc.db.tables import Item
from recsvc.errors import DatabaseUnavailable

RATED = (
    "SELECT item_key, value FROM rating JOIN user_account ON user_account.key = rating.user_key "
    "WHERE user_account.user_id = {parameter} ORDER BY item_key"
)


class CatalogueRow(NamedTuple):
    """What a recommendation needs to know of an item."""

    key: int
    item_id: str
    title: str | None
    is_barred: bool
    updated_at: datetime


def catalogue_rows(session: Session, *, since: datetime | None = None) -> Sequence[CatalogueRow]:
    """Give all items, or those that changed at that time or later, by key."""
    is_barred = or_(Item.hidden, ~Item.available)
    rows = select(Item.key, Item.item_id, Item.title, is_barred, Item.updated_at)
    if since is not None:
        rows = rows.where(Item.updated_at >= since)
    return [CatalogueRow(*row) for row in session.execute(rows.order_by(Item.key))]


class RatedItems:
    """A user's ratings for one request: a prepared statement on a connection kept for it.

    It goes past the session and the pool, which would take longer than the statement does. There
    are as many connections as requests at once, not as threads: those come and go.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._idle: list[Any] = []
        is_sqlite = database.dialect == "sqlite"
        self._query = RATED.format(parameter="?" if is_sqlite else "%s")

    def of(self, user_id: str) -> list[tuple[int, float]]:
        """Give (item key, value) of all ratings of a user, by key; none for an unknown user."""
        error_of_driver = self._database.engine.dialect.loaded_dbapi.Error
        try:
            return self._rows(user_id)
        except error_of_driver:
            self.close()  # the server may have gone and come back, and then all are dead
        try:
            return self._rows(user_id)
        except error_of_driver as error:
            raise DatabaseUnavailable(f"The database did not answer: {error}.") from error

    def _rows(self, user_id: str) -> list[tuple[int, float]]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._database.dedicated_connection()
        try:
            rows: list[tuple[int, float]] = connection.execute(self._query, (user_id,)).fetchall()
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return rows

    def close(self) -> None:
        """Close the connections that nobody uses; whoever still asks opens another."""
        with suppress(IndexError):  # there are no more
            while True:
                self._idle.pop().close()
