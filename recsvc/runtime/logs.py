"""Logging: JSON lines, or colours on a terminal.

The service writes its own lines directly to stderr, because `logging` costs several times as much
and each request writes a line. `configure_libraries` formats the records of `logging` alike.
"""

import logging
import sys
from typing import Any

import structlog
from structlog.types import Processor

SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def configure(level: str) -> None:
    """Write the logs of the service to stderr, one event a line.

    `level`  debug, info, warning or error
    """
    structlog.configure(
        processors=[*SHARED, *_rendering()],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def configure_libraries(level: str) -> None:
    """Write the records of `logging` to stderr in the same form.

    `level`  debug, info, warning or error
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*SHARED, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering()],
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("uvicorn.access").disabled = True  # the request log has more fields


def _rendering() -> list[Any]:
    if sys.stderr.isatty():
        return [structlog.dev.ConsoleRenderer()]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
