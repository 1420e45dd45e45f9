import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from recsvc.db.database_clock import database_now, from_now
from recsvc.db.jobs.events import JobEvents
from recsvc.db.jobs.queue import LEASE_EXPIRED, JobQueue, Lease, Requester, job_lease
from recsvc.db.session import reading, unit_of_work
from recsvc.db.tables import Job, JobKind, JobState, Sweep
from recsvc.errors import JobFinished, JobNotFound, JobQuotaReached, LeaseLost, QueueFull
from recsvc.service.access import keys

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TICK = 0.002  # SQLite's clock goes by milliseconds
FIGURES = {"learning_rate": 0.05, "momentum": 0.5, "cd_steps": 1, "seconds": 0.1}


@pytest.fixture
def session(database):
    with unit_of_work(database) as session:
        yield session


@pytest.fixture
def queue(session):
    return JobQueue(session)


def enqueue(queue, kind="training", *, now=NOON, priority=100):
    return queue.enqueue(kind, spec={"seed": 7}, now=now, priority=priority)


def claim(queue, worker="w1", *, now=NOON, lease_seconds=60.0, max_attempts=3, kinds=None):
    return queue.claim(
        worker=worker,
        now=now,
        lease_seconds=lease_seconds,
        max_attempts=max_attempts,
        kinds=kinds or tuple(JobKind),
    )


def claim_lease(queue, worker="w1", **options) -> Lease:
    return job_lease(claim(queue, worker, **options))


def fall_silent(session, job_id):
    """Let the lease have run out a second ago."""
    session.execute(update(Job).where(Job.id == job_id).values(lease_expires_at=from_now(-1)))


def clock_of(session) -> datetime:
    return datetime.fromtimestamp(session.scalar(select(database_now())) / 1e6, UTC)


def event_summaries(session, job_id):
    return [(event.name, event.state or event.epoch) for event in events(session, job_id)]


def events(session, job_id):
    return JobEvents(session).list_after(job_id, 0, limit=100)


def test_claim_starts_job_with_lease(session, queue):
    enqueue(queue)

    before = clock_of(session)
    job = claim(queue, "w1", lease_seconds=60)
    after = clock_of(session)

    assert (job.state, job.claimed_by, job.fence, job.attempt) == ("running", "w1", 1, 1)
    assert job.started_at == NOON
    assert job.spec == {"seed": 7}
    assert before <= job.lease_expires_at - timedelta(seconds=60) <= after


def test_claim_takes_oldest_job_of_best_priority(queue):
    early = enqueue(queue)
    late = enqueue(queue, now=NOON - timedelta(hours=1))  # the clock of the API does not count
    urgent = enqueue(queue, priority=0)

    assert [claim(queue).id for _ in range(3)] == [urgent.id, early.id, late.id]
    assert claim(queue) is None


def test_job_is_due_by_clock_of_database(session, queue):
    job = enqueue(queue, now=NOON + timedelta(hours=1))  # the clock of the API is ahead
    session.execute(update(Job).values(scheduled_at=from_now(3600)))
    waiting = claim(queue)
    session.execute(update(Job).values(scheduled_at=from_now(-1)))

    assert waiting is None
    assert claim(queue).id == job.id


def test_claim_takes_only_kinds_of_worker(queue):
    training = enqueue(queue)
    imported = enqueue(queue, kind="import")

    assert claim(queue, kinds=("import",)).id == imported.id
    assert claim(queue, kinds=("import",)) is None
    assert claim(queue, kinds=("training", "evaluation")).id == training.id


def test_full_queue_refuses_job_and_counts_sweep_as_one(session, queue):
    sweep = Sweep(kind="grid", spec={}, created_at=NOON)
    session.add(sweep)
    session.flush()
    for _ in range(3):
        queue.enqueue("training", spec={}, now=NOON, sweep_id=sweep.id)
    enqueue(queue)

    queue.check_room(Requester(queue_limit=3))
    with pytest.raises(QueueFull, match="2 jobs are queued, and at most 2 may be"):
        queue.check_room(Requester(queue_limit=2))
    claim(queue)
    claim(queue)
    claim(queue)
    queue.check_room(Requester(queue_limit=2))


