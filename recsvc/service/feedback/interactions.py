"""Use cases of interactions: store many views, carts and purchases."""

from datetime import datetime

from recsvc.db.feedback import interactions
from recsvc.db.session import Session
from recsvc.service.imports.bulk import Bulk, BulkReport, default_timestamps, read_bulk
from recsvc.service.imports.file_format import INTERACTIONS

MAX_INTERACTIONS = 10_000  # interactions in one request


def add_interactions(session: Session, bulk: Bulk, *, now: datetime) -> BulkReport:
    """Store many interactions `{user_id, item_id, type, occurred_at?, quantity?}`.

    An interaction without `occurred_at` is dated `now`. The same event counts once, however often
    it is sent. Lines that are not interactions are refused.
    """
    lines = read_bulk(INTERACTIONS, bulk, defaults=default_timestamps(now), scale=None)
    return BulkReport(interactions.write(session, lines.interactions, now=now), lines.refusals)
