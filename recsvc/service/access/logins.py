"""Logins of browsers: a cookie that stands for an API key for some hours."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from recsvc.db.access import keys
from recsvc.db.session import Session
from recsvc.db.tables import Login
from recsvc.service.access.key_ring import Grant
from recsvc.service.access.keys import hash_key

LOGIN_HOURS = 12


def log_in(session: Session, grant: Grant, *, now: datetime) -> tuple[str, datetime]:
    """Store a login with a key; return its cookie and the time at which it ends."""
    cookie = secrets.token_urlsafe(32)
    expires_at = now + timedelta(hours=LOGIN_HOURS)
    if grant.expires_at is not None:
        expires_at = min(expires_at, grant.expires_at)
    login = Login(
        sha256=hash_key(cookie), key_id=grant.key_id, created_at=now, expires_at=expires_at
    )
    keys.add_login(session, login, now=now)
    return cookie, expires_at


def log_out(session: Session, cookie: str) -> None:
    """End a login."""
    keys.delete_login(session, hash_key(cookie))


def csrf_token(cookie: str) -> str:
    """Return the token that pages of the service send with each change; it proves the cookie."""
    return sha256(f"csrf:{cookie}".encode()).hexdigest()
