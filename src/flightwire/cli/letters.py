"""What the command line says when something is wrong, and its log.

Owns: the look of errors and log lines on standard error. Refuses to know: what went wrong.
"""

from __future__ import annotations

import asyncio
import logging

from rich.console import Console
from rich.text import Text

__all__ = ["log_to_terminal", "print_letter", "print_warning"]

STYLES = {logging.WARNING: "yellow", logging.ERROR: "red", logging.CRITICAL: "red"}


def print_letter(error: BaseException | str) -> None:
    """Say what is wrong and what to do; no traceback."""
    _print("error: ", "bold red", str(error))


def print_warning(text: str) -> None:
    """Say what will not work, though the rest does."""
    _print("warning: ", "bold yellow", text)


def log_to_terminal(level: int = logging.INFO) -> None:
    """Show the log on standard error, one line per call; the server's own chatter stays out."""
    handler = TerminalHandler()
    handler.addFilter(_is_news)
    for name, shown_from in (("flightwire", level), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.setLevel(shown_from)
        logger.handlers = [handler]
        logger.propagate = False


class TerminalHandler(logging.Handler):
    """Writes a record with its time; warnings and errors in colour."""

    def __init__(self) -> None:
        super().__init__()
        self._console = Console(stderr=True)
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            line = Text(self.format(record), style=STYLES.get(record.levelno, ""))
            self._console.print(line, soft_wrap=True)
        except Exception:
            self.handleError(record)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a record tells more than that open requests were cancelled because we are stopping."""
    cause = record.exc_info[1] if record.exc_info else None
    return not isinstance(cause, asyncio.CancelledError) and not str(record.msg).startswith(
        "Cancel %s running task"
    )


def _print(label: str, style: str, text: str) -> None:
    Console(stderr=True).print(Text.assemble((label, style), text), soft_wrap=True)
