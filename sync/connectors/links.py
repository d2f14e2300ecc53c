"""Links of a listing: the Link header, and the rule that a link stays where it came from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urldefrag, urljoin, urlsplit

from sync.exceptions import PaginationError

PORTS = {"http": 80, "https": 443}

_TARGET = re.compile(r"[\s,]*<([^<>]*)>")
_PARAMETER = re.compile(r'\s*;\s*([!#$%&\'*+\-.^_`|~\w]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?')
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One link of a Link header: where it leads, and its relation types in lower case."""

    target: str
    rels: tuple[str, ...]


def parse_link_header(value: str) -> list[Link]:
    """Return the links of a Link header, in order; what cannot be read is left out.

    Commas and semicolons inside a URL or a quoted string are part of it; only the first ``rel`` of a link counts; a
    link with an ``anchor`` speaks of another resource and is left out (RFC 8288, section 3).

    Args:
        value: the header's value; several headers joined by commas.
    """
    links: list[Link] = []
    position = 0
    while target := _TARGET.match(value, position):
        parameters, position = _parameters(value, target.end())
        if "anchor" not in parameters:
            links.append(Link(target=target[1].strip(), rels=tuple(parameters.get("rel", "").lower().split())))
    return links


def _parameters(value: str, position: int) -> tuple[dict[str, str], int]:
    found: dict[str, str] = {}
    while match := _PARAMETER.match(value, position):
        quoted, bare = match[2], match[3]
        text = _ESCAPED.sub(r"\1", quoted) if quoted is not None else bare or ""
        found.setdefault(match[1].lower(), text)
        position = match.end()
    return found, position


def header(headers: Mapping[str, str], name: str) -> str:
    """Return a header's value without regard to case, empty where there is none."""
    wanted = name.lower()
    return next((value for key, value in headers.items() if key.lower() == wanted), "")


def follow(base: str, link: str) -> str:
    """Return a link as an absolute URL without its fragment.

    Args:
        base: the URL of the page that holds the link.
        link: absolute, or relative to ``base``.

    Raises:
        PaginationError: the link leads to another scheme, host or port, or carries credentials.
    """
    try:
        url, _ = urldefrag(urljoin(base, link.strip()))
        same = _origin(url) == _origin(base)
        clean = "@" not in urlsplit(url).netloc
    except ValueError as error:  # a port or an IPv6 address that is none
        raise PaginationError("the next link is not a URL", code="bad_link") from error
    if _CONTROL.search(url):
        raise PaginationError("the next link holds a space or a control character", code="bad_link")
    if not (same and clean):
        raise PaginationError(
            "the next link leads to another origin",
            code="other_origin",
            hint="a remote behind a proxy may name the wrong scheme or port: let base_url be what it names",
        )
    return url


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or PORTS.get(parts.scheme)
