"""Structured logs, one JSON object a line, that never hold personal data.

Only the fields listed in ``FIELDS`` are written, whatever a caller passes: no body, header,
cookie, name, phone, address or case reference can slip in. Paths are route templates, not URLs.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

FIELDS = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "request_id",
        "method",
        "route",
        "status",
        "duration_ms",
        "error",
        "where",
        "job",
        "count",
        "database",
        "network",
        "port",
        "version",
    }
)


def configure(level: str = "info") -> None:
    """Send everything, the libraries' records too, through the same filter to standard error."""
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _only_known_fields,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        # the standard error of the moment: who reads a command's output replaces it for a while
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = _Bridge()
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "apscheduler", "alembic"):
        logger = logging.getLogger(name)
        logger.handlers[:] = []
        logger.propagate = True


def get(where: str) -> structlog.stdlib.BoundLogger:
    # lazy: a module that was imported before ``configure`` follows it all the same
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(where=where)
    return logger


def error_name(error: BaseException) -> str:
    """What may be said of an exception: its type and the line that raised it, not its text.

    Texts of database errors contain the values of the row.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    line = f" at {trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{line}"


def _only_known_fields(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    return {name: value for name, value in event.items() if name in FIELDS}


class _Bridge(logging.Handler):
    """Records of libraries: who and how bad, with the exception's type; their texts may say more
    than a log should, so only our own texts are kept."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger().bind(where=record.name)
        error = record.exc_info[1] if record.exc_info else None
        log.log(
            record.levelno,
            "library.record",
            error=error_name(error) if error is not None else None,
        )
