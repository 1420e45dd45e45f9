"""Splits of ratings into train and test: by hash, or at random."""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from recsvc.rbm.evaluation.protocol import DataSplit, Protocol
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.vocabulary import Vocabulary


def split_by_hash(
    ratings: RatingMatrix, users: Vocabulary, items: Vocabulary, *, share: float, seed: int
) -> DataSplit:
    """Split off the ratings of `validation_flags`, the same ones in every later snapshot."""
    is_test = validation_flags(ratings, users, items, share=share, split_seed=seed)
    return _split(ratings, is_test, Protocol("by_hash", share, seed))


def split_at_random(ratings: RatingMatrix, *, share: float, seed: int) -> DataSplit:
    """Split off each rating with probability `share`, as in published comparisons."""
    is_test = np.random.default_rng(seed).random(ratings.n_ratings) < share
    return _split(ratings, is_test, Protocol("at_random", share, seed))


def _split(ratings: RatingMatrix, is_test: NDArray[np.bool_], protocol: Protocol) -> DataSplit:
    return DataSplit(protocol, ratings.select(~is_test), ratings.select(is_test))


def validation_flags(
    ratings: RatingMatrix, users: Vocabulary, items: Vocabulary, *, share: float, split_seed: int
) -> NDArray[np.bool_]:
    """Return which ratings belong to validation, (n_ratings,).

    The choice depends on user id, item id and split seed alone. It is the same in every later
    snapshot, so model versions can be compared on the same ratings.
    """
    user_hash = _id_hashes(users.ids, split_seed)[ratings.users()]
    item_hash = _id_hashes(items.ids, split_seed + 1)[ratings.items]
    mixed = _mix(_mix(user_hash) + item_hash)
    return mixed.astype(np.float64) < share * 2.0**64


def _id_hashes(ids: Iterable[str], seed: int) -> NDArray[np.uint64]:
    salt = seed.to_bytes(8, "little", signed=True)
    digests = b"".join(blake2b(id_.encode(), digest_size=8, salt=salt).digest() for id_ in ids)
    return np.frombuffer(digests, dtype="<u8")


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return SplitMix64's finaliser of each element."""
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
