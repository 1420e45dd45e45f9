"""Snapshots: the ratings as they are now, shelved, so that a job and its resumes see the same."""

import numpy as np
from numpy.typing import NDArray

from recsvc.db import ratings
from recsvc.db.jobs import JobQueue, Lease
from recsvc.db.session import Session, reading, unit_of_work
from recsvc.db.tables import Job
from recsvc.rbm import checkpoint
from recsvc.rbm.checkpoint import Snapshot
from recsvc.rbm.ratings import Vocabulary
from recsvc.service.context import Context


def taken(context: Context, lease: Lease, job: Job) -> tuple[Snapshot, str]:
    """Give the job's snapshot and its SHA-256, taking it if this is the first attempt."""
    if job.snapshot_sha256 is not None:
        buffer = context.shelf.map(job.snapshot_sha256)
        return checkpoint.read_snapshot(buffer), job.snapshot_sha256
    with reading(context.database) as session:
        snapshot = of_database(session)
    sha256 = context.shelf.put(checkpoint.write_snapshot(snapshot))
    with unit_of_work(context.database) as session:
        JobQueue(session).snapshot_taken(lease, sha256)
    return snapshot, sha256


def of_database(session: Session) -> Snapshot:
    """Read all ratings; users and items without a rating are left out.

    The same ratings make the same snapshot, in whatever order they came and got their keys.
    """
    user_keys, user_ids = ratings.all_user_ids(session)
    item_keys, item_ids = ratings.all_item_ids(session)
    users, items, values = [], [], []
    for block_users, block_items, block_values in ratings.all_ratings(session):
        users.append(np.searchsorted(user_keys, block_users).astype(np.int32))
        items.append(np.searchsorted(item_keys, block_items).astype(np.int32))
        values.append(block_values)
    if not values:
        nothing = np.empty(0, dtype=np.int32)
        return Snapshot(Vocabulary([]), Vocabulary([]), nothing, nothing, np.empty(0))
    user_vocabulary, user_numbers = _numbered(user_ids, np.concatenate(users))
    item_vocabulary, item_numbers = _numbered(item_ids, np.concatenate(items))
    order = np.argsort(user_numbers.astype(np.int64) * len(item_ids) + item_numbers)
    return Snapshot(
        user_vocabulary,
        item_vocabulary,
        user_numbers[order],
        item_numbers[order],
        np.concatenate(values)[order],
    )


def _numbered(ids: list[str], places: NDArray[np.int32]) -> tuple[Vocabulary, NDArray[np.int32]]:
    """Number the ids that occur.

    places   (n_ratings,) which of the ids each rating is about
    returns  the vocabulary, and each rating's number in it
    """
    occurring = np.unique(places)
    vocabulary = Vocabulary(sorted(ids[place] for place in occurring.tolist()))
    numbers = np.zeros(len(ids), dtype=np.int32)
    numbers[occurring] = vocabulary.numbers(ids[place] for place in occurring.tolist())
    return vocabulary, numbers[places]
