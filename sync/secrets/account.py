"""The credentials of one account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from sync import conf
from sync.exceptions import ConfigurationError, SecretError
from sync.secrets.memory import source
from sync.secrets.references import resolve
from sync.secrets.sealing import open_sealed


class Account(Protocol):
    """What is read of a Connection row: this room stands below the rows."""

    @property
    def integrator(self) -> str:
        """The name of its integrator."""

    @property
    def name(self) -> str:
        """The account's name, ``default`` for the one that is made by itself."""

    @property
    def credentials(self) -> str:
        """Sealed text, empty for none."""


def credentials(connection: Account) -> dict[str, str]:
    """Return the credentials of a connection: those of its row, over those in the settings.

    Values in ``CRUDSYNC["integrators"][name]["credentials"]`` are references or values and belong to the connection
    ``default``. Values of a row are taken as they are: a person who may edit a row must not read the settings by it.

    Raises:
        SecretError: the row cannot be opened, or a reference names nothing. The message names the connection.
    """
    try:
        return {**configured(connection), **open_sealed(connection.credentials)}
    except SecretError as error:
        raise SecretError(
            f"connection {connection.integrator}/{connection.name}: {error.message}", code=error.code, hint=error.hint
        ) from error


@source
def _of_settings() -> list[str]:
    """The credentials in the settings: a hook may know them before the first request needs them."""
    try:
        given: list[Any] = list(conf.current().integrators.values())
    except ConfigurationError:
        return []
    tables = [each.get("credentials") for each in given if isinstance(each, Mapping)]
    refs = [ref for table in tables if isinstance(table, Mapping) for ref in table.values() if isinstance(ref, str)]
    return [value for ref in refs if (value := _resolved(ref))]


def _resolved(ref: str) -> str:
    try:
        return resolve(ref)
    except SecretError:
        return ""


def configured(connection: Account) -> dict[str, str]:
    """Return the credentials that the settings hold for a connection, empty but for ``default``.

    Raises:
        SecretError: a reference names nothing.
    """
    if connection.name != "default":
        return {}
    given = conf.current().integrators.get(connection.integrator, {}).get("credentials", {})
    return {str(key): resolve(str(ref)) for key, ref in given.items()}
