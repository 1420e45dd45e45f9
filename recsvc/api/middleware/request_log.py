"""Record each request: its id, one line in the log, its count and duration.

Pure ASGI and written for speed: it runs for every request. A request is counted before the last
part of its response is sent, so no response is missing from the metrics of a killed process.
"""

import re
import secrets
from http import HTTPStatus
from time import perf_counter
from urllib.parse import quote

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recsvc.api import problems
from recsvc.api.middleware.route_templates import RouteTemplates
from recsvc.api.telemetry.feedback_counts import feedback_of
from recsvc.api.telemetry.request_metrics import RequestMetrics
from recsvc.errors import RecsvcError
from recsvc.errors.base import cut
from recsvc.runtime.user_hash import UserHash

VALID_ID = re.compile(rb"[\w.:\-]{1,128}")
VALID_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
JOB_ADDRESS = re.compile(rb"/v1/\w+-jobs/\d+")
UNLOGGED = frozenset({"/livez", "/readyz", "/metrics"})  # requested every few seconds by monitoring

MAX_PATH = 1000  # characters in the log

log = structlog.get_logger()


class RequestLog:
    """ASGI middleware: identify, time and log each request; respond 500 to an uncaught error.

    user_hash  of the user ids in logged paths; None to log them
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        templates: RouteTemplates,
        metrics: RequestMetrics,
        user_hash: UserHash | None = None,
    ) -> None:
        self._app = app
        self._user_hash = user_hash
        self._templates = templates
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request and record its outcome."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _identify(scope)
        status = 0
        created = b""
        seconds: float | None = None
        started = perf_counter()

        async def add_request_id(message: Message) -> None:
            nonlocal status, seconds, created
            if message["type"] == "http.response.start":
                status = int(message["status"])
                if status == HTTPStatus.ACCEPTED:
                    created = dict(message["headers"]).get(b"location", b"")
                message.setdefault("headers", []).append((b"x-request-id", request_id))
            elif not message.get("more_body") and seconds is None:
                seconds = perf_counter() - started
                self._count(scope, status, seconds)
            await send(message)

        self._metrics.begin_request()
        try:
            await self._app(scope, receive, add_request_id)
        except Exception:
            log.exception("request failed", path=self._path(scope))
            if status:
                raise  # the response has begun: the server closes the connection
            await _internal_error(scope)(scope, receive, add_request_id)
        finally:
            self._metrics.end_request()
            if seconds is None:  # the client or an error has ended the response
                seconds = perf_counter() - started
                self._count(scope, status, seconds)
            self._write_line(scope, status, seconds, created)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        template = self._templates.template(scope)
        self._metrics.add_request(scope["method"], template, status, seconds)
        feedback = feedback_of(scope)
        if feedback is not None and 200 <= status < 300:
            self._metrics.add_feedback(feedback)

    def _write_line(self, scope: Scope, status: int, seconds: float, created: bytes) -> None:
        template = self._templates.template(scope)
        if template in UNLOGGED and status < 400:
            return
        job_id = _job_id(scope, created)
        log.info(
            "request",
            method=scope["method"],
            path=self._path(scope),
            route=template,
            status=status,
            ms=round(seconds * 1000, 3),
            **({} if job_id is None else {"job_id": job_id}),
        )

    def _path(self, scope: Scope) -> str:
        """Return the path to log."""
        if self._user_hash is None:
            return cut(scope["path"], MAX_PATH)
        raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
        return cut(self._user_hash.redact(raw_path), MAX_PATH)


def _job_id(scope: Scope, created: bytes) -> int | None:
    """Return the job of a request: the one in its path, or the one at the Location that it got."""
    if created:
        number = created.rpartition(b"/")[2]
        return int(number) if JOB_ADDRESS.fullmatch(created) else None
    found = scope.get("path_params", {}).get("job_id")
    return found if isinstance(found, int) else None


def _identify(scope: Scope) -> bytes:
    """Return the id of the request: the client's own if it is valid, otherwise a new one."""
    client_id = traceparent = None
    for name, value in scope["headers"]:
        if name == b"x-request-id" and VALID_ID.fullmatch(value):
            client_id = value
        elif name == b"traceparent" and VALID_TRACEPARENT.fullmatch(value):
            traceparent = value
    request_id: bytes = client_id or secrets.token_hex(8).encode()
    context = {"request_id": request_id.decode()}
    if traceparent:
        context["traceparent"] = traceparent.decode()
    scope[problems.REQUEST_ID] = context["request_id"]
    structlog.contextvars.bind_contextvars(
        **context
    )  # each request is a task with a context of its own
    return request_id


def _internal_error(scope: Scope) -> ASGIApp:
    request_id = scope[problems.REQUEST_ID]
    return problems.problem(
        scope,
        RecsvcError(
            "The request failed because of an error in the service. "
            f"Find the cause in the service's log under request id {request_id}."
        ),
    )
