"""The tables. Each refuses impossible rows by itself.

Outside ids are text (`user_id`, `item_id`); inside, rows point at each other by a small integer
`key` that is never used twice. Times are whole microseconds since 1970 in UTC (`UtcTime`), so
that both databases compare and order them alike.
"""

from recsvc.db.tables.base import EPOCH, MICROSECOND, Base, BigKey, UtcTime, microseconds
from recsvc.db.tables.catalog import Item, User
from recsvc.db.tables.feedback import Interaction, InteractionType, Rating
from recsvc.db.tables.imports import ImportRefusal
from recsvc.db.tables.jobs import FINAL_STATES, Job, JobEvent, JobKind, JobState, Sweep
from recsvc.db.tables.models import ModelVersion, Publication
from recsvc.db.tables.training import TrainingEpoch, TrainingMonitor

__all__ = [
    "EPOCH",
    "FINAL_STATES",
    "MICROSECOND",
    "Base",
    "BigKey",
    "ImportRefusal",
    "Interaction",
    "InteractionType",
    "Item",
    "Job",
    "JobEvent",
    "JobKind",
    "JobState",
    "ModelVersion",
    "Publication",
    "Rating",
    "Sweep",
    "TrainingEpoch",
    "TrainingMonitor",
    "User",
    "UtcTime",
    "microseconds",
]
