"""Every style of pagination, and every way it was seen to go wrong."""

from __future__ import annotations

import base64
import binascii
import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from sync.testing.sandbox.config import STYLES, Config
from sync.testing.sandbox.item import SortKey, sort_key
from sync.testing.sandbox.message import Refusal, Reply, Request, json_reply

PARAMS = ("page", "per_page", "page_size", "limit", "offset", "cursor", "pagination")
BODY_STYLES = ("cursor", "next_url", "next_path")
OTHER_ORIGIN = "http://other-origin.invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a listing: ``next`` is a cursor, empty where there is none."""

    keys: Sequence[SortKey]
    style: str
    total: int
    start: int = 0
    size: int = 0
    next: str = ""


def style_of(params: Mapping[str, str], config: Config) -> str:
    """Return the style that a request chooses: by name, by its parameters, else the configured one.

    Raises:
        Refusal: 400, there is no such style.
    """
    if named := params.get("pagination"):
        if named not in STYLES:
            raise Refusal(400, "bad_parameter", f"pagination is one of {', '.join(STYLES)}", field="pagination")
        return named
    return next((name for name in ("cursor", "offset", "page") if name in params), config.pagination)


def turn(keys: Sequence[SortKey], params: Mapping[str, str], config: Config, *, by_id: bool) -> Page:
    """Return the page that a request asks for.

    Args:
        keys: all that match, in order.
        params: the query parameters.
        config: the options in force.
        by_id: the order is that of ids, so a cursor names the last id; else it names a position.

    Raises:
        Refusal: 400, a parameter makes no sense.
    """
    style = style_of(params, config)
    total = len(keys)
    if style == "none":
        return Page(keys=keys, style=style, total=total, size=total)
    try:
        size, start = _size(params, config), _start(keys, params, style, config, by_id)
    except ValueError as exc:
        if config.pagination_fault == "wrong_is_empty":
            return Page(keys=(), style=style, total=total)
        raise Refusal(400, "bad_parameter", "a pagination parameter makes no sense") from exc
    if config.pagination_fault == "repeat_last" and start >= total:
        start = (total - 1) // size * size if total else 0
    shown = keys[start : start + size]
    following = _next(shown, start, size, total, config, by_id)
    return Page(keys=shown, style=style, total=total, start=start, size=size, next=following)


def reply(rows: list[dict[str, Any]], page: Page, request: Request, config: Config) -> Reply:
    """Return a page in its style."""
    body = _body(rows, page, request, config)
    headers = [("X-Total-Count", str(page.total))]
    if page.style == "link":
        headers += _link(page, request, config)
    if page.style == "next_page_header" and page.next:
        headers.append(("Next-Page", _url(page, request, config)))
    return json_reply(body, 200, *headers)


def _body(rows: list[dict[str, Any]], page: Page, request: Request, config: Config) -> Any:
    name = config.envelope.removesuffix("[]") or config.items
    if page.style not in BODY_STYLES and not config.envelope:
        return rows
    body: dict[str, Any] = {name: rows}
    if page.style == "cursor":
        body["next_cursor"] = page.next or None
    elif page.style == "next_url":
        body["next"] = _url(page, request, config) if page.next else None
    elif page.style == "next_path":
        body["next"] = _path(page.next, page, request) if page.next else None
    if config.total:
        body["total"] = page.total
    return body


def _size(params: Mapping[str, str], config: Config) -> int:
    told = next((params[name] for name in ("limit", "per_page", "page_size") if name in params), "")
    size = int(told) if told else config.page_size
    if size < 1:
        raise ValueError("a page holds one object at least")
    return min(size, config.max_page_size)


def _start(keys: Sequence[SortKey], params: Mapping[str, str], style: str, config: Config, by_id: bool) -> int:
    if style == "offset":
        return _natural(params.get("offset") or "0", 0)
    if style == "page":
        return (_natural(params.get("page") or "1", 1) - 1) * _size(params, config)
    if not params.get("cursor"):
        return 0
    try:
        told = decode(params["cursor"])
    except ValueError:
        if config.pagination_fault == "cursor_restart":
            return 0
        raise
    return bisect_right(keys, sort_key(told)) if isinstance(told, str) and by_id else int(told)


def _natural(text: str, least: int) -> int:
    number = int(text)
    if number < least:
        raise ValueError(f"{number} is below {least}")
    return number


def _next(shown: Sequence[SortKey], start: int, size: int, total: int, config: Config, by_id: bool) -> str:
    if start + size < total:
        return encode(shown[-1][2] if by_id else start + size)
    at_end = {"loop": 0, "repeat_last": start, "empty_next": start + size}.get(config.pagination_fault)
    return "" if at_end is None else encode(at_end)


def encode(told: str | int) -> str:
    """Return an opaque cursor. It holds a comma, as some do, so that clients must quote it."""
    return "c," + base64.urlsafe_b64encode(json.dumps(told).encode()).decode("ascii")


def decode(cursor: str) -> str | int:
    """Return what a cursor holds: the last id, or a position.

    Raises:
        ValueError: it is none of ours.
    """
    if not cursor.startswith("c,"):
        raise ValueError("unknown cursor")
    try:
        told = json.loads(base64.urlsafe_b64decode(cursor[2:]))
        return told if isinstance(told, str) else int(told)
    except (binascii.Error, TypeError) as exc:
        raise ValueError("unknown cursor") from exc


def _path(cursor: str, page: Page, request: Request) -> str:
    kept = [pair for pair in parse_qsl(request.query, keep_blank_values=True) if pair[0] not in PARAMS]
    own = [("pagination", page.style), ("limit", str(page.size)), *([("cursor", cursor)] if cursor else [])]
    return f"{request.path}?{urlencode([*kept, *own])}"


def _url(page: Page, request: Request, config: Config) -> str:
    origin = OTHER_ORIGIN if config.pagination_fault == "other_origin" else request.origin
    return origin + _path(page.next, page, request)


def _link(page: Page, request: Request, config: Config) -> list[tuple[str, str]]:
    """Several relations in one header, as GitHub sends them (RFC 8288)."""
    links = [f'<{request.origin}{_path("", page, request)}>; rel="first"']
    if page.next:
        links.insert(0, f'<{_url(page, request, config)}>; rel="next"; title="more, please"')
    if not page.next and config.pagination_fault == "empty_link":
        links = []
    return [("Link", ", ".join(links))]
