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

    def detail_with_cause(self) -> str:
        """Return the detail and the first line of the cause, for logs and operators alone.

        The cause may name hosts and users, so responses have the detail without it.
        """
        cause = str(getattr(self.__cause__, "orig", None) or self.__cause__ or "").strip()
        return f"{self.detail} ({cause.splitlines()[0]})" if cause else self.detail

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
