"""Lists without a model: the items that most was done with, then the newest ones."""

import threading
import time
from collections.abc import Collection, Iterator

import numpy as np

from recsvc.db.serving_reads import Popularity, items_newer_than, listable_items, popularity
from recsvc.db.session import Session
from recsvc.rbm.ratings import Ints
from recsvc.service.recommending import RankedList, Recommendation, Source, shortfall

LEAST_SECONDS = 1.0  # between two counts
SHARE = 0.05  # of the time that may go into counting
AT_ONCE = 200  # items looked up in one statement


class PopularItems:
    """All items by how much was done with them, counted anew from time to time.

    Whether an item may be listed, and which items are new, is read for every list.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted: Popularity | None = None
        self._due = 0.0

    def recommend(
        self,
        session: Session,
        *,
        n: int,
        done_keys: Collection[int] = (),
        exclude: Collection[str] = (),
    ) -> RankedList:
        """Return the n most popular items, filled up with the newest.

        done_keys  keys of items that must not come: the user rated or bought them
        exclude    item_ids that must not come

        Hidden and unavailable items do not come.
        """
        left_out, excluded = frozenset(done_keys), frozenset(exclude)
        listed: list[Recommendation] = []
        for candidates in self._candidates(session):
            wanted = [(key, count) for key, count in candidates if key not in left_out]
            items = listable_items(session, [key for key, _ in wanted])
            listed += [
                _recommendation(*items[key], count)
                for key, count in wanted
                if key in items and items[key][0] not in excluded
            ]
            if len(listed) >= n:
                break
        missing = n - len(listed)
        return RankedList(listed[:n], shortfall(missing) if missing > 0 else None)

    def _candidates(self, session: Session) -> Iterator[list[tuple[int, int]]]:
        """Yield all items with their counts, in the order of the list, some at a time."""
        keys, counts = self._count(session)
        n_popular = int(np.count_nonzero(counts))
        yield from _pairs(keys[:n_popular], counts[:n_popular])
        newest = int(keys.max(initial=0))
        yield [(key, 0) for key in items_newer_than(session, newest, limit=AT_ONCE)]
        yield from _pairs(keys[n_popular:], counts[n_popular:])

    def _count(self, session: Session) -> Popularity:
        with self._lock:
            started = time.monotonic()
            if self._counted is None or started >= self._due:
                self._counted = popularity(session)
                took = time.monotonic() - started
                self._due = started + max(LEAST_SECONDS, took / SHARE)
            return self._counted


def _pairs(keys: Ints, counts: Ints) -> Iterator[list[tuple[int, int]]]:
    for start in range(0, keys.size, AT_ONCE):
        some = slice(start, start + AT_ONCE)
        yield list(zip(keys[some].tolist(), counts[some].tolist(), strict=True))


def _recommendation(item_id: str, title: str | None, count: int) -> Recommendation:
    source: Source = "popular" if count else "new"
    return Recommendation(item_id, title, float(count), None, source)
