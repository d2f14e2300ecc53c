"""What a person can do about an object: a sentence, a command, and a page of the admin. Pure but for addresses."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.contrib.admin.utils import quote
from django.urls import NoReverseMatch, reverse

from sync.models import Binding, State
from sync.monitoring.codes import word

STANDSTILL = frozenset(
    {"disabled", "unregistered", "paused", "gate", "probe", "limiter", "token", "under_way", "inbox"}
)
"""Kinds of prospects against which asking once more does nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One thing that can be done; ``command`` and ``page`` (a path of the site) are empty where there is none."""

    sentence: str
    command: str = ""
    page: str = ""


def remedies(row: Binding, *, blocked: tuple[str, ...], alike: int = 0, ahead: int = 0) -> tuple[Remedy, ...]:
    """Return what a person can do for an object, what mends its connection first.

    Args:
        row: the binding, with its connection.
        blocked: kinds of its prospects.
        alike: dead letters of the same cause, itself among them.
        ahead: objects that go before it.
    """
    changed = "inbox" in blocked  # what it stands at is about to change
    return (*_of_connection(row, blocked), *(() if changed else _of_object(row, alike)), *_hurry(row, blocked, ahead))


def _of_connection(row: Binding, blocked: tuple[str, ...]) -> Iterator[Remedy]:
    page = admin_page("connection", row.connection_id)
    if "paused" in blocked:
        yield Remedy(
            sentence="Resume the connection.",
            command=_manage("crudsync_pause", str(row.connection), "--resume"),
            page=page,
        )
    if "gate" in blocked or "probe" in blocked:
        yield Remedy(
            sentence="See what the remote says; the gate opens by itself once it answers.",
            command=_manage("crudsync_doctor", "--connection", str(row.connection)),
            page=page,
        )
    if "limiter" in blocked or "unswept" in blocked:
        yield Remedy(sentence="See what is not running.", command=_manage("crudsync_doctor"))


def _of_object(row: Binding, alike: int) -> Iterator[Remedy]:
    page = admin_page("binding", row.pk)
    if row.state == State.IN_DOUBT:
        yield Remedy(
            sentence="Look at the remote whether it arrived, then say so: under which id, or never.",
            command=_manage("crudsync_replay", "--binding", str(row.pk), "--arrived", "REMOTE_ID")
            + ", or --never-arrived",
            page=admin_page("binding_doubt", row.pk, plain=True) or page,
        )
    elif row.state in (State.HELD, State.DEAD):
        yield from _of_letter(row, page, alike)
    elif row.state == State.WAITING or row.code.startswith("parent_"):
        yield _parent(row)
    elif row.state == State.SYNCED:
        command = _manage("crudsync_resync", row.model, row.object_id, "--verify")
        yield Remedy(sentence="If you doubt it: let it be compared with the remote.", command=command, page=page)


def _hurry(row: Binding, blocked: tuple[str, ...], ahead: int) -> Iterator[Remedy]:
    """Asked for by a person, it goes at once and before all others; that helps where nothing holds up them all."""
    if STANDSTILL.isdisjoint(blocked) and (row.state == State.RETRYING or (row.state == State.PENDING and ahead)):
        command = _manage("crudsync_resync", row.model, row.object_id)
        yield Remedy(
            sentence="Ask for it at once, before all others.", command=command, page=admin_page("binding", row.pk)
        )


def _of_letter(row: Binding, page: str, alike: int) -> Iterator[Remedy]:
    if row.waits_for:  # sent now, it would be held again
        yield _parent(row)
        return
    cure = word(row.code).cure
    if cure and row.code:
        yield Remedy(sentence=cure, page=_own_page(row))
    command = _manage("crudsync_replay", "--binding", str(row.pk))
    if row.cause_id is None:
        command = _manage("crudsync_resync", row.model, row.object_id)
    yield Remedy(sentence="Send it again as it is today.", command=command, page=page)
    if row.cause_id is not None and alike > 1:
        yield Remedy(
            sentence=f"Send all {alike} that failed for the same cause.",
            command=_manage("crudsync_replay", "--cause", str(row.cause_id)),
            page=admin_page("cause", row.cause_id),
        )


def _parent(row: Binding) -> Remedy:
    object_type, _, object_id = row.waits_for.partition(":")
    return Remedy(sentence=f"Mend {object_type} {object_id}; this one follows by itself. Its standing is below.")


def admin_page(name: str, pk: object, *, plain: bool = False) -> str:
    """Return the address of a row's page in the admin, empty where there is none."""
    return _reversed(f"admin:crudsync_{name}" + ("" if plain else "_change"), pk)


def _own_page(row: Binding) -> str:
    """The address of the object's own page."""
    try:
        meta = apps.get_model(row.model)._meta
    except (LookupError, ValueError):
        return ""
    return _reversed(f"admin:{meta.app_label}_{meta.model_name}_change", quote(row.object_id))


def _reversed(name: str, pk: object) -> str:
    try:
        return reverse(name, args=(pk,))
    except NoReverseMatch:
        return ""


def _manage(*words: str) -> str:
    return f"manage.py {shlex.join(words)}"
