"""Where a person finds an object at the remote: a page of its own, by a template."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from sync import registry
from sync.exceptions import ConfigurationError, CrudSyncError

if TYPE_CHECKING:
    from sync.models import Connection

PLACES = ("id", "endpoint", "account")
"""What a template may name: the remote id, the type's endpoint, the connection's name."""

_PLACE = re.compile(r"\{([^{}]*)\}")
_HEAD = re.compile(r"https?://[^/?#\\\s@]+(?:[/?#]|$)", re.IGNORECASE)


def check_template(template: str) -> None:
    """Check the address of a remote's own pages; empty: it has none.

    Args:
        template: absolute, http or https, such as ``https://shop.example/admin/products/{id}``.

    Raises:
        ConfigurationError: code ``bad_web_url``.
    """
    if not template:
        return
    unknown = [name for name in _PLACE.findall(template) if name not in PLACES]
    bare = _PLACE.sub("x", template)
    if not template.isprintable() or " " in template or not _HEAD.match(bare) or unknown or "{" in bare or "}" in bare:
        raise ConfigurationError(
            "web_url is not the address of a page",
            code="bad_web_url",
            hint="https://host/path/{id}; it may name {id}, {endpoint} and {account}",
        )


def web_url(connection: Connection, object_type: str, remote_id: str | None) -> str:
    """Return the address of an object's page at the remote, empty where none is declared, or none would be safe.

    Values are quoted, so that an id leads nowhere else. Never raises: it is a link beside other things.

    Args:
        connection: the account.
        object_type: the type's name.
        remote_id: the id there.
    """
    if not remote_id or remote_id in (".", ".."):  # these two lead elsewhere, and cannot be quoted
        return ""
    try:
        integrator: Any = registry.get(connection.integrator)
        spec = integrator.types().get(object_type)
        if spec is None:
            return ""
        template = spec.web_url or getattr(integrator, "web_url", "")
        check_template(template)
    except CrudSyncError:
        return ""
    values = {"id": remote_id, "endpoint": spec.endpoint.strip("/"), "account": connection.name}
    try:
        url = _PLACE.sub(lambda place: quote(values[place[1]], safe="/" if place[1] == "endpoint" else ""), template)
        return url if urlsplit(url).scheme.lower() in ("http", "https") else ""
    except (UnicodeEncodeError, ValueError):  # half a character
        return ""
