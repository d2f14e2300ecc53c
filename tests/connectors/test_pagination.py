"""Paging through listings as real remotes give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.connectors.links import Link, follow, header, parse_link_header
from sync.connectors.pagination import (
    CursorPaginator,
    LinkHeaderPaginator,
    NextUrlPaginator,
    OffsetPaginator,
    PageNumberPaginator,
    Paginator,
    at,
    items_at,
    pages,
)
from sync.exceptions import PaginationError

URL = "https://api.shop.test/v2/products"
Answered = tuple[dict[str, str], Any]


def rows(count: int, first: int = 1) -> list[dict[str, int]]:
    return [{"id": number} for number in range(first, first + count)]


class Remote:
    """A listing in memory that keeps what it was asked."""

    def __init__(self, answer: Callable[[str, dict[str, str]], Answered]) -> None:
        self.answer = answer
        self.asked: list[tuple[str, dict[str, str]]] = []

    def __call__(self, url: str, params: Mapping[str, Any]) -> Answered:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query)) | {key: str(value) for key, value in params.items()}
        base = parts._replace(query="").geturl()
        self.asked.append((base, query))
        return self.answer(base, query)


def read(paginator: Paginator | None, answer: Callable[[str, dict[str, str]], Answered], **options: Any) -> list[Any]:
    return [row for page in pages(paginator, Remote(answer), URL, **options) for row in page]


def code_of(paginator: Paginator | None, answer: Callable[[str, dict[str, str]], Answered], **options: Any) -> str:
    with pytest.raises(PaginationError) as raised:
        read(paginator, answer, **options)
    return raised.value.code


# --- remotes, one a style ---------------------------------------------------------------------------------------------


def by_cursor(listing: list[Any], cap: int = 1000) -> Callable[[str, dict[str, str]], Answered]:
    def answer(url: str, query: dict[str, str]) -> Answered:
        start, size = int(query.get("cursor", 0)), min(int(query["limit"]), cap)
        after = start + size
        return {}, {"items": listing[start:after], "next_cursor": str(after) if after < len(listing) else None}

    return answer


def by_offset(listing: list[Any], cap: int = 1000, *, total: bool = False) -> Callable[[str, dict[str, str]], Answered]:
    def answer(url: str, query: dict[str, str]) -> Answered:
        start = int(query["offset"])
        page = listing[start : start + min(int(query["limit"]), cap)]
        return {}, {"total": len(listing), "items": page} if total else page

    return answer


def by_page(listing: list[Any], cap: int = 1000) -> Callable[[str, dict[str, str]], Answered]:
    def answer(url: str, query: dict[str, str]) -> Answered:
        size = min(int(query["per_page"]), cap)
        start = (int(query["page"]) - 1) * size
        return {}, {"items": listing[start : start + size], "pages": -(-len(listing) // size)}

    return answer


def by_url(listing: list[Any], where: str, link: str = URL + "?limit={size}&from={after}") -> Any:
    def answer(url: str, query: dict[str, str]) -> Answered:
        start, size = int(query.get("from", 0)), int(query["limit"])
        after = start + size
        found = link.format(size=size, after=after) if after < len(listing) else ""
        headers = {"Link": f'<{found}>; rel="next"' if found else ""} if where == "Link" else {}
        headers |= {where: found} if found and where == "Next-Page" else {}
        return headers, {"items": listing[start:after], "next": found or None}

    return answer


listings = st.lists(st.integers(), unique=True, max_size=40).map(lambda ids: [{"id": number} for number in ids])
sizes = st.integers(min_value=1, max_value=9)


@given(listing=listings, size=sizes, cap=sizes)
def test_every_row_of_any_listing_comes_exactly_once_by_cursor(listing: list[Any], size: int, cap: int) -> None:
    assert read(CursorPaginator(size=size), by_cursor(listing, cap)) == listing


@given(listing=listings, size=sizes, cap=sizes, total=st.booleans())
def test_every_row_of_any_listing_comes_exactly_once_by_offset(
    listing: list[Any], size: int, cap: int, total: bool
) -> None:
    paginator = OffsetPaginator(size=size, total_path="total" if total else "")
    assert read(paginator, by_offset(listing, cap, total=total)) == listing


@given(listing=listings, size=sizes, cap=sizes, counted=st.booleans())
def test_every_row_of_any_listing_comes_exactly_once_by_page_number(
    listing: list[Any], size: int, cap: int, counted: bool
) -> None:
    paginator = PageNumberPaginator(size=size, pages_path="pages" if counted else "")
    assert read(paginator, by_page(listing, cap)) == listing


@given(listing=listings, size=sizes)
def test_every_row_of_any_listing_comes_exactly_once_by_link_header(listing: list[Any], size: int) -> None:
    assert read(LinkHeaderPaginator(size=size), by_url(listing, "Link")) == listing


@given(listing=listings, size=sizes, where=st.sampled_from(["body", "Next-Page"]), relative=st.booleans())
def test_every_row_of_any_listing_comes_exactly_once_by_url(
    listing: list[Any], size: int, where: str, relative: bool
) -> None:
    link = "?limit={size}&from={after}" if relative else URL + "?limit={size}&from={after}"
    paginator = NextUrlPaginator(size=size, header="" if where == "body" else where)
    assert read(paginator, by_url(listing, where, link)) == listing


@given(nexts=st.lists(st.integers(min_value=1, max_value=6) | st.none(), min_size=7, max_size=7))
def test_a_listing_whose_links_lead_anywhere_ends(nexts: list[int | None]) -> None:
    asked: list[int] = []

    def answer(url: str, query: dict[str, str]) -> Answered:
        here = int(query.get("cursor", 0))
        asked.append(here)
        return {}, {"items": [{"id": here}], "next_cursor": nexts[here]}

    try:
        read(CursorPaginator(), answer)
    except PaginationError as error:
        asked = asked if error.code == "repeated_url" else []
    assert asked
    assert len(asked) == len(set(asked)) <= 7


# --- what real remotes do ---------------------------------------------------------------------------------------------


def test_without_a_paginator_there_is_one_page() -> None:
    remote = Remote(lambda url, query: ({}, rows(2)))
    assert list(pages(None, remote, URL, {"active": "1"})) == [rows(2)]
    assert remote.asked == [(URL, {"active": "1"})]


def test_the_first_page_asks_for_size_and_a_stable_order_and_the_caller_wins() -> None:
    remote = Remote(lambda url, query: ({}, []))
    list(pages(OffsetPaginator(size=7, order={"sort": "id", "dir": "asc"}), remote, URL, {"dir": "desc"}))
    assert remote.asked == [(URL, {"offset": "0", "limit": "7", "sort": "id", "dir": "desc"})]


def test_no_size_is_asked_for_where_its_parameter_has_no_name() -> None:
    remote = Remote(lambda url, query: ({}, []))
    list(pages(LinkHeaderPaginator(size_param=""), remote, URL))
    assert remote.asked == [(URL, {})]


def test_a_page_past_the_end_that_repeats_the_last_is_an_error() -> None:
    assert code_of(PageNumberPaginator(), lambda url, query: ({}, rows(3))) == "repeated_page"


def test_a_page_past_the_end_that_repeats_the_last_may_be_declared_the_end() -> None:
    def answer(url: str, query: dict[str, str]) -> Answered:
        return {}, rows(2, first=2 * min(int(query["page"]), 3) - 1)

    assert read(PageNumberPaginator(size=2, repeats_last=True), answer) == rows(6)


def test_a_listing_that_starts_over_is_an_error_even_where_its_last_page_may_repeat() -> None:
    def answer(url: str, query: dict[str, str]) -> Answered:
        return {}, rows(2, first=2 * (int(query["page"]) % 3) + 1)

    assert code_of(PageNumberPaginator(size=2, repeats_last=True), answer) == "repeated_page"


def test_an_unknown_cursor_that_restarts_the_list_is_an_error() -> None:
    def answer(url: str, query: dict[str, str]) -> Answered:
        return {}, {"items": rows(3), "next_cursor": query.get("cursor", "") + "x"}

    assert code_of(CursorPaginator(), answer) == "repeated_page"


def test_a_cursor_that_stays_the_same_is_an_error() -> None:
    fresh = iter(range(100))
    assert code_of(CursorPaginator(), lambda url, query: ({}, {"items": [next(fresh)], "next_cursor": "a"})) == (
        "repeated_url"
    )


def no_rows_but_a_next(url: str, query: dict[str, str]) -> Answered:
    return {}, {"items": [], "next_cursor": 100}


def test_a_next_page_after_no_rows_is_an_error() -> None:
    assert code_of(CursorPaginator(), no_rows_but_a_next) == "empty_page"


def test_a_next_page_after_no_rows_may_be_declared_the_end() -> None:
    assert read(CursorPaginator(empty="end"), no_rows_but_a_next) == []


def test_pages_without_rows_may_be_declared_part_of_the_listing() -> None:
    listing = {"": ([], "1"), "1": (rows(1), "2"), "2": ([], "3"), "3": (rows(1, 2), None)}

    def answer(url: str, query: dict[str, str]) -> Answered:
        items, after = listing[query.get("cursor", "")]
        return {}, {"items": items, "next_cursor": after}

    assert read(CursorPaginator(empty="follow"), answer) == rows(2)
    assert code_of(CursorPaginator(empty="follow"), no_rows_but_a_next) == "repeated_url"


def test_a_wrong_page_parameter_that_answers_nothing_ends_the_listing() -> None:
    assert read(PageNumberPaginator(param="p"), lambda url, query: ({}, [])) == []


def test_a_listing_without_end_stops_at_the_cap() -> None:
    def answer(url: str, query: dict[str, str]) -> Answered:
        return {}, rows(1, first=int(query["offset"]))

    assert code_of(OffsetPaginator(), answer, max_pages=5) == "too_many_pages"


def test_what_came_before_an_error_is_kept() -> None:
    listing = pages(PageNumberPaginator(), Remote(lambda url, query: ({}, rows(3))), URL)
    assert next(listing) == rows(3)
    with pytest.raises(PaginationError):
        next(listing)


def test_a_remote_that_gives_fewer_rows_than_asked_loses_none_by_offset() -> None:
    assert read(OffsetPaginator(size=100), by_offset(rows(25), cap=10)) == rows(25)


def test_a_short_page_may_be_declared_the_end() -> None:
    remote = Remote(by_offset(rows(3)))
    assert list(pages(OffsetPaginator(size=5, short_ends=True), remote, URL)) == [rows(3)]
    assert len(remote.asked) == 1
    remote = Remote(by_page(rows(3)))
    assert list(pages(PageNumberPaginator(size=5, short_ends=True), remote, URL, items_path="items")) == [rows(3)]
    assert len(remote.asked) == 1


def test_a_total_that_is_no_number_is_not_believed() -> None:
    def answer(url: str, query: dict[str, str]) -> Answered:
        return {}, {"items": rows(3)[int(query["offset"]) :], "total": "many"}

    assert read(OffsetPaginator(total_path="total"), answer) == rows(3)


def test_the_last_row_may_be_the_cursor() -> None:
    def answer(url: str, query: dict[str, str]) -> Answered:
        after = int(query.get("starting_after", 0))
        return {}, {"data": rows(2, after + 1), "has_more": after < 4}

    paginator = CursorPaginator(param="starting_after", last_item="id", more_path="has_more")
    assert read(paginator, answer) == rows(6)


def test_the_last_row_as_cursor_ends_with_a_page_without_rows() -> None:
    def answer(url: str, query: dict[str, str]) -> Answered:
        return {}, rows(3)[int(query.get("after", 0)) :][:2]

    assert read(CursorPaginator(param="after", last_item="id"), answer) == rows(3)


@pytest.mark.parametrize("cursor", [True, [], {"a": 1}])
def test_a_cursor_that_is_no_scalar_is_an_error(cursor: Any) -> None:
    assert code_of(CursorPaginator(), lambda url, query: ({}, {"items": [1], "next_cursor": cursor})) == "bad_cursor"


def test_an_opaque_next_page_header_with_commas_is_followed_as_it_is() -> None:
    link = URL + "?_token=eyJ,a:b;c%2Cd==&limit=2"
    remote = Remote(lambda url, query: ({}, rows(1, 2)) if "_token" in query else ({"next-page": link}, rows(1)))
    assert list(pages(NextUrlPaginator(header="Next-Page"), remote, URL)) == [rows(1), rows(1, 2)]
    assert remote.asked[1] == (URL, {"_token": "eyJ,a:b;c,d==", "limit": "2"})


def test_an_empty_link_header_ends_the_listing() -> None:
    assert read(LinkHeaderPaginator(), lambda url, query: ({"Link": ""}, rows(1))) == rows(1)


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.test/v2/products?page=2",
        "http://api.shop.test/v2/products?page=2",
        "https://api.shop.test:8443/v2/products?page=2",
        "//evil.test/products",
        "https://user:pass@api.shop.test/v2/products",
        "file:///etc/passwd",
    ],
)
def test_a_link_to_another_origin_is_refused(link: str) -> None:
    assert code_of(NextUrlPaginator(), lambda url, query: ({}, {"items": [1], "next": link})) == "other_origin"


def test_a_link_that_is_no_url_is_refused() -> None:
    assert code_of(NextUrlPaginator(), lambda url, query: ({}, {"items": [1], "next": "https://a:b:c/"})) == "bad_link"
    assert code_of(NextUrlPaginator(), lambda url, query: ({}, {"items": [1], "next": {"href": "/"}})) == "bad_link"


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("?page=2", URL + "?page=2"),
        ("/v2/products?page=2", URL + "?page=2"),
        ("https://API.shop.test:443/v2/products?page=2#top", "https://API.shop.test:443/v2/products?page=2"),
        (" products?page=2 ", URL + "?page=2"),
    ],
)
def test_a_link_within_the_origin_is_made_absolute(link: str, url: str) -> None:
    assert follow(URL, link) == url


@pytest.mark.parametrize(
    ("value", "links"),
    [
        ("", []),
        ("garbage", []),
        ("<https://a.test/?x=1,2>; rel=next", [("https://a.test/?x=1,2", ("next",))]),
        ('<a>; rel="prev", <b;c>; title="x, \\"z\\""; rel="next last"', [("a", ("prev",)), ("b;c", ("next", "last"))]),
        ('<a>; REL="NEXT"; rel="prev"', [("a", ("next",))]),
        ('<a>; rel="next"; anchor="#other", <b>', [("b", ())]),
        (", , <a> ; crossorigin ; rel = next", [("a", ("next",))]),
        ("<a>; title*=UTF-8''%e2; rel=next", [("a", ("next",))]),
    ],
)
def test_a_link_header_is_read_as_rfc_8288_says(value: str, links: list[tuple[str, tuple[str, ...]]]) -> None:
    assert parse_link_header(value) == [Link(target=target, rels=rels) for target, rels in links]


@given(value=st.text(alphabet='<>;,="\\ relnxt/', max_size=60))
def test_any_link_header_is_read_without_an_error(value: str) -> None:
    parse_link_header(value)


def test_a_header_is_found_in_any_case() -> None:
    assert header({"next-PAGE": "x"}, "Next-Page") == "x"
    assert header({}, "Next-Page") == ""


# --- the rows in a body -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "path", "items"),
    [
        ([1], "", [1]),
        ({"meta": {}, "results": [1]}, "", [1]),
        ({"data": {"contacts": [1]}}, "data.contacts", [1]),
        ({"data": None}, "data", []),
        ({"a": [[1]]}, "a.0", [1]),
    ],
)
def test_the_rows_of_a_body_are_found(data: Any, path: str, items: list[Any]) -> None:
    assert items_at(data, path) == items


@pytest.mark.parametrize(
    ("data", "path"), [(None, ""), ("text", ""), ({}, ""), ({"data": {}}, "data"), ({}, "data"), ([1], "data")]
)
def test_a_body_without_a_list_is_an_error(data: Any, path: str) -> None:
    with pytest.raises(PaginationError) as raised:
        items_at(data, path)
    assert raised.value.code == "no_items"


def test_the_rows_may_be_found_by_a_function() -> None:
    assert read(None, lambda url, query: ({}, {"a": {"b": [1]}}), items_path=lambda data: data["a"]["b"]) == [1]


def test_a_key_with_dots_in_its_name_is_found() -> None:
    assert at({"@odata.nextLink": "x"}, "@odata.nextLink") == "x"
    assert at({"a": [{"b": 1}]}, "a.0.b") == 1
    assert at({"a": 1}, "a.b", "none") == "none"


@pytest.mark.parametrize("link", ["http://[", "http://[::1/next", "http://api.test:port/"])
def test_a_link_that_is_no_url_is_a_typed_error(link: str) -> None:
    with pytest.raises(PaginationError) as caught:
        follow("https://api.test/x", link)
    assert caught.value.code == "bad_link"
