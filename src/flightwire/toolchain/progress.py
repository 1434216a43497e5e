"""Saying what is being installed, while it is.

Owns: one line per step, on standard error: a spinner with the elapsed time on a terminal, plain lines elsewhere.
Refuses to know: what the steps are.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

__all__ = ["Step", "step"]


class Step:
    """A step under way; `say` replaces the detail shown beside it."""

    def __init__(self, title: str, console: Console) -> None:
        self.title = title
        self._console = console
        self._status = console.status(escape(title)) if console.is_terminal else None

    def say(self, detail: str) -> None:
        """Show how far it is. Only a terminal shows it: a log would drown in it."""
        if self._status is not None:
            self._status.update(f"{escape(self.title)} [dim]{escape(detail)}[/]")

    def _begin(self) -> None:
        if self._status is not None:
            self._status.start()
        else:
            self._console.print(f"{self.title} …", markup=False, highlight=False, soft_wrap=True)

    def _end(self, mark: str, elapsed_s: float) -> None:
        if self._status is not None:
            self._status.stop()
        line = f"{mark} {escape(self.title)} [dim]({elapsed_s:.1f} s)[/]"
        self._console.print(line, highlight=False, soft_wrap=True)


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Announce work that takes seconds, and how long it took.

    Args:
        title: what is being done, as "Installing Node 24".
    """
    current = Step(title, Console(stderr=True))
    started_s = time.monotonic()
    current._begin()
    try:
        yield current
    except BaseException:
        current._end("[red]✗[/]", time.monotonic() - started_s)
        raise
    current._end("[green]✓[/]", time.monotonic() - started_s)
