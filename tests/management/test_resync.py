from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from examples.shop.models import Category, Product
from sync.models import Binding, Connection
from sync.monitoring.arrival import Arrival, arrival
from sync.types import Wanted

Run = Callable[..., str]


def ids() -> set[str]:
    return set(Binding.objects.filter(object_type="product").values_list("object_id", flat=True))


def test_a_model_is_asked_for_whole(products: list[Product], run: Run) -> None:
    text = run("crudsync_resync", "shop.Product", "--actor", "ada", "--reason", "night shift")
    assert "shop.product: 5" in text
    assert "5 asked for" in text
    assert Binding.objects.count() == 5
    row = Binding.objects.first()
    assert row is not None
    assert (row.wanted, row.actor) == (Wanted.PUSH, "ada (night shift)")


def test_ids_narrow_it(products: list[Product], run: Run) -> None:
    run("crudsync_resync", "shop.product", str(products[0].pk), str(products[2].pk))
    assert ids() == {str(products[0].pk), str(products[2].pk)}


def test_filters_narrow_it(products: list[Product], run: Run) -> None:
    run("crudsync_resync", "shop.Product", "--filter", "sku=saw-1")
    assert ids() == {str(products[1].pk)}


@pytest.mark.parametrize(
    ("value", "found"), [("parent=null", 1), ("parent__isnull=false", 0), ("parent__isnull=true", 1)]
)
def test_filters_know_null_true_and_false(value: str, found: int, category: Category, run: Run) -> None:
    assert f"{found} asked for" in run("crudsync_resync", "shop.Category", "--filter", value)


def test_verify_reads_first(products: list[Product], run: Run) -> None:
    run("crudsync_resync", "shop.Product", "--verify")
    assert set(Binding.objects.values_list("wanted", flat=True)) == {Wanted.VERIFY}


def test_a_dry_run_only_counts(products: list[Product], connection: Connection, run: Run) -> None:
    Connection.objects.create(integrator="shop", name="berlin")
    assert "10 would be asked for" in run("crudsync_resync", "shop.Product", "--dry-run")
    assert "5 would be asked for" in run("crudsync_resync", "shop.Product", "--dry-run", "--connection", "berlin")
    assert not Binding.objects.exists()


def test_an_integrator_stands_for_all_of_its_models(products: list[Product], run: Run) -> None:
    assert "6 asked for" in run("crudsync_resync", "shop")
    assert set(Binding.objects.values_list("object_type", flat=True)) == {"category", "product"}


def test_an_integrator_s_object_types_can_be_named(products: list[Product], run: Run) -> None:
    assert "1 asked for" in run("crudsync_resync", "shop", "category")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["shop.Produkt"], "there is no model 'shop.Produkt'"),
        (["shop.Product", "abc"], "'abc' cannot be a primary key of shop.Product"),
        (["shop.Product", "--filter", "colour=red"], "--filter colour=red: Cannot resolve keyword"),
        (["shop.Product", "--filter", "red"], "write it as field=value"),
        (["shop.Product", "--filter", "pk=red"], "--filter pk=red"),
        (["auth.Group"], r"auth.group is not registered.*\[not_registered\]"),
        (["shopp"], r"did you mean 'shop'\?.*\[unknown_integrator\]"),
        (["shop", "produkt"], r"no object type 'produkt'.*\[unknown_object_type\]"),
        (["shop", "--integrator", "shop"], "--integrator goes with a model"),
        (["shop.Product", "--connection", "paris"], r"\[unknown_connection\]"),
        (["shop.Product", "--integrator", "nobody"], r"\[unknown_integrator\]"),
    ],
)
def test_what_is_wrong_is_named(words: list[str], message: str, products: list[Product], run: Run) -> None:
    from django.contrib.auth.models import Group

    Group.objects.create(name="staff")
    with pytest.raises(CommandError, match=message):
        run("crudsync_resync", *words)


def test_as_json_it_is_one_object(products: list[Product], run: Run) -> None:
    told = json.loads(run("crudsync_resync", "shop.Product", "--json"))
    assert told == {"asked": {"shop.product": 5}, "total": 5, "dry_run": False}


def test_on_a_terminal_a_bar_shows_how_far_it_is(products: list[Product]) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    call_command("crudsync_resync", "shop.Product", stdout=terminal, no_color=True)
    assert f"[{'#' * 24}] shop.product: 5 of 5 rows" in terminal.getvalue()


def test_watching_it_stays_until_all_is_sent(
    products: list[Product], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    def look(rows: list[Connection]) -> Arrival:
        looks.append(Binding.objects.filter(connection__in=rows, due_at__isnull=False).count())
        found = arrival(rows)
        Binding.objects.update(due_at=None)
        return found

    monkeypatch.setattr("sync.management.following.arrival", look)
    monkeypatch.setattr("sync.management.following.EVERY_S", 0.01)
    lines = run("crudsync_resync", "shop.Product", "--watch").splitlines()
    assert lines[-2:] == ["5 left to send, 200.0 a second by the rate limit, about 0 s left", "all is sent"]
    assert looks == [5, 0]
    told = [json.loads(line) for line in run("crudsync_resync", "shop.Product", "--watch", "--json").splitlines()]
    assert [line.get("left") for line in told] == [None, 5, 0]


def test_an_interruption_while_watching_is_no_traceback(
    products: list[Product], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(rows: list[Connection]) -> Arrival:
        raise KeyboardInterrupt

    monkeypatch.setattr("sync.management.following.arrival", look)
    assert "5 asked for" in run("crudsync_resync", "shop.Product", "--watch")


def test_an_interruption_while_asking_is_told_and_is_no_success(
    products: list[Product], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: Any, **kwargs: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("sync.management.commands.crudsync_resync.resync", interrupted)
    with pytest.raises(CommandError, match="start it again") as raised:
        run("crudsync_resync", "shop.Product")
    assert raised.value.returncode == 130
