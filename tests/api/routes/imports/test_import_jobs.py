"""Import jobs over HTTP: upload, follow, read what was refused."""

import gzip
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient

from recsvc.api.app import create_app
from recsvc.db.jobs.queue import JobQueue, job_lease
from recsvc.db.session import unit_of_work
from recsvc.service.context import Context
from recsvc.service.jobs.runner import carry_out
from tests.api.conftest import settings_for


def upload(client: TestClient, content: bytes, **form: str):
    return client.post("/v1/import-jobs", files={"file": ("my ratings.csv", content)}, data=form)


def work(context: Context) -> None:
    """Do what a worker does with the next job."""
    with unit_of_work(context.database) as session:
        job = JobQueue(session).claim(
            worker="w", now=datetime.now(UTC), lease_seconds=60, max_attempts=3
        )
        lease = job_lease(job)
    carry_out(context, job.id, lease)


def test_import_job_is_queued_and_run_by_worker(client, context):
    taken = upload(client, b"user,item,rating\nu,i,4\nu,j,bad\n\nv,i,5\n")

    assert taken.status_code == 202
    assert taken.headers["location"] == f"/v1/import-jobs/{taken.json()['id']}"
    assert int(taken.headers["retry-after"]) >= 1
    assert (taken.json()["state"], taken.json()["filename"]) == ("queued", "my ratings.csv")

    work(context)
    job = client.get(taken.headers["location"]).json()

    assert (job["state"], job["format"], job["progress"]) == ("succeeded", "csv", 1.0)
    assert job["counts"] == {
        "lines": 5,
        "header": 1,
        "blank": 1,
        "accepted": 2,
        "ratings": 2,
        "interactions": 0,
        "added": 2,
        "changed": 0,
        "unchanged": 0,
        "outdated": 0,
        "refused": {"not-a-number": 1},
    }
    assert job["result"]["accepted"] == 2
    assert client.get(job["links"]["refusals"]).json() == {
        "items": [
            {
                "line": 3,
                "code": "not-a-number",
                "detail": "The rating is 'bad', not a finite number.",
            }
        ],
        "next_cursor": None,
    }
    assert [entry["value"] for entry in client.get("/v1/users/u/ratings").json()["items"]] == [4]


def test_import_job_counts_ratings_and_interactions(client, context):
    content = b"user,item,type,rating\nu,i,rating,4\nu,i,view,\nu,j,purchase,\n"
    location = upload(client, content).headers["location"]
    work(context)

    counts = client.get(location).json()["counts"]

    assert (counts["ratings"], counts["interactions"], counts["accepted"]) == (1, 2, 3)


def test_import_dry_run_stores_no_rating(client, context):
    location = upload(client, b"u,i,4\n", dry_run="true").headers["location"]
    work(context)

    job = client.get(location).json()
    assert (job["dry_run"], job["counts"]["accepted"]) == (True, 1)
    assert client.get("/v1/users/u/ratings").status_code == 404


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (b"PK\x03\x04\x00", "binary-file", "a ZIP archive"),
        (b"hello\n", "unrecognised-format", 'has the columns ["hello"]'),
        (gzip.compress(b"u,i,4\n" * 9999)[:-20], "truncated-file", "ends early, after line"),
    ],
)
def test_import_job_fails_with_reason_for_unreadable_file(client, context, content, code, said):
    location = upload(client, content).headers["location"]
    work(context)

    job = client.get(location).json()
    assert (job["state"], job["error"]["code"]) == ("failed", code)
    assert said in job["error"]["detail"]


def test_import_job_counts_ratings_before_truncation(client, context):
    rows = b"".join(b"u%d,i%d,4\n" % (n % 100, n) for n in range(50_000))
    location = upload(client, gzip.compress(rows)[:-5000]).headers["location"]
    work(context)

    job = client.get(location).json()
    assert job["state"] == "failed"
    assert job["counts"]["added"] == job["counts"]["accepted"] > 1000


def test_refusals_are_paged_with_cursor_of_their_job(client, context):
    location = upload(client, b"u,i,4\n" + b"u,i,bad\n" * 5 + b"u,i,4\n" * 9).headers["location"]
    other = upload(client, b"u,i,4\n").headers["location"]
    work(context)

    first = client.get(f"{location}/refusals", params={"limit": 3}).json()
    query = {"cursor": first["next_cursor"]}
    rest = client.get(f"{location}/refusals", params=query).json()

    assert [entry["line"] for entry in first["items"] + rest["items"]] == [2, 3, 4, 5, 6]
    wrong = client.get(f"{other}/refusals", params=query)
    assert wrong.json()["type"] == "/problems/invalid-cursor"


def test_post_import_job_refuses_unknown_format(client):
    answer = upload(client, b"u,i,4\n", format="xml")

    assert answer.status_code == 422
    assert "format is 'xml'; it must be one of auto, csv" in answer.json()["detail"]
    assert client.get("/v1/import-jobs").json()["items"] == []


def test_post_import_job_refuses_request_without_file(client):
    answer = client.post("/v1/import-jobs", data={"format": "auto"})

    assert answer.status_code == 422
    assert "file is missing" in answer.json()["detail"]


def test_post_import_job_refuses_upload_over_limit(database_url, tmp_path):
    settings = settings_for(database_url, tmp_path / "home", max_upload_mb=0.1)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        answer = upload(client, b"u,i,4\n" * 100_000)

        assert (answer.status_code, answer.json()["type"]) == (413, "/problems/body-too-large")
        assert client.get("/v1/import-jobs").json()["items"] == []


def test_queued_import_job_is_cancelled_once(client):
    location = upload(client, b"u,i,4\n").headers["location"]

    assert client.post(f"{location}/cancel", json={}).json()["state"] == "cancelled"
    assert client.post(f"{location}/cancel", json={}).status_code == 409


def test_import_jobs_are_listed_newest_first(client):
    for _ in range(3):
        upload(client, b"u,i,4\n")

    page = client.get("/v1/import-jobs", params={"limit": 2}).json()
    rest = client.get("/v1/import-jobs", params={"cursor": page["next_cursor"]}).json()
    ids = [job["id"] for job in page["items"] + rest["items"]]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 3


def test_unknown_import_job_responds_404(client):
    assert client.get("/v1/import-jobs/999").json()["type"] == "/problems/job-not-found"
    assert client.get("/v1/import-jobs/999/refusals").status_code == 404
