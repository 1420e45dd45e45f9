"""The tables. Constraints reject invalid rows.

Public ids are text (`user_id`, `item_id`). Rows refer to each other by an integer `key`, which is
never reused. Times are whole microseconds since 1970 in UTC (`UtcTime`), so both databases compare
and order them alike.
"""

from recsvc.db.tables.access import ApiKey, AuditEntry, Login, RequestCount
from recsvc.db.tables.base import EPOCH, MICROSECOND, Base, BigKey, UtcTime, microseconds
from recsvc.db.tables.catalog import Item, User
from recsvc.db.tables.daily_tasks import DailyTask
from recsvc.db.tables.feedback import Interaction, InteractionType, Rating
from recsvc.db.tables.imports import ImportRefusal
from recsvc.db.tables.jobs import FINAL_STATES, Job, JobEvent, JobKind, JobState, Sweep
from recsvc.db.tables.models import ModelVersion, Publication
from recsvc.db.tables.training import TrainingEpoch, TrainingMonitor

__all__ = [
    "EPOCH",
    "FINAL_STATES",
    "MICROSECOND",
    "ApiKey",
    "AuditEntry",
    "Base",
    "BigKey",
    "DailyTask",
    "ImportRefusal",
    "Interaction",
    "InteractionType",
    "Item",
    "Job",
    "JobEvent",
    "JobKind",
    "JobState",
    "Login",
    "ModelVersion",
    "Publication",
    "Rating",
    "RequestCount",
    "Sweep",
    "TrainingEpoch",
    "TrainingMonitor",
    "User",
    "UtcTime",
    "microseconds",
]
