"""The folder of the numbers of one service's processes: HOME/metrics/ID.

The parent process owns it: it locks the file `serve` in it as long as it runs, and removes the
folders of services that have ended. An API process has one file, `api-1` to `api-N`, and the
process that replaces it continues the file. So the folder does not grow with restarts.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from recsvc.errors import ConfigurationError
from recsvc.runtime.number_file import NumberFile, is_running

PARENT = "serve"


@contextmanager
def open_service_folder(home: Path) -> Iterator[Path]:
    """Create the folder of this service and remove it at the end. Raises ConfigurationError."""
    root = home / "metrics"
    folder = root / uuid4().hex
    incomplete = root / f".{folder.name}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        remove_ended(root)
        incomplete.mkdir()
        numbers = NumberFile(incomplete / PARENT)
        incomplete.rename(folder)  # with its lock, so that it never looks like an ended service
    except OSError as error:
        raise ConfigurationError(
            f"RECSVC_HOME is {str(home)!r}, where no file can be created: {error.strerror}. "
            "Set it to a folder that this user may write to, on a disk that is not full."
        ) from error
    try:
        yield folder
    finally:
        numbers.close()
        shutil.rmtree(folder, ignore_errors=True)


def remove_ended(root: Path) -> None:
    """Remove the folders of services that have ended, and the files of version 0.1.0."""
    for folder in root.glob("[!.]*/"):
        if not is_running(folder / PARENT):
            shutil.rmtree(folder, ignore_errors=True)
    for file in root.glob("*.json"):
        file.unlink(missing_ok=True)
