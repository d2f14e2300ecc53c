"""What people type: an account, a reason, and the end of a doubt."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from django import forms
from django.forms.fields import InvalidJSONInput
from django.utils.translation import gettext_lazy as _

from sync import registry
from sync.bindings import LEFT, LONGEST_ID
from sync.deadletters.ignore import LONGEST_REASON
from sync.exceptions import ConfigurationError
from sync.integrators.options import effective
from sync.models import Binding, Connection
from sync.resync.linking import holder_of
from sync.resync.pausing import LONGEST_REASON as LONGEST_PAUSE

ARRIVED = "arrived"
NEVER = "never"


class JsonField(forms.JSONField):
    """JSON that a column can hold and a page can show: Django's own fails on what is nested or long beyond use."""

    def to_python(self, value: Any) -> Any:
        """Return the value; half characters, NUL and numbers beyond every float are refused."""
        try:
            found = super().to_python(value)
            told = json.dumps(found, allow_nan=False, ensure_ascii=False)
            told.encode()
        except (ValueError, RecursionError):  # a UnicodeEncodeError is a ValueError, a ValidationError is none
            raise forms.ValidationError(_("Enter a valid JSON."), code="invalid") from None
        if "\\u0000" in told:
            raise forms.ValidationError(_("Null characters are not allowed."), code="null_characters_not_allowed")
        return found

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return what is shown again: as it was typed, where it is none."""
        try:
            self.to_python(data)
        except forms.ValidationError:
            return InvalidJSONInput(data)
        return super().bound_data(data, initial)


class ConnectionForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """An account; its options are checked here, not at the next drain."""

    class Meta:
        field_classes: ClassVar[Any] = {"options": JsonField}

    def clean_base_url(self) -> str:
        """Refuse a user and a password: whoever may view accounts reads this, and no call is made with them."""
        given: str = self.cleaned_data["base_url"]
        if "@" in given.partition("://")[2].partition("/")[0]:
            raise forms.ValidationError(_("A user and a password are credentials: set them there."), code="credentials")
        return given

    def clean(self) -> dict[str, Any]:
        """Refuse an integrator that does not exist, and options that it cannot have."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        names = ("integrator", "name", "base_url", "options")  # those that this user may not edit are as they were
        given = {name: cleaned.get(name, getattr(self.instance, name)) for name in names}
        try:
            effective(Connection(**given))
        except ConfigurationError as error:
            self.add_error("options" if given["integrator"] in registry.integrators() else None, str(error))
        return cleaned


def _reason(help_text: Any, *, max_length: int = LONGEST_REASON, required: bool = True) -> forms.CharField:
    """A line that says why."""
    widget = forms.TextInput(attrs={"class": "vTextField"})
    return forms.CharField(
        label=_("Reason"), required=required, max_length=max_length, widget=widget, help_text=help_text
    )


class PauseForm(forms.Form):
    """Say why nothing is sent."""

    reason = _reason(
        _("Shown wherever somebody asks why nothing arrives. Empty: your name."),
        max_length=LONGEST_PAUSE,
        required=False,
    )


class ReasonForm(forms.Form):
    """Say why nobody need look at dead letters."""

    reason = _reason(_("Shown beside each. Another cause opens them again; a success closes them."))


class UnlinkForm(forms.Form):
    """Say why an object is to be cut off from its remote object."""

    reason = _reason(_("Kept in the history, with who did it and when."))


class AdoptForm(forms.Form):
    """Say which remote object a local one is. ``looked`` is the id that was looked at last.

    Args:
        binding: the object's.
    """

    remote_id = forms.CharField(
        label=_("Remote id"),
        max_length=LONGEST_ID,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text=_("As the remote shows it."),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=LONGEST_REASON,
        required=False,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
    )
    looked = forms.CharField(required=False, strip=False, max_length=LONGEST_ID, widget=forms.HiddenInput)

    def __init__(self, *args: Any, binding: Binding, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.binding = binding

    def clean_remote_id(self) -> str:
        """Refuse the id of another object."""
        remote_id: str = self.cleaned_data["remote_id"]
        holder = holder_of(self.binding, remote_id)
        if holder is not None and holder.code != LEFT:
            raise forms.ValidationError(
                _("%(type)s %(id)s is bound to this id already: unlink that one first."),
                code="taken",
                params={"type": holder.object_type, "id": holder.object_id},
            )
        return remote_id

    def looked_at(self, remote_id: str) -> AdoptForm:
        """Return the form anew, for an id that was looked at."""
        return AdoptForm({**self.cleaned_data, "looked": remote_id}, binding=self.binding)


class DoubtForm(forms.Form):
    """Say whether a create of unknown outcome arrived.

    Args:
        binding: the doubtful object's.
    """

    answer = forms.ChoiceField(
        label=_("The remote"),
        widget=forms.RadioSelect,
        choices=[(ARRIVED, _("has it, under this id:")), (NEVER, _("does not have it: create it again"))],
    )
    remote_id_given = forms.CharField(label=_("Remote id"), max_length=LONGEST_ID, required=False)

    def __init__(self, *args: Any, binding: Binding, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.binding = binding

    @property
    def remote_id(self) -> str | None:
        """The id it arrived under, None where it never arrived."""
        return self.cleaned_data["remote_id_given"] or None if self.cleaned_data["answer"] == ARRIVED else None

    def clean(self) -> dict[str, Any]:
        """An id is needed where it arrived, and no other object may have it."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("answer") != ARRIVED:
            return cleaned
        given = cleaned.get("remote_id_given", "")
        if not given:
            self.add_error("remote_id_given", _("Which id does it have there?"))
        elif holder_of(self.binding, given) is not None:
            self.add_error("remote_id_given", _("Another object is bound to this id."))
        return cleaned