def test_key_is_refused_a_job_above_its_quota_and_other_keys_are_not(session, queue):
    sweep = Sweep(kind="grid", spec={}, created_at=NOON)
    session.add(sweep)
    session.flush()
    for sweep_id in (None, sweep.id, sweep.id):
        queue.enqueue("training", spec={}, now=NOON, key_prefix="rsk_a", sweep_id=sweep_id)
    queue.enqueue("import", spec={}, now=NOON, key_prefix="rsk_b")
    enqueue(queue)

    for one in ("rsk_b", "rsk_c", None):
        queue.admit(Requester(one, key_limit=2))
    queue.admit(Requester("rsk_a"))
    queue.admit(Requester("rsk_a", key_limit=3))
    message = "The API key rsk_a has 2 queued or running jobs, and may have at most 2."
    with pytest.raises(JobQuotaReached, match=message):
        queue.admit(Requester("rsk_a", key_limit=2))
    lease = job_lease(claim(queue))
    with pytest.raises(JobQuotaReached):  # it runs
        queue.admit(Requester("rsk_a", key_limit=2))
    queue.finish(lease, JobState.SUCCEEDED, now=NOON)
    queue.admit(Requester("rsk_a", key_limit=2))


def test_simultaneous_requests_of_a_key_do_not_exceed_its_quota(database):
    with unit_of_work(database) as session:
        prefix = keys.create_key(session, name="a", scopes=["train"], now=NOON).key.prefix

    def request(_: int) -> bool:
        try:
            with unit_of_work(database) as session:
                queue = JobQueue(session)
                queue.admit(Requester(prefix, key_limit=3))
                time.sleep(0.02)
                queue.enqueue("training", spec={}, now=NOON, key_prefix=prefix)
        except JobQuotaReached:
            return False
        return True

    with ThreadPoolExecutor(6) as requests:
        assert sum(requests.map(request, range(6))) == 3


def test_postponed_job_keeps_attempt_and_waits_longer_each_time(session, queue):
    enqueue(queue)
    pauses = []
    for _ in range(4):
        job = claim(queue)
        assert job.attempt == 1
        before = clock_of(session)
        queue.postpone(job_lease(job), now=NOON)
        session.flush()
        session.expire_all()
        (scheduled_at,) = session.scalars(select(Job.scheduled_at))
        pauses.append(round((scheduled_at - before).total_seconds()))
        session.execute(update(Job).values(scheduled_at=from_now(-1)))

    assert pauses == [1, 2, 4, 8]


def test_checkpoint_ends_row_of_faults(session, queue):
    enqueue(queue)
    queue.postpone(job_lease(claim(queue)), now=NOON)
    session.execute(update(Job).values(scheduled_at=from_now(-1)))
    job = claim(queue)
    queue.record_checkpoint(job_lease(job), "c" * 64)

    assert job.faults == 0


def test_cancel_queued_leaves_running_job_and_other_kinds(queue):
    running = enqueue(queue)
    claim(queue)
    queued = [enqueue(queue).id for _ in range(2)]
    imported = enqueue(queue, kind="import")

    assert queue.cancel_queued("training", now=NOON) == queued
    assert (running.state, imported.state) == ("running", "queued")


def test_database_clock_is_utc_time(session):
    before = time.time()
    clock = session.scalar(select(database_now())) / 1e6
    after = time.time()

    assert before - TICK <= clock <= after + TICK


def test_database_clock_adds_seconds(session):
    began = time.monotonic()
    earlier, later = session.execute(select(from_now(-1.5), from_now(2.5))).one()
    took = time.monotonic() - began  # the clock may be read twice

    assert 4.0 - TICK <= (later - earlier) / 1e6 <= 4.0 + took + TICK


def test_database_clock_advances_within_transaction(session):
    first = session.scalar(select(database_now()))
    time.sleep(0.02)

    assert session.scalar(select(database_now())) >= first + 15_000


@pytest.mark.parametrize("n_jobs", [60])
def test_concurrent_workers_claim_each_job_once(database, n_jobs):
    with unit_of_work(database) as session:
        for _ in range(n_jobs):
            enqueue(JobQueue(session))
    taken: list[int] = []

    def work(worker: str) -> None:
        while True:
            with unit_of_work(database) as session:
                job = claim(JobQueue(session), worker)
            if job is None:
                return
            taken.append(job.id)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == list(range(1, n_jobs + 1))


def test_claim_takes_job_with_expired_lease(session, queue):
    enqueue(queue)
    first = claim_lease(queue, "w1")
    assert claim(queue, "w2") is None

    fall_silent(session, first.job_id)
    again = claim(queue, "w2", now=NOON + timedelta(minutes=1))

    assert (again.id, again.claimed_by, again.fence, again.attempt) == (1, "w2", 2, 2)
    assert again.started_at == NOON


