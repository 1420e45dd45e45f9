"""Lists without a model: the items with the most ratings and interactions, then the newest."""

import time
from collections.abc import Collection, Iterator
from itertools import islice

import numpy as np

from recsvc.db.recommendations.popularity import (
    ListableItem,
    Popularity,
    listable_items,
    newest_items,
    popularity,
)
from recsvc.db.session import Session
from recsvc.service.recommendations.recommend import RankedList, Recommendation, Source, shortfall

MIN_SECONDS_BETWEEN_COUNTS = 1.0  # from the start of one count to the next
COUNTING_SHARE = 0.05  # share of the time that is spent on counting
PAGE_SIZE = 200  # items read by one statement
NO_COUNTS = Popularity(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


class PopularItems:
    """All items in the order of a list without a model.

    One thread counts periodically; any number of threads read the last count. Each list reads
    from the database which items are hidden, unavailable or new.
    """

    def __init__(self) -> None:
        self._counts = NO_COUNTS
        self._counted_keys: frozenset[int] = frozenset()
        self._next_count_at = 0.0

    def count(self, session: Session) -> None:
        """Count the ratings and interactions of each item if a count is due.

        A count takes seconds for millions of ratings.
        """
        started = time.monotonic()
        if started < self._next_count_at:
            return
        counts = popularity(session)
        self._counted_keys, self._counts = frozenset(counts.keys.tolist()), counts
        took = time.monotonic() - started
        self._next_count_at = started + max(MIN_SECONDS_BETWEEN_COUNTS, took / COUNTING_SHARE)

    def recommend(
        self,
        session: Session,
        *,
        n: int,
        owned_keys: Collection[int] = (),
        exclude: Collection[str] = (),
    ) -> RankedList:
        """Return the n most popular items, completed with the newest.

        owned_keys  keys of items that the user rated or bought, which are left out
        exclude     item_ids to leave out

        Hidden and unavailable items are left out, too.
        """
        left_out, excluded = frozenset(owned_keys), frozenset(exclude)
        listable = (
            _recommendation(item, count)
            for item, count in self._listable_items(session)
            if item.key not in left_out and item.item_id not in excluded
        )
        listed = list(islice(listable, n))
        missing = n - len(listed)
        return RankedList(listed, shortfall(missing) if missing else None)

    def _listable_items(self, session: Session) -> Iterator[tuple[ListableItem, int]]:
        """Yield the items that may be listed with their counts, in the order of the list."""
        counts, counted_keys = self._counts, self._counted_keys
        for start in range(0, counts.keys.size, PAGE_SIZE):
            some = slice(start, start + PAGE_SIZE)
            keys, numbers = counts.keys[some].tolist(), counts.counts[some].tolist()
            items = listable_items(session, keys)
            yield from (
                (items[key], count)
                for key, count in zip(keys, numbers, strict=True)
                if key in items
            )
        below = None
        while page := newest_items(session, below=below, limit=PAGE_SIZE):
            yield from ((item, 0) for item in page if item.key not in counted_keys)
            below = page[-1].key


def _recommendation(item: ListableItem, count: int) -> Recommendation:
    source: Source = "popular" if count else "new"
    return Recommendation(item.item_id, item.title, float(count), None, source)
