"""What is done over the API: it is asked of the core, answered with an address, and noted."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from rest_framework.test import APIClient

from examples.shop.models import Product
from sync import deadletters
from sync.models import Binding, Cause, Connection, State
from sync.testing.sandbox import SandboxServer
from sync.testing.surroundings import captured, redirected
from sync.types import Wanted
from tests.api.conftest import ROOT


def post(client: APIClient, path: str, data: Any = None) -> Any:
    return client.post(ROOT + path, data, format="json")


@pytest.mark.parametrize(("mode", "wanted"), [(None, Wanted.PUSH), ("push", Wanted.PUSH), ("verify", Wanted.VERIFY)])
def test_an_object_is_asked_for_again(
    mode: str | None, wanted: Wanted, ada: APIClient, bind: Callable[..., Binding], product: Product
) -> None:
    row = bind(product)
    answer = post(ada, f"bindings/{row.pk}/resync/", {"mode": mode} if mode else None)
    assert answer.status_code == 202
    assert answer.json() == {"asked": 1, "location": answer.headers["Location"]}
    there = ada.get(answer.headers["Location"]).json()
    assert (there["state"], there["wanted"]) == ("pending", wanted.name.lower())
    assert there["actor"].startswith("ada (")
    row.refresh_from_db()
    assert row.due_at is not None


def test_objects_are_asked_for_together_and_those_that_there_are_not_are_left_out(
    ada: APIClient, bind: Callable[..., Binding], products: list[Product]
) -> None:
    rows = [bind(product) for product in products]
    answer = post(ada, "bindings/resync/", {"ids": [rows[0].pk, rows[1].pk, rows[1].pk, 999], "mode": "verify"})
    assert (answer.status_code, answer.json()["asked"]) == (202, 2)
    assert Binding.objects.filter(wanted=Wanted.VERIFY).count() == 2


def test_a_dead_letter_is_replayed_and_what_is_none_is_left_alone(
    ada: APIClient, bind: Callable[..., Binding], products: list[Product], blame: Callable[..., Cause]
) -> None:
    cause = blame()
    dead, doubtful, fine = (
        bind(products[0], state=State.DEAD, cause=cause),
        bind(products[1], state=State.IN_DOUBT, cause=cause),
        bind(products[2]),
    )
    expected = {dead: (1, 0, 0), doubtful: (0, 1, 0), fine: (0, 0, 0)}
    for row, (asked, in_doubt, under_way) in expected.items():
        answer = post(ada, f"bindings/{row.pk}/replay/")
        assert answer.status_code == 202
        found = answer.json()
        assert (found["asked"], found["in_doubt"], found["under_way"]) == (asked, in_doubt, under_way)
    assert Binding.objects.get(wanted=Wanted.PUSH).pk == dead.pk
    assert post(ada, f"bindings/{dead.pk}/replay/").json()["under_way"] == 1


def test_a_cause_is_replayed_a_part_at_a_time(
    ada: APIClient,
    bind: Callable[..., Binding],
    products: list[Product],
    blame: Callable[..., Cause],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sync.api.letters.AT_ONCE", 2)
    monkeypatch.setattr(sys.modules["sync.deadletters.replay"], "CHUNK", 2)
    cause = blame()
    for product in products:
        bind(product, state=State.DEAD, cause=cause)
    bind(products[0], object_id="doubtful", state=State.IN_DOUBT, cause=cause)
    bind(products[0], object_id="ignored", state=State.DEAD, cause=cause, ignored="known")
    answers = [post(ada, f"dead-letters/{cause.pk}/replay/").json() for _ in range(4)]
    assert [(each["asked"], each["more"]) for each in answers] == [(2, True), (2, True), (1, False), (0, False)]
    assert {each["in_doubt"] for each in answers} == {1}
    assert answers[0]["location"].endswith(f"{ROOT}bindings/?cause={cause.pk}")
    assert Binding.objects.filter(wanted=Wanted.PUSH).count() == 5


def test_letters_are_ignored_with_a_reason_and_opened_again(
    ada: APIClient,
    bind: Callable[..., Binding],
    products: list[Product],
    blame: Callable[..., Cause],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sync.api.letters.AT_ONCE", 4)
    monkeypatch.setattr(sys.modules["sync.deadletters.ignore"], "CHUNK", 2)
    cause = blame()
    rows = [bind(product, state=State.DEAD, cause=cause) for product in products]
    assert post(ada, f"bindings/{rows[0].pk}/ignore/", {"reason": "known"}).json() == {"changed": 1, "more": False}
    assert Binding.objects.get(pk=rows[0].pk).ignored == "known (ada)"
    assert post(ada, f"bindings/{rows[0].pk}/unignore/").json() == {"changed": 1, "more": False}
    url = f"dead-letters/{cause.pk}/ignore/"
    assert post(ada, url, {"reason": "all of them"}).json() == {"changed": 4, "more": True}
    assert post(ada, url, {"reason": "all of them"}).json() == {"changed": 1, "more": False}
    assert ada.get(f"{ROOT}dead-letters/{cause.pk}/").json()["ignored"] == 5
    assert post(ada, f"dead-letters/{cause.pk}/unignore/").json() == {"changed": 4, "more": True}
    assert post(ada, f"dead-letters/{cause.pk}/unignore/").json() == {"changed": 1, "more": False}


def test_a_part_of_the_letters_is_asked_of_the_core(
    bind: Callable[..., Binding], products: list[Product], blame: Callable[..., Cause]
) -> None:
    cause = blame()
    for product in products:
        bind(product, state=State.DEAD, cause=cause)
    assert deadletters.ignore(cause, reason="x", limit=1) == 5  # to the next thousand
    assert deadletters.replay(cause, limit=1).asked == 0  # ignored ones are left alone


def test_an_account_is_paused_and_resumed(ada: APIClient, connection: Connection) -> None:
    url = f"connections/{connection.pk}/"
    paused = post(ada, f"{url}pause/", {"reason": "moving house"}).json()
    assert (paused["state"], paused["reason"]) == ("paused", "moving house")
    assert post(ada, f"{url}pause/", {"reason": "again"}).json()["reason"] == "moving house"
    assert post(ada, f"{url}resume/").json()["state"] == "open"
    assert post(ada, f"{url}pause/").json()["reason"] == "by ada"


def test_a_test_reaches_the_remote_and_one_that_fails_is_an_answer_and_no_error(
    ada: APIClient, connection: Connection
) -> None:
    with captured(), SandboxServer(auth={"bearer": ["right"]}) as remote, redirected(remote.url):
        answer = post(ada, f"connections/{connection.pk}/test/")
    assert (answer.status_code, answer.json()["status"]) == (200, "unauthorized")
    with captured(), SandboxServer() as remote, redirected(remote.url):
        found = post(ada, f"connections/{connection.pk}/test/").json()
        Connection.objects.update(paused=True, paused_reason="moving")
        while_paused = post(ada, f"connections/{connection.pk}/test/").json()
    assert (found["status"], found["paused"]) == ("up", False), found
    assert found["response_time_ms"] > 0
    assert (while_paused["status"], while_paused["paused"]) == ("up", True), while_paused


def test_tests_of_a_remote_are_counted_apart(
    ada: APIClient, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sync.api import throttling

    Connection.objects.update(paused=True)
    monkeypatch.setitem(throttling.RATES, "crudsync-test", "1/min")
    assert post(ada, f"connections/{connection.pk}/test/").status_code == 200
    assert post(ada, f"connections/{connection.pk}/test/").status_code == 429
    assert post(ada, f"connections/{connection.pk}/resume/").status_code == 200


def test_every_deed_is_noted_with_who_did_it(
    ada: APIClient,
    bind: Callable[..., Binding],
    products: list[Product],
    blame: Callable[..., Cause],
    connection: Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cause = blame()
    row = bind(products[0], state=State.DEAD, cause=cause)
    unlimited = {"rate_limit": [{"limit": 1, "methods": ["TRACE"]}]}  # no Redis is needed
    Connection.objects.update(base_url="http://127.0.0.1:9/", options=unlimited)  # nobody listens there
    deeds = {
        f"bindings/{row.pk}/ignore/": "crudsync: ignored: why",
        f"bindings/{row.pk}/unignore/": "crudsync: ignored no more",
        f"dead-letters/{cause.pk}/ignore/": "crudsync: ignored: why",
        f"dead-letters/{cause.pk}/unignore/": "crudsync: ignored no more",
        f"bindings/{row.pk}/replay/": "crudsync: replayed",
        f"dead-letters/{cause.pk}/replay/": "crudsync: replayed, 0 objects",
        f"bindings/{row.pk}/resync/": "crudsync: resync",
        f"connections/{connection.pk}/pause/": "crudsync: paused: why",
        f"connections/{connection.pk}/test/": "crudsync: tested: down",
        f"connections/{connection.pk}/resume/": "crudsync: resumed",
    }
    with caplog.at_level(logging.INFO, "crudsync.api"):
        for path in deeds:
            assert post(ada, path, {"reason": "why"}).status_code in (200, 202), path
    entries = LogEntry.objects.order_by("pk")
    assert [entry.change_message for entry in entries] == list(deeds.values())
    assert {entry.user.get_username() for entry in entries} == {"ada"}
    assert sum(record.name == "crudsync.api" for record in caplog.records) == len(deeds)


def test_the_summary_tells_what_waits_and_what_is_stuck(
    ada: APIClient, bind: Callable[..., Binding], products: list[Product], connection: Connection
) -> None:
    from django.utils import timezone

    at = timezone.now()
    bind(products[0], state=State.PENDING, due_at=at, dirty_since=at)
    bind(products[1], state=State.RETRYING, due_at=at)
    bind(products[2], state=State.HELD)
    bind(products[3], state=State.DEAD, ignored="known")
    bind(products[4])
    other = Connection.objects.create(integrator="gone", paused=True)
    found = ada.get(f"{ROOT}status/").json()
    assert (found["well"], found["swept"], found["more"]) == (False, False, False)
    accounts = {each["id"]: each for each in found["connections"]}
    mine = accounts[connection.pk]
    assert mine["states"] == {"dead": 1, "held": 1, "pending": 1, "retrying": 1, "synced": 1}
    assert (mine["backlog"], mine["stuck"], mine["ignored"], mine["well"]) == (2, 1, 1, False)
    assert mine["oldest_unsent_s"] >= 0
    assert (accounts[other.pk]["state"], accounts[other.pk]["registered"]) == ("paused", False)


def test_the_summary_of_an_idle_site_is_well(ada: APIClient, connection: Connection) -> None:
    found = ada.get(f"{ROOT}status/").json()
    assert found["well"] is True
    assert found["connections"][0]["states"] == {}
    assert found["connections"][0]["oldest_unsent_s"] is None


def test_the_root_names_addresses_that_answer(ada: APIClient) -> None:
    for name, url in ada.get(ROOT).json().items():
        assert ada.get(url).status_code == 200, name
