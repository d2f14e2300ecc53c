"""The verbs over dead letters, for every list that has some: replay, ignore with a reason, open again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from sync import deadletters
from sync.admin import bounds
from sync.admin.forms import ReasonForm
from sync.admin.permissions import IGNORE, REPLAY, may
from sync.models import Binding

if TYPE_CHECKING:
    _Base = admin.ModelAdmin[Any]
else:
    _Base = object

LOGGED = 100
"""So many rows get an entry of their own in the admin's log; of more, only the first do."""

GIVEN = "_reason_given"


class LetterActions(_Base):
    """The actions. A list says by :meth:`letters_of` which letters its rows stand for."""

    def letters_of(self, queryset: QuerySet[Any]) -> QuerySet[Binding]:
        """Return the letters that selected rows stand for."""
        raise NotImplementedError

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Whether this user may replay dead letters."""
        return may(request, REPLAY)

    def has_ignore_permission(self, request: HttpRequest) -> bool:
        """Whether this user may ignore dead letters, and open them again."""
        return may(request, IGNORE)

    @admin.action(description=_("Replay selected: send what failed as it is today"), permissions=["replay"])
    def replay_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Ask for what failed."""
        rows = list(queryset[:LOGGED])
        self.replay_now(request, rows, self.letters_of(queryset))

    @admin.action(description=_("Ignore selected, with a reason"), permissions=["ignore"])
    def ignore_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Ask for a reason, then hide what failed."""
        form = ReasonForm(request.POST if GIVEN in request.POST else None)
        if form.is_bound and form.is_valid():
            self.ignore_now(request, list(queryset[:LOGGED]), self.letters_of(queryset), form.cleaned_data["reason"])
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": _("Why need nobody look at them?"),
            "submit": _("Ignore"),
            "opts": self.opts,
            "form": form,
            "given": GIVEN,
            "action": "ignore_selected",
            "checkbox": ACTION_CHECKBOX_NAME,
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
        }
        return TemplateResponse(request, "crudsync/ignore_selected.html", context)

    @admin.action(description=_("Open selected again: ignore them no more"), permissions=["ignore"])
    def unignore_selected(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Put what was ignored back into the list."""
        rows = list(queryset[:LOGGED])
        total = deadletters.unignore(self.letters_of(queryset), limit=bounds.MOST)
        self._log(request, rows, "crudsync: ignored no more")
        text = ngettext("%(n)d letter is open again.", "%(n)d letters are open again.", total)
        self.message_user(request, text % {"n": total}, messages.SUCCESS)
        if total >= bounds.MOST:
            bounds.tell_of_more(self, request)

    def replay_now(self, request: HttpRequest, rows: Sequence[Any], letters: QuerySet[Binding]) -> None:
        """Replay letters, tell what was left and why, and log it on these rows."""
        limit = bounds.MOST if bounds.many(letters) else None
        done = deadletters.replay(letters, actor=request.user.get_username(), limit=limit)
        self._log(request, rows, "crudsync: replayed")
        text = ngettext("%(n)d object was asked for.", "%(n)d objects were asked for.", done.asked)
        self.message_user(request, text % {"n": done.asked}, messages.SUCCESS)
        if done.in_doubt:
            text = ngettext(
                "%(n)d was left: nobody knows whether its create arrived. Look there, then say so on its page.",
                "%(n)d were left: nobody knows whether their creates arrived. Look there, then say so on their pages.",
                done.in_doubt,
            )
            self.message_user(request, text % {"n": done.in_doubt}, messages.WARNING)
        if done.under_way:
            text = ngettext(
                "%(n)d was left: it is to be sent already.",
                "%(n)d were left: they are to be sent already.",
                done.under_way,
            )
            self.message_user(request, text % {"n": done.under_way}, messages.INFO)
        if done.more:
            bounds.tell_of_more(self, request)

    def ignore_now(self, request: HttpRequest, rows: Sequence[Any], letters: QuerySet[Binding], reason: str) -> None:
        """Ignore letters for a reason, and log it on these rows."""
        total = deadletters.ignore(letters, reason=reason, actor=request.user.get_username(), limit=bounds.MOST)
        self._log(request, rows, f"crudsync: ignored: {reason}")
        text = ngettext("%(n)d letter is ignored.", "%(n)d letters are ignored.", total)
        self.message_user(request, text % {"n": total}, messages.SUCCESS)
        if total >= bounds.MOST:
            bounds.tell_of_more(self, request)

    def _log(self, request: HttpRequest, rows: Sequence[Any], words: str) -> None:
        for row in rows:
            self.log_change(request, row, words)
