"""What a route requires of its caller."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from recsvc.service.access.scopes import Scope

F = TypeVar("F", bound=Callable[..., Any])
ATTRIBUTE = "__access__"


class Requirement(NamedTuple):
    """The scope that a route requires, and whether the audit log lists its changes.

    scope            None: no key is needed
    is_open_locally  no key is needed on a loopback address
    """

    scope: Scope | None
    is_audited: bool = False
    is_open_locally: bool = False


OPEN = Requirement(None)


def requires(
    scope: Scope | None, *, is_audited: bool = False, is_open_locally: bool = False
) -> Callable[[F], F]:
    """Set the requirement of one route in place of that of its router."""

    def mark(endpoint: F) -> F:
        setattr(endpoint, ATTRIBUTE, Requirement(scope, is_audited, is_open_locally))
        return endpoint

    return mark


def requirement_of(endpoint: Callable[..., Any]) -> Requirement | None:
    """Return the requirement of a route, None if it has none of its own."""
    requirement: Requirement | None = getattr(endpoint, ATTRIBUTE, None)
    return requirement
