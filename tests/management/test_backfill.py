from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.core.management import CommandError

from examples.shop.models import Product
from sync.models import Binding, Connection
from sync.resync import Progress

Run = Callable[..., str]


def test_it_fills_and_says_how_far_it_is(products: list[Product], run: Run) -> None:
    lines = run("crudsync_backfill", "shop", "--batch", "2").splitlines()
    assert lines[0].startswith("category: 1 of 6 rows looked at, 1 asked for (17%, about 0 s left)")
    assert lines[-1].startswith("done: 6 of 6 rows looked at, 6 asked for in ")
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


def test_an_interruption_says_how_to_go_on(products: list[Product], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object, on_progress: Callable[[Progress], None], **kwargs: object) -> None:
        on_progress(Progress(object_type="product", total=3))
        raise KeyboardInterrupt

    monkeypatch.setattr("sync.management.commands.crudsync_backfill.backfill", interrupted)
    text = run("crudsync_backfill", "shop")
    assert "product: 0 of 3 rows looked at, 0 asked for (0%)" in text
    assert "start it again to go on" in text
