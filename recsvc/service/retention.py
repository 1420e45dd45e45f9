"""Retention: retire old model versions and remove unreferenced objects from the shelf."""

from datetime import datetime, timedelta

from recsvc.db.models.shelf_references import find_shelf_references
from recsvc.db.session import reading, unit_of_work
from recsvc.service.context import Context
from recsvc.service.models import publishing
from recsvc.service.tuning import sweep_status
from recsvc.shelf import Shelf

GRACE = timedelta(hours=1)  # between storing an object and the row that refers to it


def clear_shelf(context: Context, *, now: datetime, grace: timedelta = GRACE) -> int:
    """Retire versions and remove unreferenced objects; return the number of objects removed.

    The newest `shelf_keep` versions, the published one and the best one of each of the latest
    `shelf_keep` sweeps are kept.
    """
    with unit_of_work(context.database) as session:
        bests = sweep_status.best_versions(session, context.shelf_keep)
        for version in publishing.select_for_retirement(session, context.shelf_keep, but=bests):
            version.retired_at = now
    with reading(context.database) as session:
        referenced = find_shelf_references(session)
    return remove_unreferenced(context.shelf, referenced, older_than=now - grace)


def remove_unreferenced(shelf: Shelf, referenced: set[str], *, older_than: datetime) -> int:
    """Remove unreferenced objects written before `older_than`; return their number."""
    removed = 0
    for found in shelf.objects():
        if found.sha256 not in referenced and found.modified_at < older_than:
            shelf.remove(found.sha256)
            removed += 1
    shelf.remove_abandoned(older_than)
    return removed
