"""Paging through a listing: small paginators, and one driver that mistrusts what they are told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal, Protocol

from sync.connectors.links import follow, header, parse_link_header
from sync.exceptions import PaginationError
from sync.types import type_json

Params = Mapping[str, Any]
Step = tuple[str, Params]
"""What to fetch next: a URL without the parameters, and the parameters to add to it."""

MAX_PAGES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page as it came: ``url`` and ``params`` are what was asked, ``items`` the rows found in ``data``."""

    url: str
    params: Params = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    data: type_json = None
    items: Sequence[type_json] = ()


class Paginator(Protocol):
    """How one remote splits a listing. It keeps no state, so one may serve many listings at once."""

    @property
    def empty(self) -> Literal["error", "end", "follow"]:
        """What a page without rows means that names a next one."""

    @property
    def repeats_last(self) -> bool:
        """Whether a page like the one before it is the end."""

    def first(self, url: str, params: Params) -> Step:
        """Return where the listing begins."""

    def next(self, page: Page) -> Step | None:
        """Return what comes after a page, None at the end."""


@dataclass(frozen=True, slots=True)
class _Base:
    _: KW_ONLY
    size: int = 100
    size_param: str = "limit"
    order: Mapping[str, str] = field(default_factory=dict)
    empty: Literal["error", "end", "follow"] = "error"
    repeats_last: bool = False

    def first(self, url: str, params: Params) -> Step:
        """Return where the listing begins; what the caller asks for wins over ``order`` and ``size``."""
        sized = {self.size_param: self.size} if self.size_param else {}
        return url, {**self.order, **sized, **params}


@dataclass(frozen=True, slots=True)
class CursorPaginator(_Base):
    """Pages by an opaque cursor from the body.

    Args:
        path: dotted path of the next cursor in the body.
        param: query parameter that carries it.
        more_path: dotted path of a flag; false ends the listing whatever the cursor says.
        last_item: dotted path within the last row that is the next cursor, in place of ``path`` (with ``more_path``
            where the remote has such a flag; else an empty page ends the listing).
        size: rows a page; ``size_param`` empty: not asked for.
        order: query parameters that ask for a stable order, as ``{"sort": "id"}``.
    """

    path: str = "next_cursor"
    param: str = "cursor"
    more_path: str = ""
    last_item: str = ""

    def next(self, page: Page) -> Step | None:
        """Return the same URL with the next cursor, or None at the end."""
        if self.more_path and not at(page.data, self.more_path):
            return None
        cursor = self._cursor(page)
        if cursor in (None, "", 0):
            return None
        if isinstance(cursor, bool) or not isinstance(cursor, str | int | float):
            raise PaginationError("the cursor is neither text nor a number", code="bad_cursor")
        return page.url, {**page.params, self.param: cursor}

    def _cursor(self, page: Page) -> type_json:
        if not self.last_item:
            return at(page.data, self.path)
        return at(page.items[-1], self.last_item) if page.items else None


@dataclass(frozen=True, slots=True)
class OffsetPaginator(_Base):
    """Pages by the number of rows to leave out. Goes on from what came, since a remote may cap the size.

    Args:
        param: query parameter of the offset.
        start: the first offset.
        total_path: dotted path of the number of all rows; empty: the first page without rows ends the listing.
        short_ends: a page with fewer rows than ``size`` is the last; spares a call, unsafe where the remote caps.
    """

    param: str = "offset"
    start: int = 0
    total_path: str = ""
    short_ends: bool = False

    def first(self, url: str, params: Params) -> Step:
        """Return where the listing begins, with the first offset."""
        url, params = _Base.first(self, url, params)
        return url, {self.param: self.start, **params}

    def next(self, page: Page) -> Step | None:
        """Return the same URL with the next offset, or None at the end."""
        if not page.items or (self.short_ends and len(page.items) < self.size):
            return None
        offset = int(page.params[self.param]) + len(page.items)
        total = _whole(at(page.data, self.total_path)) if self.total_path else None
        if total is not None and offset - self.start >= total:
            return None
        return page.url, {**page.params, self.param: offset}


@dataclass(frozen=True, slots=True)
class PageNumberPaginator(_Base):
    """Pages by a number that counts up.

    Args:
        param: query parameter of the page.
        start: number of the first page.
        pages_path: dotted path of the number of pages; empty: the first page without rows ends the listing.
        short_ends: a page with fewer rows than ``size`` is the last; spares a call, unsafe where the remote caps.
    """

    param: str = "page"
    start: int = 1
    pages_path: str = ""
    short_ends: bool = False
    _: KW_ONLY
    size_param: str = "per_page"

    def first(self, url: str, params: Params) -> Step:
        """Return where the listing begins, with the first page's number."""
        url, params = _Base.first(self, url, params)
        return url, {self.param: self.start, **params}

    def next(self, page: Page) -> Step | None:
        """Return the same URL with the next number, or None at the end."""
        if not page.items or (self.short_ends and len(page.items) < self.size):
            return None
        number = int(page.params[self.param]) + 1
        pages = _whole(at(page.data, self.pages_path)) if self.pages_path else None
        if pages is not None and number - self.start >= pages:
            return None
        return page.url, {**page.params, self.param: number}


@dataclass(frozen=True, slots=True)
class LinkHeaderPaginator(_Base):
    """Pages by ``Link: <…>; rel="next"`` (RFC 8288). An empty header is the end."""

    rel: str = "next"

    def next(self, page: Page) -> Step | None:
        """Return the URL of the next page as the remote gave it, or None at the end."""
        for link in parse_link_header(header(page.headers, "Link")):
            if self.rel in link.rels:
                return follow(page.url, link.target), {}
        return None


