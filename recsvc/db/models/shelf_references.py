"""References from the database to objects on the shelf."""

from sqlalchemy import select

from recsvc.db.session import Session
from recsvc.db.tables import FINAL_STATES, Job, ModelVersion, Sweep


def find_shelf_references(session: Session) -> set[str]:
    """Return the SHA-256s that unretired model versions and unfinished jobs refer to."""
    kept = select(
        ModelVersion.checkpoint_sha256, ModelVersion.judged_sha256, ModelVersion.snapshot_sha256
    )
    wanted = {sha256 for row in session.execute(kept.where(_not_retired)) for sha256 in row}
    jobs = select(Job.checkpoint_sha256, Job.judged_sha256, Job.snapshot_sha256, Job.spec)
    for *objects, spec in session.execute(jobs.where(_unfinished)):
        wanted |= {*objects, spec.get("upload_sha256")}
    shared = select(Sweep.snapshot_sha256).join(Job, Job.sweep_id == Sweep.id).where(_unfinished)
    wanted.update(session.scalars(shared))
    return wanted - {None}


_not_retired = ModelVersion.retired_at.is_(None)
_unfinished = Job.state.not_in(FINAL_STATES)
