"""`python -m recsvc.worker`: a worker, and nothing else."""

from recsvc.config import Settings
from recsvc.worker import run

if __name__ == "__main__":  # the child process imports this module, too
    run(Settings())
