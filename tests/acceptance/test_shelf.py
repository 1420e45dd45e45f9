"""The shelf keeps what is needed, does not grow without bound, and is believed only if whole."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from recsvc.client import ApiError
from recsvc.service import retention
from recsvc.service.context import open_context
from tests.acceptance.conftest import PATIENCE_SECONDS, eventually, fill, trained

pytestmark = pytest.mark.acceptance

TINY = {"n_hidden": 2, "epochs": 1}


def objects(home: Path) -> set[str]:
    return {path.name for path in (home / "shelf").glob("??/*")}


@pytest.mark.slow
def test_retention_keeps_last_five_and_published_versions(make_site):
    site = make_site(checkpoint_seconds=0)
    client = site.serve()
    fill(client)
    trained(client, hyperparameters=TINY)
    for number in range(6):
        client.rate("one-more", f"book-{number + 1:03}", 4)  # each snapshot is another one
        trained(client, hyperparameters=TINY, seed=number, publish="never")

    eventually(lambda: client.model(2)["retired_at"])
    cards = {card["version"]: card for card in client.models()}

    assert [number for number, card in cards.items() if card["retired_at"]] == [2]
    assert cards[1]["published"]
    assert cards[2]["weights_sha256"]  # the card outlives the weights
    with pytest.raises(ApiError) as retired:
        client.publish(2)
    assert (retired.value.status, retired.value.problem["type"]) == (
        409,
        "/problems/version-retired",
    )

    assert cards[2]["checkpoint_sha256"] in objects(site.home)  # for an hour more
    context = open_context(site.as_settings(), migrate=False)
    retention.clear_shelf(context, now=datetime.now(UTC) + timedelta(seconds=1), grace=timedelta(0))
    context.database.close()

    kept = [card for card in cards.values() if not card["retired_at"]]
    assert objects(site.home) == {
        card[name]
        for card in kept
        for name in ("checkpoint_sha256", "judged_sha256", "snapshot_sha256")
    }
    assert client.publish(3)["published"]
    eventually(lambda: client.recommendations("one-more")["model_version"] == 3)


def test_corrupt_checkpoint_is_not_published_and_published_model_stays(make_site):
    site = make_site()
    client = site.serve()
    fill(client)
    good, bad = (trained(client, seed=seed)["result"]["version"] for seed in (1, 2))
    client.publish(good)
    sha256 = client.model(bad)["checkpoint_sha256"]
    flip_a_byte(site.home / "shelf" / sha256[:2] / sha256)

    with pytest.raises(ApiError) as unreadable:
        client.publish(bad)

    assert_names(unreadable.value, sha256)
    assert "Restore it from a backup, or train again" in unreadable.value.detail
    assert client.model(good)["published"]
    assert model_check(client.base_url) == {
        "name": "model",
        "required": True,
        "ok": True,
        "reason": f"version {good} answers",
        "number": None,
    }
    assert client.recommendations("reader-001")["model_version"] == good


def test_damaged_published_checkpoint_is_named_by_sha256(make_site):
    site = make_site()
    client = site.serve()
    fill(client)
    version = trained(client)["result"]["version"]
    sha256 = client.model(version)["checkpoint_sha256"]
    place = site.home / "shelf" / sha256[:2] / sha256
    assert site.served[0].stop() == 0
    flip_a_byte(place)
    client = site.serve()

    check = model_check(client.base_url)
    assert not check["ok"]
    assert sha256 in check["reason"]
    with pytest.raises(ApiError) as unready:
        client.predictions("reader-001", ["book-001"])
    assert_names(unready.value, sha256)
    assert client.recommendations("reader-001")["model_version"] is None
    client.rate("reader-001", "book-001", 4)  # all else works

    flip_a_byte(place)
    eventually(lambda: model_check(client.base_url)["ok"])
    assert client.recommendations("reader-001")["model_version"] == version


def assert_names(error: ApiError, sha256: str) -> None:
    """Check that a model is said to be unreadable, and which object of the shelf is to blame."""
    assert (error.status, error.problem["type"]) == (503, "/problems/model-unreadable")
    assert sha256 in error.detail


def flip_a_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def model_check(url: str) -> dict:
    checks = httpx2.get(f"{url}/readyz", timeout=PATIENCE_SECONDS).json()["checks"]
    return next(check for check in checks if check["name"] == "model")
