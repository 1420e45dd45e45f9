"""A twentieth of `python -m benchmarks fuzz`: generated requests to a service with a model."""

from functools import partial

import pytest

from benchmarks.fuzz import SETTINGS, Round, growth, sampling, send
from tests.acceptance.conftest import Make
from tests.factories.http_shop import fill_home
from tests.factories.template_homes import copy_of_home

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

PHASES = ("examples", "fuzzing", "stateful")  # coverage alone is 2,000 cases
MOST_GROWTH = 1.5  # a minute has the growth of a warm-up in it


def test_generated_requests_get_documented_responses_in_bounded_memory(
    make_site: Make, data_dir, tmp_path_factory
):
    home, _ = copy_of_home(tmp_path_factory, "shop", partial(fill_home, data_dir / "ml-100k"))
    settings = {name.removeprefix("RECSVC_").lower(): value for name, value in SETTINGS.items()}
    site = make_site(**settings)
    site.home = home
    client = site.serve("--no-worker")
    found = Round(seed=11)

    with sampling(home, found):
        send(client.base_url, found, per_operation=8, sequences=110, phases=PHASES)

    assert found.n_cases >= 1000
    assert found.failures == []
    assert not {status for status in found.statuses if status in ("500", "502", "504")}
    assert found.statuses["no response"] == 0
    assert found.statuses["200"] > 100
    assert found.n_restarts == 0
    first, last = growth(found.memory_mb)
    assert last <= MOST_GROWTH * first
