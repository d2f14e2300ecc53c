from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management import call_command, get_commands, load_command_class

from sync.management.quiet import JsonCommand, aside
from sync.models import Connection
from sync.signals import paused

COMMANDS = sorted(name for name, app in get_commands().items() if name.startswith("crudsync_") and app == "sync")


@contextmanager
def logging_to(stream: Any) -> Iterator[None]:
    """A site that logs there: to the standard output, as one in a container does."""
    handler = logging.StreamHandler(stream)
    logging.getLogger("shop").addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger("shop").removeHandler(handler)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_with_json_is_one_that_keeps_the_log_out_of_it(name: str) -> None:
    command = load_command_class("sync", name)
    options = command.create_parser("manage.py", name)._option_string_actions
    assert isinstance(command, JsonCommand) is ("--json" in options)


def test_there_are_commands_to_look_at() -> None:
    assert {"crudsync_status", "crudsync_drain", "crudsync_sandbox"} <= set(COMMANDS)


def test_what_a_site_logs_to_the_standard_output_goes_beside_it(capsys: Any) -> None:
    with logging_to(sys.stdout):
        with aside():
            logging.getLogger("shop").warning("half a line")
        logging.getLogger("shop").warning("as ever")
    out, err = capsys.readouterr()
    assert (out, err) == ("as ever\n", "half a line\n")


def test_a_log_that_goes_elsewhere_is_left_alone() -> None:
    file = io.StringIO()
    with logging_to(file), aside():
        logging.getLogger("shop").warning("to a file")
    assert file.getvalue() == "to a file\n"


def test_json_stays_json_while_a_site_logs(connection: Connection, settings: Any, capsys: Any) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "inline": True}

    def tell(**given: Any) -> None:
        logging.getLogger("shop").warning("paused by a person")

    paused.connect(tell)
    try:
        with logging_to(sys.stdout):
            call_command("crudsync_pause", "shop", "--json")
    finally:
        paused.disconnect(tell)
    out, err = capsys.readouterr()
    assert json.loads(out)["paused"] is True
    assert "paused by a person" in err
