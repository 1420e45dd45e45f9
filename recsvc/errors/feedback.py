"""Errors of ratings and of the rating scale."""

from recsvc.errors.base import InvalidInput, NotFound, cut, quote


class RatingNotFound(NotFound):
    """Rating not found"""

    def __init__(self, user_id: str, item_id: str) -> None:
        super().__init__(
            f"User {quote(user_id)} has not rated item {quote(item_id)}.",
            user_id=user_id,
            item_id=item_id,
        )


class InvalidRating(InvalidInput):
    """Invalid rating value"""

    def __init__(self, value: object) -> None:
        super().__init__(
            f"value is {quote(value)}; a rating must be a finite number, such as 4 or 3.5.",
            field="value",
            value=cut(str(value)),
        )


class ValueOffScale(InvalidInput):
    """Rating value not on the rating scale"""

    def __init__(self, value: float, scale: str) -> None:
        super().__init__(
            f"value is {value:g}, which is not on the rating scale {scale}. "
            "Send a value of the scale, or change RECSVC_RATING_SCALE.",
            field="value",
            value=value,
            scale=scale,
        )


class InvalidScale(InvalidInput):
    """Invalid rating scale"""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(
            f"The rating scale is {text!r}: {reason}. "
            "Write first:last:step (1:5:1), a list (1,2,3,5) or auto.",
            field="rating_scale",
            value=text,
        )
