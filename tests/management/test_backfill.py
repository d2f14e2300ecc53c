from __future__ import annotations

import datetime as dt
import importlib
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from examples.shop.models import Product
from sync import registry
from sync.models import Backfill, Binding, Connection
from sync.monitoring.arrival import Arrival, arrival
from sync.resync import Target, runs

backfilling = importlib.import_module("sync.resync.backfill")  # a function of the package has its name

Run = Callable[..., str]


def test_it_fills_and_says_how_far_it_is(products: list[Product], run: Run) -> None:
    lines = run("crudsync_backfill", "shop", "--batch", "2").splitlines()
    assert lines[0].startswith("category: 1 of 6 rows looked at, 1 asked for (17%, about 0 s left)")
    assert lines[-2].startswith("done: 6 of 6 rows looked at, 6 asked for in ")
    assert lines[-1] == "workers send them: 6 left to send, 200.0 a second by the rate limit, about 0 s left"
    assert Binding.objects.count() == 6
    row = Binding.objects.first()
    assert row is not None
    assert row.actor == "crudsync_backfill (backfill)"


def test_types_and_account_can_be_named(products: list[Product], run: Run) -> None:
    Connection.objects.create(integrator="shop", name="berlin")
    run("crudsync_backfill", "shop", "category", "customer", "--connection", "berlin")
    assert [str(row.connection) for row in Binding.objects.all()] == ["shop/berlin"]


def test_a_limit_is_told_apart_from_the_end(products: list[Product], run: Run) -> None:
    assert "stopped at the limit: " in run("crudsync_backfill", "shop", "product", "--limit", "1")


def test_as_json_each_line_is_an_object(products: list[Product], run: Run) -> None:
    lines = [json.loads(line) for line in run("crudsync_backfill", "shop", "--json").splitlines()]
    assert [line["object_type"] for line in lines] == ["category", "product", ""]
    assert lines[-1]["finished"] is True
    assert lines[-1]["eta_s"] == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["nobody"], "unknown_integrator"),
        (["shop", "produkt"], "unknown_object_type"),
        (["shop", "--connection", "paris"], "unknown_connection"),
        (["shop", "--batch", "0"], "bad_argument"),
    ],
)
def test_what_is_wrong_is_named(words: list[str], code: str, run: Run) -> None:
    with pytest.raises(CommandError, match=code):
        run("crudsync_backfill", *words)


def test_ctrl_c_keeps_its_place_and_resume_goes_on_there(
    products: list[Product], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    ask = backfilling._ask

    def interrupted(target: Target, object_ids: list[str]) -> None:
        if len(asked) == 2:
            raise KeyboardInterrupt
        asked.append(object_ids)
        ask(target, object_ids)

    monkeypatch.setattr(backfilling, "_ask", interrupted)
    assert "paused; --resume goes on from here" in run("crudsync_backfill", "shop", "--batch", "2")
    text = run("crudsync_backfill", "shop", "--status")
    assert "shop/default: paused at product, 3 of 6 rows looked at, 3 asked for" in text
    assert "go on: manage.py crudsync_backfill shop --resume" in text
    monkeypatch.setattr(backfilling, "_ask", ask)
    assert "done: 6 of 6 rows looked at, 6 asked for" in run("crudsync_backfill", "shop", "--resume")
    assert Binding.objects.count() == 6
    assert "finished, 6 of 6" in run("crudsync_backfill", "shop", "--status")


def test_one_that_is_under_way_is_not_begun_again_but_paused(products: list[Product], run: Run) -> None:
    runs.begin(registry.connection("shop"))
    with pytest.raises(CommandError, match="a backfill of shop/default is under way"):
        run("crudsync_backfill", "shop")
    assert "paused: it stops after its batch" in run("crudsync_backfill", "shop", "--pause")
    with pytest.raises(CommandError, match="is not running: paused"):
        run("crudsync_backfill", "shop", "--pause")
    told = json.loads(run("crudsync_backfill", "shop", "--status", "--json"))
    assert (told["phase"], told["alive"], told["total"], told["left"]) == ("paused", False, 6, 0)


def test_one_that_was_killed_is_told_as_broken_off(products: list[Product], run: Run) -> None:
    runs.begin(registry.connection("shop"))
    Backfill.objects.update(updated_at=timezone.now() - dt.timedelta(minutes=5))
    assert "shop/default: broken off at category" in run("crudsync_backfill", "shop", "--status")
    assert "done: 6 of 6" in run("crudsync_backfill", "shop", "--resume")


@pytest.mark.parametrize("words", [["--status"], ["--pause"], ["--resume"], ["--pause", "--resume"]])
def test_where_there_was_none_it_says_so(words: list[str], connection: Connection, run: Run) -> None:
    with pytest.raises(CommandError):
        run("crudsync_backfill", "shop", *words)


def test_watching_it_stays_until_all_is_sent(
    products: list[Product], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    def look(*args: Any, **kwargs: Any) -> Arrival:
        looks.append(Binding.objects.filter(due_at__isnull=False).count())
        Binding.objects.update(due_at=None)
        return arrival(*args, **kwargs)

    monkeypatch.setattr("sync.management.following.arrival", look)
    monkeypatch.setattr("sync.management.following.EVERY_S", 0.01)
    assert run("crudsync_backfill", "shop", "--watch").splitlines()[-1] == "all is sent"
    assert looks[0] == 6


def test_on_a_terminal_a_bar_shows_how_far_it_is(products: list[Product]) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    call_command("crudsync_backfill", "shop", "product", "--batch", "2", stdout=terminal, no_color=True)
    assert f"[{'#' * 10}{'·' * 14}] product 2/5, " in terminal.getvalue()
    assert "done: 5 of 5 rows looked at" in terminal.getvalue()
