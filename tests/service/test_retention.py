from datetime import UTC, datetime, timedelta

import pytest

from recsvc.db.jobs.queue import JobQueue, job_lease
from recsvc.db.session import reading, unit_of_work
from recsvc.db.tables import JobState, ModelVersion
from recsvc.service import retention
from recsvc.service.context import Context
from recsvc.service.models import publishing

NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=1)  # objects are as old as the test, which may run hours after this
LEASE = {"worker": "w", "now": NOW, "lease_seconds": 60, "max_attempts": 3}


@pytest.fixture
def context(database, shelf) -> Context:
    return Context(
        database=database,
        shelf=shelf,
        rating_scale=None,
        training_threads=1,
        memory_limit_bytes=None,
        checkpoint_seconds=10,
        shelf_keep=2,
    )


def put(context, text: str) -> str:
    return context.shelf.put(text.encode())


def on_the_shelf(context, *texts: str) -> list[bool]:
    """Tell of each whether it is there; putting it again would be cheating."""
    there = {context.shelf.get(found.sha256).decode() for found in context.shelf.objects()}
    return [text in there for text in texts]


def version_of(job_id: int, **columns: object) -> ModelVersion:
    """A version of a job, by default without anything on the shelf."""
    texts = ("checkpoint_sha256", "weights_sha256", "snapshot_sha256")
    mappings = ("hyperparameters", "rating_scale", "metrics", "baselines", "packages")
    counts = ("n_users", "n_items", "n_ratings", "best_epoch", "checkpoint_bytes")
    known = {
        **dict.fromkeys(texts, ""),
        **{name: {} for name in mappings},
        **dict.fromkeys(counts, 1),
        "created_at": NOW,
    }
    return ModelVersion(job_id=job_id, model_kind="user_rbm", seed=0, **known | columns)


def store_version(context, number: int) -> int:
    """A version with weights and a snapshot on the shelf."""
    with unit_of_work(context.database) as session:
        queue = JobQueue(session)
        queue.enqueue("training", spec={}, now=NOW)
        lease = job_lease(queue.claim(**LEASE))
        queue.finish(lease, JobState.SUCCEEDED, now=NOW, result={})
        version = version_of(
            lease.job_id,
            checkpoint_sha256=put(context, f"weights {number}"),
            judged_sha256=put(context, f"judged {number}"),
            snapshot_sha256=put(context, f"snapshot {number}"),
        )
        return publishing.add_version(session, version).version


def retired_versions(context) -> list[int]:
    with reading(context.database) as session:
        versions = publishing.list_models(session, limit=100)
        return sorted(v.version for v in versions if v.retired_at is not None)


def test_clear_shelf_removes_unreferenced_objects_after_an_hour(context):
    put(context, "forgotten")

    assert retention.clear_shelf(context, now=NOW + timedelta(minutes=50)) == 0
    assert retention.clear_shelf(context, now=LATER) == 1
    assert on_the_shelf(context, "forgotten") == [False]


def test_clear_shelf_keeps_the_newest_versions_and_the_published_one(context):
    versions = [store_version(context, number) for number in range(1, 6)]
    with unit_of_work(context.database) as session:
        publishing.publish(session, versions[0], now=NOW)

    retention.clear_shelf(context, now=LATER)

    assert retired_versions(context) == versions[1:3]
    for n in range(1, 6):
        objects = (f"weights {n}", f"judged {n}", f"snapshot {n}")
        assert on_the_shelf(context, *objects) == [n in (1, 4, 5)] * 3


def test_clear_shelf_removes_no_object_when_called_again(context):
    for number in range(4):
        store_version(context, number)
    retention.clear_shelf(context, now=LATER)

    assert retention.clear_shelf(context, now=LATER) == 0
    assert len(list(context.shelf.objects())) == 2 * 3


def test_clear_shelf_keeps_a_snapshot_that_a_kept_version_shares(context):
    for _ in range(3):
        store_version(context, 1)

    retention.clear_shelf(context, now=LATER)

    assert len(retired_versions(context)) == 1
    assert on_the_shelf(context, "weights 1", "judged 1", "snapshot 1") == [True] * 3


def test_clear_shelf_keeps_the_objects_of_unfinished_jobs(context):
    with unit_of_work(context.database) as session:
        queue = JobQueue(session)
        queue.enqueue("import", spec={"upload_sha256": put(context, "upload")}, now=NOW)
        queue.enqueue("training", spec={}, now=NOW + timedelta(seconds=1))
        queue.enqueue("training", spec={}, now=NOW, priority=0)
        lease = job_lease(queue.claim(**LEASE))
        queue.record_snapshot(lease, put(context, "snapshot"))
        queue.record_checkpoint(lease, put(context, "old checkpoint"))
        queue.record_judged_model(lease, put(context, "judged"))
        queue.record_checkpoint(lease, put(context, "checkpoint"))

    retention.clear_shelf(context, now=LATER)
    texts = ("upload", "snapshot", "judged", "checkpoint", "old checkpoint")
    assert on_the_shelf(context, *texts) == [True, True, True, True, False]

    with unit_of_work(context.database) as session:
        JobQueue(session).finish(lease, JobState.CANCELLED, now=NOW)
        JobQueue(session).request_cancel(1, "import", now=NOW)
    retention.clear_shelf(context, now=LATER)
    assert on_the_shelf(context, *texts) == [False] * 5
