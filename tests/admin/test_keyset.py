from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sync.admin import BindingAdmin, OperationAdmin
from sync.admin.keyset import KeysetChangeList
from sync.models import Binding, Connection, Operation, State
from sync.types import Wanted

LIST = "/admin/crudsync/binding/"
SIZE = 3


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BindingAdmin, "list_per_page", SIZE)
    monkeypatch.setattr(OperationAdmin, "list_per_page", SIZE)
    monkeypatch.setattr(KeysetChangeList, "looked_at", 5)


@pytest.fixture
def bound(connection: Connection) -> Callable[..., list[int]]:
    """Bind so many objects, and return their keys, the oldest first."""

    def made(total: int, **values: Any) -> list[int]:
        start = Binding.objects.count()
        given = {"connection": connection, "object_type": "product", "model": "shop.product", "state": State.SYNCED}
        rows = [Binding(**{**given, **values, "object_id": str(start + n)}) for n in range(total)]
        return [row.pk for row in Binding.objects.bulk_create(rows)]

    return made


def page(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


def shown(text: str) -> list[int]:
    return [int(key) for key in re.findall(r'name="_selected_action" value="(\d+)"', text)]


def link(text: str, word: str) -> str:
    found = re.search(rf'<a href="(\?[^"]*)"[^>]*>{word}</a>', text)
    return found[1].replace("&amp;", "&") if found else ""


def walk(client: Client, url: str, word: str) -> list[list[int]]:
    """Follow a link until it is gone, and return the keys on each page."""
    pages, query = [], ""
    while True:
        text = page(client, LIST + (query or url))
        pages.append(shown(text))
        query = link(text, word)
        if not query:
            return pages
        assert len(pages) < 30, "it goes round in a circle"


def test_older_rows_follow_page_by_page_until_the_end_and_each_is_shown_once(
    admin: Client, bound: Callable[..., list[int]]
) -> None:
    keys = bound(8)
    found = walk(admin, "", "Older")
    assert found == [keys[5:8][::-1], keys[2:5][::-1], keys[0:2][::-1]]


def test_newer_rows_follow_from_the_oldest_to_the_newest(admin: Client, bound: Callable[..., list[int]]) -> None:
    keys = bound(8)
    oldest = link(page(admin, LIST), "Oldest")
    found = walk(admin, oldest, "Newer")
    assert found == [keys[0:3][::-1], keys[3:6][::-1], keys[6:8][::-1]]


def test_a_list_that_fits_on_a_page_links_to_no_other(admin: Client, bound: Callable[..., list[int]]) -> None:
    bound(SIZE)
    assert "crudsync-paging" not in page(admin, LIST)


def test_rows_that_come_meanwhile_move_nothing_from_page_to_page(
    admin: Client, bound: Callable[..., list[int]]
) -> None:
    keys = bound(6)
    second = link(page(admin, LIST), "Older")
    bound(4)
    assert shown(page(admin, LIST + second)) == keys[0:3][::-1]


def test_another_filter_begins_at_the_newest_again(admin: Client, bound: Callable[..., list[int]]) -> None:
    bound(8)
    text = page(admin, LIST + link(page(admin, LIST), "Older"))
    filters = re.findall(r'<a href="(\?[^"]*state__exact=[^"]*)"', text)
    assert filters
    assert not [query for query in filters if "older" in query]


@pytest.mark.parametrize("query", ["?older=x", "?older=-1", "?newer=", "?older=99999999999999999999", "?p=7"])
def test_a_place_that_is_none_shows_the_newest(query: str, admin: Client, bound: Callable[..., list[int]]) -> None:
    keys = bound(2)
    assert shown(page(admin, LIST + query)) == keys[::-1]


def test_a_filter_without_an_index_looks_at_a_bounded_number_of_rows_and_goes_on_from_there(
    admin: Client, bound: Callable[..., list[int]]
) -> None:
    rare = bound(1, object_type="category")
    bound(9)
    text = page(admin, LIST + "?object_type=category")
    assert shown(text) == []
    assert "5 rows were looked at for this page" in text
    found = walk(admin, "?object_type=category", "Older")
    assert found == [[], rare]
    assert walk(admin, "?object_type=category&newer=0", "Newer") == [rare, []]


def test_a_state_has_an_index_so_all_of_it_is_found_at_once(admin: Client, bound: Callable[..., list[int]]) -> None:
    rare = bound(2, state=State.DEAD)
    bound(9)
    text = page(admin, LIST + "?state__exact=dead")
    assert shown(text) == rare[::-1]
    assert "rows were looked at" not in text


def test_a_second_filter_is_tried_on_what_the_index_of_the_first_gives(
    admin: Client, bound: Callable[..., list[int]]
) -> None:
    rare = bound(1, state=State.DEAD, object_type="category")
    bound(4, state=State.DEAD)
    bound(9)
    assert shown(page(admin, LIST + "?state__exact=dead&object_type=category")) == rare


def test_nothing_is_counted_and_a_page_needs_as_many_queries_wherever_it_lies(
    admin: Client, bound: Callable[..., list[int]]
) -> None:
    def asked(query: str) -> list[str]:
        with CaptureQueriesContext(database) as context:
            page(admin, LIST + query)
        return [one["sql"] for one in context]

    keys = bound(4)
    few = len(asked("?object_type=product"))
    bound(30)
    for query in ("?object_type=product", f"?object_type=product&older={keys[3]}", "?object_type=product&newer=0"):
        statements = asked(query)
        assert len(statements) == few
        assert not [sql for sql in statements if "COUNT(" in sql or ("OFFSET" in sql and "LIMIT" not in sql)]


def test_the_list_says_that_there_are_more_but_not_how_many(admin: Client, bound: Callable[..., list[int]]) -> None:
    bound(5)
    text = page(admin, LIST)
    assert "Select all 3+ bindings" in text
    assert "Select all" not in page(admin, LIST + "?state__exact=dead")


def test_an_action_over_all_reaches_what_other_pages_show(admin: Client, bound: Callable[..., list[int]]) -> None:
    keys = bound(7, state=State.DEAD)
    bound(2)
    data = {"action": "resync_selected", "select_across": "1", "index": "0", "_selected_action": [keys[-1]]}
    answer = admin.post(f"{LIST}?state__exact=dead&older={keys[4]}", data, follow=True)
    assert "7 objects were asked for." in answer.content.decode()
    assert Binding.objects.filter(wanted=Wanted.PUSH).count() == 7


def test_attempts_of_one_connection_are_found_among_those_of_others(
    admin: Client, connection: Connection, bound: Callable[..., list[int]]
) -> None:
    quiet = Connection.objects.create(integrator="shop", name="quiet")
    given = {"object_type": "product", "object_id": "1", "verb": "update", "started_at": timezone.now()}
    mine = Operation.objects.create(connection=quiet, status="failed", **given)
    for _ in range(9):
        Operation.objects.create(connection=connection, status="succeeded", **given)
    text = page(admin, f"/admin/crudsync/operation/?connection__id__exact={quiet.pk}&status__exact=failed")
    assert f"/admin/crudsync/operation/{mine.pk}/change/" in text


@pytest.mark.pg
@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("?state__exact=held", "crudsync_binding_state"),
        ("?cause__id__exact=5", "crudsync_binding_cause"),
    ],
)
def test_postgresql_finds_what_is_rare_by_its_index(
    query: str, index: str, admin: Client, bound: Callable[..., list[int]]
) -> None:
    bound(3000)
    with CaptureQueriesContext(database) as context:
        page(admin, LIST + query)
    listed = [one["sql"] for one in context if one["sql"].startswith("SELECT") and "crudsync_binding" in one["sql"]]
    with database.cursor() as cursor:
        cursor.execute("ANALYZE crudsync_binding")
        cursor.execute(f"EXPLAIN {listed[-1]}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert index in plan, plan
