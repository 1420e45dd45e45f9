"""The split of a snapshot into train and validation ratings."""

from dataclasses import dataclass

from recsvc.rbm import evaluation
from recsvc.rbm.arrays import Ints
from recsvc.rbm.evaluation import Protocol
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.rating_scale import RatingScale
from recsvc.rbm.snapshot import Snapshot
from recsvc.rbm.vocabulary import Vocabulary

SPLIT_SEED = 0  # the same for all jobs, so that versions are compared on the same ratings
RANKED_USERS = 2000


@dataclass(frozen=True)
class Split:
    """A snapshot as levels, split; rows are users. Interactions have levels of the scale, too.

    train, validation  disjoint; together they are all ratings
    everything         all ratings
    """

    users: Vocabulary
    items: Vocabulary
    scale: RatingScale
    train: RatingMatrix
    validation: RatingMatrix
    everything: RatingMatrix
    protocol: Protocol

    def sample_ranked_users(self, most: int | None = RANKED_USERS) -> Ints:
        """Return the users whose lists are evaluated: at most `most` with validation items."""
        return evaluation.sample_users(self.validation, most)


def split_snapshot(snapshot: Snapshot, scale: RatingScale, *, share: float) -> Split:
    """Split the ratings. The part of a rating depends only on its ids and the share."""
    everything = snapshot.matrix(scale)
    users, items = snapshot.users, snapshot.items
    parts = evaluation.split_by_hash(everything, users, items, share=share, seed=SPLIT_SEED)
    return Split(users, items, scale, parts.train, parts.test, everything, parts.protocol)
