from __future__ import annotations

import itertools
from urllib.parse import urlsplit

import pytest

from sync.testing.sandbox import paging


@pytest.fixture
def stocked(start):
    """A function that starts a sandbox holding products 1 to 7, in pages of three."""

    def run(**options):
        client = start(**{"page_size": 3, **options})
        client.remote.load(products={str(n): {"n": n, "even": n % 2 == 0} for n in range(1, 8)})
        return client

    return run


def numbers(rows):
    return [row["n"] for row in rows]


def followed(client, path, step, limit=10):
    """Collect pages until ``step`` finds no next one."""
    found = []
    for _ in range(limit):
        answer = client("GET", path)
        rows, path = step(answer)
        found.append(numbers(rows))
        if not path:
            break
        path = path.removeprefix(client.url)
    return found


def by_link(answer):
    return answer.json(), answer.links.get("next", {}).get("url")


def by_header(answer):
    return answer.json(), answer.headers.get("Next-Page")


def by_body(answer):
    return answer.json()["items"], answer.json()["next"]


PAGES = [[1, 2, 3], [4, 5, 6], [7]]


# --- filters and order -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("n=3", [3]),
        ("even=true", [2, 4, 6]),
        ("even=true&n=4", [4]),
        ("even=false&n=4", []),
        ("id=5", [5]),
        ("id=99", []),
        ("nothing=1", []),
        ("sort=-id&limit=2", [7, 6]),
        ("sort=id&limit=2", [1, 2]),
        ("sort=-n&limit=2", [7, 6]),
        ("sort=even&limit=4", [1, 3, 5, 7]),
    ],
)
def test_a_listing_is_filtered_by_equality_and_sorted(stocked, query, found):
    assert numbers(stocked(page_size=100)("GET", f"/products?{query}").json()) == found


def test_numeric_ids_are_ordered_by_value_and_texts_after_them(client):
    for name in ("10", "9", "b", "a"):
        client("PUT", f"/products/{name}", {})
    assert [row["id"] for row in client("GET", "/products").json()] == ["9", "10", "a", "b"]


def test_a_filter_sees_what_changed_since_it_was_first_asked(client):
    client("PUT", "/contacts/1", {"email": "a", "address": {"city": "Rome"}})
    assert len(client("GET", "/contacts?email=a").json()) == 1
    client("PATCH", "/contacts/1", {"email": "b"})
    assert client("GET", "/contacts?email=a").json() == []
    assert len(client("GET", "/contacts?email=b").json()) == 1
    assert len(client("GET", "/contacts?address.city=Rome").json()) == 1
    client("DELETE", "/contacts/1")
    assert client("GET", "/contacts?email=b").json() == []


def test_updated_since_shows_what_changed_from_then_on(client):
    client("PUT", "/products/1", {})
    second = client("PUT", "/products/2", {}).json()["updated_at"]
    client("PATCH", "/products/1", {"n": 1})
    found = client("GET", "/products", params={"updated_since": second}).json()
    assert [row["id"] for row in found] == ["1", "2"]
    last = client.remote.get("products", 1)["updated_at"]
    assert [row["id"] for row in client("GET", "/products", params={"updated_since": last}).json()] == ["1"]


def test_updated_since_takes_seconds_and_an_unquoted_offset(client):
    client("PUT", "/products/1", {})
    assert len(client("GET", "/products?updated_since=1000.5").json()) == 1
    assert len(client("GET", "/products?updated_since=2020-01-01T00:00:00+02:00").json()) == 1
    assert client("GET", "/products?updated_since=2100-01-01").json() == []
    assert client("GET", "/products?updated_since=soon").status_code == 400


def test_a_listing_can_be_sorted_by_its_time_of_change(client):
    for n in (1, 2, 3):
        client("PUT", f"/products/{n}", {"n": n})
    client("PATCH", "/products/1", {})
    assert numbers(client("GET", "/products?sort=updated_at").json()) == [2, 3, 1]


