"""Headers of every response: those of browsers' protection, and those that a route adds."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recsvc.api.access.added_headers import read_added_headers
from recsvc.runtime.draining import is_draining

NOSNIFF = (b"x-content-type-options", b"nosniff")
WITH_ETAG = (b"cache-control", b"private, no-cache")
WITHOUT_ETAG = (b"cache-control", b"private, no-store")
CLOSE = (b"connection", b"close")
VARY = (b"vary", b"Authorization, X-API-Key, Cookie")


class ResponseHeaders:
    """ASGI middleware: add the headers that every response has.

    Responses of the API may be personal, so shared caches must not keep them. A browser may keep
    one with an ETag and revalidate it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the request and complete the headers of its response."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_personal = scope["path"].startswith("/v1/")

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                names = {name for name, _ in headers}
                if NOSNIFF[0] not in names:
                    headers.append(NOSNIFF)
                if is_personal:
                    if b"cache-control" not in names:
                        headers.append(WITH_ETAG if b"etag" in names else WITHOUT_ETAG)
                    headers.append(VARY)
                headers.extend(read_added_headers(scope))
                if is_draining.is_set():
                    headers.append(CLOSE)
            await send(message)

        await self._app(scope, receive, complete)
