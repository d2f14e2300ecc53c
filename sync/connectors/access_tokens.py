"""Access tokens in the connection's sealed credentials, and the lease under which one worker renews them."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import router, transaction
from django.db.models import Q

from sync.exceptions import InTransaction, SecretError
from sync.models import Connection, Gate, clock
from sync.secrets import open_sealed, seal

TOKEN = "access_token"  # noqa: S105 - the name of a credential, not one
UNTIL = "access_token_until"
TRIES = 20  # another writer between read and write: read again


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The credentials of a row as they are in the database at ``now`` (the database's clock).

    ``until`` is when the token should be renewed, None where the remote did not say.
    """

    credentials: Mapping[str, str] = field(repr=False)
    now: dt.datetime

    @property
    def token(self) -> str:
        """The access token, empty where there is none."""
        return self.credentials.get(TOKEN, "")

    @property
    def until(self) -> dt.datetime | None:
        """When the token should be renewed."""
        text = self.credentials.get(UNTIL, "")
        return dt.datetime.fromisoformat(text) if text else None

    def usable(self, refused: str) -> bool:
        """Return whether there is a token that is still good and not the refused one."""
        return bool(self.token) and self.token != refused and (self.until is None or self.until > self.now)

    def lasts_s(self) -> float:
        """Return for how many seconds the token may be used without another look."""
        return float("inf") if self.until is None else (self.until - self.now).total_seconds()


def now() -> dt.datetime:
    """Return the time by the clock of the database that holds the connections."""
    return clock.now(_using())


def load(connection_id: int) -> Stored:
    """Return what the row holds now, past any copy in memory.

    Raises:
        SecretError: it cannot be opened, or the row is gone.
    """
    _, opened = _row(connection_id)
    return Stored(credentials=opened, now=now())


def save(connection_id: int, new: Mapping[str, str], *, instead_of: str) -> None:
    """Commit new credentials beside the others of the row, where its token is still the one that was renewed.

    Where it is another, somebody renewed meanwhile: theirs stands.

    Args:
        connection_id: primary key of the row.
        new: what the token endpoint gave, by key.
        instead_of: the access token that was there before the renewal.

    Raises:
        SecretError: the row cannot be opened, or would not hold still.
    """
    rows = Connection.objects.using(_using())
    for _ in range(TRIES):
        sealed, opened = _row(connection_id)
        if opened.get(TOKEN, "") != instead_of:
            return
        if rows.filter(pk=connection_id, credentials=sealed).update(credentials=seal({**opened, **new})):
            return
    raise SecretError(f"the credentials of connection {connection_id} change too often to be written")


@contextmanager
def lease(connection_id: int, seconds: float) -> Iterator[bool]:
    """Hold the connection's lease for renewing, by compare-and-swap; yields False where another worker has it.

    Args:
        connection_id: primary key of the connection.
        seconds: until it ends by itself, by the database's clock.

    Raises:
        InTransaction: neither the lease nor the new token would be committed before it is used.
    """
    _refuse_open_transaction()
    mine = secrets.token_hex(16)
    held = _take(connection_id, mine, seconds)
    try:
        yield held
    finally:
        if held:
            Gate.objects.using(_using()).filter(pk=connection_id, refresh_token=mine).update(
                refresh_token="", refresh_until=None
            )


def _take(connection_id: int, mine: str, seconds: float) -> bool:
    gates = Gate.objects.using(_using())
    gates.get_or_create(connection_id=connection_id)
    at = now()
    free = gates.filter(Q(refresh_until__isnull=True) | Q(refresh_until__lte=at), pk=connection_id)
    return bool(free.update(refresh_token=mine, refresh_until=at + dt.timedelta(seconds=seconds)))


def _refuse_open_transaction() -> None:
    try:
        with transaction.atomic(using=_using(), durable=True):
            return
    except RuntimeError as error:
        raise InTransaction("a token cannot be renewed inside an open transaction") from error


def _row(connection_id: int) -> tuple[str, dict[str, str]]:
    row = Connection.objects.using(_using()).filter(pk=connection_id).values_list("credentials", flat=True).first()
    if row is None:
        raise SecretError(f"connection {connection_id} is gone", code="connection_gone")
    return row, open_sealed(row)


def _using() -> str:
    return router.db_for_write(Connection)
