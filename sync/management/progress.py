"""How long work is shown: a bar or a page that is drawn over on a terminal; lines elsewhere, now and then."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

EVERY_S = 2.0
"""Between two lines, where there is no terminal."""

WIDTH = 24
CLEAR_LINE = "\r\x1b[K"
COLOUR = re.compile(r"\x1b\[[\d;]*m")


def is_terminal(stream: Any) -> bool:
    """Return whether what is written there is seen by a person at once."""
    asks = getattr(stream, "isatty", None)
    return bool(asks and asks())


class Bar:
    """Progress towards an end that is known, or not.

    Args:
        stream: where to.
        every_s: seconds between two lines, where there is no terminal.
    """

    def __init__(self, stream: Any, *, every_s: float = EVERY_S) -> None:
        self.stream = stream
        self.every_s = every_s
        self.terminal = is_terminal(stream)
        self._drawn = False
        self._told_at: float | None = None

    def tell(self, words: str, share: float | None = None) -> None:
        """Show how far it is.

        Args:
            words: a line.
            share: the part that is done, 0 to 1; None where nobody knows.
        """
        if self.terminal:
            self.stream.write(CLEAR_LINE + fitting(_bar(share) + words), ending="")
            self._drawn = True
        elif self._told_at is None or time.monotonic() - self._told_at >= self.every_s:
            self._told_at = time.monotonic()
            self.stream.write(words)
        self.stream.flush()

    def end(self, words: str = "") -> None:
        """Leave the bar's line, and show a last one."""
        if self._drawn:
            self.stream.write(CLEAR_LINE, ending="")
            self._drawn = False
        if words:
            self.stream.write(words)
        self.stream.flush()


class Screen:
    """A few lines that are drawn in place on a terminal, and one after the other elsewhere.

    Args:
        stream: where to.
    """

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.terminal = is_terminal(stream)
        self._height = 0

    def draw(self, lines: Iterable[str]) -> None:
        """Show these lines in place of the last ones."""
        lines = list(lines)
        if self.terminal:
            if self._height:
                self.stream.write(f"\x1b[{self._height}A\x1b[J", ending="")
            lines = [fitting(line) for line in lines][: shutil.get_terminal_size().lines - 1]
            self._height = len(lines)
        for line in lines:
            self.stream.write(line)
        self.stream.flush()


def repeat(show: Callable[[], bool], every_s: float) -> bool:
    """Show something again and again until Ctrl-C, or until it says that it is over; return what it said last.

    Args:
        show: returns whether all is well.
        every_s: seconds from one to the next.
    """
    well, pause = True, threading.Event()
    try:
        while True:
            well = show()
            pause.wait(every_s)
    except KeyboardInterrupt:
        return well


def fitting(line: str) -> str:
    """Return a line that does not break on this terminal."""
    width = shutil.get_terminal_size().columns - 1
    plain = COLOUR.sub("", line)  # what is cut loses its colour: half a code would colour all that follows
    return line if len(plain) <= width else f"{plain[: max(width - 1, 0)]}…"


def _bar(share: float | None) -> str:
    if share is None:
        return ""
    done = round(WIDTH * min(max(share, 0.0), 1.0))
    return f"[{'#' * done}{'·' * (WIDTH - done)}] "
