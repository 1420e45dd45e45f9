"""The folder of compiled kernels, chosen before numba is imported.

Numba cannot import a cached kernel without a writable folder, and the file system of a container
image may be read-only. In this case HOME/kernels is used, with a copy of the image's kernels.
"""

import os
import shutil
import tempfile
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"


def configure(home: Path) -> Path:
    """Choose a writable folder for compiled kernels: the default, HOME or a temporary folder."""
    built_in = os.environ.get(VARIABLE, "")
    default = Path(built_in) if built_in else Path(__file__).parents[2] / "rbm"
    if _is_writable(default):
        return default
    folder = home / "kernels"
    if not _is_writable(folder):
        folder = Path(tempfile.mkdtemp(prefix="recsvc-kernels-"))
    if built_in and Path(built_in).is_dir():
        shutil.copytree(built_in, folder, dirs_exist_ok=True)
    os.environ[VARIABLE] = str(folder)
    return folder


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