def test_a_listing_without_a_sort_can_come_at_random(start):
    client = start(sort_random=True)
    client.remote.seed("products", 30)
    first = [row["id"] for row in client("GET", "/products").json()]
    second = [row["id"] for row in client("GET", "/products").json()]
    assert first != second
    assert sorted(first) == [row["id"] for row in client("GET", "/products?sort=id").json()]


# --- styles ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("style", "step"),
    [("link", by_link), ("next_page_header", by_header), ("next_url", by_body), ("next_path", by_body)],
)
@pytest.mark.parametrize("query", ["", "&sort=n", "&sort=id"])
def test_every_style_that_names_the_next_page_leads_through_all(stocked, style, step, query):
    assert followed(stocked(), f"/products?pagination={style}{query}", step) == PAGES


def test_the_next_url_keeps_the_filters(stocked):
    client = stocked(pagination="next_url", page_size=2)
    assert followed(client, "/products?even=true", by_body) == [[2, 4], [6]]


def test_one_style_is_absolute_and_the_other_a_path(stocked):
    client = stocked()
    assert client("GET", "/products?pagination=next_url").json()["next"].startswith(client.url)
    assert client("GET", "/products?pagination=next_path").json()["next"].startswith("/products?")


def test_a_link_header_has_several_relations(stocked):
    links = stocked()("GET", "/products").links
    assert set(links) == {"next", "first"}


def test_cursors_lead_through_all_and_end_with_null(stocked):
    client = stocked(pagination="cursor", total=True)
    found, params = [], {}
    while True:
        answer = client("GET", "/products", params=params).json()
        found.append(numbers(answer["items"]))
        assert answer["total"] == 7
        if answer["next_cursor"] is None:
            break
        params = {"cursor": answer["next_cursor"]}
    assert found == PAGES


def test_a_cursor_needs_quoting(stocked):
    assert "," in stocked(pagination="cursor")("GET", "/products").json()["next_cursor"]


def test_a_cursor_survives_the_removal_of_the_object_it_names(stocked):
    client = stocked(pagination="cursor")
    cursor = client("GET", "/products").json()["next_cursor"]
    client("DELETE", "/products/3")
    client("DELETE", "/products/1")
    assert numbers(client("GET", "/products", params={"cursor": cursor}).json()["items"]) == [4, 5, 6]


def test_offset_and_limit_choose_a_page(stocked):
    answer = stocked()("GET", "/products?offset=3&limit=2")
    assert numbers(answer.json()) == [4, 5]
    assert answer.headers["X-Total-Count"] == "7"


def test_page_and_per_page_choose_a_page(stocked):
    client = stocked()
    assert numbers(client("GET", "/products?page=2&per_page=5").json()) == [6, 7]
    assert client("GET", "/products?page=3&per_page=5").json() == []


def test_a_page_is_never_larger_than_the_largest(stocked):
    assert len(stocked(max_page_size=4)("GET", "/products?limit=100").json()) == 4


def test_without_pagination_all_come_at_once(stocked):
    assert len(stocked(pagination="none")("GET", "/products").json()) == 7


def test_the_key_of_the_list_can_be_chosen(stocked):
    assert "rows" in stocked(pagination="cursor", items="rows")("GET", "/products").json()


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=x", "limit=0", "offset=-1", "cursor=nonsense", "cursor=c,%21", "cursor=c,e30=", "pagination=odd"],
)
def test_a_parameter_without_sense_gets_400(stocked, query):
    assert stocked()("GET", f"/products?{query}").status_code == 400


# --- how listings go wrong -------------------------------------------------------------------------------------------


def test_past_the_end_the_last_page_can_be_repeated(stocked):
    client = stocked(pagination_fault="repeat_last")
    assert numbers(client("GET", "/products?page=9").json()) == [7]
    assert numbers(client("GET", "/products?offset=50").json()) == [7]
    assert followed(client, "/products", by_link, limit=5) == [*PAGES, [7], [7]]
    assert client("GET", "/nothing?page=9").json() == []


def test_the_last_page_can_lead_back_to_the_first(stocked):
    client = stocked(pagination_fault="loop")
    assert followed(client, "/products?pagination=next_url", by_body, limit=4) == [*PAGES, [1, 2, 3]]