def test_heartbeat_extends_lease(session, queue):
    enqueue(queue)
    job = claim(queue, lease_seconds=1)

    before = clock_of(session)
    assert queue.heartbeat(job_lease(job), 3600) is False
    after = clock_of(session)

    session.refresh(job)
    assert before <= job.lease_expires_at - timedelta(seconds=3600) <= after


FENCED_WRITES = {
    "heartbeat": lambda queue, lease: queue.heartbeat(lease, 60),
    "cancel_requested": lambda queue, lease: queue.cancel_requested(lease),
    "update_progress": lambda queue, lease: queue.update_progress(lease, 0.5, {}),
    "record_snapshot": lambda queue, lease: queue.record_snapshot(lease, "a" * 64),
    "record_checkpoint": lambda queue, lease: queue.record_checkpoint(lease, "a" * 64),
    "add_epoch": lambda queue, lease: queue.add_epoch(lease, {"epoch": 1, **FIGURES}, now=NOON),
    "finish": lambda queue, lease: queue.finish(lease, JobState.SUCCEEDED, now=NOON, result={}),
    "return_to_queue": lambda queue, lease: queue.return_to_queue(lease, now=NOON),
    "fail_attempt": lambda queue, lease: queue.fail_attempt(
        lease, now=NOON, last="", max_attempts=3
    ),
}


@pytest.mark.parametrize("write", FENCED_WRITES)
def test_outdated_lease_cannot_write(database, write):
    with unit_of_work(database) as session:
        enqueue(JobQueue(session))
        frozen = claim_lease(JobQueue(session), "w1")
        fall_silent(session, frozen.job_id)
        claim(JobQueue(session), "w1")  # even under the same name

    with pytest.raises(LeaseLost), unit_of_work(database) as session:
        FENCED_WRITES[write](JobQueue(session), frozen)

    with reading(database) as session:
        job = JobQueue(session).get(1, "training")
        assert (job.state, job.fence, job.attempt, job.progress) == ("running", 2, 2, 0)
        assert JobQueue(session).error_curve(1) == []


@pytest.mark.parametrize("write", FENCED_WRITES)
def test_finished_job_cannot_be_written(queue, write):
    enqueue(queue)
    lease = claim_lease(queue)
    queue.finish(lease, JobState.CANCELLED, now=NOON)

    with pytest.raises(LeaseLost):
        FENCED_WRITES[write](queue, lease)


def test_heartbeat_renews_expired_lease_when_job_is_unclaimed(session, queue):
    enqueue(queue)
    lease = claim_lease(queue)
    fall_silent(session, lease.job_id)

    assert queue.heartbeat(lease, 60) is False
    assert claim(queue, "w2") is None


def test_return_to_queue_spends_no_attempt(queue):
    enqueue(queue)
    queue.return_to_queue(claim_lease(queue), now=NOON)

    job = claim(queue, "w2")

    assert (job.attempt, job.fence) == (1, 2)


def test_fail_attempt_fails_job_after_last_attempt(session, queue):
    enqueue(queue)
    for _ in range(2):
        queue.fail_attempt(claim_lease(queue), now=NOON, last="it fell over", max_attempts=2)

    job = queue.get(1, "training")

    assert job.state == "failed"
    assert job.error["code"] == "attempts-exhausted"
    assert job.error["attempts"] == 2
    assert "it fell over" in job.error["detail"]
    assert claim(queue) is None


def test_claim_fails_job_after_too_many_expired_leases(session, queue):
    enqueue(queue)
    for _ in range(2):
        fall_silent(session, claim_lease(queue, max_attempts=2).job_id)

    assert claim(queue, max_attempts=2) is None
    job = queue.get(1, "training")
    assert job.state == "failed"
    assert LEASE_EXPIRED in job.error["detail"]


def test_checkpoint_resets_attempts(session, queue):
    enqueue(queue)
    for number in range(5):
        lease = claim_lease(queue, max_attempts=2)
        queue.record_checkpoint(lease, f"{number}")
        fall_silent(session, lease.job_id)

    job = claim(queue, max_attempts=2)
    assert (job.attempt, job.fence, job.checkpoint_sha256) == (2, 6, "4")


def test_queued_job_is_cancelled_at_once(session, queue):
    enqueue(queue)

    job = queue.request_cancel(1, "training", now=NOON)

    assert (job.state, job.finished_at) == ("cancelled", NOON)
    assert claim(queue) is None
    assert event_summaries(session, 1) == [
        ("state", "queued"),
        ("state", "cancelled"),
        ("done", "cancelled"),
    ]


