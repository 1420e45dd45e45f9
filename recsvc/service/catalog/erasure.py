"""A user is erased; the receipt says which models still know them."""

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
class Receipt:
    """What was erased, and when.

    model_versions  those still on the shelf that were trained on what the user did
    """

    user_id: str
    ratings_erased: int
    interactions_erased: int
    erased_at: datetime
    model_versions: list[int]


def erase_user(session: Session, context: Context, user_id: str, *, now: datetime) -> Receipt:
    """Delete a user and all that is stored of them for good. Raises UserNotFound.

    Trials of a sweep that have not begun read the ratings anew: the shared ones have the user.
    Models learn anew only when they are trained again; train, then let `shelf_keep` retire those
    of the receipt.
    """
    versions = versions_trained_on(session, context, user_id)
    erased = users.erase(session, user_id)
    if erased is None:
        raise UserNotFound(user_id)
    Sweeps(session).clear_snapshots()
    return Receipt(user_id, erased.n_ratings, erased.n_interactions, now, versions)


def versions_trained_on(session: Session, context: Context, user_id: str) -> list[int]:
    """Give the versions, not yet retired, whose vocabulary has the user; in order.

    One whose checkpoint cannot be read counts too: nobody can say that it does not know the user.
    """
    shelved = ModelVersions(session).select_for_retirement(0, but=())
    return [
        version.version
        for version in shelved
        if _knows(context, version.checkpoint_sha256, user_id)
    ]


def _knows(context: Context, sha256: str, user_id: str) -> bool:
    try:
        model = checkpoint.read_model(context.shelf.map(sha256))
    except ObjectMissing:
        return False
    except (ObjectCorrupt, CheckpointUnreadable):
        return True
    return model.users.number(user_id) is not None
