"""Credentials of an account: they go in and never come out. What is shown are their names, and who set them when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from sync import conf
from sync.admin import show
from sync.exceptions import SecretError
from sync.models import Connection
from sync.models.database import alias
from sync.secrets import is_reference, open_sealed, rotate, seal

CREDENTIAL = "crudsync: credential"
"""How the log's entries about credentials begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """One credential: its name, where it is kept, and when somebody last set it. Never its value."""

    name: str
    kept: str
    changed: str

    @classmethod
    def all_of(cls, connection: Connection, entries: Iterable[LogEntry]) -> tuple[list[Credential], str]:
        """Return the credentials of an account, those that it has of the settings after its own.

        Args:
            connection: the account.
            entries: what the admin's log says of its credentials, the newest first.

        Returns:
            the credentials, and what is wrong with the stored ones (empty: nothing).
        """
        try:
            own, wrong = sorted(open_sealed(connection.credentials)), ""
        except SecretError as error:
            own, wrong = [], str(error)
        found = [cls(name=name, kept=_now("sealed in the account"), changed=_changed(name, entries)) for name in own]
        others = [cls(name=name, kept=kept, changed=show.NOTHING) for name, kept in _of_settings(connection)]
        return [*found, *(one for one in others if one.name not in own)], wrong


class CredentialForm(forms.Form):
    """Set or remove one credential of a connection. Values go in and never come out.

    Args:
        connection: whose credentials.
    """

    name = forms.SlugField(
        label=_("Name"), max_length=100, help_text=_("As the integrator's auth names it: token, username, client_id …")
    )
    value = forms.CharField(
        label=_("Value"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password", "class": "vTextField"}),
        help_text=_("Empty: the credential is removed. It is sealed when it is saved, and never shown."),
    )
    start_anew = forms.BooleanField(
        label=_("Forget all others"),
        required=False,
        help_text=_("Needed where those that are stored can no longer be read."),
    )

    def __init__(self, *args: Any, connection: Connection, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connection = connection

    def clean(self) -> dict[str, Any]:
        """Seal what would be stored, so that a missing key is an error of the form."""
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        if is_reference(cleaned["value"]):
            self.add_error("value", _("A reference has its place in the settings: here it would be sent as it is."))
            return cleaned
        try:
            self._sealed(self.connection.credentials, cleaned)
        except SecretError as error:
            raise forms.ValidationError(str(error), code=error.code) from error
        return cleaned

    def save(self) -> str:
        """Store the sealed credentials; return one sentence for the log, without the value.

        They are read once more under a lock: a worker may have renewed a token since the form was shown.
        """
        with transaction.atomic(using=alias()):
            row = _locked(self.connection)
            _keep(row, self._sealed(row.credentials, self.cleaned_data))
        action = "set" if self.cleaned_data["value"] else "removed"
        return f"{CREDENTIAL} {self.cleaned_data['name']} {action}"

    def _sealed(self, stored: str, given: Mapping[str, Any]) -> str:
        values = {} if given["start_anew"] else open_sealed(stored)
        values.pop(given["name"], None)
        return seal({**values, given["name"]: given["value"]} if given["value"] else values)


def reseal(connection: Connection) -> bool:
    """Seal what an account has under the newest key; return False where it has nothing.

    Raises:
        SecretError: it cannot be read, or there is no key.
    """
    with transaction.atomic(using=alias()):
        row = _locked(connection)
        if row.credentials:
            _keep(row, rotate(row.credentials))
    return bool(row.credentials)


def _locked(connection: Connection) -> Connection:
    return Connection.objects.using(alias()).select_for_update().get(pk=connection.pk)


def _keep(row: Connection, sealed: str) -> None:
    row.credentials = sealed
    row.save(using=alias(), update_fields=["credentials", "updated_at"])


def _changed(name: str, entries: Iterable[LogEntry]) -> str:
    said = (f"{CREDENTIAL} {name} set", f"{CREDENTIAL} {name} removed")
    last = next((entry for entry in entries if entry.change_message in said), None)
    return f"{show.moment(last.action_time)}, {last.user.get_username()}" if last is not None else show.NOTHING


def _of_settings(connection: Connection) -> list[tuple[str, str]]:
    """The names that the settings give the account ``default``, and the references; a value stays unsaid."""
    given = conf.current().integrators.get(connection.integrator, {}).get("credentials")
    if connection.name != "default" or not isinstance(given, Mapping):
        return []
    plain = _now("in the settings, as a value")
    kept = {str(name): str(ref) if is_reference(str(ref)) else plain for name, ref in given.items()}
    return sorted(kept.items())
