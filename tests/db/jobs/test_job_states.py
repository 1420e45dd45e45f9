"""Random walks through the states of docs/explanation/jobs.md, against a model of them."""

from dataclasses import dataclass
from datetime import UTC, datetime

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import update

from recsvc.db.database_clock import from_now
from recsvc.db.jobs.events import JobEvents
from recsvc.db.jobs.queue import JobQueue, Lease, job_lease
from recsvc.db.session import Session
from recsvc.db.tables import FINAL_STATES, Job, JobState
from recsvc.errors import JobFinished, LeaseLost

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MAX_ATTEMPTS = 2


@dataclass
class Expected:
    """What the model knows of a job."""

    state: str = "queued"
    fence: int = 0
    attempt: int = 0
    cancel: bool = False
    silent: bool = False

    def leave(self, state: str) -> None:
        """Nobody holds it any more; a job asked to stop is never queued again."""
        self.state = "cancelled" if state == "queued" and self.cancel else state
        self.silent = False


class Jobs(RuleBasedStateMachine):
    """Every write is tried by every worker that ever held a lease."""

    leases = Bundle("leases")
    ids = Bundle("ids")

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.queue = JobQueue(session)
        self.expected: dict[int, Expected] = {}
        self.savepoint = session.begin_nested()

    def teardown(self):
        self.savepoint.rollback()
        self.session.expunge_all()

    @rule(target=ids)
    def enqueue(self):
        job = self.queue.enqueue("import", spec={}, now=NOON)
        self.expected[job.id] = Expected()
        return job.id

    @rule(target=leases)
    def claim(self):
        for job in self.expected.values():
            if job.silent and (job.cancel or job.attempt >= MAX_ATTEMPTS):
                job.leave("cancelled" if job.cancel else "failed")
        due = [n for n, job in self.expected.items() if job.state == "queued" or job.silent]

        job = self.queue.claim(worker="w", now=NOON, lease_seconds=60, max_attempts=MAX_ATTEMPTS)

        if not due:
            assert job is None
            return Lease(0, "w", 0)
        expected = self.expected[job.id]
        assert job.id == min(due)
        expected.state, expected.silent = "running", False
        expected.fence += 1
        expected.attempt += 1
        return job_lease(job)

    @rule(job_id=ids)
    def fall_silent(self, job_id):
        if self.expected[job_id].state == "running":
            self.expected[job_id].silent = True
            expire = update(Job).where(Job.id == job_id).values(lease_expires_at=from_now(-1))
            self.session.execute(expire)

    @rule(job_id=ids)
    def request_cancel(self, job_id):
        expected = self.expected[job_id]
        try:
            self.queue.request_cancel(job_id, "import", now=NOON)
        except JobFinished:
            assert expected.state in FINAL_STATES
        else:
            assert expected.state in ("queued", "running")
            expected.cancel = expected.state == "running"
            if expected.state == "queued":
                expected.leave("cancelled")

    @rule(lease=leases)
    def heartbeat(self, lease):
        if expected := self._written(lease, lambda: self.queue.heartbeat(lease, 60)):
            expected.silent = False

    @rule(lease=leases)
    def checkpointed(self, lease):
        if expected := self._written(lease, lambda: self.queue.record_checkpoint(lease, "a")):
            expected.attempt = 1

    @rule(lease=leases, state=st.sampled_from(FINAL_STATES))
    def finish(self, lease, state: JobState):
        error = {"code": "diverged"}
        if expected := self._written(
            lease, lambda: self.queue.finish(lease, state, now=NOON, error=error)
        ):
            expected.leave(state)

    @rule(lease=leases)
    def hand_back(self, lease):
        if expected := self._written(lease, lambda: self.queue.return_to_queue(lease, now=NOON)):
            expected.attempt -= 1
            expected.leave("queued")

    @rule(lease=leases)
    def attempt_failed(self, lease):
        def write():
            self.queue.fail_attempt(lease, now=NOON, last="?", max_attempts=MAX_ATTEMPTS)

        if expected := self._written(lease, write):
            spent = expected.attempt >= MAX_ATTEMPTS and not expected.cancel
            expected.leave("failed" if spent else "queued")

    def _written(self, lease, write) -> Expected | None:
        """Write; give the job if the model too says that this lease holds it."""
        expected = self.expected.get(lease.job_id)
        holds = expected and expected.state == "running" and expected.fence == lease.fence
        try:
            write()
        except LeaseLost:
            assert not holds
            return None
        assert holds
        return expected

    @invariant()
    def the_table_agrees_with_the_model(self):
        for job_id, expected in self.expected.items():
            job = self.queue.get(job_id, "import")
            self.session.refresh(job)
            assert (job.state, job.fence, job.attempt) == (
                expected.state,
                expected.fence,
                expected.attempt,
            )

    @invariant()
    def the_last_event_tells_the_present_state(self):
        for job_id, expected in self.expected.items():
            events = JobEvents(self.session).list_after(job_id, 0, limit=1000)
            assert events[-1].state == expected.state
            n_done = sum(event.name == "done" for event in events)
            assert n_done == (expected.state in FINAL_STATES)


def test_job_states_follow_transition_diagram(database):
    with Session(database.engine) as session, session.begin():
        run_state_machine_as_test(
            lambda: Jobs(session),
            settings=settings(
                max_examples=15,
                stateful_step_count=25,
                deadline=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            ),
        )
        session.rollback()
