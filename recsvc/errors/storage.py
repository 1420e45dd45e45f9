"""Errors of the database and the shelf."""

from recsvc.errors.base import NotReady, RecsvcError


class DatabaseUnavailable(NotReady):
    """Database does not answer"""


class ShelfUnavailable(NotReady):
    """Shelf does not answer"""


class ShelfError(RecsvcError):
    """Shelf could not give what was asked"""


class ObjectMissing(ShelfError):
    """Object is not on the shelf"""

    def __init__(self, sha256: str) -> None:
        super().__init__(f"The shelf has no object {sha256}.", sha256=sha256)


class ObjectCorrupt(ShelfError):
    """Object on the shelf is corrupt"""

    def __init__(self, sha256: str, found: str) -> None:
        super().__init__(
            f"Object {sha256} on the shelf has the SHA-256 {found}: its bytes have changed. "
            "Restore it from a backup, or train again.",
            sha256=sha256,
            found=found,
        )
