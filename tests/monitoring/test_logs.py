"""What a line of the log says, and what it never does."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from sync.correlation import correlated
from sync.correlation.fields import noted
from sync.monitoring import logs
from sync.monitoring.logs import ContextFilter, JsonFormatter, LineFormatter
from sync.secrets import remember

SECRET = "sk-canary-4711-never-shown"
TEXT = "%(levelname)s %(name)s %(context)s%(message)s"


class Kept(logging.Handler):
    """Keeps the lines of a formatter."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.addFilter(ContextFilter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    found = logging.getLogger("tests.logs")
    found.propagate = False
    found.setLevel(logging.DEBUG)
    yield found
    found.handlers.clear()


@pytest.fixture
def lines(logger: logging.Logger) -> list[str]:
    handler = Kept(JsonFormatter())
    logger.addHandler(handler)
    return handler.lines


@pytest.fixture
def texts(logger: logging.Logger) -> list[str]:
    handler = Kept(LineFormatter(TEXT))
    logger.addHandler(handler)
    return handler.lines


def only(lines: list[str]) -> dict[str, Any]:
    (line,) = lines
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_line_has_its_time_level_logger_and_message(logger: logging.Logger, lines: list[str]) -> None:
    logger.info("%s of %s", 1, "ü\n2")
    line = only(lines)
    assert line["time"].endswith("Z") and len(line["time"]) == len("2026-01-01T00:00:00.000Z")
    assert {**line, "time": ""} == {"time": "", "level": "INFO", "logger": "tests.logs", "message": "1 of ü\n2"}


def test_a_line_says_what_it_is_about(logger: logging.Logger, lines: list[str]) -> None:
    with (
        noted(task_id="t", connection="shop/default"),
        correlated("request-7"),
        noted(object_type="product", object_id="7"),
    ):
        logger.info("sent", extra={"duration_ms": 12.5})
    line = only(lines)
    told = {name: line[name] for name in ("correlation_id", "task_id", "connection", "object_type", "object_id")}
    assert told == {
        "correlation_id": "request-7",
        "task_id": "t",
        "connection": "shop/default",
        "object_type": "product",
        "object_id": "7",
    }
    assert line["duration_ms"] == 12.5


def test_the_same_stands_before_the_message_of_a_text_line(logger: logging.Logger, texts: list[str]) -> None:
    logger.info("before")
    with correlated("request-7"), noted(object_id="a b\nERROR forged"):
        logger.info("sent")
    assert texts == [
        "INFO tests.logs before",
        "INFO tests.logs correlation_id=request-7 object_id=a\\x20b\\nERROR\\x20forged sent",
    ]


def test_a_request_that_has_been_answered_is_named_by_what_it_was_given(
    logger: logging.Logger, lines: list[str], rf: Any
) -> None:
    request = rf.get("/")
    request.correlation_id = "request-7"
    logger.warning("Not Found: %s", request.path, extra={"status_code": 404, "request": request})
    line = only(lines)
    assert (line["correlation_id"], line["status_code"]) == ("request-7", 404)
    assert "request" not in line


def test_celerys_own_lines_name_their_task(logger: logging.Logger, lines: list[str]) -> None:
    logger.info("Task received", extra={"data": {"id": "t-1", "name": "crudsync.drain"}})
    assert only(lines)["task_id"] == "t-1"


def _raise_with_secret() -> None:
    token = SECRET
    raise ValueError(f"refused: token={token} at https://ann:{SECRET}@api.test/")


@pytest.mark.parametrize("kind", ["lines", "texts"])
def test_no_secret_stands_in_a_message_an_argument_or_a_traceback(
    logger: logging.Logger, kind: str, request: Any
) -> None:
    written: list[str] = request.getfixturevalue(kind)
    remember(SECRET)
    logger.info("using %s", SECRET)
    logger.info("Authorization: Bearer abcdefgh12345678")
    logger.info("why", extra={"api_token": "abcdefgh12345678", "note": f"with {SECRET}"})
    try:
        _raise_with_secret()
    except ValueError:
        logger.exception("it failed with %s", SECRET)
    text = "\n".join(written)
    assert SECRET not in text and "abcdefgh12345678" not in text
    assert "ValueError" in text and "_raise_with_secret" in text


def test_an_extra_is_no_other_time_or_level_and_breaks_no_json(logger: logging.Logger, lines: list[str]) -> None:
    logger.info("why", extra={"level": 5, "time": "noon", "share": float("nan"), "most": float("inf"), "least": 0.5})
    line = only(lines)
    assert line["level"] == "INFO"
    assert line["time"].endswith("Z")
    assert (line["least"], "share" in line, "most" in line) == (0.5, False, False)


def test_the_traceback_is_part_of_its_line(logger: logging.Logger, lines: list[str]) -> None:
    try:
        1 / 0  # noqa: B018 - the error
    except ZeroDivisionError:
        logger.exception("it failed")
    assert only(lines)["exception"].splitlines()[-1] == "ZeroDivisionError: division by zero"


def test_a_line_with_wrong_arguments_is_still_a_line() -> None:
    record = logging.makeLogRecord({"msg": "%s of %s", "args": (1,)})
    assert json.loads(JsonFormatter().format(record))["message"] == "%s of %s (TypeError in its arguments)"


def test_what_looks_secrets_up_may_log_by_itself(
    logger: logging.Logger, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(text: object) -> str:
        if "inner" not in str(text):
            logger.warning("inner")
        return str(text)

    monkeypatch.setattr(logs, "hushed", look_up)
    logger.info("outer")
    assert [json.loads(line)["message"] for line in lines] == ["inner", "outer"]


def test_a_message_of_any_length_is_cut(logger: logging.Logger, lines: list[str]) -> None:
    logger.info("x" * 10_000_000)
    assert len(lines[0]) < 2 * logs.LONGEST


def test_logging_can_be_set_up_before_there_are_models(tmp_path: Any) -> None:
    import subprocess

    code = "import sync.monitoring.logs, sys; print([m for m in sys.modules if m in ('sync.models', 'celery')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
