"""Errors of users and items."""

from recsvc.errors.base import InvalidInput, NotFound


class UserNotFound(NotFound):
    """No such user"""

    def __init__(self, user_id: str) -> None:
        super().__init__(f"No user {user_id!r} has ever rated an item.", user_id=user_id)


class ItemNotFound(NotFound):
    """No such item"""

    def __init__(self, item_id: str) -> None:
        super().__init__(
            f"No item {item_id!r} has been put or rated. Put it first, or rate it.", item_id=item_id
        )


class InvalidId(InvalidInput):
    """Id cannot be used"""

    def __init__(self, field: str, value: str) -> None:
        shown = value if len(value) <= 40 else value[:40] + "…"
        super().__init__(
            f"{field} is {shown!r} ({len(value)} characters); an id is 1 to 256 characters, "
            "none of them a control character.",
            field=field,
        )
