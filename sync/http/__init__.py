"""HTTP without ORM: one request in, one answer out, within a total deadline and a cap on the body."""

from requests import Response

from sync.http.redact import safe_url
from sync.http.transport import Transport

__all__ = ["Response", "Transport", "safe_url"]
