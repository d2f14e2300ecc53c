from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from sync import wake
from sync.models import Binding, Cause, Connection, State
from sync.monitoring.arrival import Arrival, arrival
from sync.types import Lane, Wanted

pytestmark = pytest.mark.django_db


def run(*args: str) -> str:
    out = io.StringIO()
    with wake.muted():
        call_command("crudsync_replay", *args, stdout=out, no_color=True)
    return out.getvalue()


@pytest.fixture
def letter() -> Callable[..., Binding]:
    """A dead letter; its cause is made where there is none of that code."""

    def made(code: str = "refused", *, integrator: str = "vault", **values: Any) -> Binding:
        at = timezone.now()
        given = {"integrator": integrator, "code": code, "status_code": 422, "field": "name", "message": "too long"}
        cause, _ = Cause.objects.get_or_create(
            fingerprint=f"{integrator} {code}", defaults={**given, "first_seen": at, "last_seen": at, "count": 3}
        )
        connection, _ = Connection.objects.get_or_create(integrator=integrator, name=values.pop("account", "default"))
        bound = {"object_type": "coin", "model": "vault.coin", "state": State.HELD, "dirty_since": at, "code": code}
        object_id = str(Binding.objects.count() + 1)
        return Binding.objects.create(connection=connection, cause=cause, **{"object_id": object_id, **bound, **values})

    return made


def asked() -> set[str]:
    return set(Binding.objects.filter(wanted=Wanted.PUSH).values_list("object_id", flat=True))


def test_the_list_shows_each_cause_with_what_it_holds(letter: Callable[..., Binding]) -> None:
    one = letter()
    letter()
    letter(ignored="known")
    letter("hook_error", ignored="known")
    text = run("--list")
    assert f"{one.cause_id}  vault: refused 422 name too long" in text
    assert "2 open, 1 ignored; came up 3 times" in text
    assert "hook_error" not in text
    assert "hook_error" in run("--list", "--ignored")
    assert asked() == set()


def test_the_list_says_so_where_there_are_none() -> None:
    assert "no dead letters" in run("--list")


def test_the_list_as_json(letter: Callable[..., Binding]) -> None:
    letter()
    (cause,) = json.loads(run("--list", "--json"))["causes"]
    assert (cause["code"], cause["status_code"], cause["open"], cause["ignored"]) == ("refused", 422, 1, 0)


@pytest.mark.parametrize(
    ("args", "found"),
    [
        (["--code", "refused"], {"1", "2"}),
        (["--integrator", "vault"], {"1", "2", "3"}),
        (["--object-type", "bill"], {"2"}),
        (["--connection", "berlin"], {"3"}),
        (["--status", "422", "--field", "name", "--code", "hook_error"], {"3", "4"}),
        (["--status", "500"], set()),
        (["--since", "2026-05-03"], {"1", "2", "3"}),
        (["--all"], {"1", "2", "3", "4"}),
        (["--all", "--ignored"], {"5"}),
    ],
)
def test_what_is_named_is_replayed(args: list[str], found: set[str], letter: Callable[..., Binding]) -> None:
    letter()
    letter(object_type="bill")
    letter("hook_error", account="berlin")
    letter("hook_error", integrator="shop", dirty_since=dt.datetime(2026, 5, 2, tzinfo=dt.UTC))
    letter(ignored="known", integrator="bank", dirty_since=dt.datetime(2026, 5, 2, tzinfo=dt.UTC))
    count = json.loads(run(*args, "--dry-run", "--json"))["letters"]
    assert asked() == set()
    assert f"{len(found)} asked for" in run(*args)
    assert (asked(), count) == (found, len(found))


def test_one_cause_or_one_object_is_replayed_by_its_number(letter: Callable[..., Binding]) -> None:
    one, other, third = letter(), letter("hook_error"), letter("hook_error", ignored="known")
    run("--cause", str(one.cause_id))
    assert asked() == {one.object_id}
    run("--binding", str(third.pk), "--actor", "ann", "--reason", "fixed")
    assert asked() == {one.object_id, third.object_id}
    third.refresh_from_db()
    assert (third.actor, third.lane, third.state) == ("ann (fixed)", Lane.BULK, State.PENDING)
    assert other.object_id not in asked()


