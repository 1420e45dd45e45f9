"""Respond to every error with RFC 9457 `application/problem+json`.

STATUS maps each family of `recsvc.errors` to its status. `type` is the path `/problems/<code>`,
which serves the section of the class in docs/reference/problems.md.
"""

import json
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Scope

from recsvc import errors
from recsvc.api.remedies import detail_with_remedy
from recsvc.api.validation_errors import validation_problem
from recsvc.errors import RecsvcError
from recsvc.errors.base import cut

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 1  # an accepted job may have started by then, a published version be loaded
FULL_RETRY_SECONDS = 30  # somebody has to free space
REQUEST_ID = "recsvc.request_id"  # where the scope keeps it
BODY_LIMIT = "recsvc.body_limit"
MAX_DETAIL = 1000  # characters; a remedy may list all hyperparameters
MAX_FACT = 400  # characters of a text among the facts; an id has up to 256
MAX_BYTES = 16_384  # of a document; a longer one is sent without its facts

STATUS: dict[type[RecsvcError], HTTPStatus] = {
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.RequestTooSlow: HTTPStatus.REQUEST_TIMEOUT,
    errors.UnsupportedMedia: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    errors.StorageFull: HTTPStatus.INSUFFICIENT_STORAGE,
    errors.NotReady: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.HostNotAllowed: HTTPStatus.MISDIRECTED_REQUEST,
    errors.TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    errors.ShelfError: HTTPStatus.SERVICE_UNAVAILABLE,
}

RETRY = {"Retry-After": str(RETRY_SECONDS)}
HEADERS: dict[HTTPStatus, dict[str, str]] = {
    HTTPStatus.SERVICE_UNAVAILABLE: RETRY,
    HTTPStatus.TOO_MANY_REQUESTS: RETRY,
    HTTPStatus.INSUFFICIENT_STORAGE: {"Retry-After": str(FULL_RETRY_SECONDS)},
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": 'Bearer realm="recsvc"'},
}

# Stored on a job, or printed by a process that ends; from a route they are internal errors.
INTERNAL_ERRORS: tuple[type[RecsvcError], ...] = (
    errors.TrainingFailed,
    errors.EvaluationFailed,
    errors.ImportFailed,
    errors.CheckpointUnreadable,
    errors.LeaseLost,
    errors.AttemptsExhausted,
    errors.JobTooLong,
    errors.ConfigurationError,
    errors.BackupError,
)


def status_of(kind: type[RecsvcError]) -> HTTPStatus:
    """Return the status of the nearest family of an error class, or 500."""
    for family in kind.__mro__:
        if family in STATUS:
            return STATUS[family]
    return HTTPStatus.INTERNAL_SERVER_ERROR


def problem(scope: Scope, error: RecsvcError) -> Response:
    """Return the response for an error."""
    status = status_of(type(error))
    standard = {
        "type": f"/problems/{error.code()}",
        "title": error.title(),
        "status": status.value,
        "detail": cut(detail_with_remedy(error), MAX_DETAIL),
        "instance": cut(scope.get("path", ""), MAX_DETAIL),
        "request_id": scope.get(REQUEST_ID, ""),
    }
    facts = {name: _shorten(fact) for name, fact in error.facts.items()}
    document = standard | facts | standard  # a fact never hides a standard member
    headers = dict(HEADERS.get(status, {}))
    if isinstance(error, errors.MethodNotAllowed):
        headers["Allow"] = ", ".join(error.facts.get("allowed", ()))  # type: ignore[arg-type]  # ours
    body = _render(document)
    if len(body) > MAX_BYTES:
        body = _render(standard)
    return Response(body, status, headers=headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Add handlers that turn every error of a route or the framework into a problem."""

    async def ours(request: Request, error: Exception) -> Response:
        found = _to_recsvc_error(request, error)
        if found.__cause__ is not None and isinstance(found, errors.NotReady):
            log.warning("not ready", code=found.code(), detail=found.detail_with_cause())
        if isinstance(found, errors.StorageFull) and found.place == "database":
            request.app.state.monitors.writes.report_failure(found.detail)
        return problem(request.scope, found)

    for kind in (RecsvcError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, ours)


def _to_recsvc_error(request: Request, error: Exception) -> RecsvcError:
    match error:
        case RecsvcError():
            return error
        case RequestValidationError():
            return validation_problem(request, error)
        case HTTPException():
            return _from_http_exception(request, error)
    raise error


def _from_http_exception(request: Request, error: HTTPException) -> RecsvcError:
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return errors.RouteNotFound(request.scope["path"])
        case HTTPStatus.METHOD_NOT_ALLOWED:
            return _method_not_allowed(request)
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return errors.BodyTooLarge(request.scope[BODY_LIMIT])
        case HTTPStatus.BAD_REQUEST if errors.StorageFull.causes(error.__cause__):
            full = errors.StorageFull(
                "The folder of temporary files is full, so the upload was not kept. Free space, "
                "then send it again.",
                "temporary files",
            )
            full.__cause__ = error.__cause__
            return full
        case HTTPStatus.BAD_REQUEST:
            return errors.MalformedRequest(
                f"The body cannot be read: {cut(str(error.detail))}. "
                "Send UTF-8 that matches the Content-Type."
            )
    raise error


def _method_not_allowed(request: Request) -> RecsvcError:
    path = request.scope["path"]
    allowed = request.app.state.route_templates.methods(path)
    return errors.MethodNotAllowed(
        f"{cut(path)} does not support {request.method}; use {' or '.join(allowed)}.",
        allowed=allowed,
    )


def _render(document: Mapping[str, Any]) -> bytes:
    text = json.dumps(_json_safe(document), ensure_ascii=False, allow_nan=False, default=str)
    return text.encode("utf-8", "replace")


def _shorten(fact: object) -> object:
    """Cut the texts of a fact that an error has not cut itself."""
    match fact:
        case str():
            return cut(fact, MAX_FACT)
        case list() | tuple():
            return [_shorten(entry) for entry in fact]
        case Mapping():
            return {cut(str(name)): _shorten(entry) for name, entry in fact.items()}
    return fact


def _json_safe(value: Any) -> Any:  # noqa: ANN401 - any JSON value, or a mapping
    """Replace the numbers that JSON lacks (NaN, infinities) by their text."""
    match value:
        case float() if not math.isfinite(value):
            return str(value)
        case Mapping():
            return {str(key): _json_safe(entry) for key, entry in value.items()}
        case list() | tuple():
            return [_json_safe(entry) for entry in value]
    return value
