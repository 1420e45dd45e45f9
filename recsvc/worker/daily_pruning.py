"""A worker's thread that prunes the database once a day, if no other worker has."""

import threading

import structlog

from recsvc.errors import RecsvcError
from recsvc.service import pruning
from recsvc.service.context import Context

log = structlog.stdlib.get_logger("recsvc.worker")

CHECK_SECONDS = 600.0  # between two checks whether it is due


class DailyPruning:
    """Prunes on a thread of its own, so that no job waits for it."""

    def __init__(self, context: Context, stopping: threading.Event) -> None:
        self._context = context
        self._stopping = stopping
        self._thread = threading.Thread(target=self._watch, name="pruning", daemon=True)

    def start(self) -> None:
        """Start the thread; it ends soon after the worker begins to stop."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the current batch."""
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.is_set():
            self._prune()
            self._stopping.wait(CHECK_SECONDS)

    def _prune(self) -> None:
        try:
            deleted = pruning.prune_if_due(self._context, self._stopping)
        except RecsvcError as error:
            log.warning("not pruned", detail=error.detail_with_cause())
        except Exception:
            log.exception("not pruned")
        else:
            if deleted is not None:
                log.info("pruned", **{kind.value: n for kind, n in deleted.items()})
