"""The shelf does not grow without bound: what nothing points at any more is removed."""

from datetime import datetime, timedelta

from recsvc.db.models.shelf_references import find_shelf_references
from recsvc.db.session import reading, unit_of_work
from recsvc.service.context import Context
from recsvc.service.models import publishing
from recsvc.service.tuning import sweep_status
from recsvc.shelf import Shelf

GRACE = timedelta(hours=1)  # between an object's arrival and the row that points at it


def clear(context: Context, *, now: datetime, grace: timedelta = GRACE) -> int:
    """Retire the versions beyond `shelf_keep` and remove the objects that nothing points at.

    The published version is never retired, nor is the best of each of the latest sweeps.
    Gives the number of objects removed.
    """
    with unit_of_work(context.database) as session:
        bests = sweep_status.best_versions(session, context.shelf_keep)
        for version in publishing.versions_to_retire(session, context.shelf_keep, but=bests):
            version.retired_at = now
    with reading(context.database) as session:
        wanted = find_shelf_references(session)
    return sweep(context.shelf, wanted, older_than=now - grace)


def sweep(shelf: Shelf, wanted: set[str], *, older_than: datetime) -> int:
    """Remove the objects that are not wanted and were written before then; say how many."""
    removed = 0
    for found in shelf.objects():
        if found.sha256 not in wanted and found.modified_at < older_than:
            shelf.remove(found.sha256)
            removed += 1
    shelf.remove_abandoned(older_than)
    return removed
