"""Another version is published under load: every API process takes it up, no request fails."""

import math
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial

import httpx2
import pytest

from recsvc.api.telemetry.register import REQUESTS
from recsvc.runtime.number_file import read_numbers
from tests.acceptance.conftest import PATIENCE_SECONDS, answers_with, eventually, fill, trained

pytestmark = pytest.mark.acceptance

N_PROCESSES = 2
THREADS = 8
PAUSE_SECONDS = 0.005


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
        with httpx2.Client(base_url=self.url, headers=headers, timeout=PATIENCE_SECONDS) as http:
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

    def goes_on(self) -> None:
        """Wait until two rounds have been asked and answered from now on."""
        now = time.monotonic()
        eventually(lambda: self.failures or len(self.between(now, math.inf)) > 2 * THREADS)

    def between(self, start: float, end: float) -> list[int]:
        """Give the versions that answered what was asked and answered then."""
        return [
            version
            for asked, answered, version in list(self.answers)
            if start < asked and answered < end
        ]


def test_publish_and_rollback_switch_every_process_without_failed_request(site):
    client = site.serve("--workers", str(N_PROCESSES))
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

    load.goes_on()
    for version, switch in steps:
        assert switch()["version"] == version
        site.in_every_process(partial(answers_with, client, version), n_processes=N_PROCESSES)
        settled = time.monotonic()
        load.goes_on()
        assert set(load.between(settled, time.monotonic())) == {version}
    load.stop.set()
    for thread in threads:
        thread.join()

    assert load.failures == []
    eventually(lambda: len(requests_by_process(site)) == N_PROCESSES)


def requests_by_process(site) -> Counter[str]:
    """Count the recommendations of each API process."""
    counted: Counter[str] = Counter()
    for file in (site.home / "metrics").glob("[!.]*/api-*"):
        for (name, *labels), (_, *buckets) in read_numbers(file).rows.items():
            if name == REQUESTS and labels[1].endswith("/recommendations") and labels[2] == "200":
                counted[file.name] += sum(buckets)
    return counted
