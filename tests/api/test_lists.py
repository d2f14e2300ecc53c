"""Lists: pages by keyset, filters, search, order; the number of queries is constant at any size."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from examples.shop.models import Product
from sync.api import paging
from sync.models import Binding, Cause, Change, Connection, Operation, State
from tests.api.conftest import ROOT

NOW = timezone.now()


@pytest.fixture
def many(connection: Connection) -> list[Binding]:
    rows = [
        Binding(
            connection=connection,
            object_type="product",
            model="shop.product",
            object_id=str(n),
            remote_id=f"r-{n}",
            state=State.DEAD if n % 10 == 0 else State.SYNCED,
            code="refused" if n % 10 == 0 else "",
            actor="ada" if n == 3 else "grace",
        )
        for n in range(60)
    ]
    return Binding.objects.bulk_create(rows)


def walk(client: APIClient, url: str) -> list[list[int]]:
    """Return the ids of every page from here on."""
    pages = []
    while url:
        answer = client.get(url)
        assert answer.status_code == 200, answer.content
        pages.append([row["id"] for row in answer.json()["results"]])
        url = answer.json()["next"]
    return pages


def ids(client: APIClient, path: str) -> list[int]:
    return [each for page in walk(client, ROOT + path) for each in page]


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ordering", ["-id", "id"])
def test_pages_follow_one_another_without_a_gap_or_a_double(ordering: str, ada: APIClient, many: list[Binding]) -> None:
    pages = walk(ada, f"{ROOT}bindings/?page_size=25&ordering={ordering}")
    assert [len(page) for page in pages] == [25, 25, 10]
    expected = sorted((row.pk for row in many), reverse=ordering == "-id")
    assert [each for page in pages for each in page] == expected


def test_the_way_back_shows_the_same_pages(ada: APIClient, many: list[Binding]) -> None:
    first = ada.get(f"{ROOT}bindings/?page_size=25").json()
    assert first["previous"] is None
    second = ada.get(first["next"]).json()
    third = ada.get(second["next"]).json()
    assert third["next"] is None
    back = ada.get(third["previous"]).json()
    assert back["results"] == second["results"]
    again = ada.get(back["previous"]).json()
    assert again["results"] == first["results"]
    assert again["previous"] is None
    assert ada.get(back["next"]).json()["results"] == third["results"]


def test_rows_that_come_and_go_between_two_pages_shift_nothing(
    ada: APIClient, many: list[Binding], bind: Callable[..., Binding], product: Product
) -> None:
    first = ada.get(f"{ROOT}bindings/?page_size=25").json()
    bind(product, object_id="new")
    Binding.objects.filter(pk=first["results"][-1]["id"]).delete()
    second = ada.get(first["next"]).json()
    assert second["results"][0]["id"] == first["results"][-1]["id"] - 1


def test_the_neighbours_are_in_a_header_too(ada: APIClient, many: list[Binding]) -> None:
    first = ada.get(f"{ROOT}bindings/?page_size=25&state=synced")
    assert first.headers["Link"] == f'<{first.json()["next"]}>; rel="next"'
    assert "state=synced" in first.json()["next"]
    assert 'rel="prev"' in ada.get(first.json()["next"]).headers["Link"]


def test_causes_are_paged_by_the_time_they_came_up_last(ada: APIClient, blame: Callable[..., Cause]) -> None:
    same = NOW - dt.timedelta(days=1)
    rows = [blame(at=at) for at in (NOW, same, same, same, NOW - dt.timedelta(days=2))]
    expected = [rows[n].pk for n in (0, 3, 2, 1, 4)]
    pages = walk(ada, f"{ROOT}dead-letters/?letters=all&page_size=2")
    assert pages == [expected[:2], expected[2:4], expected[4:]]
    assert ids(ada, "dead-letters/?letters=all&ordering=last_seen&page_size=2") == expected[::-1]
    assert ids(ada, "dead-letters/?letters=all&ordering=id&page_size=2") == [row.pk for row in rows]


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "9" * 5000,
        "%00",
        "ä",
        "AAAA",
        encoded("f|-id|"),
        encoded("f|id|5"),
        encoded("f|-id|99999999999999999999"),
        encoded("f|-id|9999999999999999999"),
        encoded("f|-id|17|5"),
        encoded("f|-last_seen|17|5"),
        encoded("x|-id|5"),
        encoded("f|-id|5 OR 1=1"),
        encoded("f|-id|٣"),
    ],
)
def test_a_cursor_that_is_none_is_a_clear_400(cursor: str, ada: APIClient, many: list[Binding]) -> None:
    answer = ada.get(f"{ROOT}bindings/?cursor={cursor}")
    assert answer.status_code == 400
    assert list(answer.json()["field_errors"]) == ["cursor"]


def test_the_cursor_of_a_time_far_away_is_no_crash(ada: APIClient, blame: Callable[..., Cause]) -> None:
    blame()
    for micros in ("0", "99999999999999999"):
        answer = ada.get(f"{ROOT}dead-letters/?letters=all&cursor={encoded(f'f|-last_seen|{micros}|5')}")
        assert answer.status_code == 200, answer.content


@pytest.mark.parametrize("size", ["0", "-1", "201", "1e2", "x", "", "99999999999999999999", "٣", "1.5"])
def test_a_size_that_cannot_be_is_a_clear_400(size: str, ada: APIClient) -> None:
    answer = ada.get(f"{ROOT}bindings/?page_size={size}")
    assert (answer.status_code, list(answer.json()["field_errors"])) == (400, ["page_size"])


def test_an_order_without_an_index_is_refused(ada: APIClient) -> None:
    answer = ada.get(f"{ROOT}bindings/?ordering=detail")
    assert (answer.status_code, list(answer.json()["field_errors"])) == (400, ["ordering"])


# --- what is walked --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ordering", ["-id", "id"])
def test_a_filter_without_an_index_looks_through_so_many_rows_a_page_and_finds_everything(
    ordering: str, ada: APIClient, many: list[Binding], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "LOOKED_AT", 15)
    pages = walk(ada, f"{ROOT}bindings/?actor=ada&ordering={ordering}")
    assert len(pages) == 5  # the last looks at what is left: nothing
    assert [each for page in pages for each in page] == [many[3].pk]


def test_what_is_walked_is_walked_back_too(
    ada: APIClient, many: list[Binding], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "LOOKED_AT", 15)
    url, seen = f"{ROOT}bindings/?actor=ada&ordering=id", []
    last = url
    while url:
        last, url = url, ada.get(url).json()["next"]
    url = ada.get(last).json()["previous"]
    while url:
        page = ada.get(url).json()
        seen += [row["id"] for row in page["results"]]
        url = page["previous"]
    assert seen == [many[3].pk]


def test_a_full_page_ends_before_what_was_looked_through(
    ada: APIClient, many: list[Binding], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "LOOKED_AT", 40)
    found = ids(ada, "bindings/?actor=grace&page_size=7")
    assert found == [row.pk for row in reversed(many) if row.actor == "grace"]


def test_few_stuck_objects_are_found_at_once_wherever_they_are(
    ada: APIClient, many: list[Binding], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "LOOKED_AT", 15)
    pages = walk(ada, f"{ROOT}bindings/?state=dead")
    assert pages == [[row.pk for row in reversed(many) if row.state == State.DEAD]]
    monkeypatch.setattr("sync.api.bindings.FEW", 3)
    assert ids(ada, "bindings/?state=dead") == pages[0]


# --- filters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("object_id=7", [7]),
        ("object_id=7&model=shop.Product", [7]),
        ("object_id=7&model=shop.category", []),
        ("remote_id=r-12", [12]),
        ("search=r-5", [5]),
        ("search=r-5*&ordering=id", [5, *range(50, 60)]),
        ("search=nothing", []),
        ("state=dead&ordering=id", [0, 10, 20, 30, 40, 50]),
        ("state=dead&connection=0", []),
        ("code=refused&state=dead&object_type=product&ordering=id", [0, 10, 20, 30, 40, 50]),
        ("actor=ada", [3]),
        ("dead=true", []),
        ("due=true", []),
        ("ignored=true", []),
        ("integrator=nowhere", []),
        ("unsent_before=2030-01-01T00:00:00Z", []),
        ("synced_after=2020-01-01", []),
        ("cause=9223372036854775807", []),
    ],
)
def test_bindings_are_found_by(query: str, expected: list[int], ada: APIClient, many: list[Binding]) -> None:
    assert ids(ada, f"bindings/?{query}") == [many[n].pk for n in expected]


def test_letters_are_found_by_their_cause(
    ada: APIClient, products: list[Product], bind: Callable[..., Binding], blame: Callable[..., Cause]
) -> None:
    cause = blame()
    rows = [
        bind(product, cause=cause, state=State.DEAD, ignored="x" if n else "") for n, product in enumerate(products)
    ]
    url = ada.get(f"{ROOT}dead-letters/{cause.pk}/").json()["letters_url"]
    assert len(ada.get(url).json()["results"]) == 5
    assert ids(ada, f"bindings/?cause={cause.pk}&ignored=false") == [rows[0].pk]
    assert ids(ada, "bindings/?dead=true&integrator=shop&ordering=id") == [row.pk for row in rows]


def test_operations_are_found_by(
    ada: APIClient, many: list[Binding], attempt: Callable[..., Operation], connection: Connection
) -> None:
    old = attempt(many[1], started_at=NOW - dt.timedelta(days=3), status="failed", status_code=422, code="refused")
    new = attempt(many[2], verb="create", actor="ada")
    cases = {
        "": [new, old],
        f"connection={connection.pk}": [new, old],
        f"binding={many[1].pk}": [old],
        "search=r-2": [new],
        "status=failed": [old],
        "status_code=422&code=refused": [old],
        "verb=create&actor=ada&object_type=product": [new],
        f"started_after={(NOW - dt.timedelta(days=1)).strftime('%Y-%m-%dT%H:%M:%SZ')}": [new],
        f"started_before={(NOW - dt.timedelta(days=1)).strftime('%Y-%m-%dT%H:%M:%SZ')}": [old],
        "started_after=2999-01-01T00:00:00Z": [],
        "started_before=1999-01-01T00:00:00Z": [],
    }
    for query, expected in cases.items():
        assert ids(ada, f"operations/?{query}") == [row.pk for row in expected], query


@pytest.mark.parametrize("at", ["5952-06-01T16:04:24-19:39", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_far_away_or_of_a_strange_offset_is_no_crash(at: str, ada: APIClient) -> None:
    for name in ("started_before", "started_after"):
        assert ada.get(f"{ROOT}operations/", {name: at}).status_code == 200


def test_changes_are_found_by(ada: APIClient) -> None:
    made = [Change.objects.create(model="shop.product", object_id=str(n), kind="save", created_at=NOW) for n in (1, 2)]
    assert ids(ada, "changes/?object_id=2&model=shop.product&kind=save") == [made[1].pk]
    assert ids(ada, "changes/?actor=nobody") == []


def test_connections_are_found_by(ada: APIClient, connection: Connection) -> None:
    other = Connection.objects.create(integrator="shop", name="berlin", paused=True)
    assert ids(ada, "connections/?integrator=shop") == [connection.pk, other.pk]
    assert ids(ada, "connections/?paused=true") == [other.pk]
    assert ids(ada, "connections/?name=default") == [connection.pk]


def test_causes_are_found_by(
    ada: APIClient, bind: Callable[..., Binding], product: Product, blame: Callable[..., Cause]
) -> None:
    held, closed = blame(message="price too high", field="price"), blame(message="no such category", integrator="crm")
    bind(product, cause=held, state=State.HELD)
    assert ids(ada, "dead-letters/") == [held.pk]
    assert ids(ada, "dead-letters/?letters=all&search=CATEGORY") == [closed.pk]
    assert ids(ada, "dead-letters/?letters=ignored") == []
    assert ids(ada, "dead-letters/?letters=all&integrator=crm&code=refused&status_code=422&field=") == [closed.pk]
    assert ids(ada, "dead-letters/?field=price") == [held.pk]


@pytest.mark.parametrize(
    "query",
    [
        "stat=dead",
        "state=ded",
        "connection=x",
        "connection=99999999999999999999",
        "connection=-1",
        "connection=1e400",
        "connection=nan",
        "cause=1.5",
        "object_id=%00",
        "remote_id=a%00b",
        "search=%00",
        f"object_id={'9' * 201}",
        "unsent_before=yesterday",
        "unsent_before=99999-01-01",
        "unsent_before=9999-12-31T23:59:59-01:00",
        "unsent_before=0001-01-01T00:00:00%2B01:00",
        "due=perhaps",
    ],
)
def test_a_filter_that_cannot_be_is_a_clear_400(query: str, ada: APIClient, many: list[Binding]) -> None:
    answer = ada.get(f"{ROOT}bindings/?{query}")
    assert answer.status_code == 400, answer.content
    assert list(answer.json()["field_errors"]) == [query.partition("=")[0]]


def test_a_misspelt_filter_is_told_the_right_one(ada: APIClient) -> None:
    answer = ada.get(f"{ROOT}bindings/?stat=dead")
    assert answer.json()["field_errors"] == {"stat": ["There is no such parameter. Did you mean state?"]}


# --- cost ------------------------------------------------------------------------------------------------------------

LISTS = [
    "connections/",
    "bindings/",
    "bindings/?state=dead",
    "bindings/?search=r-1*",
    "operations/",
    "operations/?status=failed&started_after=2020-01-01",
    "dead-letters/?letters=all",
    "changes/",
    "status/",
]


@pytest.mark.parametrize("path", LISTS)
def test_the_number_of_queries_does_not_grow_with_the_rows(
    path: str, ada: APIClient, many: list[Binding], attempt: Callable[..., Operation], blame: Callable[..., Cause]
) -> None:
    def grow() -> None:
        blame()
        Change.objects.create(model="shop.product", object_id="1", created_at=NOW)
        account = Connection.objects.create(integrator="shop", name=f"n{Connection.objects.count()}")
        Binding.objects.create(connection=account, object_type="product", object_id="1", state=State.DEAD)
        attempt(many[0], status="failed")

    def cost() -> int:
        with CaptureQueriesContext(database) as queries:
            assert ada.get(ROOT + path).status_code == 200
        return len(queries)

    grow()
    cost()
    few = cost()
    for _ in range(5):
        grow()
    assert cost() == few
    assert few <= 12


def test_a_list_reads_no_payload_and_no_credential(ada: APIClient, many: list[Binding]) -> None:
    for path in ("bindings/", "operations/", "connections/", "changes/"):
        with CaptureQueriesContext(database) as queries:
            ada.get(ROOT + path)
        read = " ".join(query["sql"] for query in queries if "SELECT" in query["sql"])
        for column in ("credentials", '"sent"', '"seen"', '"snapshot"', '"request"', '"response"'):
            assert column not in read, (path, column)


def test_a_row_is_fresh_by_its_etag(ada: APIClient, many: list[Binding]) -> None:
    url = f"{ROOT}bindings/{many[0].pk}/"
    first = ada.get(url)
    again = ada.get(url, HTTP_IF_NONE_MATCH=first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    Binding.objects.filter(pk=many[0].pk).update(state=State.SYNCED)
    assert ada.get(url, HTTP_IF_NONE_MATCH=first.headers["ETag"]).status_code == 200


def test_an_answer_is_compressed_for_a_token_and_never_for_a_cookie(
    ada: APIClient, many: list[Binding], django_user_model: Any
) -> None:
    assert ada.get(f"{ROOT}bindings/", HTTP_ACCEPT_ENCODING="gzip").headers["Content-Encoding"] == "gzip"
    browser = APIClient()
    browser.force_login(django_user_model.objects.get(username="ada"))
    answer = browser.get(f"{ROOT}bindings/", HTTP_ACCEPT_ENCODING="gzip")
    assert answer.status_code == 200
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Cache-Control"] == "private, no-cache"
