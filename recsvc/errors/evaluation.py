"""Errors of evaluation jobs."""

from recsvc.errors.base import RecsvcError


class EvaluationFailed(RecsvcError):
    """Evaluation could not be carried out"""


class NothingHeldOut(EvaluationFailed):
    """No rating was held out"""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"Model version {version} was trained on every rating there was: none is left to "
            "evaluate it on. Train again with more ratings or a larger validation_share.",
            version=version,
        )


class RatingsLeaked(EvaluationFailed):
    """Test ratings are among the inputs"""

    def __init__(self, n_leaked: int, n_test: int, *, user_id: str, item_id: str) -> None:
        super().__init__(
            f"{n_leaked:,} of {n_test:,} test ratings are among the ratings that answers are made "
            f"from, one of them of item {item_id!r} by user {user_id!r}: the figures would "
            "flatter. Take them out of one of the two.",
            n_leaked=n_leaked,
            n_test=n_test,
            user_id=user_id,
            item_id=item_id,
        )
