"""The form of an account's limits: rate windows, retry, deadlines, threads and drains, each empty where not its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from django import forms
from django.forms.formsets import BaseFormSet
from django.utils.translation import gettext_lazy as _

from sync.exceptions import ConfigurationError
from sync.integrators.options import OF_CONNECTION, effective
from sync.integrators.rates import rate_limits
from sync.models import Connection
from sync.retry import POLICIES, policy
from sync.types import RateLimit, RetryPolicy

OWN = "own"
RETRY = tuple(field.name for field in fields(RetryPolicy))
NUMBERS = ("timeout_s", "connect_s", "threads", "user_agent")
MOST_DRAINS = 256


class LimitsForm(forms.Form):
    """What an account says for itself. What is left empty comes from the settings, the object type, the class.

    Args:
        connection: the account.
    """

    drains = forms.IntegerField(
        label=_("Drains"), min_value=1, max_value=MOST_DRAINS, help_text=_("How many workers may drain it at once.")
    )
    timeout_s = forms.FloatField(label=_("Deadline of a call"), required=False, help_text=_("Seconds, in all."))
    connect_s = forms.FloatField(label=_("Deadline of connecting"), required=False, help_text=_("Seconds."))
    threads = forms.IntegerField(label=_("Threads"), required=False, help_text=_("Calls at once in one drain."))
    user_agent = forms.CharField(label=_("User-Agent"), required=False, max_length=200)
    retry = forms.ChoiceField(
        label=_("Retry"),
        required=False,
        choices=[("", _("not of its own")), *((name, name) for name in POLICIES), (OWN, _("of its own, as follows"))],
    )
    attempts = forms.IntegerField(
        label=_("Attempts"), required=False, help_text=_("Tries before an object may be dead.")
    )
    base_delay = forms.FloatField(label=_("First wait"), required=False, help_text=_("Seconds, at the most."))
    max_delay = forms.FloatField(label=_("Longest wait"), required=False, help_text=_("Seconds."))
    exponential_base = forms.FloatField(
        label=_("Factor"), required=False, help_text=_("From one wait to the next, 1 or more.")
    )
    max_age = forms.FloatField(
        label=_("Age"), required=False, help_text=_("Seconds an object must have been unsent before it is dead.")
    )

    def __init__(self, *args: Any, connection: Connection, **kwargs: Any) -> None:
        super().__init__(*args, **{"initial": _initial(connection), **kwargs})
        self.connection = connection

    def clean(self) -> dict[str, Any]:
        """Read the retry policy, so that a wrong number is an error of its field."""
        cleaned: dict[str, Any] = super().clean() or {}
        try:
            policy(self._retry(cleaned) or None)
        except ConfigurationError as error:
            name = error.code.removeprefix("bad_retry_")
            self.add_error(name if name in RETRY else "retry", str(error))
        return cleaned

    def options(self, windows: list[dict[str, Any]]) -> dict[str, Any]:
        """Return what is to be stored: only what the account says for itself."""
        said: dict[str, Any] = {name: self.cleaned_data[name] for name in NUMBERS}
        said["retry"] = self._retry(self.cleaned_data)
        said["rate_limit"] = windows
        stored = _stored(self.connection)
        said |= {name: stored[name] for name in OF_CONNECTION if name in stored and name not in said}  # not shown here
        return {name: value for name, value in said.items() if value not in (None, "", [], {})}

    def agrees(self, options: Mapping[str, Any]) -> bool:
        """Return whether an account may have these options; where not, say so at the field they came from."""
        row = self.connection
        try:
            effective(Connection(integrator=row.integrator, name=row.name, base_url=row.base_url, options=options))
        except ConfigurationError as error:
            name = str(error).partition(" ")[0]
            self.add_error(name if name in self.fields else None, str(error))
            return False
        return True

    def _retry(self, cleaned: Mapping[str, Any]) -> Any:
        chosen = cleaned.get("retry", "")
        if chosen != OWN:
            return chosen
        return {name: cleaned[name] for name in RETRY if cleaned.get(name) is not None}


class WindowForm(forms.Form):
    """One window: so many calls in so many seconds."""

    limit = forms.IntegerField(label=_("Calls"), min_value=1)
    per = forms.FloatField(label=_("in seconds"), initial=60)
    burst = forms.IntegerField(label=_("Burst"), min_value=1, initial=1)
    methods = forms.CharField(label=_("Methods"), required=False)
    endpoints = forms.CharField(label=_("Endpoints"), required=False)
    name = forms.CharField(label=_("Name"), required=False, max_length=100)

    def clean(self) -> dict[str, Any]:
        """Refuse what the bucket cannot keep."""
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors and self.has_changed():
            try:
                rate_limits(self.said(cleaned))
            except ConfigurationError as error:
                self.add_error(None, str(error))
        return cleaned

    @staticmethod
    def said(cleaned: Mapping[str, Any]) -> dict[str, Any]:
        """Return the window as it is stored."""
        said = {**cleaned, "methods": _words(cleaned["methods"].upper()), "endpoints": _words(cleaned["endpoints"])}
        said.pop("DELETE", None)
        return {name: value for name, value in said.items() if value not in ("", [])}


if TYPE_CHECKING:
    _FormSet = BaseFormSet[WindowForm]
else:
    _FormSet = BaseFormSet


class _Windows(_FormSet):
    """Windows in the order they are stored in."""

    def said(self) -> list[dict[str, Any]]:
        """Return the windows as they are stored."""
        kept = [form for form in self.forms if form.has_changed() or form.initial]
        return [WindowForm.said(form.cleaned_data) for form in kept if not form.cleaned_data.get("DELETE")]


Windows: Any = forms.formset_factory(WindowForm, formset=_Windows, extra=1, can_delete=True, max_num=20)
"""The windows of an account."""


def windows_of(connection: Connection) -> list[dict[str, Any]]:
    """Return an account's own windows, as the form shows them; none where they cannot be read."""
    try:
        found = rate_limits(_stored(connection).get("rate_limit"))
    except (ConfigurationError, TypeError):
        return []
    return [_shown(limit) for limit in found]


def _shown(limit: RateLimit) -> dict[str, Any]:
    return {**asdict(limit), "methods": ", ".join(limit.methods), "endpoints": ", ".join(limit.endpoints)}


def _initial(connection: Connection) -> dict[str, Any]:
    stored = _stored(connection)
    found: dict[str, Any] = {name: stored.get(name) for name in NUMBERS}
    retry = stored.get("retry")
    if isinstance(retry, Mapping):
        found["retry"] = OWN
        try:
            found.update(asdict(policy(retry)))
        except ConfigurationError:
            found.update({name: retry.get(name) for name in RETRY})
    else:
        found["retry"] = retry or ""
    return {**found, "drains": connection.drains}


def _stored(connection: Connection) -> Mapping[str, Any]:
    """The options of an account, none where they are no object: the form then sets them anew."""
    return connection.options if isinstance(connection.options, Mapping) else {}


def _words(text: str) -> list[str]:
    return [word for word in text.replace(",", " ").split() if word]
