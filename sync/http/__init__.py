"""HTTP without ORM: one request in, one answer out, within a total deadline and a cap on the body."""

from requests import Response

from sync.http.pool import check
from sync.http.redact import own_parameter, safe_url, secrets_sent
from sync.http.transport import Transport

__all__ = ["Response", "Transport", "check", "own_parameter", "safe_url", "secrets_sent"]
