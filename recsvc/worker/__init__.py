"""The worker: claims jobs from the queue and runs each in a child process.

Imports have a lane of their own, so that a shop's data is stored while a training runs. Once a day
a worker prunes the database.

loop → job_process; a child is spawned, not forked, and ends with its parent.
"""

import signal
import threading
from types import FrameType

from recsvc.config import Settings
from recsvc.db.tables import JobKind
from recsvc.runtime import logs, parent_watch
from recsvc.service.context import open_context
from recsvc.service.jobs.runner import FindUseCase, use_case
from recsvc.worker.daily_pruning import DailyPruning
from recsvc.worker.job_process import STOP_SIGNALS
from recsvc.worker.loop import Worker

__all__ = ["run"]

GRACE_SECONDS = 5.0


def run(settings: Settings, *, once: bool = False, find: FindUseCase = use_case) -> None:
    """Run jobs until SIGTERM, SIGINT or the end of the parent process.

    once  stop as soon as no job is due
    find  returns the use case of a kind of job; a module's function, because the child imports it
    """
    logs.configure(settings.log_level, hide_values=settings.hash_user_ids)
    logs.configure_libraries(settings.log_level, hide_values=settings.hash_user_ids)
    stopping = threading.Event()
    _stop_on_signals(stopping)
    parent_watch.stop_with_parent(stopping.set, grace_seconds=GRACE_SECONDS)
    context = open_context(settings)
    imports = Worker(settings, context, stopping, find, (JobKind.IMPORT,))
    others = Worker(settings, context, stopping, find, (JobKind.TRAINING, JobKind.EVALUATION))
    lane = threading.Thread(target=imports.work, kwargs={"once": once}, name="imports")
    lane.start()
    pruning = DailyPruning(context, stopping)
    if not once:
        pruning.start()
    try:
        others.work(once=once)
    finally:
        if not once:
            stopping.set()
        lane.join()
        pruning.join()
        context.database.close()


def _stop_on_signals(stopping: threading.Event) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    for number in STOP_SIGNALS:
        signal.signal(number, stop)
