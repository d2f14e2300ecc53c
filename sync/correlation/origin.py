"""What a row keeps of where it came from: the correlation id, and the traces of the saves where they are on.

One text, ``id[ trace]*``, since each column more is time off every save. A trace is ``trace id-span id-flags`` in
hexadecimal, as in a W3C ``traceparent``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sync import tracing
from sync.correlation.ids import LENGTH, correlation_id, usable

TRACES = 4
"""So many saves are remembered of those that went out as one."""

TRACES_SIZE = TRACES * (1 + 32 + 1 + 16 + 1 + 2)
"""Characters of so many traces, each with its blank."""

SIZE = 300
"""Characters of the column: an id and four traces need 276."""

_TRACE = r"[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}"
TRACED = rf"^[^ ]+( {_TRACE})+$"
"""What a packed origin with traces looks like, to PostgreSQL too."""

_PACKED = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:-]{{0,{LENGTH - 1}}}(?: {_TRACE}){{0,{TRACES}}}")


@dataclass(frozen=True, slots=True)
class Origin:
    """A correlation id, empty where there is none, and traces, that of the last save first."""

    correlation_id: str = ""
    traces: tuple[str, ...] = ()


NOWHERE = Origin()


def here() -> str:
    """Return the origin, packed, of what is written here and now; empty where there is none."""
    id_, trace = correlation_id(), tracing.carried()
    return f"{id_ or trace[:32]} {trace}" if trace else id_


def fits(text: str) -> bool:
    """Return whether a text is a packed origin: no other may stand in a statement as it is."""
    return _PACKED.fullmatch(text) is not None


def id_of(text: str) -> str:
    """Return the correlation id of what a row keeps, empty where there is none."""
    if not text:
        return ""
    return parse(text).correlation_id if " " in text else usable(text)


def parse(text: str) -> Origin:
    """Return what a row keeps; other programs may have written it, and what is no origin is none."""
    if not text or " " not in text:
        id_ = usable(text)
        return Origin(id_) if id_ else NOWHERE
    if not fits(text):
        return NOWHERE
    id_, *traces = text.split(" ")
    return Origin(id_, tuple(dict.fromkeys(traces)))


def merged(first: str, second: str) -> str:
    """Return the origin of two saves that go out as one: the id is that of the later one.

    Args:
        first: of the earlier save, packed.
        second: of the later one.
    """
    if not second or first == second:
        return first
    if " " not in first:
        return second
    later, earlier = parse(second), parse(first)
    traces = dict.fromkeys((*later.traces, *earlier.traces))
    return " ".join([later.correlation_id, *list(traces)[:TRACES]]) if later.correlation_id else first
