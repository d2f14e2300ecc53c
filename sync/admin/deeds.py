"""What a person can do with objects of the user's own: resync, push now, pull, ignore. Each is one call of the core."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from sync import deadletters
from sync.admin import bounds, show
from sync.admin.forms import ReasonForm
from sync.admin.letters import GIVEN, LOGGED
from sync.admin.permissions import IGNORE, RESYNC, may
from sync.exceptions import CrudSyncError
from sync.models import Binding
from sync.models.identity import object_id_of
from sync.registry import model_label
from sync.resync import Pushed, of, resync
from sync.resync.resync import keys_of
from sync.types import Wanted

if TYPE_CHECKING:
    _Base = admin.ModelAdmin[Any]
else:
    _Base = object

RESYNC_ACTION, PUSH_ACTION, PULL_ACTION, IGNORE_ACTION = (
    f"crudsync_{name}" for name in ("resync", "push", "pull", "ignore")
)

AT_ONCE = 10
"""So many objects are pushed while somebody waits; more of them are for the workers."""

PATIENCE_S = 20.0
"""So long a page may take for them; those that are left then are asked for instead."""

BATCH = 1000

Action = tuple[Callable[..., Any], str, Any]


class ObjectDeeds(_Base):
    """The actions of a list, and the deeds behind the buttons of an object's pages."""

    def crudsync_actions(self, request: HttpRequest) -> dict[str, Action]:
        """Return the actions that this user may take."""
        found: dict[str, Action] = {}
        if may(request, RESYNC):
            found[RESYNC_ACTION] = (_resync, RESYNC_ACTION, _("Resync selected"))
            found[PUSH_ACTION] = (_push, PUSH_ACTION, _("Push selected now (10 at most)"))
            found[PULL_ACTION] = (_pull, PULL_ACTION, _("Pull selected: compare with the remote"))
        if may(request, IGNORE):
            found[IGNORE_ACTION] = (_ignore, IGNORE_ACTION, _("Ignore failures of selected, with a reason"))
        return found

    def ask_for(self, request: HttpRequest, objects: QuerySet[Any] | Sequence[Any], wanted: Wanted) -> bool:
        """Ask workers for objects, tell how many, and log it; return False where that could not be."""
        if bounds.refused(self, request, objects):
            return False
        word = show.asked_for(wanted)
        try:
            logged = list(objects[:LOGGED])
            total = resync(objects, actor=request.user.get_username(), reason=word, wanted=wanted)
        except CrudSyncError as error:
            self.message_user(request, str(error), messages.ERROR)
            return False
        for obj in logged:
            self.log_change(request, obj, f"crudsync: asked to {wanted.name.lower()}")
        text = ngettext("%(n)d object was asked for.", "%(n)d objects were asked for.", total) % {"n": total}
        self.message_user(request, text, messages.SUCCESS)
        return True

    def push_objects(self, request: HttpRequest, objects: Sequence[Any]) -> None:
        """Push objects now, one after the other, and tell for each what came of it."""
        until = time.monotonic() + PATIENCE_S
        for place, obj in enumerate(objects):
            if time.monotonic() > until:
                self.message_user(request, _("The others are left to the workers."), messages.WARNING)
                self.ask_for(request, objects[place:], Wanted.PUSH)
                return
            try:
                told = of(obj).push_now(actor=request.user.get_username(), reason="push now")
            except CrudSyncError as error:
                self.message_user(request, f"{obj}: {error}", messages.ERROR)
                continue
            self.log_change(request, obj, "crudsync: pushed now")
            for each in told:
                text, level = _told(obj, each)
                self.message_user(request, text, level)

    def ignore_objects(self, request: HttpRequest, objects: QuerySet[Any] | Sequence[Any], reason: str) -> None:
        """Ignore the dead letters of objects, under every account, for a reason."""
        if bounds.refused(self, request, objects):
            return
        model: type[Model] = self.model
        who, label = request.user.get_username(), model_label(model)
        total = 0
        for ids in _batches(objects):
            letters = Binding.objects.filter(model=label, object_id__in=ids, cause__isnull=False)
            total += deadletters.ignore(letters, reason=reason, actor=who)
        self._tell_ignored(request, objects[:LOGGED] if total else (), total, reason)

    def ignore_binding(self, request: HttpRequest, obj: Any, binding: Binding, reason: str) -> None:
        """Ignore an object's dead letter under one account, for a reason."""
        known = binding.pk is not None
        total = deadletters.ignore(binding, reason=reason, actor=request.user.get_username()) if known else 0
        self._tell_ignored(request, [obj] if total else (), total, reason)

    def _tell_ignored(self, request: HttpRequest, objects: Iterable[Any], total: int, reason: str) -> None:
        for obj in objects:
            self.log_change(request, obj, f"crudsync: ignored: {reason}")
        text = ngettext("%(n)d letter is ignored.", "%(n)d letters are ignored.", total) % {"n": total}
        self.message_user(request, text, messages.SUCCESS if total else messages.WARNING)


def _resync(site: ObjectDeeds, request: HttpRequest, queryset: QuerySet[Any]) -> None:
    site.ask_for(request, queryset, Wanted.PUSH)


def _pull(site: ObjectDeeds, request: HttpRequest, queryset: QuerySet[Any]) -> None:
    site.ask_for(request, queryset, Wanted.VERIFY)


def _push(site: ObjectDeeds, request: HttpRequest, queryset: QuerySet[Any]) -> None:
    objects = list(queryset[: AT_ONCE + 1])
    if len(objects) > AT_ONCE:
        text = _("At most %(n)d are pushed at once: use Resync for more, workers send them.") % {"n": AT_ONCE}
        site.message_user(request, text, messages.ERROR)
        return
    site.push_objects(request, objects)


def _ignore(site: ObjectDeeds, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
    form = ReasonForm(request.POST if GIVEN in request.POST else None)
    if form.is_bound and form.is_valid():
        site.ignore_objects(request, queryset, form.cleaned_data["reason"])
        return None
    context = {
        **site.admin_site.each_context(request),
        "title": _("Why need nobody look at their failures?"),
        "opts": site.opts,
        "form": form,
        "given": GIVEN,
        "action": IGNORE_ACTION,
        "checkbox": ACTION_CHECKBOX_NAME,
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "select_across": request.POST.get("select_across", "0"),
    }
    return TemplateResponse(request, "crudsync/ignore_selected.html", context)


def _told(obj: Any, each: Pushed) -> tuple[str, int]:
    values = {"object": obj, "where": each.connection, "error": each.error}
    if each.error is None:
        return _("%(object)s is at %(where)s now.") % values, messages.SUCCESS
    text = _("%(object)s did not arrive at %(where)s: %(error)s") % values
    if each.retry_after_s is not None:
        again = _("A worker tries it again in %(n).0f s.") % {"n": each.retry_after_s}
        return f"{text}. {again}", messages.WARNING
    return text, messages.ERROR


def _batches(objects: QuerySet[Any] | Iterable[Any]) -> Iterator[list[str]]:
    keys = keys_of(objects) if isinstance(objects, QuerySet) else (obj.pk for obj in objects)
    ids = (object_id_of(key) for key in keys)
    while batch := list(islice(ids, BATCH)):
        yield batch
