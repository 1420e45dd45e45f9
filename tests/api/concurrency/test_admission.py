"""A burst is begun a few requests at a time, in order, and readiness does not wait for it."""

import asyncio
import json

from recsvc.api.concurrency.admission import MAX_STARTS_PER_ITERATION, Admission
from tests.conftest import PATIENCE_SECONDS

N = 10 * MAX_STARTS_PER_ITERATION


class Begun:
    """An app that notes the path of each request it is given."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def __call__(self, scope, receive, send) -> None:
        self.paths.append(scope["path"])


async def nothing_is_read() -> dict:
    raise AssertionError("no body is read here")


def request(pacing: Admission, path: str, sent: list | None = None) -> asyncio.Task:
    async def send(message) -> None:
        if sent is not None:
            sent.append(message)

    return asyncio.create_task(pacing({"type": "http", "path": path}, nothing_is_read, send))


def test_admission_starts_few_requests_per_iteration_in_order():
    async def burst() -> list[int]:
        app = Begun()
        pacing = Admission(app, wait_seconds=PATIENCE_SECONDS, max_requests=N)
        tasks = [request(pacing, f"/{n}") for n in range(N)]
        counts = []
        while len(app.paths) < N:
            await asyncio.sleep(0)
            counts.append(len(app.paths))
        await asyncio.gather(*tasks)
        assert app.paths == [f"/{n}" for n in range(N)]
        return counts

    counts = asyncio.run(burst())

    assert (
        max(after - before for before, after in zip([0, *counts], counts, strict=False))
        <= MAX_STARTS_PER_ITERATION
    )


def test_admission_starts_readiness_and_metrics_before_waiting_burst():
    async def burst() -> list[str]:
        app = Begun()
        pacing = Admission(app, wait_seconds=PATIENCE_SECONDS, max_requests=N)
        tasks = [request(pacing, f"/{n}") for n in range(N)]
        tasks += [request(pacing, path) for path in ("/livez", "/readyz", "/metrics")]
        await asyncio.gather(*tasks)
        return app.paths

    order = asyncio.run(burst())

    assert order[: MAX_STARTS_PER_ITERATION + 3] == [
        *(f"/{n}" for n in range(MAX_STARTS_PER_ITERATION)),
        "/livez",
        "/readyz",
        "/metrics",
    ]


def test_admission_refuses_request_that_waits_too_long():
    async def burst() -> tuple[list[str], list[list]]:
        app = Begun()
        pacing = Admission(app, wait_seconds=0, max_requests=N)
        sent = [[] for _ in range(N)]
        await asyncio.gather(*(request(pacing, f"/{n}", sent[n]) for n in range(N)))
        return app.paths, sent

    paths, sent = asyncio.run(burst())

    assert paths == [f"/{n}" for n in range(MAX_STARTS_PER_ITERATION)]
    for start, body in sent[MAX_STARTS_PER_ITERATION:]:
        assert start["status"] == 503
        assert (b"retry-after", b"1") in start["headers"]
        assert json.loads(body["body"])["type"] == "/problems/service-busy"


def test_admission_skips_request_of_disconnected_client():
    async def burst() -> list[str]:
        app = Begun()
        pacing = Admission(app, wait_seconds=PATIENCE_SECONDS, max_requests=N)
        tasks = [request(pacing, f"/{n}") for n in range(N)]
        await asyncio.sleep(0)
        tasks[MAX_STARTS_PER_ITERATION].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return app.paths

    assert asyncio.run(burst()) == [f"/{n}" for n in range(N) if n != MAX_STARTS_PER_ITERATION]


def test_admission_refuses_requests_over_the_limit_at_once():
    class Held:
        """An app whose requests last until the gate opens."""

        def __init__(self) -> None:
            self.gate, self.n_begun = asyncio.Event(), 0

        async def __call__(self, scope, receive, send) -> None:
            self.n_begun += 1
            await self.gate.wait()

    async def burst() -> tuple[int, list[dict], int]:
        app, sent = Held(), []
        admission = Admission(app, wait_seconds=PATIENCE_SECONDS, max_requests=3)
        tasks = [request(admission, f"/{n}", sent) for n in range(4)]
        tasks.append(request(admission, "/readyz"))
        while app.n_begun < 4:  # the three, and the health check
            await asyncio.sleep(0)
        refused = list(sent)
        app.gate.set()
        await asyncio.gather(*tasks)
        await request(admission, "/later", sent)
        return app.n_begun, refused, len(sent)

    n_begun, (start, body), n_sent = asyncio.run(burst())

    assert n_begun == 5
    assert n_sent == 2  # only the fourth was refused
    assert start["status"] == 503
    assert (b"retry-after", b"1") in start["headers"]
    assert json.loads(body["body"])["type"] == "/problems/service-full"
