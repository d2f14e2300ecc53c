"""Say in a test what must have been sent, from the task records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from django.db.models import QuerySet

from sync.integrators.values import json_value
from sync.models import Binding, Operation, Status
from sync.models.identity import object_id_of
from sync.registry import model_label

if TYPE_CHECKING:
    from django.db.models import Model

WRITES = ("create", "update", "delete")
SHOWN = 10


def assert_sent(
    what: Model | type[Model],
    object_id: object = None,
    *,
    verb: str = "",
    times: int | None = None,
    integrator: str = "",
    **fields: object,
) -> list[Operation]:
    """Fail unless an object was sent, and the remote took it.

    Args:
        what: an instance; or a model, with ``object_id`` for one that is deleted, or without for any of its objects.
        object_id: the primary key of a deleted object.
        verb: ``create``, ``update``, ``delete``, ``read`` or ``lookup``; empty: any write.
        times: so many calls exactly; None: one or more.
        integrator: only there.
        fields: what a body that was sent must hold: its keys, as the remote names them, and values.

    Returns:
        The operations, oldest first.

    Raises:
        AssertionError: it was not sent so; the message lists what was.
    """
    tried = list(_operations(what, object_id, integrator))
    found = [one for one in tried if one.status == Status.SUCCEEDED and _fits(one, verb, fields)]
    enough = len(found) == times if times is not None else bool(found)
    if not enough:
        wish = f"{verb or 'a write'}{f' with {fields}' if fields else ''}"
        times_wished = "at least once" if times is None else f"{times} times"
        raise AssertionError(
            f"{_name(what, object_id)}: {wish} was to be sent {times_wished}, and was {len(found)} times.\n"
            f"{_story(what, object_id, tried)}"
        )
    return found


def assert_not_sent(
    what: Model | type[Model], object_id: object = None, *, verb: str = "", integrator: str = "", **fields: object
) -> None:
    """Fail if an object was sent, whatever the remote answered; the arguments are those of ``assert_sent``.

    Raises:
        AssertionError: it was.
    """
    tried = list(_operations(what, object_id, integrator))
    found = [one for one in tried if one.status != Status.NOT_SENT and _fits(one, verb, fields)]
    if found:
        raise AssertionError(
            f"{_name(what, object_id)}: {verb or 'a write'} was not to be sent, and was {len(found)} times.\n"
            f"{_story(what, object_id, tried)}"
        )


def _operations(what: Model | type[Model], object_id: object, integrator: str) -> QuerySet[Operation]:
    rows = Operation.objects.filter(binding__in=_bindings(what, object_id)).order_by("pk")
    return rows.filter(connection__integrator=integrator) if integrator else rows


def _bindings(what: Model | type[Model], object_id: object) -> QuerySet[Binding]:
    model = what if isinstance(what, type) else type(what)
    rows = Binding.objects.filter(model=model_label(model))
    if what is model:
        return rows if object_id is None else rows.filter(object_id=object_id_of(object_id))
    if what.pk is None:
        raise AssertionError(
            f"this {model.__name__} has no primary key any more: name it as assert_sent({model.__name__}, its_pk, ...)"
        )
    return rows.filter(object_id=object_id_of(what.pk))


def _fits(one: Operation, verb: str, fields: Mapping[str, object]) -> bool:
    if one.verb != verb if verb else one.verb not in WRITES:
        return False
    wanted = {name: json_value(value) for name, value in fields.items()}
    return not wanted or any(_holds(body, wanted) for body in _objects(_parsed(one.request)))


def _holds(body: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(name in body and _same(body[name], value) for name, value in wanted.items())


def _same(sent: Any, wanted: Any) -> bool:
    """0 is not false; but a form's values are text: ``"3"`` is 3 there."""
    if isinstance(sent, bool) or isinstance(wanted, bool):
        return sent is wanted
    return bool(sent == wanted) or (isinstance(sent, str) and sent == str(wanted))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return dict(parse_qsl(text, keep_blank_values=True))


def _objects(body: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the object and those within it: it may lie in an envelope or a batch."""
    if isinstance(body, Mapping):
        yield body
        for value in body.values():
            yield from _objects(value)
    elif isinstance(body, list):
        for value in body:
            yield from _objects(value)


def _name(what: Model | type[Model], object_id: object) -> str:
    model, pk = (what, object_id) if isinstance(what, type) else (type(what), what.pk)
    return model.__name__ if pk is None else f"{model.__name__} {pk}"


def _story(what: Model | type[Model], object_id: object, tried: list[Operation]) -> str:
    lines = [f"  {one.verb} {one.status} {one.status_code or ''} {one.code} {one.request}" for one in tried[-SHOWN:]]
    standing = [
        f"  {row.connection}: {row.state} {row.code} {row.detail}".rstrip()
        for row in _bindings(what, object_id).select_related("connection")[:SHOWN]
    ]
    return "\n".join(["Sent:", *(lines or ["  nothing"]), "State:", *(standing or ["  nothing was taken in"])])
