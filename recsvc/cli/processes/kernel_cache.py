"""Where compiled kernels are kept, settled before anything imports numba.

Numba refuses to import a cached kernel when it finds no folder it may write to, and an image's
file system is read-only: then HOME/kernels is used, and starts from what the image was built with.
"""

import os
import shutil
import tempfile
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"


def settle(home: Path) -> None:
    """Make sure that compiled kernels can be kept, if need be in HOME or in a temporary folder."""
    built_in = os.environ.get(VARIABLE, "")
    if _writable(Path(built_in) if built_in else Path(__file__).parents[2] / "rbm"):
        return
    kept = home / "kernels"
    if not _writable(kept):
        kept = Path(tempfile.mkdtemp(prefix="recsvc-kernels-"))
    if built_in and Path(built_in).is_dir():
        shutil.copytree(built_in, kept, dirs_exist_ok=True)
    os.environ[VARIABLE] = str(kept)


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
