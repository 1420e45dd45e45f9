"""Routes whose synchronous functions run entirely on one thread of a pool.

FastAPI runs a `def` route on one thread and renders its response on a second one of the same pool,
while the transaction of a dependency stays open. If every thread of the pool waits for a lock of
such a transaction, no thread is left to end it. Here work, commit and rendering are one call on
one pool; see docs/decisions/0076-one-thread-a-request.md.
"""

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from enum import Enum, auto
from functools import partial, wraps
from inspect import Parameter
from operator import attrgetter
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.types import Message, Receive, Scope, Send

from recsvc.api.access.requirements import (
    ATTRIBUTE as ACCESS_ATTRIBUTE,
)
from recsvc.api.access.requirements import Requirement, requirement_of
from recsvc.api.concurrency.request_pools import RequestPools
from recsvc.db.session import Session

F = TypeVar("F", bound=Callable[..., Any])
BodyModel = TypeVar("BodyModel", bound=BaseModel)
PlainHandler = Callable[[Request, BodyModel], Awaitable[Response]]
Run = Callable[[Callable[..., Response]], Awaitable[Response]]
PoolName = Literal["answers", "slow", "previews", "service"]
JSON = b"application/json"
POOLS_PARAMETER = "pools"  # a parameter that is added to each synchronous route
POOL_ATTRIBUTE = "__request_pool__"
PLAIN_ATTRIBUTE = "__plain_handler__"
MAX_PLAIN_BYTES = 4096  # of a body that is read before the key is checked


class Transaction(Enum):
    """A placeholder for the session of a route, which the pool replaces by an open one."""

    READ = auto()
    WRITE = auto()


async def _read() -> Transaction:
    return Transaction.READ


async def _write() -> Transaction:
    return Transaction.WRITE


async def _pools(request: Request) -> RequestPools:
    pools: RequestPools = request.app.state.request_pools
    return pools


SessionDep = Annotated[Session, Depends(_write)]
ReadingDep = Annotated[Session, Depends(_read)]
RequestPoolsDep = Annotated[RequestPools, Depends(_pools)]


def runs_on(pool: PoolName) -> Callable[[F], F]:
    """Set the pool of a synchronous route without a session."""

    def mark(endpoint: F) -> F:
        setattr(endpoint, POOL_ATTRIBUTE, pool)
        return endpoint

    return mark


def answers_plainly(model: type[BodyModel], handle: PlainHandler[BodyModel]) -> Callable[[F], F]:
    """Set a faster handler for the plain requests of a route: a small, valid JSON body, no query.

    FastAPI needs five times as long for a request as the route itself. All other requests, and
    those whose body is not a valid `model`, go through FastAPI, which describes the errors.
    """

    def mark(endpoint: F) -> F:
        setattr(endpoint, PLAIN_ATTRIBUTE, (model, handle))
        return endpoint

    return mark


class _Route(APIRoute):
    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - FastAPI's
        is_async = inspect.iscoroutinefunction(endpoint) or inspect.isasyncgenfunction(endpoint)
        if is_async and _session_kind(endpoint):
            raise TypeError(f"{endpoint.__name__} is asynchronous: run its session on a pool.")
        if not is_async:
            endpoint = _run_on_pool(endpoint, options.get("status_code"))
        super().__init__(path, endpoint, **options)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request of this path, a plain one without FastAPI."""
        plain = getattr(self.endpoint, PLAIN_ATTRIBUTE, None)
        if plain is not None and scope["method"] in (self.methods or ()) and _has_small_json(scope):
            model, handle = plain
            request = Request(scope, receive)
            content = await request.body()
            try:
                body = model.model_validate_json(content)
            except ValidationError:
                receive = partial(_replay, content)
            else:
                await self._authorize(request)
                response = await handle(request, body)
                await response(scope, receive, send)
                return
        await super().handle(scope, receive, send)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of the route, which authorizes the request first."""
        handle = super().get_route_handler()

        async def authorize_and_handle(request: Request) -> Response:
            await self._authorize(request)
            return await handle(request)

        return authorize_and_handle

    async def _authorize(self, request: Request) -> None:
        requirement = requirement_of(self.endpoint)
        if requirement is not None and requirement.scope is not None:
            await request.app.state.authorization.authorize(request, requirement)


