"""Errors of the database, the shelf and backups."""

from recsvc.errors.base import NotReady, RecsvcError


class DatabaseUnavailable(NotReady):
    """Database unavailable"""


class ShelfUnavailable(NotReady):
    """Shelf unavailable"""


class ShelfError(RecsvcError):
    """Shelf error"""


class ObjectMissing(ShelfError):
    """Missing object"""

    def __init__(self, sha256: str) -> None:
        super().__init__(f"The shelf has no object {sha256}.", sha256=sha256)


class ObjectCorrupt(ShelfError):
    """Corrupt object"""

    def __init__(self, sha256: str, found: str) -> None:
        super().__init__(
            f"Object {sha256} on the shelf is corrupt: its content has the SHA-256 {found}. "
            "Restore it from a backup, or train again.",
            sha256=sha256,
            found=found,
        )


class BackupError(RecsvcError):
    """Backup error"""


class BackupDamaged(BackupError):
    """Damaged backup"""


class BackupIncompatible(BackupError):
    """Incompatible backup"""


class TargetNotEmpty(BackupError):
    """Target not empty"""
