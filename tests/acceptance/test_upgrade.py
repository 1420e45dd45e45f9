"""A home that an earlier build made is opened, resumed, trained and served from."""

import json
import tarfile

import llvmlite.binding
import pytest

from tests.acceptance.conftest import PATIENCE_SECONDS, Site, answers_with
from tests.conftest import ROOT, eventually

pytestmark = pytest.mark.acceptance

HOME = ROOT / "tests" / "data" / "home-0.1.0.tar.xz"  # one of its training jobs was killed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("upgrade")
    with tarfile.open(HOME) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def expected(folder):
    return json.loads((folder / "expected.json").read_text())


@pytest.fixture(scope="module")
def client(folder):
    site = Site(folder / "home", checkpoint_seconds=0, lease_seconds=2)
    yield site.serve()
    site.close()


def test_published_version_of_earlier_build_has_same_recommendations(client, expected):
    eventually(lambda: answers_with(client, 1))

    for user_id, listed in expected["recommendations"].items():
        found = client.recommendations(user_id, 5)
        assert [item["item_id"] for item in found["items"]] == [
            item["item_id"] for item in listed["items"]
        ]
        assert [item["score"] for item in found["items"]] == pytest.approx(
            [item["score"] for item in listed["items"]], rel=1e-4
        )
        assert found["items"][0]["title"] == listed["items"][0]["title"]


def test_killed_training_of_earlier_build_resumes_to_same_weights(client, expected):
    job = client.wait_for(client.job("training", expected["killed_job"]), timeout=PATIENCE_SECONDS)

    assert job["state"] == "succeeded", job["error"]
    assert len(client.error_curve(job["id"])) > 60
    if expected["cpu"] == llvmlite.binding.get_host_cpu_name():  # others round differently
        assert job["result"]["weights_sha256"] == expected["weights_sha256"]["joint_rbm"]


def test_training_on_ratings_of_earlier_build_has_same_weights(client, expected):
    job = client.wait_for(client.train(**expected["specs"]["user_rbm"]), timeout=PATIENCE_SECONDS)

    assert job["state"] == "succeeded", job["error"]
    if expected["cpu"] == llvmlite.binding.get_host_cpu_name():
        assert job["result"]["weights_sha256"] == expected["weights_sha256"]["user_rbm"]
