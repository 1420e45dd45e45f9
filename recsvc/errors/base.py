"""The root of the error tree and its families."""

import re

MAX_SHOWN = 200  # characters of a client's text that a message repeats


def cut(text: str, limit: int = MAX_SHOWN) -> str:
    """Return a text, or its beginning if it is longer than `limit`."""
    return text if len(text) <= limit else text[:limit] + "…"


def quote(value: object, limit: int = MAX_SHOWN) -> str:
    """Return a client's value as a message shows it, at most about `limit` characters of it."""
    if isinstance(value, str):
        return repr(cut(value, limit))
    try:
        return cut(repr(value), limit)
    except (RecursionError, ValueError):  # nested too deeply, or a number of thousands of digits
        return f"a {type(value).__name__}"


def cut_value(value: object) -> object:
    """Return a client's value for the facts of an error; a long one as the text that shows it."""
    if isinstance(value, str):
        return cut(value)
    shown = quote(value)
    return shown if len(shown) > MAX_SHOWN else value


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
