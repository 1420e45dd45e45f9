"""Fast reads for recommendations: user histories, the catalogue and popularity."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import or_, select

from recsvc.db.arrays import Doubles, Ints, Types
from recsvc.db.feedback.interaction_bulk import TYPE_NUMBER
from recsvc.db.session import Database, Session
from recsvc.db.tables import InteractionType, Item
from recsvc.errors import DatabaseUnavailable

PURCHASE = list(InteractionType).index(InteractionType.PURCHASE)

RATING_TYPE = -1  # in the column of interaction types
SELECT_HISTORY = (
    f"SELECT item_key, value, {RATING_TYPE} FROM rating "
    "JOIN user_account ON user_account.key = rating.user_key "
    "WHERE user_account.user_id = {parameter} "
    f"UNION ALL SELECT item_key, 0e0, {TYPE_NUMBER} FROM interaction "
    "JOIN user_account ON user_account.key = interaction.user_key "
    "WHERE user_account.user_id = {parameter} GROUP BY item_key, type"
)


class StoredHistory(NamedTuple):
    """The ratings and interactions of a user, in no particular order.

    rated_keys  (n_ratings,) keys of the items rated
    values      (n_ratings,) the ratings
    event_keys  (n_events,) keys of the items viewed, put in a cart or purchased
    event_types (n_events,) index in InteractionType; each pair of item and type once
    """

    rated_keys: Ints
    values: Doubles
    event_keys: Ints
    event_types: Types

    def purchase_keys(self) -> Ints:
        """Return the keys of the items that the user has purchased."""
        keys: Ints = self.event_keys[self.event_types == PURCHASE]
        return keys


class CatalogueRow(NamedTuple):
    """The columns of an item that recommendations need."""

    key: int
    item_id: str
    title: str | None
    is_barred: bool
    updated_at: datetime


def catalogue_rows(session: Session, *, since: datetime | None = None) -> Sequence[CatalogueRow]:
    """Return all items by key, or those updated at or after `since`."""
    is_barred = or_(Item.hidden, ~Item.available)
    rows = select(Item.key, Item.item_id, Item.title, is_barred, Item.updated_at)
    if since is not None:
        rows = rows.where(Item.updated_at >= since)
    return [CatalogueRow._make(row) for row in session.execute(rows.order_by(Item.key))]


class UserHistories:
    """Reads of user histories, on dedicated driver connections.

    The session and the pool would take longer than the statement itself. The number of connections
    is the number of concurrent requests, not of threads.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._idle: list[Any] = []
        parameter = "?" if database.dialect == "sqlite" else "%s"
        self._query = SELECT_HISTORY.format(parameter=parameter)

    def read(self, user_id: str) -> StoredHistory:
        """Return a user's ratings and interactions from one snapshot; empty for unknown users."""
        rows = self._execute(self._query, (user_id, user_id))
        flat = np.fromiter(chain.from_iterable(rows), np.float64, 3 * len(rows))
        keys, values, types = flat.reshape(-1, 3).T
        is_rating = types == RATING_TYPE
        is_event = ~is_rating
        return StoredHistory(
            keys[is_rating].astype(np.int64),
            values[is_rating],
            keys[is_event].astype(np.int64),
            types[is_event].astype(np.uint8),
        )

    def _execute(self, query: str, parameters: tuple[str, ...]) -> list[tuple[Any, ...]]:
        """Run a query, with one retry after a lost connection. Raises DatabaseUnavailable."""
        error_of_driver = self._database.engine.dialect.loaded_dbapi.Error
        try:
            return self._rows(query, parameters)
        except error_of_driver:
            self.close()  # after a restart of the server all connections are lost
        try:
            return self._rows(query, parameters)
        except error_of_driver as error:
            raise DatabaseUnavailable("The database does not respond. Try again.") from error

    def _rows(self, query: str, parameters: tuple[str, ...]) -> list[tuple[Any, ...]]:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._database.open_connection()
        try:
            rows: list[tuple[Any, ...]] = connection.execute(query, parameters).fetchall()
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return rows

    def close(self) -> None:
        """Close the idle connections; later reads open new ones."""
        with suppress(IndexError):  # the list is empty
            while True:
                self._idle.pop().close()
