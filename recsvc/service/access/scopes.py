"""The scopes of API keys."""

from typing import Literal, get_args

Scope = Literal["recommend", "write", "train", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)


def includes(scopes: frozenset[str], required: Scope) -> bool:
    """Return whether scopes permit an operation; `admin` includes all others."""
    return required in scopes or "admin" in scopes
