"""Create, list, revoke and rotate API keys. Each function is one step of the caller's transaction.

A key is `rsk_` + prefix + `_` + 43 characters that encode 256 random bits. Only its SHA-256 is
stored: the key has too many bits to be guessed, so a slow hash would protect nothing.
"""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from recsvc.db.access import keys
from recsvc.db.session import Session
from recsvc.db.tables import ApiKey
from recsvc.errors import ConfigurationError, InvalidExpiry
from recsvc.service.access.scopes import SCOPES

PREFIX_BYTES = 5
KEY_BYTES = 32
FIRST_KEY_NAME = "first start"
SETTING_KEY_NAME = "RECSVC_API_KEY"
LEAST_KEY_LENGTH = 32


class NewKey(NamedTuple):
    """A key that was just created; `secret` is shown once and not stored."""

    key: ApiKey
    secret: str


def hash_key(secret: str) -> str:
    """Return the SHA-256 of a key, as it is stored."""
    return sha256(secret.encode()).hexdigest()


def create_key(
    session: Session,
    *,
    name: str,
    scopes: Collection[str],
    expires_at: datetime | None = None,
    now: datetime,
) -> NewKey:
    """Create a key. Raises InvalidExpiry if it would have expired already."""
    if expires_at is not None and expires_at <= now:
        raise InvalidExpiry(expires_at.isoformat())
    prefix = f"rsk_{secrets.token_hex(PREFIX_BYTES)}"
    secret = f"{prefix}_{secrets.token_urlsafe(KEY_BYTES)}"
    key = ApiKey(
        name=name,
        prefix=prefix,
        sha256=hash_key(secret),
        scopes=[scope.value for scope in SCOPES if scope in scopes],
        created_at=now,
        expires_at=expires_at,
    )
    return NewKey(keys.add_key(session, key), secret)


def list_keys(session: Session, *, after: int | None, limit: int) -> Sequence[ApiKey]:
    """Return up to `limit` keys, oldest first, after a key's number."""
    return keys.keys_page(session, after=after, limit=limit)


def revoke_key(session: Session, key_id: int, *, now: datetime) -> ApiKey:
    """Revoke a key and end its logins. Raises KeyNotFound."""
    key = keys.get_key(session, key_id)
    keys.revoke_key(session, key, now=now)
    return key


def rotate_key(
    session: Session, key_id: int, *, grace: timedelta = timedelta(0), now: datetime
) -> NewKey:
    """Create a key with the name, scopes and expiry of another one, which ends after `grace`.

    Raises KeyNotFound, InvalidExpiry.
    """
    old = keys.get_key(session, key_id)
    new = create_key(
        session,
        name=old.name,
        scopes=old.scopes,
        expires_at=old.expires_at,
        now=now,
    )
    if grace > timedelta(0):
        old.expires_at = min(old.expires_at or now + grace, now + grace)
    else:
        keys.revoke_key(session, old, now=now)
    return new


def has_keys(session: Session) -> bool:
    """Return whether a key has ever been created."""
    return keys.count_keys(session) > 0


def ensure_first_key(session: Session, *, now: datetime) -> NewKey | None:
    """Create a key with all scopes if there is no key; return None if there is one.

    Processes that start together create one key.
    """
    keys.lock_keys(session)
    if keys.count_keys(session):
        return None
    return create_key(session, name=FIRST_KEY_NAME, scopes=SCOPES, now=now)


def ensure_key_of_setting(session: Session, secret: str, *, now: datetime) -> bool:
    """Store the key of RECSVC_API_KEY with all scopes; return whether the key is valid.

    A former key of the setting is revoked. A key that is stored already stays as it is, also if it
    was revoked: a restart must not make it valid again. Raises ConfigurationError if it is short.
    """
    if len(secret) < LEAST_KEY_LENGTH:
        raise ConfigurationError(
            f"RECSVC_API_KEY has {len(secret)} characters; a key needs at least "
            f"{LEAST_KEY_LENGTH} random ones. Create one with: openssl rand -hex 32"
        )
    keys.lock_keys(session)
    hashed = hash_key(secret)
    stored = keys.find_key(session, hashed)
    if stored is not None:
        is_expired = stored.expires_at is not None and stored.expires_at <= now
        return stored.revoked_at is None and not is_expired
    for key in keys.keys_named(session, SETTING_KEY_NAME):
        keys.revoke_key(session, key, now=now)
    key = ApiKey(
        name=SETTING_KEY_NAME,
        prefix=f"env_{hashed[:10]}",
        sha256=hashed,
        scopes=[scope.value for scope in SCOPES],
        created_at=now,
    )
    keys.add_key(session, key)
    return True
