"""Check the key, the scope and the rate limit of a request before its route runs."""

import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from hmac import compare_digest

import structlog
from fastapi import Request

from recsvc.api import problems
from recsvc.api.access.added_headers import add_header
from recsvc.api.access.current_change import CHANGE
from recsvc.api.access.exposure import Exposure
from recsvc.api.access.requirements import Requirement
from recsvc.errors import (
    InvalidCsrfToken,
    KeyExpired,
    KeyMissing,
    KeyRevoked,
    KeyUnknown,
    LoginExpired,
    RateLimited,
    ScopeMissing,
    Unauthenticated,
)
from recsvc.service.access.audit import Change
from recsvc.service.access.key_ring import Grant, KeyRing
from recsvc.service.access.logins import csrf_token
from recsvc.service.access.rate_limits import RateLimiter
from recsvc.service.access.scopes import includes

COOKIE = "recsvc_login"
CSRF_HEADER = "x-csrf-token"
GRANT = "recsvc.grant"  # where the scope keeps the grant of the request
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
REREAD_SECONDS = 0.2  # unknown keys cause at most five reads a second


class Authorization:
    """Authorizes requests by the keys of the service.

    read_keys  reads the keys of the ring again, without blocking the event loop
    exposure   on a private socket no key is needed, on a loopback address none until the first
               one is created
    """

    def __init__(
        self,
        ring: KeyRing,
        limiter: RateLimiter,
        read_keys: Callable[[], Awaitable[None]],
        *,
        exposure: Exposure,
    ) -> None:
        self._ring = ring
        self._limiter = limiter
        self._read_keys = read_keys
        self._is_trusted = exposure is Exposure.PRIVATE
        self._is_local = exposure is not Exposure.NETWORK
        self._reread_at = 0.0

    @property
    def needs_keys(self) -> bool:
        """Return whether requests need a key."""
        return not (self._is_trusted or (self._is_local and self._ring.is_empty))

    async def authorize(self, request: Request, requirement: Requirement) -> None:
        """Check one request. Raises Unauthenticated, Forbidden or RateLimited."""
        grant = None
        if self.needs_keys and not (requirement.is_open_locally and self._is_local):
            grant = await self._authenticate(request)
            assert requirement.scope is not None
            if not includes(grant.scopes, requirement.scope):
                raise ScopeMissing(grant.prefix, requirement.scope, sorted(grant.scopes))
            self._count(request, grant)
        if requirement.is_audited:
            CHANGE.set(_change(request, grant))

    async def current_login(self, cookie: str) -> Grant | None:
        """Return the grant of a valid login, None for any other cookie."""
        try:
            return await self._find_login(cookie)
        except Unauthenticated:
            return None

    def check_csrf_token(self, request: Request, cookie: str) -> None:
        """Check the token of a change by cookie. Raises InvalidCsrfToken."""
        sent = request.headers.get(CSRF_HEADER, "")
        if not compare_digest(sent.encode(), csrf_token(cookie).encode()):
            raise InvalidCsrfToken

    async def reread_keys(self) -> None:
        """Read the keys again, after a change by this process."""
        await self._read_keys()

    async def find_key(self, secret: str) -> Grant:
        """Return the grant of a valid key. Raises KeyUnknown, KeyRevoked, KeyExpired."""
        grant = self._ring.find(secret)
        if grant is None and await self._may_reread():
            grant = self._ring.find(secret)
        if grant is None:
            raise KeyUnknown
        return _check_validity(grant)

    async def _authenticate(self, request: Request) -> Grant:
        """Return the valid grant of a request. Raises Unauthenticated, InvalidCsrfToken."""
        if secret := _read_key(request):
            grant = await self.find_key(secret)
        elif cookie := request.cookies.get(COOKIE):
            if request.method not in SAFE_METHODS:
                self.check_csrf_token(request, cookie)
            grant = await self._find_login(cookie)
        else:
            raise KeyMissing
        self._ring.mark_used(grant, now=datetime.now(UTC))
        request.scope[GRANT] = grant
        structlog.contextvars.bind_contextvars(key=grant.prefix)
        return grant

    async def _find_login(self, cookie: str) -> Grant:
        now = datetime.now(UTC)
        grant = self._ring.find_login(cookie, now=now)
        if grant is None and await self._may_reread():
            grant = self._ring.find_login(cookie, now=now)
        if grant is None:
            raise LoginExpired
        return _check_validity(grant)

    async def _may_reread(self) -> bool:
        """Read the keys again unless that was done just now; return whether they were read."""
        now = time.monotonic()
        if now - self._reread_at < REREAD_SECONDS:
            return False
        self._reread_at = now
        await self.reread_keys()
        return True

    def _count(self, request: Request, grant: Grant) -> None:
        if not self._limiter.limit or self._is_local:
            return
        quota = self._limiter.count(grant.key_id)
        add_header(request.scope, b"ratelimit-policy", f'"default";q={quota.limit};w=1'.encode())
        add_header(request.scope, b"ratelimit", f'"default";r={quota.remaining};t=1'.encode())
        if not quota.admitted:
            raise RateLimited(grant.prefix, quota.limit)


def _read_key(request: Request) -> str | None:
    """Return the key of the headers, None without one."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    return request.headers.get("x-api-key") or None


def _check_validity(grant: Grant) -> Grant:
    if grant.revoked_at is not None:
        raise KeyRevoked(grant.prefix)
    if grant.expires_at is not None and grant.expires_at <= datetime.now(UTC):
        raise KeyExpired(grant.prefix, grant.expires_at.isoformat())
    return grant


def _change(request: Request, grant: Grant | None) -> Change:
    return Change(
        grant.prefix if grant else None,
        request.scope["route"].operation_id or request.scope["route"].name,
        request.scope["path"],
        request.scope.get(problems.REQUEST_ID, ""),
    )
