from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.core.management import CommandError

from sync.models import Connection

Run = Callable[..., str]


def test_a_connection_is_paused_with_its_reason_and_resumed(connection: Connection, run: Run) -> None:
    assert run("crudsync_pause", "shop", "--reason", "migration") == "shop/default: paused\n"
    connection.refresh_from_db()
    assert (connection.paused, connection.paused_reason) == (True, "migration")
    assert run("crudsync_pause", "shop/default") == "shop/default: paused already\n"
    assert run("crudsync_pause", "shop/default", "--resume") == "shop/default: open\n"
    connection.refresh_from_db()
    assert (connection.paused, connection.paused_reason) == (False, "")
    assert run("crudsync_pause", "shop/default", "--resume") == "shop/default: open already\n"


def test_who_paused_it_stands_in_for_a_reason(connection: Connection, run: Run) -> None:
    run("crudsync_pause", "shop", "--actor", "anna")
    connection.refresh_from_db()
    assert connection.paused_reason == "by anna"


def test_all_accounts_of_an_integrator_can_be_paused(connection: Connection, run: Run) -> None:
    Connection.objects.create(integrator="shop", name="berlin")
    told = [json.loads(line) for line in run("crudsync_pause", "shop", "--json").splitlines()]
    assert told == [
        {"connection": "shop/berlin", "paused": True, "changed": True},
        {"connection": "shop/default", "paused": True, "changed": True},
    ]


def test_an_unknown_connection_is_an_error(connection: Connection, run: Run) -> None:
    with pytest.raises(CommandError, match="no connection"):
        run("crudsync_pause", "shop/paris")
