"""What of a URL may be written down."""

from __future__ import annotations

from sync.secrets.names import is_secret_name

HIDDEN = "***"

_PARAMETERS = frozenset({"key", "sig", "sign", "signature", "code", "auth", "session", "pin", "hapikey", "sv", "se"})
"""Query parameters that are credentials although their names would be harmless in a body."""


def safe_url(url: str) -> str:
    """Return the URL without user, password, fragment, and values of query parameters that look secret.

    Args:
        url: any text; it need not be a valid URL.
    """
    head, mark, query = url.partition("#")[0].partition("?")
    scheme, slashes, rest = head.partition("://")
    if slashes:
        host, slash, path = rest.partition("/")
        head = f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
    if not mark:
        return head
    return f"{head}?{'&'.join(_safe_pair(pair) for pair in query.split('&'))}"


def _safe_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    secret = equals and (name.lower() in _PARAMETERS or is_secret_name(name))
    return f"{name}={HIDDEN}" if secret else pair
