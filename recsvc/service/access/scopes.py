"""The scopes of API keys."""

from collections.abc import Collection
from enum import StrEnum


class Scope(StrEnum):
    """What an API key permits; `admin` includes all others."""

    RECOMMEND = "recommend"
    WRITE = "write"
    TRAIN = "train"
    ADMIN = "admin"


SCOPES: tuple[Scope, ...] = tuple(Scope)


def includes(scopes: Collection[str], required: Scope) -> bool:
    """Return whether scopes permit an operation."""
    return required in scopes or Scope.ADMIN in scopes
