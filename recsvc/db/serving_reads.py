"""What an API process reads for every request, or to keep up with the catalogue: quickly."""

import threading
from collections.abc import Sequence
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
    """A user's ratings for one request: a prepared statement on a connection of the thread's own.

    It goes past the session and the pool, which would take longer than the statement does.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._own = threading.local()
        self._opened: list[Any] = []
        is_sqlite = database.dialect == "sqlite"
        self._query = RATED.format(parameter="?" if is_sqlite else "%s")

    def of(self, user_id: str) -> list[tuple[int, float]]:
        """Give (item key, value) of all ratings of a user, by key; none for an unknown user."""
        try:
            return self._rows(user_id)
        except self._database.engine.dialect.loaded_dbapi.Error:
            self._forget()  # the server may have gone and come back
        try:
            return self._rows(user_id)
        except self._database.engine.dialect.loaded_dbapi.Error as error:
            self._forget()
            raise DatabaseUnavailable(f"The database did not answer: {error}.") from error

    def _rows(self, user_id: str) -> list[tuple[int, float]]:
        connection: Any = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._database.dedicated_connection()
            self._opened.append(connection)
        rows: list[tuple[int, float]] = connection.execute(self._query, (user_id,)).fetchall()
        return rows

    def _forget(self) -> None:
        connection = getattr(self._own, "connection", None)
        self._own.connection = None
        if connection is not None:
            self._opened.remove(connection)
            connection.close()

    def close(self) -> None:
        """Close the connections of all threads, which must have finished asking."""
        while self._opened:
            self._opened.pop().close()
