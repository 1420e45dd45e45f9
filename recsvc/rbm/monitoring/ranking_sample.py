"""nDCG@10 while a machine learns: the lists of some users, measured after every epoch."""

from dataclasses import dataclass

import numpy as np

from recsvc.rbm import kernels, thread_pool
from recsvc.rbm.arrays import Floats, Ints
from recsvc.rbm.machines import joint
from recsvc.rbm.ndcg import LIST_LENGTH, NO_ITEM, discounts
from recsvc.rbm.params import Params
from recsvc.rbm.rating_matrix import RatingMatrix

MAX_USERS = 1024
MAX_SCORES = 2**26  # users times items: 67 users where there are a million items
SCORES_PER_BLOCK = 2**21  # 8 MB a thread
MIN_USERS_PER_BLOCK = 8  # users: fewer would make poor matrix products of a large catalogue


@dataclass(frozen=True)
class RankingSample:
    """Whose lists are measured; the same in every epoch. No couplings: hidden units alone.

    given        (n_lists rows) train ratings: what lists are made from and leave out
    wanted       (n_lists rows) validation ratings: what is looked for, at least one each
    first_liked  the lowest liked level, those of interactions come after it
    """

    given: RatingMatrix
    wanted: RatingMatrix
    first_liked: int

    @classmethod
    def of(
        cls, train: RatingMatrix, validation: RatingMatrix, first_liked: int, *, seed: int
    ) -> "RankingSample":
        """Choose among the users with a validation rating, fewer where the catalogue is large."""
        users = np.flatnonzero(np.diff(validation.indptr))
        most = max(1, min(MAX_USERS, MAX_SCORES // max(1, validation.n_items)))
        chosen = np.random.default_rng([seed, 0, 3]).permutation(users)[:most]
        return cls(train.rows(chosen), validation.rows(chosen), first_liked)

    def ndcg(self, params: Params) -> float | None:
        """nDCG@10 of a joint machine as `evaluation.lists` defines it; None for nobody.

        Each block of users is worked on by one thread, so the bits do not depend on their number.
        """
        if self.wanted.n_users == 0:
            return None
        hidden = joint.hidden_probabilities(params, self.given)
        at_once = max(MIN_USERS_PER_BLOCK, SCORES_PER_BLOCK // self.given.n_items)
        blocks = range(0, self.given.n_users, at_once)
        with thread_pool.open_pool() as pool:
            lists = pool.map(
                lambda start: self._lists(params, hidden[start : start + at_once], start), blocks
            )
            return self._mean_ndcg(np.concatenate(list(lists)))

    def _lists(self, params: Params, hidden: Floats, start: int) -> Ints:
        """List the best items of some users in a row, −1 where there are no more, (n, 10)."""
        scores = joint.list_fields(params, hidden, self.first_liked)
        lists = np.full((hidden.shape[0], LIST_LENGTH), NO_ITEM)
        for row, best in enumerate(lists):
            kernels.top_n_without(scores[row], self.given.row(start + row)[0], best)
        return lists

    def _mean_ndcg(self, lists: Ints) -> float:
        n_items, rows = self.wanted.n_items, np.arange(self.wanted.n_users)[:, np.newaxis]
        sought = self.wanted.users().astype(np.int64) * n_items + self.wanted.items
        hits = np.isin(np.where(lists == NO_ITEM, NO_ITEM, rows * n_items + lists), sought)
        shares = discounts(LIST_LENGTH)
        n_wanted = np.minimum(LIST_LENGTH, np.diff(self.wanted.indptr))
        gains = np.where(hits, shares, 0.0).sum(axis=1)
        return float(np.mean(gains / np.cumsum(shares)[n_wanted - 1]))
