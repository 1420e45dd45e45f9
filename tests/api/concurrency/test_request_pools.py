"""RequestPools: each has its own threads and queue, and whoever waits too long is told so."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from recsvc.api.concurrency.request_pools import RequestPool, RequestPools, ThreadCounts
from recsvc.db.feedback.ratings import get_ratings
from recsvc.db.feedback.single_ratings import Outcome, SingleRating
from recsvc.db.session import Database, Session, reading
from recsvc.errors import InvalidId, ServiceBusy
from recsvc.service.feedback import ratings
from tests.conftest import NOON, PATIENCE_SECONDS, eventually
from tests.factories.single_ratings import rating_of

T = TypeVar("T")


def rate(session: Session, user_id: str) -> None:
    rating = ratings.single_rating(user_id, "tea", 5, rated_at=None, now=NOON, scale=None)
    ratings.rate_each(session, [rating])


def run_with(pools: RequestPools, body: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine between the start and the end of pools."""

    async def run() -> T:
        pools.start()
        try:
            return await body()
        finally:
            await asyncio.to_thread(pools.stop)

    return asyncio.run(run())


def run_on(pool: RequestPool, body: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine between the start and the end of one pool."""

    async def run() -> T:
        pool.start()
        try:
            return await body()
        finally:
            pool.shut_down()
            await asyncio.to_thread(pool.join, time.monotonic() + PATIENCE_SECONDS)

    return asyncio.run(run())


def test_request_pool_runs_work_in_order_of_arrival():
    pool, order = RequestPool("test", 1, PATIENCE_SECONDS), []

    async def body() -> None:
        await asyncio.gather(*(pool.run(lambda n=n: order.append(n)) for n in range(50)))

    run_on(pool, body)

    assert order == list(range(50))


def test_request_pool_limits_concurrency_to_threads():
    pool, running, most = RequestPool("test", 3, PATIENCE_SECONDS), [], []
    together = threading.Barrier(3, timeout=PATIENCE_SECONDS)

    def work() -> None:
        running.append(1)
        most.append(len(running))
        together.wait()
        running.pop()

    async def body() -> None:
        await asyncio.gather(*(pool.run(work) for _ in range(30)))

    run_on(pool, body)

    assert max(most) == 3


def test_request_pool_raises_service_busy_when_work_waits_too_long():
    pool, gate, begun = RequestPool("test", 1, 0.05), threading.Event(), []

    async def body() -> None:
        first = asyncio.create_task(pool.run(lambda: gate.wait(PATIENCE_SECONDS)))
        await asyncio.sleep(0)
        with pytest.raises(ServiceBusy, match=r"waited 0\.05 s"):
            await pool.run(lambda: begun.append("second"))
        gate.set()
        await first
        await pool.run(lambda: begun.append("third"))

    run_on(pool, body)

    assert begun == ["third"]


def test_request_pool_limits_waiting_time_and_not_running_time():
    pool, gate = RequestPool("test", 1, 0.05), threading.Event()

    async def body() -> bool:
        asyncio.get_running_loop().call_later(0.3, gate.set)
        return await pool.run(lambda: gate.wait(PATIENCE_SECONDS))

    assert run_on(pool, body)


def test_request_pool_returns_error_to_its_request():
    pool = RequestPool("test", 1, PATIENCE_SECONDS)

    def fail() -> None:
        raise InvalidId("user_id", "")

    async def body() -> int:
        with pytest.raises(InvalidId):
            await pool.run(fail)
        return await pool.run(lambda: 7)

    assert run_on(pool, body) == 7


def test_shut_down_finishes_queued_work():
    pool, gate, finished = RequestPool("test", 1, PATIENCE_SECONDS), threading.Event(), []

    async def body() -> None:
        waiting = [asyncio.create_task(pool.run(lambda: gate.wait(PATIENCE_SECONDS)))]
        waiting += [asyncio.create_task(pool.run(lambda n=n: finished.append(n))) for n in range(5)]
        await asyncio.sleep(0)
        pool.shut_down()
        gate.set()
        await asyncio.gather(*waiting)

    run_on(pool, body)

    assert finished == list(range(5))


def test_writes_are_stored_when_others_of_their_group_fail(database):
    pools = RequestPools(database, PATIENCE_SECONDS)
    ids = [f"u{n}" if n % 5 else "" for n in range(100)]

    async def body() -> list[object]:
        writes = [pools.write(lambda session, user=user: rate(session, user)) for user in ids]
        return await asyncio.gather(*writes, return_exceptions=True)

    outcomes = run_with(pools, body)

    assert [isinstance(outcome, InvalidId) for outcome in outcomes] == [not user for user in ids]
    with reading(database) as session:
        assert all(get_ratings(session, user) for user in ids if user)


def test_merged_writes_share_statements_and_return_outcomes_of_their_own(database):
    pools, sizes = RequestPools(database, PATIENCE_SECONDS), []

    def store(session: Session, rated: list[SingleRating]) -> list[Outcome]:
        sizes.append(len(rated))
        return ratings.rate_each(session, rated)

    async def body() -> list[Outcome]:
        rated = (rating_of(f"u{n % 50}", value=n) for n in range(100))
        return await asyncio.gather(*(pools.write_merged(store, rating) for rating in rated))

    outcomes = run_with(pools, body)

    assert max(sizes) > 10
    assert sum(outcome.is_new for outcome in outcomes) == 50
    with reading(database) as session:
        stored = {n: get_ratings(session, f"u{n}")[0].value for n in range(50)}
    assert set(stored.values()) <= {outcome.current.value for outcome in outcomes}
    assert all(value % 50 == n for n, value in stored.items())


def test_metrics_pool_runs_while_all_other_threads_are_busy(database):
    pools, gate, held = RequestPools(database, PATIENCE_SECONDS), threading.Event(), []

    def hold(session: Session | None = None) -> None:
        held.append(session)
        gate.wait(PATIENCE_SECONDS)

    async def body() -> str:
        others = [pools.answers.run, pools.slow.run, pools.follow, pools.read, pools.write]
        waiting = [asyncio.create_task(run(hold)) for run in others for _ in range(20)]
        await asyncio.to_thread(eventually, lambda: len(held) >= 9)
        try:
            return await pools.service.run(lambda: "metrics")
        finally:
            gate.set()
            await asyncio.gather(*waiting)

    assert run_with(pools, body) == "metrics"


def test_request_pool_requeues_rest_of_unfinished_group():
    taken, gate = [], threading.Event()

    def run_two(group):
        gate.wait(PATIENCE_SECONDS)
        taken.append(len(group))
        return [work() for work in group[:2]]

    pool = RequestPool("test", 1, PATIENCE_SECONDS, largest_group=5, run_group=run_two)

    async def body() -> list[int]:
        waiting = [asyncio.create_task(pool.run(lambda n=n: n)) for n in range(7)]
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(*waiting)

    assert run_on(pool, body) == list(range(7))
    assert taken[-3:] == [5, 3, 1] or sum(min(n, 2) for n in taken) == 7


def test_request_pool_raises_service_busy_for_late_requeued_work():
    begun, gate = [], threading.Event()

    def run_first(group):
        gate.wait(PATIENCE_SECONDS)
        return [work() for work in group[:1]]

    pool = RequestPool("test", 1, 0.05, largest_group=5, run_group=run_first)

    async def body() -> list[object]:
        first = asyncio.create_task(pool.run(lambda: gate.wait(PATIENCE_SECONDS)))
        others = [asyncio.create_task(pool.run(lambda n=n: begun.append(n))) for n in range(3)]
        await asyncio.sleep(0.2)
        gate.set()
        await first
        return await asyncio.gather(*others, return_exceptions=True)

    outcomes = run_on(pool, body)

    assert sum(isinstance(outcome, ServiceBusy) for outcome in outcomes) == 3 - len(begun)
    assert len(begun) < 3


def test_request_pool_skips_work_of_cancelled_request():
    pool, gate, begun = RequestPool("test", 1, PATIENCE_SECONDS), threading.Event(), []

    async def body() -> None:
        first = asyncio.create_task(pool.run(lambda: gate.wait(PATIENCE_SECONDS)))
        gone = asyncio.create_task(pool.run(lambda: begun.append("gone")))
        await asyncio.sleep(0.05)
        gone.cancel()
        await asyncio.sleep(0)
        gate.set()
        await first
        await pool.run(lambda: begun.append("last"))

    run_on(pool, body)

    assert begun == ["last"]


def test_request_pool_waits_longer_for_patient_work():
    pool, gate = RequestPool("test", 1, 0.05), threading.Event()

    async def body() -> int:
        first = asyncio.create_task(pool.run(lambda: gate.wait(PATIENCE_SECONDS)))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.2, gate.set)
        answer = await pool.run(lambda: 7, is_patient=True)
        await first
        return answer

    assert run_on(pool, body) == 7


def test_request_pool_threads_use_at_most_all_connections(database_url):
    counts = ThreadCounts(reads=3, writes=2)
    database = Database(database_url, connections=counts.connections, wait_seconds=0.1)
    pools, gate = RequestPools(database, 0.5, counts), threading.Event()

    def hold(session: Session) -> None:
        session.connection()
        gate.wait(PATIENCE_SECONDS)

    async def body() -> int:
        asyncio.get_running_loop().call_later(0.3, gate.set)
        works = [run(hold) for run in (pools.read, pools.write, pools.follow) for _ in range(20)]
        outcomes = await asyncio.gather(*works, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} <= {type(None), ServiceBusy}
        return database.engine.pool.checkedout()

    assert run_with(pools, body) == 0
    database.close()
