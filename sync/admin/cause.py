"""Dead letters by cause: what went wrong, how often, which objects it holds up, and what a person can do about it."""
# ruff: noqa: ARG002 - the signatures are Django's

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from sync import deadletters
from sync.admin import show
from sync.admin.forms import ReasonForm
from sync.admin.letters import LetterActions
from sync.admin.permissions import REVEAL, may
from sync.admin.readonly import ReadOnlyAdmin
from sync.deadletters.groups import holding
from sync.models import Binding, Cause
from sync.models.database import alias
from sync.monitoring.standing import shown

OBJECTS = 50
FIRST = show.at("first_seen", _("first seen"))
LAST = show.at("last_seen", _("last seen"))
SHOWN: tuple[Any, ...] = (
    "integrator",
    "code",
    "status_code",
    "field",
    "message",
    "example",
    "open_now",
    "ignored_now",
    "count",
    FIRST,
    LAST,
)


class StandingFilter(admin.SimpleListFilter):
    """Open ones, unless something else is asked for."""

    title = _("letters")
    parameter_name = "letters"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]) -> list[tuple[str, Any]]:
        """Return what can be asked for."""
        return [("ignored", _("ignored")), ("all", _("all, also closed"))]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Return the choices; none chosen means the open ones."""
        first, *others = super().choices(changelist)
        yield {**first, "display": _("open")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the causes that hold up such letters."""
        return queryset if self.value() == "all" else holding(queryset, ignored=self.value() == "ignored")


@admin.register(Cause)
class CauseAdmin(LetterActions, ReadOnlyAdmin):
    """One row a cause, those that came up last first."""

    change_form_template = "crudsync/cause_form.html"
    list_display = ("what", "integrator", "open_now", "ignored_now", "count", FIRST, LAST)
    list_filter = (StandingFilter, "integrator")
    search_fields = ("code", "field", "message")
    ordering = ("-last_seen", "-pk")
    fields = SHOWN
    readonly_fields = SHOWN
    actions = ("replay_selected", "ignore_selected", "unignore_selected")

    def letters_of(self, queryset: QuerySet[Cause]) -> QuerySet[Binding]:
        """Return the letters of these causes; what is ignored is left alone by a replay."""
        causes = list(queryset.values_list("pk", flat=True))
        return Binding.objects.using(alias()).filter(cause__in=causes)

    def get_fields(self, request: HttpRequest, obj: Cause | None = None) -> Any:
        """Return what is shown; the last answer as it was only to those who may read payloads."""
        return [name for name in SHOWN if name != "example" or may(request, REVEAL)]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list, with the letters of its page counted in one query."""
        changelist = super().get_changelist_instance(request)
        _count(list(changelist.result_list))
        return changelist

    def get_urls(self) -> list[URLPattern]:
        """Return the pages, with those that replay and ignore one cause."""
        views = (("replay", self.replay_view), ("ignore", self.ignore_view))
        own = [
            path(f"<int:cause_id>/{name}/", self.admin_site.admin_view(view), name=f"crudsync_cause_{name}")
            for name, view in views
        ]
        return [*own, *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the cause with its objects, the newest first, and the ways out."""
        obj: Cause | None = context.get("original")
        if obj is not None:
            _count([obj])
            context["crudsync_replay_url"] = self._url("replay", obj) if self.has_replay_permission(request) else ""
            context["crudsync_ignore_url"] = self._url("ignore", obj) if self.has_ignore_permission(request) else ""
            if request.user.has_perm("crudsync.view_binding"):
                context["crudsync_letters"] = [self._letter(row) for row in _letters(obj)[:OBJECTS]]
                context["crudsync_all_url"] = self._url_of_all(obj)
        return super().render_change_form(request, context, *args, **kwargs)

    def replay_view(self, request: HttpRequest, cause_id: int) -> HttpResponse:
        """Send the open letters of a cause again, once a person has said so."""
        cause = self._cause(request, cause_id, allowed=self.has_replay_permission(request))
        if request.method == "POST":
            self.replay_now(request, [cause], deadletters.letters(cause))
            return HttpResponseRedirect(self._url("change", cause))
        return self._ask(request, cause, None, _("Replay"), "crudsync/replay.html")

    def ignore_view(self, request: HttpRequest, cause_id: int) -> HttpResponse:
        """Ignore the open letters of a cause, for a reason."""
        cause = self._cause(request, cause_id, allowed=self.has_ignore_permission(request))
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            self.ignore_now(request, [cause], deadletters.letters(cause), form.cleaned_data["reason"])
            return HttpResponseRedirect(self._url("change", cause))
        return self._ask(request, cause, form, _("Ignore"), "crudsync/form.html")

    @admin.display(description=_("cause"))
    def what(self, obj: Cause) -> str:
        """Return the cause, one line."""
        parts = (obj.code, str(obj.status_code or ""), obj.field, obj.message)
        return " ".join(part for part in parts if part) or show.NOTHING

    @admin.display(description=_("open"))
    def open_now(self, obj: Cause) -> str:
        """Return how many objects it holds up, linked to their list."""
        return _linked(shown(getattr(obj, "open_now_", 0)), self._url_of_all(obj))

    @admin.display(description=_("ignored"))
    def ignored_now(self, obj: Cause) -> str:
        """Return how many of its objects nobody need look at."""
        return shown(getattr(obj, "ignored_now_", 0))

    def _cause(self, request: HttpRequest, cause_id: int, *, allowed: bool) -> Cause:
        if not (allowed and self.has_view_permission(request)):
            raise PermissionDenied
        cause: Cause | None = self.get_object(request, str(cause_id))
        if cause is None:
            raise Http404
        return cause

    def _ask(
        self, request: HttpRequest, cause: Cause, form: ReasonForm | None, title: Any, template: str
    ) -> HttpResponse:
        _count([cause])
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "submit": title,
            "opts": self.opts,
            "original": cause,
            "form": form,
            "open": shown(getattr(cause, "open_now_", 0)),
        }
        return TemplateResponse(request, template, context)

    def _letter(self, row: Binding) -> dict[str, Any]:
        return {
            "url": show.admin_url(self.admin_site, "crudsync_binding_change", row.pk),
            "name": f"{row.object_type} {row.object_id}",
            "badge": show.badge(row.state),
            "reason": show.reason(row),
            "since": show.moment(row.dirty_since),
            "connection": row.connection,
            "ignored": row.ignored,
        }

    def _url(self, page: str, cause: Cause) -> str:
        return reverse(f"admin:crudsync_cause_{page}", args=(cause.pk,), current_app=self.admin_site.name)

    def _url_of_all(self, cause: Cause) -> str:
        url = show.admin_url(self.admin_site, "crudsync_binding_changelist")
        return f"{url}?cause__id__exact={cause.pk}" if url else ""


def _letters(cause: Cause) -> QuerySet[Binding]:
    return Binding.objects.filter(cause=cause).select_related("connection").order_by("-pk")


def _count(rows: list[Cause]) -> None:
    """Note on each how many letters it has, counted up to a bound."""
    counts = deadletters.counted(Cause.objects.filter(pk__in=[row.pk for row in rows]))
    found = {row.pk: (row.open_now, row.ignored_now) for row in counts} if rows else {}
    for row in rows:
        row.open_now_, row.ignored_now_ = found.get(row.pk, (0, 0))  # type: ignore[attr-defined]


def _linked(text: str, url: str) -> str:
    return format_html('<a href="{}">{}</a>', url, text) if url else text
