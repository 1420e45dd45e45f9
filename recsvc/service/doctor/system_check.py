"""The result of one check."""

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """How serious a result is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class SystemCheck(NamedTuple):
    """One check of the installation: the fact, and the remedy unless it is ok."""

    name: str
    level: Level
    fact: str
    remedy: str = ""


def ok(name: str, fact: str) -> SystemCheck:
    """Return a result that needs no remedy."""
    return SystemCheck(name, Level.OK, fact)


def warning(name: str, fact: str, remedy: str) -> SystemCheck:
    """Return a result that does not stop the service."""
    return SystemCheck(name, Level.WARNING, fact, remedy)


def problem(name: str, fact: str, remedy: str) -> SystemCheck:
    """Return a result with which the service cannot do its work."""
    return SystemCheck(name, Level.PROBLEM, fact, remedy)
