"""Whether the process is alive and the service ready."""

from typing import Annotated, Literal

from fastapi import Request, Response
from pydantic import Field

from recsvc.api.concurrency.router import Router
from recsvc.api.schemas import Answer
from recsvc.errors import NotReady
from recsvc.service.readiness import DatabaseMonitor
from recsvc.service.recommendations.model_server import ModelServer

router = Router(tags=["service"])


class Alive(Answer):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Check(Answer):
    """One thing that the service needs."""

    name: Annotated[str, Field(examples=["database"])]
    ok: Annotated[bool, Field(examples=[True])]
    reason: Annotated[str, Field(examples=["schema 0001, current"])]


class Readiness(Answer):
    """Whether requests can be answered, and what that rests on."""

    status: Literal["ready", "not_ready"]
    checks: list[Check]


@router.get("/livez", summary="Is the process alive?")
async def get_liveness() -> Alive:
    """Nothing is looked at but the process itself."""
    return Alive()


@router.get(
    "/readyz",
    summary="Can requests be answered?",
    responses={503: {"model": Readiness, "description": "Not ready; `checks` say why."}},
)
async def get_readiness(request: Request, response: Response) -> Readiness:
    """Look at the database, which is checked twice a second, and at the published model.

    Without a published model the service is ready all the same: it takes ratings and trains.
    """
    monitor: DatabaseMonitor = request.app.state.database_monitor
    state = monitor.state()
    database = Check(name="database", ok=state.ok, reason=state.reason)
    checks = [database, *([_model(request.app.state.model_server)] if database.ok else [])]
    ready = all(check.ok for check in checks)
    response.status_code = 200 if ready else 503
    return Readiness(status="ready" if ready else "not_ready", checks=checks)


def _model(server: ModelServer) -> Check:
    """A version that still answers is enough, though a newer one could not be loaded."""
    trouble = server.load_error
    try:
        version = server.require_model().version
    except NotReady:
        reason = trouble or "none is published yet; POST /v1/training-jobs trains one"
        return Check(name="model", ok=trouble is None, reason=reason)
    besides = f"; a newer one cannot be loaded: {trouble}" if trouble else ""
    return Check(name="model", ok=True, reason=f"version {version} answers{besides}")
