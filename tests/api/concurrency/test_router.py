"""Synchronous routes: one thread from first to last, rendered as FastAPI would."""

import threading

import pytest
from fastapi import FastAPI, Response
from pydantic import BaseModel, Field
from starlette.testclient import TestClient

from recsvc.api.access.requirements import OPEN
from recsvc.api.concurrency.router import Router, runs_on
from recsvc.api.dependencies import ContextDep, ReadingDep, SessionDep
from recsvc.service.feedback import ratings
from tests.factories.single_ratings import rating_of

router = Router(requirement=OPEN)


class Seen(BaseModel):
    """What a route saw."""

    thread: str = Field(serialization_alias="on")
    rendered: float | None = None


@router.post("/write", status_code=202)
def write(session: SessionDep, response: Response) -> Seen:
    ratings.rate_each(session, [rating_of("ann")])
    response.headers["Location"] = "/somewhere"
    return Seen(thread=threading.current_thread().name)


@router.post("/fails")
def fails(session: SessionDep) -> Seen:
    ratings.rate_each(session, [rating_of("bob")])
    raise RuntimeError("after it has written")


@router.get("/read")
def read(session: ReadingDep) -> Seen:
    (standing,) = ratings.list_ratings(session, "ann")
    return Seen(thread=threading.current_thread().name, rendered=standing.value)


@router.delete("/nothing", status_code=204)
def nothing(session: SessionDep) -> None:
    pass


@router.get("/slow")
@runs_on("slow")
def slow(context: ContextDep) -> Seen:
    return Seen(thread=f"{threading.current_thread().name} {context.database.dialect}")


@pytest.fixture
def routes(app: FastAPI, client: TestClient) -> TestClient:
    app.include_router(router)
    return client


def test_route_runs_on_request_pool_of_its_session(routes):
    written = routes.post("/write", json={})
    read_back = routes.get("/read")

    assert (written.status_code, written.headers["location"]) == (202, "/somewhere")
    assert written.json()["on"].startswith("writes-")
    assert read_back.json()["on"].startswith("reads-")
    assert read_back.json()["rendered"] == 5.0
    assert routes.get("/slow").json()["on"].startswith("slow-")


def test_route_without_body_returns_its_status(routes):
    answer = routes.delete("/nothing")

    assert (answer.status_code, answer.content) == (204, b"")


def test_route_failure_rolls_back_writes(routes):
    assert routes.post("/fails", json={}).status_code == 500

    assert routes.get("/v1/users/bob/ratings").status_code == 404


def test_router_refuses_synchronous_route_without_session():
    with pytest.raises(TypeError, match="forgotten has no session"):

        @router.get("/forgotten")
        def forgotten() -> Seen:
            return Seen(thread="")