def test_an_empty_page_can_have_a_next_one(stocked):
    client = stocked(pagination_fault="empty_next")
    assert followed(client, "/products?pagination=next_path", by_body, limit=5) == [*PAGES, [], []]


def test_the_next_page_can_lie_elsewhere(stocked):
    client = stocked(pagination_fault="other_origin")
    following = client("GET", "/products?pagination=next_url").json()["next"]
    assert urlsplit(following).netloc == "other-origin.invalid"
    assert "other-origin.invalid" in client("GET", "/products").links["next"]["url"]


def test_an_unknown_cursor_can_restart_the_list(stocked):
    client = stocked(pagination="cursor", pagination_fault="cursor_restart")
    assert numbers(client("GET", "/products?cursor=nonsense").json()["items"]) == [1, 2, 3]


def test_a_link_header_can_be_empty(stocked):
    client = stocked(pagination_fault="empty_link", page_size=10)
    assert client("GET", "/products").headers["Link"] == ""


def test_a_wrong_page_parameter_can_look_like_an_empty_list(stocked):
    client = stocked(pagination_fault="wrong_is_empty")
    assert client("GET", "/products?page=x").json() == []


@pytest.mark.parametrize("told", ["a,b/c", 17, ""])
def test_a_cursor_means_what_it_was_made_from(told):
    assert paging.decode(paging.encode(told)) == told


# --- what lags behind ------------------------------------------------------------------------------------------------


def test_a_created_object_shows_in_listings_only_later(start):
    client = start(lookup_lag_s=0.2)
    made = client("POST", "/contacts", {"email": "a"}).json()
    assert client("GET", "/contacts?email=a").json() == []
    assert client("GET", "/contacts").json() == []
    assert client("GET", f"/contacts/{made['id']}").status_code == 200
    client.remote.wait(lambda: client("GET", "/contacts?email=a").json(), timeout_s=5)


def test_reads_show_the_state_of_a_while_ago(start):
    client = start(replica_lag_s=60)
    client("PUT", "/products/1", {"n": 1})
    assert client("GET", "/products/1").status_code == 404
    assert client("GET", "/products").json() == []
    client.remote.configure(replica_lag_s=0)
    assert client("GET", "/products/1").status_code == 200


def test_a_replica_catches_up(start):
    client = start(replica_lag_s=0.2)
    client("PUT", "/products/1", {"n": 1})
    client.remote.wait(lambda: client("GET", "/products/1").ok, timeout_s=5)
    assert numbers(client("GET", "/products").json()) == [1]


def test_a_lagging_replica_shows_old_values_and_deleted_objects(start):
    client = start(replica_lag_s=0.5)
    client.remote.load(products={"1": {"n": 1}, "2": {"n": 2}})
    client.remote.wait(lambda: len(client("GET", "/products").json()) == 2, timeout_s=5)
    client.remote.configure(replica_lag_s=0.4)  # the load is behind this horizon, whatever comes next is not
    client("PATCH", "/products/1", {"n": 10})
    client("DELETE", "/products/2")
    client("PUT", "/products/3", {"n": 3})
    seen = [client("GET", path) for path in ("/products", "/products?sort=-n", "/products?n=2", "/products/1")]
    assert [numbers(answer.json()) for answer in seen[:3]] == [[1, 2], [2, 1], [2]]
    assert seen[3].json()["n"] == 1
    client.remote.configure(replica_lag_s=0)
    assert numbers(client("GET", "/products").json()) == [10, 3]


def test_paging_through_many_objects_shows_each_once(start):
    client = start(max_page_size=100)
    client.remote.seed("products", 2000, name="Product {n}")
    cursor, seen = None, []
    for _ in itertools.count():
        params = {"pagination": "cursor", **({"cursor": cursor} if cursor else {})}
        answer = client("GET", "/products", params=params).json()
        seen += [row["name"] for row in answer["items"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"Product {n}" for n in range(1, 2001)]
