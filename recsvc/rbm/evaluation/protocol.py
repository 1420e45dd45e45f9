"""How ratings were divided into train and test, in words and as JSON."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from recsvc.rbm.rating_matrix import RatingMatrix

FOLD_IN_TEXT = "users are folded in from the ratings that were learned from."

ProtocolKind = Literal["by_hash", "at_random"]


@dataclass(frozen=True)
class Protocol:
    """What somebody else must know to divide the same ratings alike.

    kind           which ratings are test ratings
        by_hash         those whose hash of user id, item id and seed falls below the share: the
                        same ones whatever other ratings there are
        at_random       each with this probability
    share          of the ratings that is held out
    seed           of the division
    """

    kind: ProtocolKind
    share: float
    seed: int

    def words(self) -> str:
        """Say it in a sentence."""
        share, seed = _percent(self.share), self.seed
        match self.kind:
            case "by_hash":
                chosen = f"chosen by a hash of user id, item id and seed {seed}"
                return f"{share} of the ratings are held out, {chosen}; {FOLD_IN_TEXT}"
            case "at_random":
                chosen = f"chosen at random with seed {seed}"
                return f"{share} of the ratings are held out, {chosen}; {FOLD_IN_TEXT}"

    def as_dict(self) -> dict[str, Any]:
        """Give the form in which a card keeps it: what is known, and the words."""
        return {**asdict(self), "words": self.words()}


@dataclass(frozen=True)
class DataSplit:
    """Ratings divided; rows are the same users, columns the same items.

    train   to learn from, and to fold users in from
    test    to be tested on
    """

    protocol: Protocol
    train: RatingMatrix
    test: RatingMatrix


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"
