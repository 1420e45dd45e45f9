"""Model versions and their publications, through one session."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, or_, select, text

from recsvc.db.bulk_copy import is_postgresql
from recsvc.db.session import Session
from recsvc.db.tables import Job, ModelVersion, Publication
from recsvc.errors import ModelVersionNotFound


class ModelVersions:
    """Model versions, and the chain of publications.

    The newest publication is the current one. Each refers to the one that a rollback restores.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def lock_publications(self) -> None:
        """Exclude other transactions that publish or retire until this one ends.

        PostgreSQL needs a table lock, which does not block readers. SQLite has a single writer.
        """
        if is_postgresql(self._session):
            lock = text("LOCK TABLE publication IN SHARE ROW EXCLUSIVE MODE")
            self._session.execute(lock)

    def add(self, version: ModelVersion) -> ModelVersion:
        """Store a version and return it with its number."""
        self._session.add(version)
        self._session.flush()
        return version

    def get(self, version: int) -> ModelVersion:
        """Return a version. Raises ModelVersionNotFound."""
        found = self._session.get(ModelVersion, version, populate_existing=True)
        if found is None:
            raise ModelVersionNotFound(version)
        return found

    def find_by_job(self, job_id: int) -> ModelVersion | None:
        """Return the version of a training job, None if it has none yet."""
        return self._session.scalar(select(ModelVersion).where(ModelVersion.job_id == job_id))

    def was_published(self, version: int) -> bool:
        """Return whether the version is or was published."""
        found = select(Publication.id).where(Publication.version == version).limit(1)
        return self._session.scalar(found) is not None

    def first_publication(self, version: int) -> int | None:
        """Return the id of the first publication of a version, None if it has none."""
        first = select(func.min(Publication.id)).where(Publication.version == version)
        return self._session.scalar(first)

    def page(self, *, before: int | None, limit: int) -> Sequence[ModelVersion]:
        """Return up to `limit` versions, newest first, with numbers below `before`."""
        versions = select(ModelVersion).order_by(ModelVersion.version.desc()).limit(limit)
        if before is not None:
            versions = versions.where(ModelVersion.version < before)
        return self._session.scalars(versions).all()

    def current_publication(self) -> Publication | None:
        """Return the current publication, None before the first."""
        newest = select(Publication).order_by(Publication.id.desc()).limit(1)
        return self._session.scalar(newest)

    def publication(self, publication_id: int) -> Publication:
        """Return a publication by its number."""
        return self._session.get_one(Publication, publication_id)

    def publish(self, version: int, *, previous_id: int | None, now: datetime) -> Publication:
        """Publish a version; it takes effect when this transaction is committed."""
        publication = Publication(version=version, previous_id=previous_id, published_at=now)
        self._session.add(publication)
        self._session.flush()
        return publication

    def select_for_retirement(self, keep: int, *, but: Collection[int]) -> Sequence[ModelVersion]:
        """Return the unretired versions outside the newest `keep`, except those in `but`.

        Unpublished versions of sweeps do not count as newest, because a sweep has many at once.
        """
        counted = or_(
            ModelVersion.version.in_(select(Publication.version)),
            ModelVersion.job_id.in_(select(Job.id).where(Job.sweep_id.is_(None))),
        )
        newest = (
            select(ModelVersion.version)
            .where(ModelVersion.retired_at.is_(None), counted)
            .order_by(ModelVersion.version.desc())
            .limit(keep)
        )
        older = (
            select(ModelVersion)
            .where(ModelVersion.retired_at.is_(None), ModelVersion.version.not_in(newest))
            .order_by(ModelVersion.version)
        )
        return self._session.scalars(older.where(ModelVersion.version.not_in(but))).all()
