"""`recsvc worker`: jobs only."""

from recsvc.cli.processes import spawn


def worker() -> None:
    """Carry out jobs from the queue: imports and training.

    Run as many as there are machines to train on, each with the database and the shelf of the
    service (RECSVC_DATABASE_URL, RECSVC_SHELF_URL, or RECSVC_HOME on a shared disk). SIGTERM or
    Ctrl-C hands a running job back to the queue.
    """
    spawn.run_worker()