def test_running_job_is_requested_to_stop(queue):
    enqueue(queue)
    lease = claim_lease(queue)

    job = queue.request_cancel(1, "training", now=NOON)
    queue.request_cancel(1, "training", now=NOON)  # twice is the same

    assert (job.state, job.cancel_requested) == ("running", True)
    assert queue.heartbeat(lease, 60) is True
    assert queue.cancel_requested(lease) is True


@pytest.mark.parametrize(
    "leave",
    [
        lambda session, queue, lease: fall_silent(session, lease.job_id),
        lambda session, queue, lease: queue.return_to_queue(lease, now=NOON),
        FENCED_WRITES["fail_attempt"],
    ],
    ids=["silent", "handed back", "fallen over"],
)
def test_job_with_requested_cancel_is_never_claimed_again(session, queue, leave):
    enqueue(queue)
    lease = claim_lease(queue)
    queue.request_cancel(1, "training", now=NOON)
    arguments = (queue, lease) if leave in FENCED_WRITES.values() else (session, queue, lease)
    leave(*arguments)

    assert claim(queue) is None
    assert queue.get(1, "training").state == "cancelled"


def test_finished_job_cannot_be_cancelled(queue):
    enqueue(queue)
    queue.finish(claim_lease(queue), JobState.SUCCEEDED, now=NOON, result={"version": 1})

    with pytest.raises(JobFinished, match="succeeded"):
        queue.request_cancel(1, "training", now=NOON)


def test_job_is_found_under_its_kind_only(queue):
    enqueue(queue, "import")

    assert queue.get(1, "import").kind == "import"
    for job_id, kind in [(1, "training"), (2, "import")]:
        with pytest.raises(JobNotFound):
            queue.get(job_id, kind)
        with pytest.raises(JobNotFound):
            queue.request_cancel(job_id, kind, now=NOON)


def test_finish_stores_result_and_completes_progress(queue):
    enqueue(queue)
    lease = claim_lease(queue)
    queue.update_progress(lease, 0.4, {"epoch": 2})

    job = queue.finish(lease, JobState.SUCCEEDED, now=NOON, result={"version": 3})

    assert (job.state, job.progress, job.result) == ("succeeded", 1.0, {"version": 3})
    assert (job.claimed_by, job.lease_expires_at, job.finished_at) == (None, None, NOON)
    assert job.progress_note == {"epoch": 2}


def test_finish_refuses_state_that_is_not_final(queue):
    enqueue(queue)

    with pytest.raises(ValueError, match="is not a final state"):
        queue.finish(claim_lease(queue), JobState.QUEUED, now=NOON)


def test_epoch_event_is_recorded_once_when_epoch_is_repeated(session, queue):
    enqueue(queue)
    lease = claim_lease(queue)
    for nll in (1.5, 1.4):
        figures = {"epoch": 1, "validation_nll": nll, **FIGURES}
        queue.add_epoch(lease, figures, now=NOON)
    queue.add_epoch(lease, {"epoch": 2, **FIGURES}, now=NOON)
    session.expire_all()

    assert [(e.epoch, e.validation_nll) for e in queue.error_curve(1)] == [(1, 1.4), (2, None)]
    assert event_summaries(session, 1)[2:] == [("epoch", 1), ("epoch", 2)]


def test_events_after_last_id_are_complete(session, queue):
    enqueue(queue)
    enqueue(queue, "import")
    queue.finish(claim_lease(queue), JobState.SUCCEEDED, now=NOON, result={})

    seen = events(session, 1)

    assert event_summaries(session, 1) == [
        ("state", "queued"),
        ("state", "running"),
        ("state", "succeeded"),
        ("done", "succeeded"),
    ]
    assert [event.id for event in seen] == sorted(event.id for event in seen)
    assert JobEvents(session).list_after(1, seen[1].id, limit=1) == [seen[2]]
    assert JobEvents(session).last_id(1) == seen[-1].id
    assert JobEvents(session).last_id(99) == 0


def test_events_of_rolled_back_transaction_are_absent(database):
    with unit_of_work(database) as session:
        enqueue(JobQueue(session))

    def claim_and_fall_over():
        with unit_of_work(database) as session:
            claim(JobQueue(session))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        claim_and_fall_over()

    with reading(database) as session:
        assert event_summaries(session, 1) == [("state", "queued")]


def test_jobs_are_listed_by_kind_newest_first(queue):
    for kind in ["training", "import", "training", "training"]:
        enqueue(queue, kind)

    first = queue.page("training", before=None, limit=2)
    rest = queue.page("training", before=first[-1].id, limit=2)

    assert [job.id for job in [*first, *rest]] == [4, 3, 1]
