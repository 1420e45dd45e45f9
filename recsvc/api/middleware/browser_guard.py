"""Refuse requests that a page of another site makes a browser send.

Without keys the service trusts each program that reaches its address, and a browser on this machine
is one. A foreign page could send changes (cross-site request forgery), or reach the service under a
name of its own (DNS rebinding).
"""

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from recsvc.api import problems
from recsvc.errors import CrossSiteRequest, HostNotAllowed, RecsvcError, UnsupportedMedia

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
HEALTH_PATHS = frozenset({"/livez", "/readyz"})  # probes use the address of a container
OWN_SITE = frozenset({"same-origin", "none"})
EMPTY_BODY_TYPES = "application/json"


class BrowserGuard:
    """ASGI middleware: refuse foreign hosts (421), cross-site changes (403), untyped bodies (415).

    allowed_hosts    names besides those of loopback; `*` allows all, `.example.com` subdomains
    allowed_origins  origins whose pages may send requests, as `https://shop.example.com`
    """

    def __init__(
        self, app: ASGIApp, *, allowed_hosts: Collection[str], allowed_origins: Collection[str]
    ) -> None:
        self._app = app
        self._names = LOOPBACK_NAMES | {name.lower() for name in allowed_hosts}
        self._suffixes = tuple(name for name in self._names if name.startswith("."))
        self._allows_all = "*" in self._names
        self._origins = frozenset(allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the headers of a request, then run it."""
        if scope["type"] == "http" and (error := self._find_error(scope)):
            await problems.problem(scope, error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _find_error(self, scope: Scope) -> RecsvcError | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_allowed(host) and scope["path"] not in HEALTH_PATHS:
            return HostNotAllowed(host)
        if scope["method"] in SAFE_METHODS:
            return None
        origin = headers.get("origin")
        if origin is not None and not self._is_own(origin, host):
            return CrossSiteRequest(origin)
        site = headers.get("sec-fetch-site")
        if site is not None and site not in OWN_SITE and origin not in self._origins:
            return CrossSiteRequest(origin or site)
        if scope["method"] == "POST" and "content-type" not in headers:
            return UnsupportedMedia(
                "The request has no Content-Type. Send Content-Type: application/json, with an "
                "empty body, too.",
                sent="",
            )
        return None

    def _is_allowed(self, host: str) -> bool:
        name = _hostname(host)
        return self._allows_all or name in self._names or name.endswith(self._suffixes or ("\0",))

    def _is_own(self, origin: str, host: str) -> bool:
        return origin in self._origins or urlsplit(origin).netloc.lower() == host.lower()


def _hostname(host: str) -> str:
    """Return the name of a Host header without its port, in lower case."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
