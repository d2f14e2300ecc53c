"""Which local object is which remote object, where it stands, and what a person can do about it."""
# ruff: noqa: ARG002 - the signatures are Django's

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from sync.admin import bounds, show
from sync.admin.forms import DoubtForm
from sync.admin.keyset import KeysetAdmin
from sync.admin.letters import LOGGED, LetterActions
from sync.admin.panel import Panel
from sync.admin.permissions import RESYNC, REVEAL, may
from sync.admin.search import ObjectTypeFilter, ids_named
from sync.deadletters import end_doubt
from sync.exceptions import CrudSyncError
from sync.models import Binding, State
from sync.resync import again
from sync.types import Wanted

UNSENT_SINCE = show.at("dirty_since", _("unsent since"))
LAST_SYNCED = show.at("synced_at", _("last synced"))
SHOWN: tuple[Any, ...] = (
    "connection",
    "object_link",
    "remote_id",
    "status",
    "why",
    "cause_link",
    "ignored_for",
    "next_attempt",
    UNSENT_SINCE,
    LAST_SYNCED,
    "who",
    "asked",
    "attempts",
    "uncertain",
    "remote_version",
    "agreed",
    "answered",
)
REVEALED = ("agreed", "answered")


@admin.register(Binding)
class BindingAdmin(LetterActions, KeysetAdmin):
    """Every object that was ever asked for, with its state, the reason, and its next attempt."""

    change_form_template = "crudsync/binding_form.html"
    list_display = ("__str__", "status", "why", "next_attempt", UNSENT_SINCE, "object_link", "connection")
    list_filter = ("state", "connection", ObjectTypeFilter)
    list_select_related = ("connection",)
    search_fields = ("object_id", "remote_id")
    search_help_text = _("The local id or the remote id, whole; end it with * to find those that begin with it.")
    fields = SHOWN
    readonly_fields = SHOWN
    actions = ("resync_selected", "verify_selected", "replay_selected", "ignore_selected", "unignore_selected")
    linked_by = ("cause",)

    def letters_of(self, queryset: QuerySet[Binding]) -> QuerySet[Binding]:
        """Return those of the selected that are dead letters."""
        return queryset.filter(cause__isnull=False)

    def get_fields(self, request: HttpRequest, obj: Binding | None = None) -> Any:
        """Return what is shown; payloads only to those who may read them."""
        return [name for name in SHOWN if name not in REVEALED or may(request, REVEAL)]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Binding], search_term: str
    ) -> tuple[QuerySet[Binding], bool]:
        """Return the bindings with that local or remote id."""
        return (queryset.filter(pk__in=ids_named(search_term)) if search_term.strip() else queryset), False

    def leading(self, given: Mapping[str, Any]) -> str:
        """Return the filter by a cause, else that by a state; nearly all are synced, so of these there is no index."""
        if cause := next((name for name in ("cause__id__exact", "cause") if name in given), ""):
            return cause
        return "state__exact" if given.get("state__exact", State.SYNCED) != State.SYNCED else ""

    def get_urls(self) -> list[URLPattern]:
        """Return the pages, with the one that ends a doubt."""
        own = path(
            "<int:binding_id>/doubt/",
            self.admin_site.admin_view(self.doubt_view),
            name="crudsync_binding_doubt",
        )
        return [own, *super().get_urls()]

    def has_resync_permission(self, request: HttpRequest) -> bool:
        """Whether this user may ask for objects again, and end doubts."""
        return may(request, RESYNC)

    @admin.action(description=_("Resync selected: send the whole state again"), permissions=["resync"])
    def resync_selected(self, request: HttpRequest, queryset: QuerySet[Binding]) -> None:
        """Ask for the whole state to be sent."""
        self._again(request, queryset, Wanted.PUSH)

    @admin.action(description=_("Verify selected: read the remote, send what differs"), permissions=["resync"])
    def verify_selected(self, request: HttpRequest, queryset: QuerySet[Binding]) -> None:
        """Ask for a comparison with the remote."""
        self._again(request, queryset, Wanted.VERIFY)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the binding with its attempts, and the way out of a doubt."""
        obj: Binding | None = context.get("original")
        if obj is not None:
            context["crudsync_panel"] = Panel.of_binding(obj, request, self.admin_site)
            if obj.state == State.IN_DOUBT and self.has_resync_permission(request):
                context["crudsync_doubt_url"] = reverse(
                    "admin:crudsync_binding_doubt", args=(obj.pk,), current_app=self.admin_site.name
                )
        return super().render_change_form(request, context, *args, **kwargs)

    def doubt_view(self, request: HttpRequest, binding_id: int) -> HttpResponse:
        """Ask a person whether a create of unknown outcome arrived, and under which id."""
        if not (self.has_view_permission(request) and self.has_resync_permission(request)):
            raise PermissionDenied
        binding = self.get_object(request, str(binding_id))
        if binding is None:
            raise Http404
        form = DoubtForm(request.POST if request.method == "POST" else None, binding=binding)
        back = reverse("admin:crudsync_binding_change", args=(binding_id,), current_app=self.admin_site.name)
        if request.method == "POST" and form.is_valid():
            self._resolve(request, binding, form.remote_id)
            return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Did it arrive?"),
            "opts": self.opts,
            "original": binding,
            "form": form,
            "back": back,
        }
        return TemplateResponse(request, "crudsync/doubt.html", context)

    @admin.display(description=_("state"))
    def status(self, obj: Binding) -> str:
        """Return the state as a badge."""
        return show.badge(obj.state)

    @admin.display(description=_("reason"))
    def why(self, obj: Binding) -> str:
        """Return why it stands there."""
        return show.reason(obj)

    @admin.display(description=_("dead letter"))
    def cause_link(self, obj: Binding) -> str:
        """Return a link to what it has in common with others that fail alike."""
        if obj.cause_id is None:
            return show.NOTHING
        url = show.admin_url(self.admin_site, "crudsync_cause_change", obj.cause_id)
        return format_html('<a href="{}">{}</a>', url, obj.cause_id) if url else str(obj.cause_id)

    @admin.display(description=_("ignored"))
    def ignored_for(self, obj: Binding) -> str:
        """Return why nobody need look at it."""
        return obj.ignored or show.NOTHING

    @admin.display(description=_("next attempt"))
    def next_attempt(self, obj: Binding) -> str:
        """Return when it is tried next."""
        return show.next_attempt(obj)

    @admin.display(description=_("who"))
    def who(self, obj: Binding) -> str:
        """Return who changed it last, or asked for it."""
        return obj.actor or show.NOTHING

    @admin.display(description=_("local object"))
    def object_link(self, obj: Binding) -> str:
        """Return a link to the object's own change page."""
        return show.local_link(self.admin_site, obj.model, obj.object_id)

    @admin.display(description=_("asked"))
    def asked(self, obj: Binding) -> str:
        """Return what was asked for."""
        return Wanted(obj.wanted).name.lower()

    @admin.display(description=_("sent, as agreed"))
    def agreed(self, obj: Binding) -> str:
        """Return our payload as last agreed."""
        return show.pretty(obj.sent or "")

    @admin.display(description=_("the remote's answer"))
    def answered(self, obj: Binding) -> str:
        """Return the remote's answer to it."""
        return show.pretty(obj.seen or "")

    def _again(self, request: HttpRequest, queryset: QuerySet[Binding], wanted: Wanted) -> None:
        if bounds.refused(self, request, queryset):
            return
        rows = list(queryset[:LOGGED])
        total = again(queryset, actor=request.user.get_username(), reason=show.asked_for(wanted), wanted=wanted)
        self._log(request, rows, f"crudsync: {show.asked_for(wanted)}")
        text = ngettext("%(n)d object was asked for.", "%(n)d objects were asked for.", total) % {"n": total}
        self.message_user(request, text, messages.SUCCESS)

    def _resolve(self, request: HttpRequest, binding: Binding, remote_id: str | None) -> None:
        try:
            ended = end_doubt(binding, remote_id=remote_id, actor=request.user.get_username())
        except CrudSyncError as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        if ended:
            word = f"arrived as {remote_id}" if remote_id else "never arrived"
            self.log_change(request, binding, f"crudsync: the doubtful create {word}")
            self.message_user(request, _("Noted. A worker goes on from there."), messages.SUCCESS)
        else:
            self.message_user(request, _("It is no longer in doubt."), messages.WARNING)
