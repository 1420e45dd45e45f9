"""The protocol of a split into train and test ratings, in words and as JSON."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from recsvc.rbm.rating_matrix import RatingMatrix

FOLD_IN_TEXT = "users are folded in from their train ratings."

ProtocolKind = Literal["by_hash", "at_random"]


@dataclass(frozen=True)
class Protocol:
    """The parameters that reproduce a split of the same ratings.

    kind           how test ratings are chosen
        by_hash         a hash of user id, item id and seed is below the share; the choice does
                        not depend on other ratings
        at_random       each rating with this probability
    share          of the ratings that is held out
    seed           of the split
    """

    kind: ProtocolKind
    share: float
    seed: int

    def words(self) -> str:
        """Return a description in one sentence."""
        share, seed = _percent(self.share), self.seed
        match self.kind:
            case "by_hash":
                chosen = f"chosen by a hash of user id, item id and seed {seed}"
                return f"{share} of the ratings are held out, {chosen}; {FOLD_IN_TEXT}"
            case "at_random":
                chosen = f"chosen at random with seed {seed}"
                return f"{share} of the ratings are held out, {chosen}; {FOLD_IN_TEXT}"

    def as_dict(self) -> dict[str, Any]:
        """Return the form that a model card stores: the parameters and the words."""
        return {**asdict(self), "words": self.words()}


@dataclass(frozen=True)
class DataSplit:
    """Train and test ratings; both have the same users as rows and items as columns.

    train   for training, and for folding users in
    test    for the metrics
    """

    protocol: Protocol
    train: RatingMatrix
    test: RatingMatrix


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"
