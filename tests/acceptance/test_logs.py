"""What the processes of a service write to their log."""

import json
import os
import re
import signal

import httpx2
import pytest

from tests.acceptance.conftest import Make
from tests.conftest import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.acceptance

KEY = "rsk_" + "k" * 40
USER = "ann smith/é"
ESCAPED = "ann%20smith%2F%C3%A9"
NAMES = re.compile("ann|smith", re.IGNORECASE)


def read_log(site) -> list[dict]:
    """Every line of the log; one that is not JSON fails."""
    text = site.home.with_name("home.log").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_logs_are_json_with_ids_and_without_users(make_site: Make):
    site = make_site(hash_user_ids=True, api_key=KEY)
    url = site.serve().base_url
    with httpx2.Client(
        base_url=url, timeout=PATIENCE_SECONDS, headers={"Authorization": f"Bearer {KEY}"}
    ) as client:
        rated = client.put(f"/v1/users/{ESCAPED}/ratings/tea", json={"value": 4})
        assert client.get(f"/v1/users/{ESCAPED}/recommendations").status_code == 200
        assert client.get(f"/v1/users/{ESCAPED}/nothing").status_code == 404
        lines = f"user_id,item_id,rating\n{USER},mug,5\n".encode()
        job = client.post("/v1/import-jobs", files={"file": ("r.csv", lines)}).json()
        address = job["links"]["self"]
        eventually(lambda: client.get(address).json()["state"] == "succeeded")
        (api,) = site.api_processes()
        os.kill(api, signal.SIGKILL)
        eventually(lambda: site.api_processes() not in ([], [api]))
        site.served[-1].stop()

    log = read_log(site)
    assert not [line for line in log if NAMES.search(json.dumps(line))]
    assert all({"event", "level", "timestamp"} <= set(line) for line in log)
    requests = [line for line in log if line["event"] == "request"]
    paths = [line["path"] for line in requests if line["path"].startswith("/v1/users/")]
    users = {path.split("/")[3] for path in paths}
    assert len(paths) == 3
    assert len(users) == 1
    assert re.fullmatch("[0-9a-f]{12}", users.pop())
    first = next(line for line in requests if line["path"] == paths[0])
    assert first["request_id"] == rated.headers["X-Request-ID"]
    assert first["key"].startswith("env_")  # the prefix of RECSVC_API_KEY, never the key
    assert not [line for line in log if KEY in json.dumps(line)]
    of_job = [line["event"] for line in log if line.get("job_id") == job["id"]]
    assert {"request", "job claimed", "job finished"} <= set(of_job)
    assert next(line for line in requests if line["status"] == 202)["job_id"] == job["id"]
    exits = [line for line in log if line["event"] == "process exited"]
    assert [(line["process"], line["pid"]) for line in exits] == [("api", api)]
    secret = site.home / "log-secret"
    assert secret.stat().st_mode & 0o777 == 0o600
