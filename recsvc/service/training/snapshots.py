"""Snapshots: ratings and interactions as they are now, shelved: a job's resumes see the same."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from recsvc.db.feedback import interactions, ratings
from recsvc.db.jobs.queue import JobQueue, Lease
from recsvc.db.session import Session, reading, unit_of_work
from recsvc.db.tables import Job
from recsvc.db.tuning.sweeps import Sweeps
from recsvc.rbm import checkpoint
from recsvc.rbm.arrays import Array, Doubles, Ints
from recsvc.rbm.rating_matrix import Vocabulary
from recsvc.rbm.snapshot import Snapshot
from recsvc.service.context import Context


def taken(context: Context, lease: Lease, job: Job) -> tuple[Snapshot, str]:
    """Give the job's snapshot and its SHA-256, taking it if this is the first attempt."""
    if job.snapshot_sha256 is not None:
        buffer = context.shelf.map(job.snapshot_sha256)
        return checkpoint.read_snapshot(buffer), job.snapshot_sha256
    sha256 = _shared(context, job)
    if sha256 is None:
        with reading(context.database) as session:
            snapshot = of_database(session)
        sha256 = context.shelf.put(checkpoint.write_snapshot(snapshot))
    with unit_of_work(context.database) as session:
        sha256 = _agreed(session, lease, job, sha256)
    return checkpoint.read_snapshot(context.shelf.map(sha256)), sha256


def _shared(context: Context, job: Job) -> str | None:
    """Give the snapshot that another trial of the job's sweep has taken."""
    if job.sweep_id is None:
        return None
    with reading(context.database) as session:
        return Sweeps(session).get(job.sweep_id).snapshot_sha256


def _agreed(session: Session, lease: Lease, job: Job, sha256: str) -> str:
    """Remember the job's snapshot; of a sweep's trials, all have that of the first to get here."""
    if job.sweep_id is not None:
        sweep = Sweeps(session).get(job.sweep_id, locked=True)
        sha256 = sweep.snapshot_sha256 = sweep.snapshot_sha256 or sha256
    JobQueue(session).record_snapshot(lease, sha256)
    return sha256


def of_database(session: Session) -> Snapshot:
    """Read all ratings and interactions; users and items without any are left out.

    The same of them make the same snapshot, in whatever order they came and got their keys.
    """
    user_keys, user_ids = ratings.all_user_ids(session)
    item_keys, item_ids = ratings.all_item_ids(session)
    rated = _columns(ratings.all_ratings(session), user_keys, item_keys)
    chosen = _columns(interactions.all_interactions(session), user_keys, item_keys)
    users, user_numbers = _numbered(user_ids, rated.users, chosen.users)
    items, item_numbers = _numbered(item_ids, rated.items, chosen.items)
    by_pair = np.lexsort((item_numbers[rated.items], user_numbers[rated.users]))
    by_event = np.lexsort((chosen.figures, item_numbers[chosen.items], user_numbers[chosen.users]))
    return Snapshot(
        users,
        items,
        user_numbers[rated.users[by_pair]],
        item_numbers[rated.items[by_pair]],
        rated.figures[by_pair],
        user_numbers[chosen.users[by_event]],
        item_numbers[chosen.items[by_event]],
        chosen.figures[by_event].astype(np.uint8),
    )


class _Columns(NamedTuple):
    """Ratings with their values, or interactions with their types, (n,) each.

    users, items  places in the lists of all ids
    """

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    figures: Doubles


def _columns(blocks: Iterable[tuple[Array, ...]], user_keys: Ints, item_keys: Ints) -> _Columns:
    """Put blocks together whose first columns are user keys, item keys and a figure."""
    users, items = [np.empty(0, dtype=np.int32)], [np.empty(0, dtype=np.int32)]
    figures = [np.empty(0)]
    for block_users, block_items, block_figures, *_ in blocks:
        users.append(np.searchsorted(user_keys, block_users).astype(np.int32))
        items.append(np.searchsorted(item_keys, block_items).astype(np.int32))
        figures.append(block_figures.astype(np.float64))
    return _Columns(np.concatenate(users), np.concatenate(items), np.concatenate(figures))


def _numbered(ids: list[str], *places: NDArray[np.int32]) -> tuple[Vocabulary, NDArray[np.int32]]:
    """Number the ids that occur.

    places   which of the ids each rating, and each interaction, is about
    returns  the vocabulary, and the number in it of each id that occurs
    """
    occurring = np.flatnonzero(sum(np.bincount(of, minlength=len(ids)) for of in places))
    vocabulary = Vocabulary(sorted(ids[place] for place in occurring.tolist()))
    numbers = np.zeros(len(ids), dtype=np.int32)
    numbers[occurring] = vocabulary.numbers(ids[place] for place in occurring.tolist())
    return vocabulary, numbers
