"""Another version is published under load: every API process takes it up, no request fails."""

import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx2
import pytest

from tests.acceptance.conftest import fill, trained

pytestmark = pytest.mark.acceptance

THREADS = 8
PAUSE_SECONDS = 0.005
SWAP_SECONDS = 2.0
MARGIN_SECONDS = 0.7  # of load before and after each swap


@dataclass
class Load:
    """Threads that ask for recommendations over and over, and what they got."""

    url: str
    stop: threading.Event = field(default_factory=threading.Event)
    answers: list[tuple[float, float, int]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def ask(self, number: int) -> None:
        """Ask until told to stop; half of the threads open a connection for each request."""
        headers = {"Connection": "close"} if number % 2 else {}
        with httpx2.Client(base_url=self.url, headers=headers, timeout=30) as http:
            while not self.stop.is_set():
                began = time.monotonic()
                try:
                    answer = http.get(f"/v1/users/reader-{1 + number:03}/recommendations")
                    document = answer.raise_for_status().json()
                    assert len(document["items"]) == 10
                except Exception as error:
                    self.failures.append(repr(error))
                    return
                self.answers.append((began, time.monotonic(), document["model_version"]))
                time.sleep(PAUSE_SECONDS)  # or the asking itself would take the whole machine


def test_publishing_and_rolling_back_swap_every_process_without_a_failed_request(site):
    client = site.serve("--workers", "2")
    fill(client)
    older, newer = (trained(client, seed=seed)["result"]["version"] for seed in (1, 2))
    load = Load(client.base_url)
    threads = [threading.Thread(target=load.ask, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    steps = [
        (older, lambda: client.publish(older)),
        (newer, lambda: client.publish(newer)),
        (older, client.rollback),
    ]

    swaps = []
    time.sleep(MARGIN_SECONDS)
    for version, switch in steps:
        asked = time.monotonic()
        assert switch()["version"] == version
        swaps.append((asked, time.monotonic(), version))
        time.sleep(SWAP_SECONDS + MARGIN_SECONDS)
    load.stop.set()
    for thread in threads:
        thread.join()

    assert load.failures == []
    ends = [asked for asked, _, _ in swaps[1:]] + [time.monotonic()]
    for (_, switched, version), end in zip(swaps, ends, strict=True):
        settled = [
            answered_by
            for asked, answered, answered_by in load.answers
            if asked > switched + SWAP_SECONDS and answered < end
        ]
        assert len(settled) > THREADS
        assert set(settled) == {version}
    assert len(requests_by_process(site)) == 2


def requests_by_process(site) -> Counter[str]:
    """Count the recommendations that each API process has given."""
    time.sleep(1.5)  # they share their figures every second
    counted: Counter[str] = Counter()
    for file in (site.home / "metrics").glob("*.json"):
        for _, route, status, _, *buckets in json.loads(file.read_text()):
            if route.endswith("/recommendations") and status == 200:
                counted[file.stem] += sum(buckets)
    return counted