@dataclass(frozen=True, slots=True)
class NextUrlPaginator(_Base):
    """Pages by a URL that the body or a header names.

    Args:
        path: dotted path of the URL in the body.
        header: name of the header that holds it, in place of ``path``, as ``Next-Page``.
    """

    path: str = "next"
    header: str = ""

    def next(self, page: Page) -> Step | None:
        """Return the URL of the next page as the remote gave it, or None at the end."""
        link = header(page.headers, self.header) if self.header else at(page.data, self.path)
        if link in (None, "", False):
            return None
        if not isinstance(link, str):
            raise PaginationError("the next link is not text", code="bad_link")
        return follow(page.url, link), {}


def pages(
    paginator: Paginator | None,
    fetch: Callable[[str, Params], tuple[Mapping[str, str], type_json]],
    url: str,
    params: Params | None = None,
    items_path: str | Callable[[type_json], list[type_json]] = "",
    *,
    max_pages: int = MAX_PAGES,
) -> Iterator[list[type_json]]:
    """Yield the rows of a listing, a page at a time; pages without rows are left out.

    Args:
        paginator: how to get from page to page; None: there is one page.
        fetch: called with a URL and query parameters, returns the answer's headers and its parsed body.
        url: absolute URL of the listing.
        params: query parameters of the first page.
        items_path: dotted path of the list in the body (empty: the body, or the first list in it), or a function
            from body to list.
        max_pages: more pages than this are an error.

    Raises:
        PaginationError: code ``repeated_url``, ``repeated_page``, ``empty_page``, ``too_many_pages``,
            ``other_origin``, ``bad_link``, ``bad_cursor`` or ``no_items``. What was yielded before it stands.
    """
    step: Step | None = paginator.first(url, params or {}) if paginator else (url, params or {})
    seen = _Seen(max_pages=max_pages)
    while step is not None:
        seen.ask(step)
        page = _read(fetch, step, items_path)
        if seen.repeats(page, ends=paginator is not None and paginator.repeats_last):
            return
        if page.items:
            yield list(page.items)
        step = paginator.next(page) if paginator else None
        if step is not None and not page.items and paginator is not None and _empty_ends(paginator):
            return


def _read(
    fetch: Callable[[str, Params], tuple[Mapping[str, str], type_json]],
    step: Step,
    items_path: str | Callable[[type_json], list[type_json]],
) -> Page:
    headers, data = fetch(*step)
    items = items_path(data) if callable(items_path) else items_at(data, items_path)
    return Page(url=step[0], params=step[1], headers=headers, data=data, items=items)


def _empty_ends(paginator: Paginator) -> bool:
    if paginator.empty == "error":
        raise PaginationError(
            "a page without rows names a next one",
            code="empty_page",
            hint='say empty="end" or empty="follow" on the paginator, whichever this remote means',
        )
    return paginator.empty == "end"


class _Seen:
    """What one listing has asked and got so far: a digest a page, so a few bytes each."""

    def __init__(self, *, max_pages: int) -> None:
        self.max_pages = max_pages
        self.asked: set[bytes] = set()
        self.got: set[bytes] = set()
        self.last = b""

    def ask(self, step: Step) -> None:
        if len(self.asked) >= self.max_pages:
            raise PaginationError(f"more than {self.max_pages} pages", code="too_many_pages")
        mark = _digest([step[0], sorted((str(key), str(value)) for key, value in step[1].items())])
        if mark in self.asked:
            raise PaginationError("the next page is one that was read before", code="repeated_url")
        self.asked.add(mark)

    def repeats(self, page: Page, *, ends: bool) -> bool:
        """True where the page is the one before it and that is this remote's way to say the end."""
        if not page.items:
            return False
        mark = _digest(page.items)
        if mark in self.got:
            if ends and mark == self.last:
                return True
            raise PaginationError(
                "two pages hold the same rows: the remote may not know the page parameter",
                code="repeated_page",
                hint="say repeats_last=True on the paginator if this remote repeats its last page",
            )
        self.got.add(mark)
        self.last = mark
        return False


def items_at(data: type_json, path: str = "") -> list[type_json]:
    """Return the list of rows in a body.

    Args:
        data: the parsed body.
        path: dotted path of the list; empty: the body itself, or the first list in it. Null counts as empty.

    Raises:
        PaginationError: there is no list (code ``no_items``).
    """
    found = at(data, path, MISSING) if path else _first_list(data)
    if found is None:
        return []
    if not isinstance(found, list):
        where = f"at {path!r}" if path else "in the body"
        raise PaginationError(f"the listing holds no list {where}", code="no_items", hint="set items on the type")
    return found


def _first_list(data: type_json) -> type_json:
    if isinstance(data, Mapping):
        return next((value for value in data.values() if isinstance(value, list)), MISSING)
    return MISSING if data is None else data


MISSING: Any = object()


def at(data: type_json, path: str, default: type_json = None) -> type_json:
    """Return what a dotted path leads to; a number part is a list index. A key that holds dots itself goes first."""
    if isinstance(data, Mapping) and path in data:
        return data[path]
    for part in path.split("."):
        if isinstance(data, Mapping) and part in data:
            data = data[part]
        elif isinstance(data, list) and part.isdecimal() and int(part) < len(data):
            data = data[int(part)]
        else:
            return default
    return data


def _whole(value: type_json) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _digest(value: type_json) -> bytes:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
