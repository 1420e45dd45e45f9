"""Users are erased, with all that is stored of them."""

from typing import NamedTuple

from sqlalchemy import delete, func, select

from recsvc.db.session import Session
from recsvc.db.tables import Interaction, Rating, User


class ErasedCounts(NamedTuple):
    """How much of a user was stored."""

    n_ratings: int
    n_interactions: int


def erase(session: Session, user_id: str) -> ErasedCounts | None:
    """Delete a user with all that is stored of them; None where there is no such user."""
    locked = select(User.key).where(User.user_id == user_id).with_for_update()
    key = session.scalar(locked)  # whoever was writing something of theirs has ended by now
    if key is None:
        return None
    erased = ErasedCounts(_count_rows(session, Rating, key), _count_rows(session, Interaction, key))
    session.execute(delete(User).where(User.key == key))  # takes all rows of theirs along
    return erased


def _count_rows(session: Session, table: type[Rating] | type[Interaction], key: int) -> int:
    counted = select(func.count()).select_from(table).where(table.user_key == key)
    return session.scalar(counted) or 0
