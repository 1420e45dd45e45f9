"""Publication of model versions. Each function is one step of the caller's transaction."""

from collections.abc import Collection, Sequence
from datetime import datetime

from recsvc.db.models.versions import ModelVersions
from recsvc.db.session import Session
from recsvc.db.tables import ModelVersion, Publication
from recsvc.errors import AlreadyPublished, NothingToRollBackTo, VersionRetired


def add_version(session: Session, version: ModelVersion) -> ModelVersion:
    """Store a new version. It answers no request until it is published."""
    return ModelVersions(session).add(version)


def publish(session: Session, version: int, *, now: datetime) -> ModelVersion:
    """Publish a version. Concurrent publications are serialised, so the later one sees the earlier.

    Raises ModelVersionNotFound, VersionRetired, AlreadyPublished.
    """
    versions = ModelVersions(session)
    versions.lock_publications()
    chosen = _require_weights(versions.get(version))
    current = versions.current_publication()
    if current is not None and current.version == version:
        raise AlreadyPublished(version)
    versions.publish(version, previous_id=current.id if current else None, now=now)
    return chosen


def rollback(session: Session, *, now: datetime) -> ModelVersion:
    """Publish the version that was published before the current one.

    Each further call goes back one more publication.

    Raises NothingToRollBackTo, VersionRetired.
    """
    versions = ModelVersions(session)
    versions.lock_publications()
    current = versions.current_publication()
    if current is None or current.previous_id is None:
        raise NothingToRollBackTo
    earlier = versions.publication(current.previous_id)
    chosen = _require_weights(versions.get(earlier.version))
    versions.publish(earlier.version, previous_id=earlier.previous_id, now=now)
    return chosen


def publication(session: Session) -> Publication | None:
    """Return the current publication: the published version and the time of its publication."""
    return ModelVersions(session).current_publication()


def published_version(session: Session) -> ModelVersion | None:
    """Return the published version, None before the first publication."""
    versions = ModelVersions(session)
    current = versions.current_publication()
    return None if current is None else versions.get(current.version)


def get_model(session: Session, version: int) -> ModelVersion:
    """Return a version's card. Raises ModelVersionNotFound."""
    return ModelVersions(session).get(version)


def list_models(
    session: Session, *, before: int | None = None, limit: int = 50
) -> Sequence[ModelVersion]:
    """Return up to `limit` versions, newest first, with numbers below `before`."""
    return ModelVersions(session).page(before=before, limit=limit)


def select_for_retirement(
    session: Session, keep: int, *, but: Collection[int] = ()
) -> Sequence[ModelVersion]:
    """Return the versions to retire: all but the newest `keep` and the published one.

    but  further versions to keep
    None of them is published before this transaction ends; set `retired_at` in it.
    """
    versions = ModelVersions(session)
    versions.lock_publications()
    current = versions.current_publication()
    return versions.select_for_retirement(keep, but={*but, *([current.version] if current else [])})


def _require_weights(version: ModelVersion) -> ModelVersion:
    if version.retired_at is not None:
        raise VersionRetired(version.version)
    return version
