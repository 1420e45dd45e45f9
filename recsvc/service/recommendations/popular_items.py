"""Lists without a model: the items with the most ratings and interactions, then the newest."""

import time
from collections.abc import Collection, Iterator
from itertools import islice

import numpy as np

from recsvc.db.recommendations.user_histories import (
    ListableItem,
    Popularity,
    listable_items,
    newest_items,
    popularity,
)
from recsvc.db.session import Session
from recsvc.service.recommendations.recommend import RankedList, Recommendation, Source, shortfall

LEAST_SECONDS = 1.0  # between two counts
SHARE = 0.05  # of the time that may go into counting
AT_ONCE = 200  # items read by one statement
NOTHING = Popularity(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


class PopularItems:
    """All items in the order of a list without a model.

    One thread counts from time to time, any number reads the last count. Hidden, unavailable and
    new items are read from the database for each list.
    """

    def __init__(self) -> None:
        self._counted = NOTHING
        self._counted_keys: frozenset[int] = frozenset()
        self._due = 0.0

    def count(self, session: Session) -> None:
        """Count anew if it is time. It takes seconds for millions of ratings."""
        started = time.monotonic()
        if started < self._due:
            return
        counted = popularity(session)
        self._counted_keys, self._counted = frozenset(counted.keys.tolist()), counted
        took = time.monotonic() - started
        self._due = started + max(LEAST_SECONDS, took / SHARE)

    def recommend(
        self,
        session: Session,
        *,
        n: int,
        done_keys: Collection[int] = (),
        exclude: Collection[str] = (),
    ) -> RankedList:
        """Return the n most popular items, filled up with the newest.

        done_keys  keys of items to leave out: the user rated or bought them
        exclude    item_ids to leave out

        Hidden and unavailable items are left out, too.
        """
        left_out, excluded = frozenset(done_keys), frozenset(exclude)
        candidates = (
            _recommendation(item, count)
            for item, count in self._candidates(session)
            if item.key not in left_out and item.item_id not in excluded
        )
        listed = list(islice(candidates, n))
        missing = n - len(listed)
        return RankedList(listed, shortfall(missing) if missing else None)

    def _candidates(self, session: Session) -> Iterator[tuple[ListableItem, int]]:
        """Yield all items that may be listed with their counts, in the order of the list."""
        counted, counted_keys = self._counted, self._counted_keys
        for start in range(0, counted.keys.size, AT_ONCE):
            some = slice(start, start + AT_ONCE)
            keys, counts = counted.keys[some].tolist(), counted.counts[some].tolist()
            items = listable_items(session, keys)
            yield from (
                (items[key], count) for key, count in zip(keys, counts, strict=True) if key in items
            )
        below = None
        while page := newest_items(session, below=below, limit=AT_ONCE):
            yield from ((item, 0) for item in page if item.key not in counted_keys)
            below = page[-1].key


def _recommendation(item: ListableItem, count: int) -> Recommendation:
    source: Source = "popular" if count else "new"
    return Recommendation(item.item_id, item.title, float(count), None, source)
