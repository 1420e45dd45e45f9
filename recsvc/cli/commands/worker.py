"""`recsvc worker`: a worker without the API."""

from recsvc.cli.processes import spawn


def worker() -> None:
    """Run jobs from the queue: imports, training and evaluations.

    Start one worker on each training machine, with the database and the shelf of the service
    (RECSVC_DATABASE_URL and RECSVC_SHELF_URL, or RECSVC_HOME on a shared disk). SIGTERM or Ctrl-C
    returns a running job to the queue.
    """
    spawn.run_worker()
