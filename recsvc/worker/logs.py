"""What a worker says: JSON lines for machines, colours for a person at a terminal."""

import sys

import structlog

log = structlog.stdlib.get_logger("recsvc.worker")


def configure_logs(level: str) -> None:
    """Log to stderr: colours for a person at a terminal, else a JSON object a line."""
    is_terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if is_terminal else [structlog.processors.format_exc_info]),
            structlog.dev.ConsoleRenderer() if is_terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
