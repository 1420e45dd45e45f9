"""Snapshots of ratings and interactions, stored so that all attempts of a job read the same."""

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
from recsvc.rbm.snapshot import Snapshot
from recsvc.rbm.vocabulary import Vocabulary
from recsvc.service.context import Context


def take_snapshot(context: Context, lease: Lease, job: Job) -> tuple[Snapshot, str]:
    """Return the job's snapshot and its SHA-256; the first attempt stores it."""
    if job.snapshot_sha256 is not None:
        buffer = context.shelf.map(job.snapshot_sha256)
        return checkpoint.read_snapshot(buffer), job.snapshot_sha256
    sha256 = _sweep_snapshot(context, job)
    if sha256 is None:
        with reading(context.database) as session:
            snapshot = read_snapshot(session)
        sha256 = context.shelf.put(checkpoint.write_snapshot(snapshot))
    with unit_of_work(context.database) as session:
        sha256 = _record_snapshot(session, lease, job, sha256)
    return checkpoint.read_snapshot(context.shelf.map(sha256)), sha256


def _sweep_snapshot(context: Context, job: Job) -> str | None:
    """Return the SHA-256 of the snapshot that another trial of the job's sweep has stored."""
    if job.sweep_id is None:
        return None
    with reading(context.database) as session:
        return Sweeps(session).get(job.sweep_id).snapshot_sha256


def _record_snapshot(session: Session, lease: Lease, job: Job, sha256: str) -> str:
    """Record the job's snapshot and return it; all trials of a sweep use the first one recorded."""
    if job.sweep_id is not None:
        sweep = Sweeps(session).get(job.sweep_id, locked=True)
        sha256 = sweep.snapshot_sha256 = sweep.snapshot_sha256 or sha256
    JobQueue(session).record_snapshot(lease, sha256)
    return sha256


def read_snapshot(session: Session) -> Snapshot:
    """Read all ratings and interactions; users and items without any are left out.

    Equal data make equal snapshots, whatever the order of their arrival and of their keys.
    """
    user_keys, user_ids = ratings.all_user_ids(session)
    item_keys, item_ids = ratings.all_item_ids(session)
    rating_columns = _columns(ratings.all_ratings(session), user_keys, item_keys)
    event_columns = _columns(interactions.all_interactions(session), user_keys, item_keys)
    users, user_numbers = _number_ids(user_ids, rating_columns.users, event_columns.users)
    items, item_numbers = _number_ids(item_ids, rating_columns.items, event_columns.items)
    by_pair = np.lexsort((item_numbers[rating_columns.items], user_numbers[rating_columns.users]))
    by_event = np.lexsort(
        (event_columns.values, item_numbers[event_columns.items], user_numbers[event_columns.users])
    )
    return Snapshot(
        users,
        items,
        user_numbers[rating_columns.users[by_pair]],
        item_numbers[rating_columns.items[by_pair]],
        rating_columns.values[by_pair],
        user_numbers[event_columns.users[by_event]],
        item_numbers[event_columns.items[by_event]],
        event_columns.values[by_event].astype(np.uint8),
    )


class _Columns(NamedTuple):
    """Ratings with their values, or interactions with their types, (n,) each.

    users, items  positions in the lists of all ids
    """

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    values: Doubles


def _columns(blocks: Iterable[tuple[Array, ...]], user_keys: Ints, item_keys: Ints) -> _Columns:
    """Join blocks whose first columns are user keys, item keys and a value."""
    users, items = [np.empty(0, dtype=np.int32)], [np.empty(0, dtype=np.int32)]
    values = [np.empty(0)]
    for block_users, block_items, block_values, *_ in blocks:
        users.append(np.searchsorted(user_keys, block_users).astype(np.int32))
        items.append(np.searchsorted(item_keys, block_items).astype(np.int32))
        values.append(block_values.astype(np.float64))
    return _Columns(np.concatenate(users), np.concatenate(items), np.concatenate(values))


def _number_ids(
    ids: list[str], *positions: NDArray[np.int32]
) -> tuple[Vocabulary, NDArray[np.int32]]:
    """Number the ids that occur.

    positions  the id of each rating, and of each interaction, as a position in `ids`
    returns    the vocabulary, and the number in it of each id that occurs
    """
    occurring = np.flatnonzero(sum(np.bincount(one, minlength=len(ids)) for one in positions))
    vocabulary = Vocabulary(sorted(ids[position] for position in occurring.tolist()))
    numbers = np.zeros(len(ids), dtype=np.int32)
    numbers[occurring] = vocabulary.numbers(ids[position] for position in occurring.tolist())
    return vocabulary, numbers
