"""Logging: JSON lines, or colours on a terminal.

The service writes its own lines directly to stderr, because `logging` costs several times as much
and each request writes a line. `configure_libraries` formats the records of `logging` alike.
"""

import logging
import sys
import threading
import traceback
from collections.abc import MutableMapping
from contextlib import suppress
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.types import Processor

SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


class _Stream:
    """A stream on which a line is lost if it cannot be written: a full disk fails no request."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a line, if that is possible."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream, if that is possible."""
        with suppress(OSError):
            self._stream.flush()


def configure(level: str, *, hide_values: bool = False) -> None:
    """Write the logs of the process to stderr, one event a line.

    level        debug, info, warning or error
    hide_values  write errors without their messages, which may name users
    """
    stream: Any = _Stream(sys.stderr)
    structlog.configure(
        processors=[*SHARED, *_rendering(hide_values=hide_values)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_of_thread


def configure_libraries(level: str, *, hide_values: bool = False) -> None:
    """Write the records of `logging`, and warnings, to stderr in the same form.

    level, hide_values  see `configure`
    """
    handler = logging.StreamHandler(_Stream(sys.stderr))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*SHARED, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(hide_values=hide_values),
            ],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    logging.getLogger("uvicorn.access").disabled = True  # the request log has more fields
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)  # seven lines a start


def describe_error(error: BaseException, *, hide_values: bool) -> str:
    """Return the class of an error and its message, which is left out with `hide_values`."""
    return type(error).__name__ if hide_values else f"{type(error).__name__}: {error}"


def _rendering(*, hide_values: bool) -> list[Any]:
    hiding = [_format_without_messages] if hide_values else []
    if sys.stderr.isatty():
        return [*hiding, structlog.dev.ConsoleRenderer()]
    return [*hiding, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _format_without_messages(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace an exception by its frames and classes: messages have the values of requests."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["exception"] = "\n".join(_frames(error))
    return event


def _frames(error: BaseException | None) -> list[str]:
    lines: list[str] = []
    while error is not None:
        frames = traceback.format_tb(error.__traceback__)
        lines = ["".join(frames) + type(error).__qualname__, *lines]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return lines


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        structlog.get_logger().error("uncaught error", exc_info=error)


def _log_uncaught_of_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and args.exc_type is not SystemExit:
        name = args.thread.name if args.thread else ""
        structlog.get_logger().error("uncaught error", thread=name, exc_info=args.exc_value)
