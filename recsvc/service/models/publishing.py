"""Which model version answers. Each function is one step of the caller's transaction."""

from collections.abc import Collection, Sequence
from datetime import datetime

from recsvc.db.models.versions import ModelVersions
from recsvc.db.session import Session
from recsvc.db.tables import ModelVersion, Publication
from recsvc.errors import AlreadyPublished, NothingToRollBackTo, VersionRetired


def add_version(session: Session, version: ModelVersion) -> ModelVersion:
    """Store a newly trained version. It answers nobody until it is published."""
    return ModelVersions(session).add(version)


def publish(session: Session, version: int, *, now: datetime) -> ModelVersion:
    """Let a version answer. Two who publish at once take turns, so the second sees the first.

    Raises ModelVersionNotFound, VersionRetired, AlreadyPublished.
    """
    versions = ModelVersions(session)
    versions.lock_publications()
    chosen = _with_weights(versions.get(version))
    present = versions.current_publication()
    if present is not None and present.version == version:
        raise AlreadyPublished(version)
    versions.publish(version, previous_id=present.id if present else None, now=now)
    return chosen


def rollback(session: Session, *, now: datetime) -> ModelVersion:
    """Let the version answer that did before the present one; again, and the one before that.

    Raises NothingToRollBackTo, VersionRetired.
    """
    versions = ModelVersions(session)
    versions.lock_publications()
    present = versions.current_publication()
    if present is None or present.previous_id is None:
        raise NothingToRollBackTo
    earlier = versions.publication(present.previous_id)
    chosen = _with_weights(versions.get(earlier.version))
    versions.publish(earlier.version, previous_id=earlier.previous_id, now=now)
    return chosen


def publication(session: Session) -> Publication | None:
    """Give the present publication: which version answers, and since when."""
    return ModelVersions(session).current_publication()


def published_version(session: Session) -> ModelVersion | None:
    """Give the version that answers, None before the first publication."""
    versions = ModelVersions(session)
    present = versions.current_publication()
    return None if present is None else versions.get(present.version)


def get_model(session: Session, version: int) -> ModelVersion:
    """Give a version's card. Raises ModelVersionNotFound."""
    return ModelVersions(session).get(version)


def list_models(
    session: Session, *, before: int | None = None, limit: int = 50
) -> Sequence[ModelVersion]:
    """Give up to `limit` versions, newest first, with numbers below `before`."""
    return ModelVersions(session).page(before=before, limit=limit)


def versions_to_retire(
    session: Session, keep: int, *, but: Collection[int] = ()
) -> Sequence[ModelVersion]:
    """Give the versions whose weights may go: not the newest `keep`, nor the published one.

    but  others that stay
    Nobody publishes one of them before this transaction ends: set `retired_at` in it.
    """
    versions = ModelVersions(session)
    versions.lock_publications()
    present = versions.current_publication()
    return versions.select_for_retirement(keep, but={*but, *([present.version] if present else [])})


def _with_weights(version: ModelVersion) -> ModelVersion:
    if version.retired_at is not None:
        raise VersionRetired(version.version)
    return version
