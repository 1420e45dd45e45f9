"""Many requests at the same moment to one API process: all are answered, none is lost."""

import asyncio
from pathlib import Path

import pytest

from benchmarks.burst import KINDS, N_ITEMS, Burst, burst
from recsvc.client import Client
from tests.acceptance.conftest import SHORT, Make, imported, trained
from tests.conftest import PATIENCE_SECONDS

pytestmark = pytest.mark.acceptance

SIZES = (60, 200, 500)  # ml-100k has a user for each number up to 943


def n_good(found: Burst) -> int:
    return found.statuses[200] + found.statuses[201]


def stored_value(client: Client, number: int) -> float | None:
    """Return the rating that request `number` of a burst of PUTs asked to store."""
    item = str(1 + (number * 7) % N_ITEMS)
    ratings = client.ratings(str(1 + number))
    return next((one["value"] for one in ratings if one["item_id"] == item), None)


@pytest.fixture
def trained_client(make_site: Make, database_url: str, data_dir: Path) -> Client:
    """A service that lets a request wait as long as a busy machine may take."""
    client = make_site(database_url, request_wait_seconds=PATIENCE_SECONDS).serve()
    imported(client, data_dir / "ml-100k" / "u.data")
    trained(client, model_kind="user_rbm", hyperparameters=SHORT)
    return client


def test_burst_is_answered_and_stored_while_service_stays_ready(trained_client):
    for kind in KINDS:
        for size in SIZES:
            found = asyncio.run(burst(trained_client, kind, size))

            assert n_good(found) == size, (kind, size, found.statuses)
            assert found.probes
            assert float("inf") not in found.probes, (kind, size)

    assert [stored_value(trained_client, n) for n in range(500)] == [1 + n % 5 for n in range(500)]


def test_requests_refused_as_busy_succeed_when_sent_again(make_site, database_url):
    url = make_site(database_url, request_wait_seconds=0.05).serve().base_url

    with Client(url, timeout=PATIENCE_SECONDS, patience=PATIENCE_SECONDS) as client:
        found = asyncio.run(burst(client, "PUT", 300))

        assert found.statuses[503] > 0
        assert n_good(found) + found.statuses[503] == 300, found.statuses
        assert set(found.repeated) <= {200, 201, 503}
        for number in range(300):
            client.rate(str(1 + number), str(1 + (number * 7) % N_ITEMS), 1 + number % 5)
        assert [stored_value(client, n) for n in range(300)] == [1 + n % 5 for n in range(300)]
