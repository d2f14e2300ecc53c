from __future__ import annotations

import threading

from sync.exceptions import SecretError
from sync.monitoring.doctor.finding import Finding, Level, TooLong, failed, found, skipped, together, warned, words


def test_looks_run_side_by_side_and_none_holds_up_the_others() -> None:
    both, never = threading.Barrier(2, timeout=5), threading.Event()

    def fails() -> None:
        raise OSError("gone")

    seen = together({"a": both.wait, "b": both.wait, "broken": fails, "frozen": lambda: never.wait(30)}, timeout_s=0.5)
    never.set()
    assert {seen["a"], seen["b"]} == {0, 1}
    assert isinstance(seen["broken"], OSError)
    assert isinstance(seen["frozen"], TooLong)


def test_an_error_is_told_without_what_it_may_hold() -> None:
    assert words(TooLong(3.0)) == "no answer within 3 s"
    assert words(OSError("password=hunter2")) == "OSError"
    assert words(SecretError("there is no key")) == "there is no key"


def test_findings_have_four_levels() -> None:
    made = [found("a", "s"), warned("a", "s", "h"), failed("a", "s", "h", subject="x"), skipped("a", "s")]
    assert [each.level for each in made] == [Level.OK, Level.WARNING, Level.ERROR, Level.SKIPPED]
    assert made[2] == Finding(area="a", level=Level.ERROR, sentence="s", hint="h", subject="x")
