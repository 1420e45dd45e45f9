"""Requests that follow one job share its reads."""

import asyncio

import pytest

from recsvc.api.concurrency.shared_reads import SharedReads
from recsvc.errors import JobNotFound


def test_shared_read_runs_once_for_all_who_ask_meanwhile():
    n_reads = 0

    async def read() -> int:
        nonlocal n_reads
        n_reads += 1
        await asyncio.sleep(0.02)
        return n_reads

    async def ask() -> tuple[list[int], int, int]:
        shared = SharedReads(0.01)  # shorter than the read
        together = await asyncio.gather(*(shared.get("job 1", read) for _ in range(100)))
        other = await shared.get("job 2", read)
        await asyncio.sleep(0.02)
        return together, other, await shared.get("job 1", read)

    assert asyncio.run(ask()) == ([1] * 100, 2, 3)


def test_shared_read_is_used_again_until_it_expires():
    n_reads = 0

    async def read() -> int:
        nonlocal n_reads
        n_reads += 1
        return n_reads

    async def ask() -> list[int]:
        shared = SharedReads(0.2)
        found = [await shared.get(1, read) for _ in range(3)]
        await asyncio.sleep(0.3)
        return [*found, await shared.get(1, read)]

    assert asyncio.run(ask()) == [1, 1, 1, 2]


def test_shared_read_raises_its_error_to_all_and_outlives_a_disconnected_client():
    began, gate = [], asyncio.Event()

    async def fail() -> int:
        began.append(1)
        await gate.wait()
        raise JobNotFound(7, "training")

    async def ask() -> list[object]:
        shared = SharedReads(10)
        tasks = [asyncio.create_task(shared.get(7, fail)) for _ in range(3)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    cancelled, *errors = asyncio.run(ask())

    assert isinstance(cancelled, asyncio.CancelledError)
    assert all(isinstance(error, JobNotFound) for error in errors)
    assert began == [1]
    with pytest.raises(JobNotFound):
        raise errors[0]
