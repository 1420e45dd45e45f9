"""Errors of keys, scopes, limits and browsers."""

from collections.abc import Sequence

from recsvc.errors.base import Forbidden, InvalidInput, NotFound, TooManyRequests, Unauthenticated


class KeyMissing(Unauthenticated):
    """API key missing"""

    def __init__(self) -> None:
        super().__init__(
            "This service requires an API key. Send it as Authorization: Bearer KEY or X-API-Key: "
            "KEY."
        )


class KeyUnknown(Unauthenticated):
    """API key unknown"""

    def __init__(self) -> None:
        super().__init__(
            "The API key is not a key of this service. Check that it was copied in full; "
            "recsvc keys list shows the prefixes of all keys."
        )


class KeyRevoked(Unauthenticated):
    """API key revoked"""

    def __init__(self, prefix: str) -> None:
        super().__init__(f"The API key {prefix} has been revoked. Use another key.", prefix=prefix)


class KeyExpired(Unauthenticated):
    """API key expired"""

    def __init__(self, prefix: str, expires_at: str) -> None:
        super().__init__(
            f"The API key {prefix} expired at {expires_at}. Use another key.",
            prefix=prefix,
            expires_at=expires_at,
        )


class LoginExpired(Unauthenticated):
    """Login expired"""

    def __init__(self) -> None:
        super().__init__("The login of this browser has ended. Log in again with an API key.")


class ScopeMissing(Forbidden):
    """Scope missing"""

    def __init__(self, prefix: str, required: str, scopes: Sequence[str]) -> None:
        super().__init__(
            f"This operation requires the scope {required!r}; the API key {prefix} has "
            f"{', '.join(scopes)}. Use a key with this scope.",
            prefix=prefix,
            required_scope=required,
            scopes=list(scopes),
        )


class CrossSiteRequest(Forbidden):
    """Request from another site"""

    def __init__(self, origin: str) -> None:
        super().__init__(
            f"A page of {origin[:80]!r} sent this request, which changes data. Send it from a "
            "program, or from a page of this service.",
            origin=origin[:80],
        )


class InvalidCsrfToken(Forbidden):
    """Invalid CSRF token"""

    def __init__(self) -> None:
        super().__init__(
            "A login by cookie needs the header X-CSRF-Token with the token of GET /v1/login for "
            "every request that changes data."
        )


class RateLimited(TooManyRequests):
    """Rate limit exceeded"""

    def __init__(self, prefix: str, limit: int) -> None:
        super().__init__(
            f"The API key {prefix} may send {limit} requests a second. Retry after Retry-After "
            "seconds.",
            prefix=prefix,
            limit=limit,
        )


class KeyNotFound(NotFound):
    """API key not found"""

    def __init__(self, key_id: int) -> None:
        super().__init__(f"There is no API key {key_id}.", key_id=key_id)


class InvalidExpiry(InvalidInput):
    """Invalid expiry"""

    def __init__(self, expires_at: str) -> None:
        super().__init__(
            f"expires_at is {expires_at}, which is not in the future. Send a later time, or omit "
            "it for a key that does not expire.",
            field="expires_at",
        )
