"""The accounts: what people may set, pause and resume. Credentials go in and never come out."""
# ruff: noqa: ARG002 - the signatures are Django's

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from sync.admin import show
from sync.admin.account import AccountPages
from sync.admin.forms import ConnectionForm
from sync.admin.health import Health
from sync.admin.permissions import PAUSE, SECRETS, may
from sync.admin.readonly import ReadOnlyAdmin
from sync.exceptions import SecretError
from sync.http.redact import safe_url
from sync.models import Binding, Connection, Gate
from sync.monitoring.standing import report, shown
from sync.resync import ring
from sync.resync.pausing import pause, resume
from sync.secrets import open_sealed

COUNTED = "_crudsync_counted"
ACCOUNT = ("integrator", "name", "base_url", "options", "drains", "credentials_set")
STANDING = ("standing", "objects", "backlog", "attempts")
SHOWN = (*STANDING, "credentials_set", "address")


@admin.register(Connection)
class ConnectionAdmin(AccountPages, ReadOnlyAdmin):
    """One row an account at a remote."""

    form = ConnectionForm
    change_form_template = "crudsync/connection_form.html"
    list_display = ("__str__", "standing", "drains", "address", show.at("updated_at", _("changed")))
    list_filter = ("integrator", "paused")
    list_select_related = ("gate",)
    search_fields = ("integrator", "name")
    ordering = ("integrator", "name")
    fields = ACCOUNT
    readonly_fields = SHOWN
    actions = ("pause_selected", "resume_selected")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """People add accounts."""
        return admin.ModelAdmin.has_add_permission(self, request)

    def has_change_permission(self, request: HttpRequest, obj: Connection | None = None) -> bool:
        """People edit accounts."""
        return admin.ModelAdmin.has_change_permission(self, request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Connection | None = None) -> bool:
        """Only an account that was never used may go: its bindings say which remote object is whose."""
        allowed = admin.ModelAdmin.has_delete_permission(self, request, obj)
        return allowed and obj is not None and not Binding.objects.filter(connection=obj).exists()

    def get_readonly_fields(self, request: HttpRequest, obj: Connection | None = None) -> tuple[str, ...]:
        """An account keeps its integrator and its name: the rows of its objects hang on them."""
        return (*SHOWN, *(("integrator", "name") if obj else ()))

    def has_secrets_permission(self, request: HttpRequest) -> bool:
        """Whether this user may set credentials, and say where they are sent."""
        return may(request, SECRETS)

    def has_pause_permission(self, request: HttpRequest) -> bool:
        """Whether this user may pause and resume accounts."""
        return may(request, PAUSE)

    def get_fieldsets(self, request: HttpRequest, obj: Connection | None = None) -> Any:
        """Say first how it stands; a new account does not stand anywhere yet.

        Where its calls go is where its credentials go: nobody else edits it.
        """
        address = "base_url" if self.has_secrets_permission(request) else "address"
        fields = tuple(address if name == "base_url" else name for name in ACCOUNT)
        account = (_("Account") if obj else None, {"fields": fields})
        return [(None, {"fields": STANDING}), account] if obj else [account]

    def save_model(self, request: HttpRequest, obj: Connection, form: Any, change: bool) -> None:
        """Save the account, make its gate, and ring, so that what was paused goes on.

        Of an existing one only what the form changed: its credentials may hold a token that was renewed meanwhile.
        """
        obj.save(update_fields=[*form.changed_data, "updated_at"] if change else None)
        Gate.objects.get_or_create(connection=obj)
        if not obj.paused:
            ring({obj.pk})

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Count once for the page."""
        obj: Connection | None = context.get("original")
        if obj is not None:
            context["crudsync_deeds"] = self.deeds(request, obj)
            context["crudsync_health"] = Health.of(obj)
            setattr(obj, COUNTED, report((obj,)).connections[0])
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=_("base url"))
    def address(self, obj: Connection | None) -> str:
        """Return where its calls go, without what may be a credential; empty: the integrator's own."""
        return safe_url(obj.base_url) if obj is not None else ""

    @admin.display(description=_("state"))
    def standing(self, obj: Connection) -> str:
        """Return whether it sends, and why not."""
        return show.closed(obj) or gettext("open")

    @admin.display(description=_("objects"))
    def objects(self, obj: Connection) -> str:
        """Return how many there are in each state, linked to their list. No count goes beyond a bound."""
        url = show.admin_url(self.admin_site, "crudsync_binding_changelist")
        found = getattr(obj, COUNTED)
        parts = ((url, obj.pk, state, show.badge(state), shown(count)) for state, count in found.counts.items())
        link = '<a href="{}?connection__id__exact={}&amp;state__exact={}">{} {}</a>'
        return format_html_join(" ", link, parts) or show.NOTHING

    @admin.display(description=_("to be sent"))
    def backlog(self, obj: Connection) -> str:
        """Return how many objects are due, now or later, and since when the oldest waits."""
        found = getattr(obj, COUNTED)
        if found.oldest_unsent_s is None:
            return shown(found.backlog)
        text = gettext("%(n)s, the oldest for %(s).0f s")
        return text % {"n": shown(found.backlog), "s": found.oldest_unsent_s}

    @admin.display(description=_("attempts"))
    def attempts(self, obj: Connection) -> str:
        """Return a link to the attempts under this account."""
        url = show.admin_url(self.admin_site, "crudsync_operation_changelist")
        text = gettext("all attempts, newest first")
        return format_html('<a href="{}?connection__id__exact={}">{}</a>', url, obj.pk, text)

    @admin.display(description=_("credentials of this account"))
    def credentials_set(self, obj: Connection | None) -> str:
        """Return the names of the stored credentials, never a value."""
        if obj is None or obj._state.adding:
            return gettext("Save the account first; then set them.")
        try:
            names = sorted(open_sealed(obj.credentials))
        except SecretError as error:
            return str(error)
        return ", ".join(names) or gettext("none of its own; those of the settings and the class are used")

    @admin.action(description=_("Pause selected connections"), permissions=["pause"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        """Stop sending; changes are still taken in."""
        rows = list(queryset)  # before: the list may be filtered by what changes now
        for row in rows:
            if pause(row, actor=request.user.get_username()):
                self.log_change(request, row, "crudsync: paused")
        self._tell(request, len(rows), paused=True)

    @admin.action(description=_("Resume selected connections"), permissions=["pause"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        """Send again, what has gathered first."""
        rows = list(queryset)
        for row in rows:
            if resume(row):
                self.log_change(request, row, "crudsync: resumed")
        self._tell(request, len(rows), paused=False)

    def _tell(self, request: HttpRequest, total: int, *, paused: bool) -> None:
        if paused:
            text = ngettext("%(n)d connection is paused.", "%(n)d connections are paused.", total)
        else:
            text = ngettext("%(n)d connection sends again.", "%(n)d connections send again.", total)
        self.message_user(request, text % {"n": total}, messages.SUCCESS)
