"""Errors of the database, the shelf and backups."""

import errno

from recsvc.errors.base import NotReady, RecsvcError


class DatabaseUnavailable(NotReady):
    """Database unavailable"""


class StorageFull(NotReady):
    """Storage full"""

    def __init__(self, detail: str, place: str = "database") -> None:
        super().__init__(detail, place=place)
        self.place = place

    @staticmethod
    def causes(error: BaseException | None) -> bool:
        """Return whether an error of the operating system is a full disk or a used-up quota."""
        full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        return isinstance(error, OSError) and error.errno in full


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
