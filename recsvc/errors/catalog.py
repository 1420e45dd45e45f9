"""Errors of users and items."""

from recsvc.errors.base import InvalidInput, NotFound


class UserNotFound(NotFound):
    """User not found"""

    def __init__(self, user_id: str) -> None:
        super().__init__(f"No data is stored for user {user_id!r}.", user_id=user_id)


class ItemNotFound(NotFound):
    """Item not found"""

    def __init__(self, item_id: str) -> None:
        super().__init__(
            f"Item {item_id!r} does not exist. Create it with PUT, or rate it.", item_id=item_id
        )


class InvalidId(InvalidInput):
    """Invalid id"""

    def __init__(self, field: str, value: str) -> None:
        shortened = value if len(value) <= 40 else value[:40] + "…"
        super().__init__(
            f"{field} is {shortened!r} ({len(value)} characters). An id has 1 to 256 characters, "
            "none of them a control character.",
            field=field,
        )
