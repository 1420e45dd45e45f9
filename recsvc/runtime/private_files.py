"""Folders and files that only their owner can read: mode 0700 and 0600.

The mode of an existing folder or file stays as it is: it may belong to another user, as the volume
of a container does. `recsvc doctor` reports it.
"""

import os
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600
OTHERS = 0o077  # the permissions of the group and of all others


def create_folder(path: Path) -> None:
    """Create a folder, and its parents with the usual mode, unless it exists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=FOLDER_MODE, exist_ok=True)


def create_file(path: Path) -> None:
    """Create an empty file, unless it exists."""
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, FILE_MODE))


def sync(path: Path) -> None:
    """Write a file and its entry in the folder to the disk."""
    for one in (path, path.parent):
        descriptor = os.open(one, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def restrict_umask() -> None:
    """Deny the files that this process and its children create to all other users."""
    os.umask(OTHERS)
