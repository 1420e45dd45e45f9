"""Whether the process is alive and the service is ready."""

from typing import Annotated, Literal

from fastapi import Request, Response
from pydantic import Field

from recsvc.api.access.requirements import OPEN
from recsvc.api.concurrency.router import Router
from recsvc.api.schemas import Answer
from recsvc.service import readiness

router = Router(tags=["service"], requirement=OPEN)


class Alive(Answer):
    """The process responds."""

    status: Literal["alive"] = "alive"


class Check(Answer):
    """One requirement of the service."""

    name: Annotated[str, Field(examples=["database"])]
    ok: Annotated[bool, Field(examples=[True])]
    reason: Annotated[str, Field(examples=["schema 0001, current"])]


class Readiness(Answer):
    """Whether the service can respond to requests, and the checks that decide it."""

    status: Literal["ready", "not_ready"]
    checks: list[Check]


@router.get("/livez", summary="Check that the process is alive")
async def get_liveness() -> Alive:
    """Respond without checking anything except the process itself."""
    return Alive()


@router.get(
    "/readyz",
    summary="Check that the service is ready",
    responses={503: {"model": Readiness, "description": "Not ready; `checks` has the reasons."}},
)
async def get_readiness(request: Request, response: Response) -> Readiness:
    """Report the database, which is checked twice a second, and the published model.

    Without a published model the service is ready: it accepts ratings and trains.
    """
    state = request.app.state
    checks = readiness.check_service(state.database_monitor, state.model_server)
    ready = all(check.ok for check in checks)
    response.status_code = 200 if ready else 503
    shown = [Check.model_validate(check) for check in checks]
    return Readiness(status="ready" if ready else "not_ready", checks=shown)