def _has_small_json(scope: Scope) -> bool:
    """Return whether a request has no query, and a JSON body of at most MAX_PLAIN_BYTES."""
    headers = dict(scope["headers"])
    length: bytes = headers.get(b"content-length", b"")
    is_small = 0 < len(length) < 5 and length.isdigit() and int(length) <= MAX_PLAIN_BYTES
    return is_small and headers.get(b"content-type") == JSON and not scope["query_string"]


async def _replay(body: bytes) -> Message:
    return {"type": "http.request", "body": body, "more_body": False}


class Router(APIRouter):
    """A router whose routes check the caller's key, and whose synchronous routes run on pools.

    A route with a SessionDep runs on the pool of writes, one with a ReadingDep on that of reads.
    `runs_on` names the pool of every other route.

    requirement  of all routes without `requires`
    """

    def __init__(self, *, requirement: Requirement, **options: Any) -> None:  # noqa: ANN401 - FastAPI's
        super().__init__(route_class=_Route, **options)
        self._requirement = requirement

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - FastAPI's
        """Add a route with its requirement, which the API document lists as its security."""
        requirement = requirement_of(endpoint)
        if requirement is None:
            requirement = self._requirement
            setattr(endpoint, ACCESS_ATTRIBUTE, requirement)
        options["openapi_extra"] = security_of(requirement) | (options.get("openapi_extra") or {})
        super().add_api_route(path, endpoint, **options)


def security_of(requirement: Requirement) -> dict[str, Any]:
    """Return the security of an operation of the API document."""
    if requirement.scope is None:
        return {"security": []}
    scopes = [requirement.scope.value]
    return {"security": [{"bearerKey": scopes}, {"headerKey": scopes}, {"login": scopes}]}


def _run_on_pool(
    endpoint: Callable[..., Any], status_code: int | None
) -> Callable[..., Awaitable[Response]]:
    """Return an asynchronous route that runs a synchronous one on its pool."""
    signature = inspect.signature(endpoint)
    run_on = _pool_of(endpoint)

    @wraps(endpoint)
    async def route(**arguments: Any) -> Response:  # noqa: ANN401 - whatever the route takes
        pools: RequestPools = arguments.pop(POOLS_PARAMETER)
        return await run_on(pools)(partial(_respond, endpoint, status_code, arguments))

    added = Parameter(POOLS_PARAMETER, Parameter.KEYWORD_ONLY, annotation=RequestPoolsDep)
    parameters = [*signature.parameters.values(), added]
    route.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return route


def _session_kind(endpoint: Callable[..., Any]) -> str | None:
    """Return the kind of transaction of a route: "write", "read" or None."""
    parameters = inspect.signature(endpoint).parameters.values()
    annotations = [parameter.annotation for parameter in parameters]
    return "write" if SessionDep in annotations else "read" if ReadingDep in annotations else None


def _pool_of(endpoint: Callable[..., Any]) -> Callable[[RequestPools], Run]:
    """Return a function that selects the pool of a route. Raises TypeError without one."""
    if session := _session_kind(endpoint):
        return attrgetter(session)
    if not hasattr(endpoint, POOL_ATTRIBUTE):
        raise TypeError(f"{endpoint.__name__} has no session: name its pool by runs_on.")
    return attrgetter(f"{getattr(endpoint, POOL_ATTRIBUTE)}.run")


def _respond(
    endpoint: Callable[..., Any],
    status_code: int | None,
    arguments: dict[str, Any],
    session: Session | None = None,
) -> Response:
    """Call a route and render its result, as FastAPI does."""
    opened = {
        name: session if isinstance(value, Transaction) else value
        for name, value in arguments.items()
    }
    result = endpoint(**opened)
    if isinstance(result, Response):
        return result
    template = next((value for value in arguments.values() if isinstance(value, Response)), None)
    status = (template and template.status_code) or status_code or 200
    headers = dict(template.headers) if template else {}
    if result is None:
        return Response(status_code=status, headers=headers)
    if not isinstance(result, BaseModel):
        raise TypeError(f"{endpoint.__name__} returns {type(result).__name__}, not a model.")
    body = result.model_dump_json(by_alias=True)
    return Response(body, status, headers=headers, media_type="application/json")
