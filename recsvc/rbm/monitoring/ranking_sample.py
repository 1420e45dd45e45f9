"""nDCG@10 in training: the lists of some users, measured after every epoch."""

from dataclasses import dataclass

import numpy as np

from recsvc.rbm import kernels, thread_pool
from recsvc.rbm.arrays import Floats, Ints
from recsvc.rbm.machines import joint
from recsvc.rbm.ndcg import LIST_LENGTH, NO_ITEM, discounts
from recsvc.rbm.params import Params
from recsvc.rbm.rating_matrix import RatingMatrix

MAX_USERS = 1024
MAX_SCORES = 2**26  # users times items: 67 users for a million items
SCORES_PER_BLOCK = 2**21  # 8 MB a thread
MIN_USERS_PER_BLOCK = 8  # fewer make matrix products of a large catalogue slow


@dataclass(frozen=True)
class RankingSample:
    """The users whose lists are measured in every epoch, by hidden units without couplings.

    inputs       (n_lists rows) train ratings: lists are computed from them and leave them out
    targets      (n_lists rows) validation ratings, at least one in each row
    first_liked  the lowest liked level; those of interactions come after it
    """

    inputs: RatingMatrix
    targets: RatingMatrix
    first_liked: int

    @classmethod
    def build(
        cls, train: RatingMatrix, validation: RatingMatrix, first_liked: int, *, seed: int
    ) -> "RankingSample":
        """Choose random users with a validation rating; fewer for a large catalogue."""
        users = np.flatnonzero(np.diff(validation.indptr))
        most = max(1, min(MAX_USERS, MAX_SCORES // max(1, validation.n_items)))
        chosen = np.random.default_rng([seed, 0, 3]).permutation(users)[:most]
        return cls(train.rows(chosen), validation.rows(chosen), first_liked)

    def ndcg(self, params: Params) -> float | None:
        """Return nDCG@10 of a joint machine as in `evaluation.ranking`; None without users.

        One thread computes each block of users, so the bits do not depend on the number of threads.
        """
        if self.targets.n_users == 0:
            return None
        hidden = joint.hidden_probabilities(params, self.inputs)
        block_size = max(MIN_USERS_PER_BLOCK, SCORES_PER_BLOCK // self.inputs.n_items)
        blocks = range(0, self.inputs.n_users, block_size)
        with thread_pool.open_pool() as pool:
            lists = pool.map(
                lambda start: self._lists(params, hidden[start : start + block_size], start), blocks
            )
            return self._mean_ndcg(np.concatenate(list(lists)))

    def _lists(self, params: Params, hidden: Floats, start: int) -> Ints:
        """Return the best items of some consecutive users, padded with −1, (n, 10)."""
        scores = joint.list_fields(params, hidden, self.first_liked)
        lists = np.full((hidden.shape[0], LIST_LENGTH), NO_ITEM)
        for row, best in enumerate(lists):
            kernels.top_n_without(scores[row], self.inputs.row(start + row)[0], best)
        return lists

    def _mean_ndcg(self, lists: Ints) -> float:
        n_items, rows = self.targets.n_items, np.arange(self.targets.n_users)[:, np.newaxis]
        targets = self.targets.users().astype(np.int64) * n_items + self.targets.items
        hits = np.isin(np.where(lists == NO_ITEM, NO_ITEM, rows * n_items + lists), targets)
        shares = discounts(LIST_LENGTH)
        n_targets = np.minimum(LIST_LENGTH, np.diff(self.targets.indptr))
        gains = np.where(hits, shares, 0.0).sum(axis=1)
        return float(np.mean(gains / np.cumsum(shares)[n_targets - 1]))
