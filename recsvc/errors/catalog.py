"""Errors of users and items."""

from recsvc.errors.base import InvalidInput, NotFound, quote


class UserNotFound(NotFound):
    """User not found"""

    def __init__(self, user_id: str) -> None:
        super().__init__(f"No data is stored for user {quote(user_id)}.", user_id=user_id)


class ItemNotFound(NotFound):
    """Item not found"""

    def __init__(self, item_id: str) -> None:
        super().__init__(
            f"Item {quote(item_id)} does not exist. Create it with PUT, or rate it.",
            item_id=item_id,
        )


class InvalidId(InvalidInput):
    """Invalid id"""

    def __init__(self, field: str, value: str) -> None:
        super().__init__(
            f"{field} is {quote(value, 40)} ({len(value)} characters). An id has 1 to 256 "
            "characters, none of them a control character.",
            field=field,
        )
