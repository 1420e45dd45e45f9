"""How ratings were divided into train and test, in words and as JSON."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from recsvc.rbm.evaluation.leakage import refuse_leaks
from recsvc.rbm.rating_matrix import RatingMatrix

FROM_THE_REST = "users are folded in from the ratings that were learned from."

ProtocolKind = Literal["by_hash", "at_random", "users_held_out", "files"]


@dataclass(frozen=True)
class Protocol:
    """What somebody else must know to divide the same ratings alike.

    kind           which ratings are test ratings
        by_hash         those whose hash of user id, item id and seed falls below the share: the
                        same ones whatever other ratings there are
        at_random       each with this probability
        users_held_out  of a share of the users, who are left out of training entirely, what they
                        are not folded in from
        files           those of a file of their own
    share          of the ratings, or of the users, that is held out
    seed           of the division
    fold_in_share  of a held-out user's ratings, from which they are folded in
    files          names of the train and the test file
    """

    kind: ProtocolKind
    share: float | None = None
    seed: int | None = None
    fold_in_share: float | None = None
    files: tuple[str, str] | None = None

    def words(self) -> str:
        """Say it in a sentence."""
        share, seed = _percent(self.share), self.seed
        match self.kind:
            case "by_hash":
                chosen = f"chosen by a hash of user id, item id and seed {seed}"
                return f"{share} of the ratings are held out, {chosen}; {FROM_THE_REST}"
            case "at_random":
                chosen = f"chosen at random with seed {seed}"
                return f"{share} of the ratings are held out, {chosen}; {FROM_THE_REST}"
            case "users_held_out":
                return (
                    f"{share} of the users, chosen at random with seed {seed}, are left out of "
                    f"training, folded in from {_percent(self.fold_in_share)} of their ratings "
                    "and tested on the others."
                )
            case "files":
                train, test = self.files or ("", "")
                return f"Learned from {train} and tested on {test}; {FROM_THE_REST}"

    def as_dict(self) -> dict[str, Any]:
        """Give the form in which a card keeps it: what is known, and the words."""
        known = {name: value for name, value in asdict(self).items() if value is not None}
        return {**known, "words": self.words()}


@dataclass(frozen=True)
class Division:
    """Ratings divided; rows are the same users, columns the same items.

    train   to learn from
    inputs  to fold users in from: the train ratings, and those of users held out
    test    to be tested on
    """

    protocol: Protocol
    train: RatingMatrix
    inputs: RatingMatrix
    test: RatingMatrix

    @classmethod
    def of_files(
        cls, train: RatingMatrix, test: RatingMatrix, *, names: tuple[str, str]
    ) -> "Division":
        """Take a division that others have made. Raises RatingsLeaked where they overlap."""
        refuse_leaks(train, test)
        return cls(Protocol("files", files=names), train, train, test)


def _percent(share: float | None) -> str:
    return f"{100 * (share or 0):.4g} %"
