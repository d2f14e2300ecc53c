from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from django.core.management import CommandError
from django.db import connection

from sync import registry
from sync.capture.triggers import installation
from tests.zoo.models import Note
from tests.zoo.registration import Kind, empty_registry, integrator

Run = Callable[..., str]


@pytest.fixture
def asking(db: None) -> Iterator[None]:
    with empty_registry():
        registry.register(integrator("zoo", Kind("note", Note, capture="trigger")))
        yield


@pytest.mark.django_db
def test_where_no_type_asks_for_triggers_there_is_nothing_to_do(run: Run) -> None:
    assert run("crudsync_triggers") == "no object type asks for triggers, and none are there\n"
    assert run("crudsync_triggers", "install") == "nothing to do\n"
    assert run("crudsync_triggers", "uninstall") == "there were none\n"


@pytest.mark.skipif(connection.vendor == "postgresql", reason="there they can be")
def test_where_they_cannot_be_it_says_why(asking: None, run: Run) -> None:
    with pytest.raises(CommandError, match=r"the database is not PostgreSQL \[crudsync\.E020\]"):
        run("crudsync_triggers", "install")


def test_a_lock_timeout_is_a_number_of_seconds(run: Run) -> None:
    with pytest.raises(CommandError, match="seconds, above 0"):
        run("crudsync_triggers", "install", "--lock-timeout", "0")


@pytest.mark.pg
def test_they_are_shown_installed_and_removed(asking: None, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation.time, "sleep", lambda seconds: None)
    with pytest.raises(SystemExit):
        run("crudsync_triggers", "status")
    done = run("crudsync_triggers", "install").splitlines()
    assert len(done) == 4
    assert all(line.endswith("was missing") for line in done)
    assert run("crudsync_triggers", "install") == "nothing to do\n"
    shown = [json.loads(line) for line in run("crudsync_triggers", "status", "--json").splitlines()]
    assert {(one["table"], one["state"]) for one in shown} == {("zoo_note", "installed")}
    assert len(run("crudsync_triggers", "uninstall").splitlines()) == 4
    with pytest.raises(SystemExit):
        run("crudsync_triggers", "status")


@pytest.mark.pg
def test_django_pgtrigger_knows_them_and_leaves_them(asking: None, run: Run) -> None:
    installation.install()
    run("pgtrigger", "install")
    assert {one.state for one in installation.standing()} == {"installed"}
    run("pgtrigger", "ls")
