"""Erase a user; the receipt lists the models that were trained on the user's data."""

from dataclasses import dataclass
from datetime import datetime

from recsvc.db.catalog import users
from recsvc.db.models.versions import ModelVersions
from recsvc.db.session import Session
from recsvc.db.tuning.sweeps import Sweeps
from recsvc.errors import CheckpointUnreadable, ObjectCorrupt, ObjectMissing, UserNotFound
from recsvc.rbm import checkpoint
from recsvc.service.context import Context


@dataclass(frozen=True)
class ErasureReceipt:
    """The number of erased records, and the time.

    model_versions  versions on the shelf that were trained on the user's data
    """

    user_id: str
    ratings_erased: int
    interactions_erased: int
    erased_at: datetime
    model_versions: list[int]


def erase_user(
    session: Session, context: Context, user_id: str, *, now: datetime
) -> ErasureReceipt:
    """Delete a user with all ratings and interactions. Raises UserNotFound.

    The snapshots of unfinished sweeps are dropped, so that later trials read the ratings again.
    Existing models keep what they learned: train again, and `shelf_keep` retires the versions of
    the receipt.
    """
    versions = versions_trained_on(session, context, user_id)
    erased = users.erase(session, user_id)
    if erased is None:
        raise UserNotFound(user_id)
    Sweeps(session).clear_snapshots()
    return ErasureReceipt(user_id, erased.n_ratings, erased.n_interactions, now, versions)


def versions_trained_on(session: Session, context: Context, user_id: str) -> list[int]:
    """Return the versions, not yet retired, whose vocabulary has the user; in order.

    A version with an unreadable checkpoint is included, because it may have the user.
    """
    shelved = ModelVersions(session).select_for_retirement(0, but=())
    return [
        version.version
        for version in shelved
        if _knows_user(context, version.checkpoint_sha256, user_id)
    ]


def _knows_user(context: Context, sha256: str, user_id: str) -> bool:
    try:
        model = checkpoint.read_model(context.shelf.map(sha256))
    except ObjectMissing:
        return False
    except (ObjectCorrupt, CheckpointUnreadable):
        return True
    return model.users.number(user_id) is not None
