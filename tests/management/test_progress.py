from __future__ import annotations

import io
import re

import pytest
from django.core.management.base import OutputWrapper

from sync.management.progress import Bar, Screen, fitting, is_terminal, repeat


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "5")


def drawn(terminal: Terminal) -> list[str]:
    """What is left on the screen after all that was written."""
    lines, place = [""], 0
    for part in re.split(r"(\x1b\[\d*[AJK]|\r|\n)", terminal.getvalue()):
        if part == "\n":
            place += 1
            lines += [""] * (place + 1 - len(lines))
        elif part.endswith("A") and part.startswith("\x1b"):
            place -= int(part[2:-1])
        elif part.endswith("J") and part.startswith("\x1b"):
            lines = [*lines[:place], ""]
        elif part.endswith("K") and part.startswith("\x1b"):
            lines[place] = ""
        elif part != "\r":
            lines[place] += part
    return lines


def test_on_a_terminal_a_bar_is_drawn_over() -> None:
    terminal = Terminal()
    bar = Bar(OutputWrapper(terminal))
    bar.tell("a quarter", 0.25)
    assert drawn(terminal) == ["[######··················] a quarter"]
    bar.tell("more")
    assert drawn(terminal) == ["more"]
    bar.end("done")
    assert drawn(terminal) == ["done", ""]


def test_a_share_out_of_range_is_a_bar_all_the_same() -> None:
    terminal = Terminal()
    bar = Bar(OutputWrapper(terminal))
    bar.tell("x", 7.0)
    assert drawn(terminal) == [f"[{'#' * 24}] x"]
    bar.tell("x", -1.0)
    assert drawn(terminal) == [f"[{'·' * 24}] x"]


def test_elsewhere_a_line_is_written_now_and_then() -> None:
    often, seldom = io.StringIO(), io.StringIO()
    for stream, every_s in ((often, 0.0), (seldom, 1000.0)):
        bar = Bar(OutputWrapper(stream), every_s=every_s)
        for number in range(3):
            bar.tell(f"line {number}", number / 3)
        bar.end("done")
    assert often.getvalue().splitlines() == ["line 0", "line 1", "line 2", "done"]
    assert seldom.getvalue().splitlines() == ["line 0", "done"]


def test_a_page_is_drawn_in_place_on_a_terminal() -> None:
    terminal = Terminal()
    screen = Screen(OutputWrapper(terminal))
    screen.draw(["one", "two", "three"])
    screen.draw(["eins", "zwei"])
    assert drawn(terminal) == ["eins", "zwei", ""]


def test_a_page_higher_than_the_terminal_is_cut_so_that_it_can_be_drawn_over() -> None:
    terminal = Terminal()
    screen = Screen(OutputWrapper(terminal))
    screen.draw([str(number) for number in range(9)])
    screen.draw([f"{number} {'x' * 90}" for number in range(9)])
    assert [line[:1] for line in drawn(terminal)] == ["0", "1", "2", "3", ""]
    assert max(map(len, drawn(terminal))) < 60


def test_elsewhere_pages_follow_one_another() -> None:
    stream = io.StringIO()
    screen = Screen(OutputWrapper(stream))
    screen.draw(["one"])
    screen.draw(["two"])
    assert stream.getvalue() == "one\ntwo\n"


def test_a_line_that_fits_is_left_as_it_is() -> None:
    assert fitting("x" * 59) == "x" * 59
    assert fitting("x" * 60) == "x" * 58 + "…"
    assert fitting("\x1b[32;1m" + "x" * 59 + "\x1b[0m").startswith("\x1b[32;1mx")
    assert fitting("\x1b[32;1m" + "x" * 60 + "\x1b[0m") == "x" * 58 + "…"


def test_repeating_ends_at_ctrl_c_with_what_was_shown_last() -> None:
    shown: list[bool] = []

    def show() -> bool:
        if len(shown) == 2:
            raise KeyboardInterrupt
        shown.append(not shown)
        return shown[-1]

    assert repeat(show, 0.001) is False
    assert shown == [True, False]


def test_what_is_no_stream_is_no_terminal() -> None:
    assert not is_terminal(object())
    assert not is_terminal(io.StringIO())
