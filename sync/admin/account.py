"""What a person does to an account, each on a page or by a button of its own: test, pause, resume, limits, secrets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from sync.admin import show
from sync.admin.credentials import CREDENTIAL, Credential, CredentialForm, reseal
from sync.admin.forms import PauseForm
from sync.admin.inforce import in_force
from sync.admin.limits import LimitsForm, Windows, windows_of
from sync.admin.permissions import CHANGE, PAUSE, SECRETS, may
from sync.exceptions import SecretError
from sync.models import Connection
from sync.monitoring.probe import Probe, Reach, probe
from sync.resync import ring
from sync.resync.pausing import pause, resume, try_now

if TYPE_CHECKING:
    _Base = admin.ModelAdmin[Any]
else:
    _Base = object

PAGES = {
    "test": CHANGE,
    "pause": PAUSE,
    "resume": PAUSE,
    "open": PAUSE,
    "limits": CHANGE,
    "credentials": SECRETS,
    "reseal": SECRETS,
}
"""Each page or button, and the permission it needs beside that to view."""


class AccountPages(_Base):
    """The deeds. Each is one call of the core, written to the admin's log in words."""

    def get_urls(self) -> list[URLPattern]:
        """Return the pages, with those that do something."""
        own = [
            path(f"<int:connection_id>/{name}/", self.admin_site.admin_view(self._page(name)), name=_named(name))
            for name in PAGES
        ]
        return [*own, *super().get_urls()]

    def deeds(self, request: HttpRequest, connection: Connection) -> dict[str, str]:
        """Return the address of each deed that this user may do."""
        return {name: self._url(name, connection) for name, needs in PAGES.items() if may(request, needs)}

    def test_page(self, request: HttpRequest, connection: Connection) -> HttpResponse:
        """Make one harmless call, and tell how it went; though somebody paused it: that is when one wants to know."""
        found = probe(connection, though_paused=True)
        self._log(request, connection, f"crudsync: tested: {_words_of(found)}")
        level = messages.SUCCESS if found.status is Reach.UP else messages.ERROR
        text = _("The test of the connection: %(found)s.") % {"found": _words_of(found)}
        if found.paused:
            text = f"{text} {_('It is paused: nothing else is sent.')}"
        return self._told(request, connection, text, level)

    def pause_page(self, request: HttpRequest, connection: Connection) -> HttpResponse:
        """Ask for a reason, then stop sending."""
        form = PauseForm(request.POST if request.method == "POST" else None)
        if not (request.method == "POST" and form.is_valid()):
            return self._form(request, connection, _("Pause"), "crudsync/pause.html", form=form, submit=_("Pause"))
        reason = form.cleaned_data["reason"]
        if pause(connection, reason=reason, actor=request.user.get_username()):
            self._log(request, connection, f"crudsync: paused: {reason}" if reason else "crudsync: paused")
            return self._told(request, connection, _("It is paused: changes are taken in, nothing is sent."))
        return self._told(request, connection, _("It was paused already."), messages.WARNING)

    def resume_page(self, request: HttpRequest, connection: Connection) -> HttpResponse:
        """Send again, what has gathered first."""
        if resume(connection):
            self._log(request, connection, "crudsync: resumed")
            return self._told(request, connection, _("It sends again."))
        return self._told(request, connection, _("It was not paused."), messages.WARNING)

    def open_page(self, request: HttpRequest, connection: Connection) -> HttpResponse:
        """Open a shut gate before its time, for one object at first."""
        if try_now(connection):
            self._log(request, connection, "crudsync: the gate was opened before its time")
            return self._told(request, connection, _("The gate is open: one object goes first, to see."))
        return self._told(request, connection, _("The gate was not shut."), messages.WARNING)

    def limits_page(self, request: HttpRequest, connection: Connection) -> HttpResponse:
        """Edit what the account says for itself, beside what is in force and where it comes from."""
        data = request.POST if request.method == "POST" else None
        form = LimitsForm(data, connection=connection)
        windows = Windows(data, initial=windows_of(connection), prefix="window")
        both = request.method == "POST" and all([form.is_valid(), windows.is_valid()])
        if both and form.agrees(options := form.options(windows.said())):
            self._store(request, connection, options, form.cleaned_data["drains"])
            return self._told(request, connection, _("The limits are stored; the next drain goes by them."))
        options_in_force, wrong = in_force(connection)
        context = {"form": form, "windows": windows, "in_force": options_in_force, "wrong": wrong}
        return self._form(request, connection, _("Limits"), "crudsync/limits.html", **context)

    def credentials_page(self, request: HttpRequest, connection: Connection) -> HttpResponse:
        """Set or remove one credential. No value is ever shown."""
        form = CredentialForm(request.POST if request.method == "POST" else None, connection=connection)
        if request.method == "POST" and form.is_valid():
            self._log(request, connection, form.save())
            return self._told(request, connection, _("The credentials are sealed and stored."))
        found, wrong = Credential.all_of(connection, self._entries(connection))
        context = {"form": form, "stored": found, "wrong": wrong, "reseal_url": self._url("reseal", connection)}
        return self._form(request, connection, _("Set a credential"), "crudsync/credentials.html", **context)

    def reseal_page(self, request: HttpRequest, connection: Connection) -> HttpResponse:
        """Seal the stored credentials under the newest key."""
        try:
            sealed = reseal(connection)
        except SecretError as error:
            return self._told(request, connection, str(error), messages.ERROR)
        if sealed:
            self._log(request, connection, "crudsync: credentials sealed under the newest key")
            return self._told(request, connection, _("The credentials are sealed under the newest key."))
        return self._told(request, connection, _("There are no credentials to seal."), messages.WARNING)

    def _page(self, name: str) -> Callable[..., HttpResponse]:
        """A view that checks who asks, finds the account, and calls the deed; buttons take POSTs alone."""
        button = name in BUTTONS

        def view(request: HttpRequest, connection_id: int) -> HttpResponse:
            connection = self.get_object(request, str(connection_id))
            if not (may(request, PAGES[name]) and self.has_view_permission(request, connection)):
                raise PermissionDenied
            if connection is None:
                raise Http404
            if button and request.method != "POST":
                return HttpResponseNotAllowed(["POST"])
            deed: Callable[[HttpRequest, Connection], HttpResponse] = getattr(self, f"{name}_page")
            return deed(request, connection)

        return sensitive_post_parameters("value")(view) if name == "credentials" else view

    def _store(self, request: HttpRequest, connection: Connection, options: dict[str, Any], drains: int) -> None:
        before = (connection.options, connection.drains)
        if before == (options, drains):
            return
        connection.options, connection.drains = options, drains
        connection.save(update_fields=["options", "drains", "updated_at"])
        if not connection.paused:
            ring({connection.pk})
        self._log(
            request, connection, f"crudsync: limits: {before[0]}, {before[1]} drains → {options}, {drains} drains"
        )

    def _entries(self, connection: Connection) -> list[LogEntry]:
        """The log's entries about credentials of an account, the newest first."""
        kind = ContentType.objects.get_for_model(Connection)
        rows = LogEntry.objects.filter(content_type=kind, object_id=str(connection.pk))
        return list(rows.filter(change_message__startswith=CREDENTIAL).select_related("user")[:100])

    def _form(
        self, request: HttpRequest, connection: Connection, title: Any, template: str, **more: Any
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "original": connection,
            "media": self.media,
            **more,
        }
        return TemplateResponse(request, template, context)

    def _told(
        self, request: HttpRequest, connection: Connection, text: Any, level: int = messages.SUCCESS
    ) -> HttpResponse:
        self.message_user(request, text, level)
        return HttpResponseRedirect(self._url("change", connection))

    def _log(self, request: HttpRequest, connection: Connection, words: str) -> None:
        self.log_change(request, connection, words)

    def _url(self, name: str, connection: Connection) -> str:
        return reverse(f"admin:{_named(name)}", args=(connection.pk,), current_app=self.admin_site.name)


BUTTONS = frozenset({"test", "resume", "open", "reseal"})


def _named(name: str) -> str:
    return f"crudsync_connection_{name}"


def _words_of(found: Probe) -> str:
    took = f", {show.duration(found.response_time_ms)}" if found.response_time_ms is not None else ""
    return f"{found.status}{took}{f': {found.error}' if found.error else ''}"
