"""Encryption keys, and whether each sealed credential opens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sync import conf, secrets
from sync.exceptions import SecretError
from sync.models import Connection
from sync.monitoring.doctor.finding import Finding, failed, found, skipped, warned


def findings(rows: Sequence[Connection]) -> Iterator[Finding]:
    """Judge the keys, and the credentials of these connections. No credential is told."""
    count = len(conf.current().encryption_keys)
    sealed = [row for row in rows if row.credentials]
    if not count and not sealed:
        yield skipped("keys", "There is no encryption key, and nothing is sealed.")
        return
    try:
        secrets.check_keys()
    except SecretError as error:
        yield failed("keys", f"{error.message}.", error.hint)
        return
    old = [row for row in sealed if _opens(row) and not secrets.is_newest(row.credentials)]
    if count:
        yield found("keys", f"{count} encryption key{'' if count == 1 else 's'}; {len(sealed)} sealed credentials.")
    if old:
        names = ", ".join(map(str, old[:5]))
        hint = "Run manage.py crudsync_rotate_keys, then remove the old key."
        yield warned("keys", f"{len(old)} are sealed under an older key: {names}.", hint)
    for row in rows:
        yield from _account(row)


def _opens(row: Connection) -> bool:
    try:
        return bool(secrets.open_sealed(row.credentials))
    except SecretError:
        return False


def _account(row: Connection) -> Iterator[Finding]:
    try:
        names = secrets.credentials(row)
    except SecretError as error:
        yield failed("keys", f"{error.message}.", error.hint, subject=str(row))
        return
    if names:
        yield found("keys", f"Its credentials can be read ({len(names)} values).", subject=str(row))
