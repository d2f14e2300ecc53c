"""The accounts: what people may set, pause and resume. Credentials go in and never come out."""
# ruff: noqa: ARG002 - the signatures are Django's

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from sync.admin import show
from sync.admin.forms import ConnectionForm, CredentialForm
from sync.admin.readonly import ReadOnlyAdmin
from sync.exceptions import SecretError
from sync.models import Binding, Connection, Gate
from sync.models.clock import now
from sync.resync import ring
from sync.secrets import open_sealed

if TYPE_CHECKING:
    _StackedInline = admin.StackedInline[Gate, Connection]
else:
    _StackedInline = admin.StackedInline

GATE_SHOWN = ("blocked_until", "reason", "closures", "next_token_at")


class GateInline(_StackedInline):
    """Whether the connection may send, and since when not. The drain writes it."""

    model = Gate
    fields = GATE_SHOWN
    readonly_fields = GATE_SHOWN
    can_delete = False
    extra = 0
    max_num = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody makes gates by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits gates by hand."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever sees the connection sees its gate."""
        return True


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    """One row an account at a remote."""

    form = ConnectionForm
    change_form_template = "crudsync/connection_form.html"
    list_display = ("__str__", "standing", "blocked_until", "drains", "base_url", "updated_at")
    list_filter = ("integrator", "paused")
    list_select_related = ("gate",)
    search_fields = ("integrator", "name")
    ordering = ("integrator", "name")
    fields = ("integrator", "name", "base_url", "options", "drains", "paused", "paused_reason", "credentials_set")
    readonly_fields = ("credentials_set",)
    inlines = (GateInline,)
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
        return ("credentials_set", "integrator", "name") if obj else ("credentials_set",)

    def get_inlines(self, request: HttpRequest, obj: Connection | None) -> Any:
        """A new account has no gate yet."""
        return self.inlines if obj else ()

    def get_urls(self) -> list[URLPattern]:
        """Return the pages, with the one that sets credentials."""
        view = self.admin_site.admin_view(self.credentials_view)
        own = path("<int:connection_id>/credentials/", view, name="crudsync_connection_credentials")
        return [own, *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: Connection, form: Any, change: bool) -> None:
        """Save the account, make its gate, and ring, so that what was paused goes on.

        Of an existing one only what the form changed: its credentials may hold a token that was renewed meanwhile.
        """
        obj.save(update_fields=[*form.changed_data, "updated_at"] if change else None)
        Gate.objects.get_or_create(connection=obj)
        if not obj.paused:
            ring({obj.pk})

    @method_decorator(sensitive_post_parameters("value"))
    def credentials_view(self, request: HttpRequest, connection_id: int) -> HttpResponse:
        """Set or remove one credential. No value is ever shown."""
        connection = self.get_object(request, str(connection_id))
        if not self.has_change_permission(request, connection):
            raise PermissionDenied
        if connection is None:
            raise Http404
        form = CredentialForm(request.POST if request.method == "POST" else None, connection=connection)
        if request.method == "POST" and form.is_valid():
            self.log_change(request, connection, form.save())
            self.message_user(request, _("The credentials are sealed and stored."), messages.SUCCESS)
            name = "admin:crudsync_connection_change"
            return HttpResponseRedirect(reverse(name, args=(connection_id,), current_app=self.admin_site.name))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Set a credential"),
            "opts": self.opts,
            "original": connection,
            "form": form,
            "stored": self.credentials_set(connection),
        }
        return TemplateResponse(request, "crudsync/credentials.html", context)

    @admin.display(description=_("state"))
    def standing(self, obj: Connection) -> str:
        """Return whether it sends, and why not."""
        if obj.paused:
            return gettext("paused: %(reason)s") % {"reason": obj.paused_reason or show.NOTHING}
        gate = getattr(obj, "gate", None)
        if gate is not None and gate.blocked_until and gate.blocked_until > now():
            return gettext("shut: %(reason)s") % {"reason": gate.reason or show.NOTHING}
        return gettext("open")

    @admin.display(description=_("shut until"))
    def blocked_until(self, obj: Connection) -> Any:
        """Return until when nothing is sent."""
        gate = getattr(obj, "gate", None)
        return gate.blocked_until if gate is not None else None

    @admin.display(description=_("credentials of this account"))
    def credentials_set(self, obj: Connection | None) -> str:
        """Return the names of the stored credentials, never a value."""
        if obj is None or obj._state.adding:
            return gettext("Save the account first; then set them.")
        try:
            names = sorted(open_sealed(obj.credentials))
        except SecretError as error:
            return str(error)
        return ", ".join(names) or gettext("none: those of the settings and of the class are used")

    @admin.action(description=_("Pause selected connections"), permissions=["change"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        """Stop sending; changes are still taken in."""
        reason = f"by {request.user.get_username()}"[:200]
        for row in queryset.filter(paused=False):
            queryset.filter(pk=row.pk).update(paused=True, paused_reason=reason)
            self.log_change(request, row, "crudsync: paused")
        self._tell(request, queryset, paused=True)

    @admin.action(description=_("Resume selected connections"), permissions=["change"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        """Send again, what has gathered first."""
        for row in queryset.filter(paused=True):
            queryset.filter(pk=row.pk).update(paused=False, paused_reason="")
            self.log_change(request, row, "crudsync: resumed")
        ring(set(queryset.values_list("pk", flat=True)))
        self._tell(request, queryset, paused=False)

    def _tell(self, request: HttpRequest, queryset: QuerySet[Connection], *, paused: bool) -> None:
        total = len(queryset)
        if paused:
            text = ngettext("%(n)d connection is paused.", "%(n)d connections are paused.", total)
        else:
            text = ngettext("%(n)d connection sends again.", "%(n)d connections send again.", total)
        self.message_user(request, text % {"n": total}, messages.SUCCESS)
