import pytest

from recsvc.db.session import unit_of_work
from recsvc.service.access import keys
from recsvc.service.access.rate_limits import CountExchange, RateLimiter
from tests.conftest import NOON


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def key_id(database) -> int:
    with unit_of_work(database) as session:
        return keys.create_key(session, name="shop", scopes=["write"], now=NOON).key.id


def admitted(limiter: RateLimiter, key_id: int, n: int) -> int:
    return sum(limiter.count(key_id).admitted for _ in range(n))


def test_rate_limit_admits_limit_in_each_second(clock):
    limiter = RateLimiter(5, clock=clock)

    assert admitted(limiter, 1, 9) == 5
    assert admitted(limiter, 2, 9) == 5
    clock.now += 1
    assert admitted(limiter, 1, 9) == 5


def test_rate_limit_counts_down_remaining_requests(clock):
    limiter = RateLimiter(3, clock=clock)

    assert [limiter.count(1).remaining for _ in range(4)] == [2, 1, 0, 0]


@pytest.fixture
def processes(database, clock):
    """Three limiters of 90 requests a second that exchange their counts."""
    limiters = [RateLimiter(90, clock=clock) for _ in range(3)]
    exchanges = [
        CountExchange(database, limiter, f"process-{number}")
        for number, limiter in enumerate(limiters)
    ]
    return limiters, exchanges


def run_seconds(processes, clock, key_id, n_seconds, *, sent):
    """Send requests through each process for some seconds; return those admitted in each second."""
    limiters, exchanges = processes
    totals = []
    for _ in range(n_seconds):
        totals.append(
            sum(admitted(limiter, key_id, n) for limiter, n in zip(limiters, sent, strict=True))
        )
        clock.now += 1
        for exchange in exchanges:
            exchange.exchange()
        for exchange in exchanges:
            exchange.exchange()
    return totals


def test_processes_share_rate_limit_after_one_second(processes, clock, key_id):
    first, *later = run_seconds(processes, clock, key_id, 5, sent=(200, 200, 200))

    assert first == 270, "a process knows of the others after the first second"
    assert all(90 <= total <= 135 for total in later)
    assert sum(later[1:]) / 3 == pytest.approx(90, rel=0.2)


def test_process_leaves_what_others_need_little_of(processes, clock, key_id):
    totals = run_seconds(processes, clock, key_id, 5, sent=(200, 10, 0))

    assert totals[-1] == pytest.approx(90, abs=10)


def test_counts_of_ended_process_are_forgotten(processes, clock, key_id):
    run_seconds(processes, clock, key_id, 3, sent=(200, 200, 200))
    totals = run_seconds(processes, clock, key_id, 6, sent=(200, 0, 0))

    assert totals[-1] == 90
