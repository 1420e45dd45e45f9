"""API keys and the logins of browsers."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, or_, select, text, update

from recsvc.db.bulk_copy import is_postgresql
from recsvc.db.session import Session
from recsvc.db.tables import ApiKey, Login
from recsvc.errors import KeyNotFound


def add_key(session: Session, key: ApiKey) -> ApiKey:
    """Store a new key."""
    session.add(key)
    session.flush()
    return key


def get_key(session: Session, key_id: int) -> ApiKey:
    """Return a key. Raises KeyNotFound."""
    key = session.get(ApiKey, key_id)
    if key is None:
        raise KeyNotFound(key_id)
    return key


def find_key(session: Session, sha256: str) -> ApiKey | None:
    """Return the key with a hash, a revoked or expired one too; None if there is none."""
    return session.scalar(select(ApiKey).where(ApiKey.sha256 == sha256))


def lock_keys(session: Session) -> None:
    """Wait for other transactions that create keys; on SQLite, each write transaction does."""
    if is_postgresql(session):
        session.execute(text("LOCK TABLE api_key IN SHARE ROW EXCLUSIVE MODE"))


def all_keys(session: Session) -> Sequence[ApiKey]:
    """Return all keys, revoked and expired ones too, in the order of their creation."""
    return session.scalars(select(ApiKey).order_by(ApiKey.id)).all()


def keys_page(session: Session, *, after: int | None, limit: int) -> Sequence[ApiKey]:
    """Return up to `limit` keys, oldest first, after a key's id."""
    chosen = select(ApiKey).where(ApiKey.id > (after or 0)).order_by(ApiKey.id).limit(limit)
    return session.scalars(chosen).all()


def count_keys(session: Session) -> int:
    """Return the number of keys, revoked and expired ones too."""
    return session.scalar(select(func.count()).select_from(ApiKey)) or 0


def keys_named(session: Session, name: str) -> Sequence[ApiKey]:
    """Return the keys with a name that are not revoked."""
    chosen = select(ApiKey).where(ApiKey.name == name, ApiKey.revoked_at.is_(None))
    return session.scalars(chosen).all()


def revoke_key(session: Session, key: ApiKey, *, now: datetime) -> None:
    """Revoke a key and end its logins; a key that is revoked already keeps its time."""
    key.revoked_at = key.revoked_at or now
    session.execute(delete(Login).where(Login.key_id == key.id))


def set_last_used(session: Session, key_id: int, *, now: datetime) -> None:
    """Record the last use of a key, unless a later one is recorded."""
    is_older = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < now)
    session.execute(update(ApiKey).where(ApiKey.id == key_id, is_older).values(last_used_at=now))


def add_login(session: Session, login: Login, *, now: datetime) -> None:
    """Store a login, and delete those that have expired."""
    session.execute(delete(Login).where(Login.expires_at <= now))
    session.add(login)
    session.flush()


def all_logins(session: Session, *, now: datetime) -> Sequence[Login]:
    """Return the logins that have not expired."""
    return session.scalars(select(Login).where(Login.expires_at > now)).all()


def delete_login(session: Session, sha256: str) -> None:
    """End a login."""
    session.execute(delete(Login).where(Login.sha256 == sha256))
