"""Run a worker: `python -m recsvc.worker`."""

import sys

from recsvc.config import Settings
from recsvc.errors import RecsvcError
from recsvc.worker import run

if __name__ == "__main__":  # the child process imports this module, too
    try:
        run(Settings())
    except RecsvcError as error:
        sys.exit(f"error: {error.detail_with_cause()}")
