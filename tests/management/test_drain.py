from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from django.core.management import CommandError

from examples.shop.models import Category
from sync.drain import Report
from sync.models import Binding, Connection, State
from sync.testing import Remote, SandboxServer, captured, redirected

Run = Callable[..., str]


@pytest.fixture
def remote(db: None) -> Iterator[Remote]:
    with captured(), SandboxServer() as server, redirected(server.url):
        yield Remote(server.url)


def test_one_pass_sends_what_is_due(remote: Remote, run: Run) -> None:
    Category.objects.create(name="Tools", slug="tools")
    text = run("crudsync_drain", "--slice", "0.2")
    assert text.startswith("shop/default: 1 changes taken in, 1 calls, 1 objects sent, 0 unchanged, 0 failed")
    assert len(remote.objects("categories")) == 1


def test_until_quiet_it_goes_on_while_something_moves(remote: Remote, run: Run) -> None:
    top = Category.objects.create(name="Top", slug="top")
    Category.objects.create(name="Below", slug="below", parent=top)
    passes = run("crudsync_drain", "--until-quiet", "--slice", "0.2").splitlines()
    assert len(passes) >= 2
    assert "0 changes taken in, 0 calls" in passes[-1]
    assert set(Binding.objects.values_list("state", flat=True)) == {State.SYNCED}


def test_as_json_each_pass_is_an_object(remote: Remote, run: Run) -> None:
    Category.objects.create(name="Tools", slug="tools")
    told = json.loads(run("crudsync_drain", "--json", "--slice", "0.2"))
    assert (told["connection"], told["calls"], told["succeeded"]) == ("shop/default", 1, 1)


def test_one_connection_can_be_named(remote: Remote, run: Run) -> None:
    Connection.objects.create(integrator="shop", name="berlin")
    assert len(run("crudsync_drain", "--slice", "0.1").splitlines()) == 2
    assert run("crudsync_drain", "--connection", "shop/berlin", "--slice", "0.1").startswith("shop/berlin: ")


def test_a_paused_connection_says_why_nothing_is_sent(remote: Remote, connection: Connection, run: Run) -> None:
    Connection.objects.update(paused=True)
    assert "nothing more is sent now: paused" in run("crudsync_drain")


def test_what_is_switched_off_says_so(connection: Connection, run: Run, settings: object) -> None:
    settings.CRUDSYNC = {**settings.CRUDSYNC, "enabled": False}  # type: ignore[attr-defined]
    assert "CRUDSYNC['enabled'] is False" in run("crudsync_drain")


@pytest.mark.parametrize("words", [["--connection", "shop/paris"], ["--slice", "0"]])
def test_what_is_wrong_is_named(words: list[str], connection: Connection, run: Run) -> None:
    with pytest.raises(CommandError):
        run("crudsync_drain", *words)


def test_an_interruption_is_no_traceback(connection: Connection, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sync.management.commands.crudsync_drain.drain", interrupted)
    assert "stopped" in run("crudsync_drain")


def test_a_typed_error_becomes_one_of_the_command(
    connection: Connection, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sync.exceptions import ConfigurationError

    def wrong(*args: object, **kwargs: object) -> None:
        raise ConfigurationError("no base URL", code="no_base_url")

    monkeypatch.setattr("sync.management.commands.crudsync_drain.drain", wrong)
    with pytest.raises(CommandError, match=r"no base URL \[no_base_url\]"):
        run("crudsync_drain")


def test_between_passes_it_says_how_much_is_left(remote: Remote, run: Run) -> None:
    remote.fault("status", status=500, method="POST")
    Category.objects.create(name="Tools", slug="tools")
    assert "\n  1 left to send" in run("crudsync_drain", "--until-quiet", "--slice", "0.1")


def test_watching_drains_until_ctrl_c_and_tells_only_what_is_new(
    connection: Connection, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = iter([Report(), Report(calls=1, succeeded=1), Report(shut="paused"), Report(shut="paused")])

    def drained(*args: object, **kwargs: object) -> Report:
        try:
            return next(passes)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr("sync.management.commands.crudsync_drain.drain", drained)
    lines = run("crudsync_drain", "--watch", "0.01").splitlines()
    assert ["1 calls" in lines[0], lines[1].endswith("nothing more is sent now: paused"), "stopped" in lines[2]] == [
        True
    ] * 3
    assert len(lines) == 3
    with pytest.raises(CommandError, match="--watch"):
        run("crudsync_drain", "--watch", "0")
