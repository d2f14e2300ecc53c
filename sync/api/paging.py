"""Pages by keyset: what is read is bounded at any size, and rows that come or go between two pages shift nothing.

A page never counts. Where a filter has no index, a page looks through so many rows and no more: it may then hold fewer
rows than were asked for, even none, while ``next`` is there; whoever goes on until ``next`` is null misses nothing.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.response import Response

from sync.models.identity import LARGEST

PAGE = 50
LARGEST_PAGE = 200
LOOKED_AT = 10_000
"""Rows that one page looks through where a filter has no index."""

FORWARD, BACK = "f", "b"
CURSOR = re.compile(r"([fb])\|([a-z_-]{1,20})\|(?:(\d{1,17})\|)?(-?\d{1,19})")
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Order:
    """One way to sort: by the key alone, or by a time and then the key, both in one direction.

    Args:
        name: as it is asked for: ``-id``, ``-last_seen``.
    """

    name: str

    @property
    def descending(self) -> bool:
        """Whether the newest come first."""
        return self.name.startswith("-")

    @property
    def time(self) -> str:
        """The field of the time, empty where the key alone sorts."""
        field = self.name.lstrip("-")
        return "" if field == "id" else field

    def fields(self, *, back: bool) -> list[str]:
        """Return what ``order_by`` takes; ``back`` walks the other way."""
        sign = "-" if self.descending != back else ""
        return [f"{sign}{name}" for name in (self.time, "pk") if name]

    def beyond(self, place: Place, *, back: bool, inclusive: bool = False) -> Q:
        """Return the condition of the rows on that side of a place."""
        side = "lt" if self.descending != back else "gt"
        last = f"pk__{side}e" if inclusive else f"pk__{side}"
        if not self.time:
            return Q(**{last: place.pk})
        return Q(**{f"{self.time}__{side}": place.at}) | Q(**{self.time: place.at, last: place.pk})

    def place_of(self, row: Any) -> Place:
        """Return where a row stands."""
        return Place(pk=row.pk, at=getattr(row, self.time) if self.time else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Between which rows a page begins: beside the row of this key, and of this time where it sorts."""

    pk: int
    at: dt.datetime | None = None


class KeysetPagination(BasePagination):
    """Pages of a view's queryset, in one of the view's ``orderings``, the first of which is the default."""

    def __init__(self) -> None:
        self.links: dict[str, str | None] = {"next": None, "previous": None}

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> list[Any]:
        """Return one page.

        Raises:
            ValidationError: the cursor, the page's size or the order is none that could be.
        """
        size = _size(request)
        order = _order(request, view.orderings)
        place, back = _cursor(request, order)
        rows = queryset if place is None else queryset.filter(order.beyond(place, back=back))
        walked: QuerySet[Any] | None = getattr(view, "walked", None)
        edge = None if walked is None else _edge(walked, order, place, back=back)
        if edge is not None:
            rows = rows.filter(order.beyond(edge, back=not back, inclusive=True))
        found = list(rows.order_by(*order.fields(back=back))[: size + 1])
        page, more = found[:size], len(found) > size
        onward = order.place_of(page[-1]) if more else edge
        self._link(request, order, page, onward=onward, came_from=place, back=back)
        return page[::-1] if back else page

    def get_paginated_response(self, data: Any) -> Response:
        """Return the page with the addresses of its neighbours, in the body and as a ``Link`` header."""
        links = [f'<{url}>; rel="{"prev" if name == "previous" else name}"' for name, url in self.links.items() if url]
        headers = {"Link": ", ".join(links)} if links else {}
        return Response({**self.links, "results": data}, headers=headers)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Return the schema of a page."""
        url = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {
                "next": {**url, "description": "The next page; null: that was the last one."},
                "previous": {**url, "description": "The page before; null on the first one."},
                "results": schema,
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Return the query parameters."""
        names = list(view.orderings)
        size = {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE}
        return [
            _parameter("cursor", {"type": "string"}, "Where the page begins: out of `next` or `previous`."),
            _parameter("page_size", size, f"Rows at the most, 1 to {LARGEST_PAGE}."),
            _parameter("ordering", {"type": "string", "enum": names, "default": names[0]}, "What sorts the rows."),
        ]

    def _link(
        self,
        request: Any,
        order: Order,
        page: Sequence[Any],
        *,
        onward: Place | None,
        came_from: Place | None,
        back: bool,
    ) -> None:
        first = order.place_of(page[0]) if page else came_from
        ahead = _address(request, order, onward, BACK if back else FORWARD) if onward else None
        behind = _address(request, order, first, FORWARD if back else BACK) if came_from and first else None
        self.links = {"next": behind, "previous": ahead} if back else {"next": ahead, "previous": behind}


def _edge(rows: QuerySet[Any], order: Order, place: Place | None, *, back: bool) -> Place | None:
    """The last row that this page looks at, None where it looks at all that are left."""
    left = rows if place is None else rows.filter(order.beyond(place, back=back))
    named = [name for name in ("pk", order.time) if name]
    found = list(left.order_by(*order.fields(back=back)).values_list(*named)[LOOKED_AT - 1 : LOOKED_AT])
    if not found:
        return None
    return Place(pk=found[0][0], at=found[0][1] if order.time else None)


def _size(request: Any) -> int:
    given = request.query_params.get("page_size")
    if given is None:
        return PAGE
    if not re.fullmatch(r"[0-9]{1,9}", given) or not 1 <= int(given) <= LARGEST_PAGE:
        raise ValidationError({"page_size": [f"Give a number from 1 to {LARGEST_PAGE}."]})
    return int(given)


def _order(request: Any, orderings: Sequence[str]) -> Order:
    given = request.query_params.get("ordering", orderings[0])
    if given not in orderings:
        raise ValidationError({"ordering": [f"Give one of {', '.join(orderings)}."]})
    return Order(given)


def _cursor(request: Any, order: Order) -> tuple[Place | None, bool]:
    given = request.query_params.get("cursor")
    if given is None:
        return None, False
    found = CURSOR.fullmatch(_decoded(given))
    if found is None or found[2] != order.name or bool(found[3]) != bool(order.time) or abs(int(found[4])) > LARGEST:
        raise ValidationError({"cursor": ["This is no cursor of this list: take it out of next or previous."]})
    at = EPOCH + int(found[3]) * MICROSECOND if found[3] else None
    return Place(pk=int(found[4]), at=at), found[1] == BACK


def _decoded(given: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", given):
        return ""
    try:
        return base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        return ""


def _address(request: Any, order: Order, place: Place, direction: str) -> str:
    time = f"{(place.at - EPOCH) // MICROSECOND}|" if place.at else ""
    text = f"{direction}|{order.name}|{time}{place.pk}"
    cursor = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    query = {**{name: request.query_params.getlist(name) for name in request.query_params}, "cursor": [cursor]}
    return f"{request.build_absolute_uri(request.path)}?{urlencode(query, doseq=True)}"


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": description}
