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
    """One part of the service."""

    name: Annotated[str, Field(examples=["database"])]
    ok: Annotated[bool, Field(examples=[True])]
    reason: Annotated[str, Field(examples=["schema 0001, current"])]
    required: Annotated[
        bool, Field(description="Whether the service is not ready without it.", examples=[True])
    ]
    number: Annotated[
        int | None,
        Field(description="Workers with a lease; null for other checks, or unknown."),
    ] = None


class Readiness(Answer):
    """Whether the service can respond to requests, and the checks of its parts."""

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
    """Report reads (`database`), `writes`, `workers` and the published `model`.

    The service is ready while it can recommend: without a published model, without workers, and
    while writes fail, for which `/metrics` has `recsvc_database_writable`. The response reports
    the last measurements and waits for nothing.
    """
    state = request.app.state
    checks = readiness.check_service(state.monitors, state.model_server)
    ready = all(check.ok for check in checks if check.required)
    response.status_code = 200 if ready else 503
    shown = [Check.model_validate(check) for check in checks]
    return Readiness(status="ready" if ready else "not_ready", checks=shown)
