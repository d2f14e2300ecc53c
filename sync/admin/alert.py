"""Alert rules, and what they found. Rules are people's; incidents have one writer, and it is not a form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from sync import conf
from sync.admin.forms import JsonField
from sync.admin.readonly import ReadOnlyAdmin
from sync.models import AlertRule, Incident
from sync.monitoring.alerts.rules import OF_SYSTEM

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[AlertRule]
    _ModelForm = forms.ModelForm[AlertRule]
else:
    _ModelAdmin = admin.ModelAdmin
    _ModelForm = forms.ModelForm


class AlertRuleForm(_ModelForm):
    """A rule, checked against the channels that the settings name."""

    class Meta:
        model = AlertRule
        fields = "__all__"
        field_classes: ClassVar[Any] = {"channels": JsonField}

    def clean_channels(self) -> list[str]:
        """Refuse channels that there are none of."""
        given = self.cleaned_data["channels"] or []
        known = conf.current().alert_channels
        if not isinstance(given, list) or not all(isinstance(name, str) and name in known for name in given):
            raise ValidationError(_("A list of channels, of these: %(known)s."), params={"known": ", ".join(known)})
        return given

    def clean(self) -> dict[str, Any]:
        """Refuse a connection on what is about the whole."""
        data: dict[str, Any] = super().clean() or {}
        if data.get("kind") in OF_SYSTEM and data.get("connection") is not None:
            self.add_error("connection", _("This kind is about the whole: leave the connection empty."))
        threshold, recovery = data.get("threshold"), data.get("recovery")
        if threshold is not None and recovery is not None and recovery > threshold:
            self.add_error("recovery", _("Not above the threshold."))
        return data


@admin.register(AlertRule)
class AlertRuleAdmin(_ModelAdmin):
    """Rules in place of the shipped ones of their names, and the host's own."""

    form = AlertRuleForm
    list_display = ("name", "kind", "connection", "threshold", "for_s", "enabled")
    list_filter = ("kind", "enabled")
    list_select_related = ("connection",)
    show_full_result_count = False
    search_fields = ("name",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Refuse what no database can compare with."""
        return "\x00" not in value and super().lookup_allowed(lookup, value, request)


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    """What was wrong, since when, and who was told."""

    list_display = ("title", "state", "theme", "began_at", "resolved_at")
    list_filter = ("state", "theme")
    fields: ClassVar[Any] = (
        "title", "state", "theme", "began_at", "opened_at", "told_at", "resolved_at", "seen_by_rules", "messages",
    )  # fmt: skip
    readonly_fields = ("seen_by_rules", "messages")

    @admin.display(description=_("seen by"))
    def seen_by_rules(self, obj: Incident) -> SafeString:
        """Return what each rule saw."""
        rows = ((one["rule"], one.get("connection") or "–", one.get("detail", "")) for one in obj.reasons.values())
        return format_html_join("", "<div>{} · {} · {}</div>", rows)

    @admin.display(description=_("messages"))
    def messages(self, obj: Incident) -> SafeString:
        """Return what became of each message."""
        rows = obj.notices.order_by("pk").values_list("channel", "event", "tries", "sent_at", "error")[:100]
        told = ((channel, event, sent_at or error or _("due"), tries) for channel, event, tries, sent_at, error in rows)
        return format_html_join("", "<div>{} · {} · {} · {}</div>", told)
