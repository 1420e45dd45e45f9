"""Ratings of single requests: several are stored together, as if each were stored alone."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np

from recsvc.db.bulk_copy import is_postgresql
from recsvc.db.feedback import rating_bulk
from recsvc.db.feedback.rating_merge import Rows
from recsvc.db.feedback.ratings import StoredRating
from recsvc.db.session import Session
from recsvc.db.surrogate_keys import ensure_item_keys, ensure_user_keys
from recsvc.db.tables import EPOCH, MICROSECOND, microseconds

Pair = tuple[int, int]  # (user key, item key)
Timed = tuple[float, int]  # (value, microseconds since 1970)


class SingleRating(NamedTuple):
    """A rating as a request has sent it.

    rated_at     None for a rating that the service dates
    received_at  its date then, or that of the stored rating if a clock that is ahead has set it
    """

    user_id: str
    item_id: str
    value: float
    rated_at: datetime | None
    received_at: datetime


class Outcome(NamedTuple):
    """The current rating of a pair after a request, and whether the pair had none before."""

    current: StoredRating
    is_new: bool


def store_each(session: Session, ratings: Sequence[SingleRating]) -> list[Outcome]:
    """Store ratings in order and return the outcome of each; insert new users and items.

    A rating older than the stored one changes nothing.
    """
    now = ratings[0].received_at
    user_keys = ensure_user_keys(session, [rating.user_id for rating in ratings], now=now)
    item_keys = ensure_item_keys(session, [rating.item_id for rating in ratings], now=now)
    pairs = list(zip(user_keys.tolist(), item_keys.tolist(), strict=True))
    stored = _read(session, sorted(set(pairs)))
    outcomes, final = _merge(stored, pairs, ratings)
    _upsert(session, _changes(stored, final))
    if is_postgresql(session):
        # Another process may have stored newer ratings since; the upsert has locked their rows.
        newer = _changes(final, _read(session, sorted(set(pairs))))
        late = [place for place, pair in enumerate(pairs) if pair in newer]
        again, final = _merge(newer, [pairs[n] for n in late], [ratings[n] for n in late])
        _upsert(session, _changes(newer, final))
        for place, outcome in zip(late, again, strict=True):
            outcomes[place] = outcome
    return outcomes


def _merge(
    stored: Mapping[Pair, Timed], pairs: Sequence[Pair], ratings: Sequence[SingleRating]
) -> tuple[list[Outcome], dict[Pair, Timed]]:
    """Return the outcome of each rating, and the rating that each pair has at the end."""
    final = dict(stored)
    outcomes = []
    for pair, rating in zip(pairs, ratings, strict=True):
        before = final.get(pair)
        rated_at = microseconds(rating.rated_at or rating.received_at)
        if before is not None and rating.rated_at is None:
            rated_at = max(rated_at, before[1])
        if before is None or rated_at >= before[1]:
            final[pair] = (rating.value, rated_at)
        value, moment = final[pair]
        current = StoredRating(pair[1], rating.item_id, value, EPOCH + moment * MICROSECOND)
        outcomes.append(Outcome(current, before is None))
    return outcomes, final


def _changes(before: Mapping[Pair, Timed], after: Mapping[Pair, Timed]) -> dict[Pair, Timed]:
    return {pair: timed for pair, timed in after.items() if before.get(pair) != timed}


def _read(session: Session, pairs: Sequence[Pair]) -> dict[Pair, Timed]:
    """Return the stored ratings of pairs, which are sorted and distinct."""
    is_stored, stored = rating_bulk.read_stored(session, _rows(dict.fromkeys(pairs, (0.0, 0))))
    rows = zip(stored.value.tolist(), stored.rated_at.tolist(), strict=True)
    return {pair: row for pair, row, known in zip(pairs, rows, is_stored, strict=True) if known}


def _upsert(session: Session, ratings: Mapping[Pair, Timed]) -> None:
    # One order for all writers: no deadlock.
    rating_bulk.upsert(session, _rows(dict(sorted(ratings.items()))))


def _rows(ratings: Mapping[Pair, Timed]) -> Rows:
    keys = np.array(list(ratings), dtype=np.int64).reshape(-1, 2)
    values, times = zip(*ratings.values(), strict=True) if ratings else ((), ())
    return Rows(
        keys[:, 0], keys[:, 1], np.array(values, dtype=float), np.array(times, dtype=np.int64)
    )
