"""The task records: what was sent, when, by whom, how long it took, and what came back."""
# ruff: noqa: ARG002 - the signatures are Django's

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from sync.admin import show
from sync.admin.keyset import KeysetAdmin
from sync.admin.permissions import REVEAL, may
from sync.admin.search import ids_named
from sync.models import Operation

STARTED = show.at("started_at", _("when"))
FINISHED = show.at("finished_at", _("finished"))
SHOWN: tuple[Any, ...] = (
    "connection",
    "binding_link",
    "verb",
    "attempt",
    "status",
    "came_back",
    STARTED,
    FINISHED,
    "took",
    "who",
    "called",
    "request_body",
    "response_body",
    "remote_id",
    "idempotency_key",
    "body_hash",
    "task",
)
OBJECTS = 100
"""A search shows the attempts at so many objects at the most."""

REVEALED = ("request_body", "response_body")


@admin.register(Operation)
class OperationAdmin(KeysetAdmin):
    """Every attempt, newest first."""

    change_form_template = "crudsync/record_form.html"
    list_display = (STARTED, "verb", "binding_link", "who", "status", "took", "came_back", "connection")
    list_filter = ("status", "verb", "connection")
    list_select_related = ("connection",)
    search_fields = ("object_id",)
    search_help_text = _("The object's id.")
    fields = SHOWN
    readonly_fields = SHOWN
    linked_by = ("binding",)

    def get_fields(self, request: HttpRequest, obj: Operation | None = None) -> Any:
        """Return what is shown; excerpts of requests and answers only to those who may read them."""
        return [name for name in SHOWN if name not in REVEALED or may(request, REVEAL)]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Operation], search_term: str
    ) -> tuple[QuerySet[Operation], bool]:
        """Return the operations of the objects with that id: found through the bindings, which have an index."""
        if not search_term.strip():
            return queryset, False
        return queryset.filter(binding__in=ids_named(search_term)[:OBJECTS]), False

    def leading(self, given: Mapping[str, Any]) -> str:
        """Return the filter by a binding, else that by a connection: these have an index in the order of ids."""
        return next((name for name in ("binding__id__exact", "connection__id__exact") if name in given), "")

    @admin.display(description=_("who"))
    def who(self, obj: Operation) -> str:
        """Return who caused it."""
        return obj.actor or show.NOTHING

    @admin.display(description=_("answer"))
    def came_back(self, obj: Operation) -> str:
        """Return what came back, one line."""
        return show.answer(obj)

    @admin.display(description=_("call"))
    def called(self, obj: Operation) -> str:
        """Return the method and the address."""
        return f"{obj.method} {obj.url}".strip() or show.NOTHING

    @admin.display(description=_("idempotency key"))
    def idempotency_key(self, obj: Operation) -> str:
        """Return the key of a create."""
        return obj.key or show.NOTHING

    @admin.display(description=_("duration"))
    def took(self, obj: Operation) -> str:
        """Return the call's duration."""
        return show.duration(obj.duration_ms)

    @admin.display(description=_("request body"))
    def request_body(self, obj: Operation) -> str:
        """Return the redacted excerpt of what was sent."""
        return show.pretty(obj.request)

    @admin.display(description=_("answer body"))
    def response_body(self, obj: Operation) -> str:
        """Return the redacted excerpt of what came back."""
        return show.pretty(obj.response)

    @admin.display(description=_("object"))
    def binding_link(self, obj: Operation) -> str:
        """Return a link to the object's binding; it may be gone by now."""
        name = f"{obj.object_type} {obj.object_id}"
        url = show.admin_url(self.admin_site, "crudsync_binding_change", obj.binding_id) if obj.binding_id else ""
        return format_html('<a href="{}" class="crudsync-line">{}</a>', url, name) if url else name

    @admin.display(description=_("task"))
    def task(self, obj: Operation) -> str:
        """Return a link to the Celery task's result, where django-celery-results keeps it."""
        if not obj.task_id:
            return show.NOTHING
        found = _task_result(obj.task_id)
        url = show.admin_url(self.admin_site, "django_celery_results_taskresult_change", found.pk) if found else ""
        return format_html('<a href="{}">{}</a>', url, obj.task_id) if url else obj.task_id


def _task_result(task_id: str) -> Any:
    """Only ``tasks`` speaks Celery: the model is looked up by name."""
    if not apps.is_installed("django_celery_results"):
        return None
    return apps.get_model("django_celery_results", "TaskResult").objects.filter(task_id=task_id).first()
