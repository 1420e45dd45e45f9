"""Refuse bodies over the limits of the settings, with or without a Content-Length."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recsvc.api import problems
from recsvc.errors import BodyTooLarge

UPLOAD_PATH = "/v1/import-jobs"


class BodyLimits:
    """ASGI middleware: respond 413 to a body over the limit of its path.

    max_upload  bytes, for POST /v1/import-jobs
    max_body    bytes, for every other path
    """

    def __init__(self, app: ASGIApp, *, max_body: int, max_upload: int) -> None:
        self._app = app
        self._max_body = max_body
        self._max_upload = max_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the Content-Length, then count the bytes of the body as they arrive."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        limit = self._max_upload if scope["path"] == UPLOAD_PATH else self._max_body
        scope[problems.BODY_LIMIT] = limit
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > limit:
            await problems.problem(scope, BodyTooLarge(limit))(scope, receive, send)
            return
        await self._app(scope, _limit_body(receive, limit), send)


def _limit_body(receive: Receive, limit: int) -> Receive:
    received = 0

    async def count() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise HTTPException(413)  # while reading a body, FastAPI passes on only this class
        return message

    return count