def test_what_is_left_is_said_with_the_reason(letter: Callable[..., Binding]) -> None:
    letter()
    letter(state=State.IN_DOUBT)
    letter(state=State.RETRYING, due_at=timezone.now())
    text = run("--all")
    assert "1 asked for" in text
    assert "1 left: nobody knows whether their create arrived" in text
    assert "1 left: they are to be sent already" in text
    assert json.loads(run("--all", "--json")) == {"asked": 0, "left": {"in_doubt": 1, "under_way": 2}}


def test_ignore_needs_a_reason_and_unignore_opens_again(letter: Callable[..., Binding]) -> None:
    one = letter()
    with pytest.raises(CommandError, match="reason_missing"):
        run("--cause", str(one.cause_id), "--ignore", "--reason", "  ")
    assert "1 ignored" in run("--cause", str(one.cause_id), "--ignore", "--reason", "known", "--actor", "ann")
    one.refresh_from_db()
    assert one.ignored == "known (ann)"
    assert "1 open again" in run("--all", "--unignore")
    one.refresh_from_db()
    assert one.ignored == ""
    assert asked() == set()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "say which"),
        (["--cause", "99"], "there is no cause 99"),
        (["--binding", "99"], "no dead letter"),
        (["--all", "--since", "yesterday"], "2026-05-03"),
        (["--all", "--ignore", "--unignore"], "two things"),
    ],
)
def test_what_says_too_little_or_too_much_is_refused(args: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        run(*args)


def test_a_doubt_is_ended_by_a_person_s_word(letter: Callable[..., Binding]) -> None:
    arrived, never = letter("in_doubt", state=State.IN_DOUBT), letter("in_doubt", state=State.IN_DOUBT)
    assert "a worker goes on from there" in run("--binding", str(arrived.pk), "--arrived", "r-1", "--actor", "anna")
    told = json.loads(run("--binding", str(never.pk), "--never-arrived", "--json"))
    assert told == {"ended": never.pk}
    rows = Binding.objects.order_by("pk").values_list("remote_id", "state", "actor")
    assert list(rows) == [("r-1", State.PENDING, "anna"), (None, State.PENDING, "")]


def test_a_doubt_is_not_ended_by_an_id_that_another_has_or_where_there_is_none(letter: Callable[..., Binding]) -> None:
    letter(remote_id="r-1")
    doubtful = letter("in_doubt", state=State.IN_DOUBT)
    for words in (
        ["--binding", str(doubtful.pk), "--arrived", "r-1"],
        ["--binding", "999", "--never-arrived"],
        ["--never-arrived"],
        ["--binding", str(doubtful.pk), "--arrived", "r-2", "--never-arrived"],
    ):
        with pytest.raises(CommandError):
            run(*words)
    doubtful.refresh_from_db()
    assert doubtful.state == State.IN_DOUBT


def test_watching_stays_until_it_is_sent(letter: Callable[..., Binding], monkeypatch: pytest.MonkeyPatch) -> None:
    letter(integrator="shop")

    def look(rows: list[Connection]) -> Arrival:
        found = arrival(rows)
        Binding.objects.update(due_at=None)
        return found

    monkeypatch.setattr("sync.management.following.arrival", look)
    monkeypatch.setattr("sync.management.following.EVERY_S", 0.01)
    lines = run("--all", "--watch").splitlines()
    assert (lines[0], lines[-1]) == ("1 asked for", "all is sent")
    assert lines[1].startswith("1 left to send")


def test_on_a_terminal_a_bar_shows_how_far_it_is(letter: Callable[..., Binding]) -> None:
    letter()

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    with wake.muted():
        call_command("crudsync_replay", "--all", stdout=terminal, no_color=True)
    assert f"[{'#' * 24}] 1 of 1 letters" in terminal.getvalue()
