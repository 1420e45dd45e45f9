"""Erasure of users with all their data."""

from typing import NamedTuple

from sqlalchemy import delete, func, select

from recsvc.db.session import Session
from recsvc.db.tables import Interaction, Rating, User


class ErasedCounts(NamedTuple):
    """The numbers of erased rows of a user."""

    n_ratings: int
    n_interactions: int


def erase(session: Session, user_id: str) -> ErasedCounts | None:
    """Delete a user and their data; return None if the user does not exist."""
    locked = select(User.key).where(User.user_id == user_id).with_for_update()
    key = session.scalar(locked)  # waits for transactions that write rows of this user
    if key is None:
        return None
    erased = ErasedCounts(_count_rows(session, Rating, key), _count_rows(session, Interaction, key))
    session.execute(delete(User).where(User.key == key))  # cascades to all rows of the user
    return erased


def _count_rows(session: Session, table: type[Rating] | type[Interaction], key: int) -> int:
    counted = select(func.count()).select_from(table).where(table.user_key == key)
    return session.scalar(counted) or 0
