"""Errors of evaluation jobs."""

from recsvc.errors.base import RecsvcError


class EvaluationFailed(RecsvcError):
    """Evaluation failed"""


class NothingHeldOut(EvaluationFailed):
    """No held-out ratings"""

    def __init__(self, version: int) -> None:
        super().__init__(
            f"Model version {version} was trained without held-out ratings, so it cannot be "
            "evaluated. Train again with more ratings or a larger validation_share.",
            version=version,
        )


class RatingsLeaked(EvaluationFailed):
    """Leaked test ratings"""

    def __init__(self, n_leaked: int, n_test: int, *, user_id: str, item_id: str) -> None:
        super().__init__(
            f"{n_leaked:,} of {n_test:,} test ratings are also inputs, for example item "
            f"{item_id!r} of user {user_id!r}; the metrics would be too good. Remove the ratings "
            "from the test set or from the inputs.",
            n_leaked=n_leaked,
            n_test=n_test,
            user_id=user_id,
            item_id=item_id,
        )
