"""The root of the error tree and its families."""

import re


class RecsvcError(Exception):
    """Something went wrong"""

    def __init__(self, detail: str, **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts

    @classmethod
    def code(cls) -> str:
        """Give the class's name as the outside spells it: `UserNotFound` is `user-not-found`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def title(cls) -> str:
        """Give one line for people, the same for every occurrence."""
        return (cls.__doc__ or "").strip()

    def as_dict(self) -> dict[str, object]:
        """Give the form in which a job keeps its error."""
        return {"code": self.code(), "title": self.title(), "detail": self.detail, **self.facts}


class NotFound(RecsvcError):
    """Not found"""


class Conflict(RecsvcError):
    """Conflict with the present state"""


class InvalidInput(RecsvcError):
    """Invalid input"""


class NotReady(RecsvcError):
    """Not ready yet"""
