"""The root of the error tree and its families."""

import re


class RecsvcError(Exception):
    """Internal error"""

    def __init__(self, detail: str, **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts

    @classmethod
    def code(cls) -> str:
        """Return the public code of the class: `user-not-found` for `UserNotFound`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def title(cls) -> str:
        """Return the title, the same for every occurrence."""
        return (cls.__doc__ or "").strip()

    def as_dict(self) -> dict[str, object]:
        """Return the error as it is stored on a job."""
        return {"code": self.code(), "title": self.title(), "detail": self.detail, **self.facts}


class NotFound(RecsvcError):
    """Not found"""


class Conflict(RecsvcError):
    """Conflict with the current state"""


class InvalidInput(RecsvcError):
    """Invalid input"""


class NotReady(RecsvcError):
    """Not ready"""


class Unauthenticated(RecsvcError):
    """Not authenticated"""


class Forbidden(RecsvcError):
    """Not permitted"""


class TooManyRequests(RecsvcError):
    """Too many requests"""
