"""What local rows can hold, and what of it reaches the wire: keys, values and headers (protocol.md, section 10)."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from django.utils.translation import gettext_lazy

from sync import CrudIntegrator, ObjectType
from sync.models import Binding, State
from sync.types import Request
from tests.hostile.remote import POISON, SmallRemote
from tests.http.conftest import ok
from tests.zoo.models import Bird, Crate, Feeding, Note, Ticket

Deliver = Callable[..., Any]
Registered = Callable[..., Any]

KEYS = {
    "a slash": "a/b",
    "an absolute path": "/etc",
    "two slashes": "//evil.test",
    "a way up within": "../../admin",
    "a way up at the end": "a/..",
    "a query": "a?b=c",
    "a fragment": "a#b",
    "CR LF": "a\r\nX-Evil: 1",
    "LF": "a\nX-Evil: 1",
    "a quoted dot": "%2e%2e",
    "a quoted slash": "a%2fb",
    "a percent sign": "100%",
    "a space": "a b",
    "a backslash": "a\\..\\b",
    "semicolons and at signs": "a;b@c:d",
    "beyond ASCII": "ü\u2028€",
    "a plus": "a+b",
}
REFUSED = {"a dot": (".", "bad_id"), "two dots": ("..", "bad_id")}


@pytest.fixture
def tickets(remote: SmallRemote, registered: Registered, deliver: Deliver) -> type[CrudIntegrator]:
    """A remote that takes our keys as its own."""

    class TicketsIntegrator(CrudIntegrator):
        base_url = f"{remote.url}/v2/"

        @staticmethod
        def set_object_types() -> Any:
            return {"ticket": ObjectType(model=Ticket, endpoint="tickets", fields=["price"], client_id=True)}

    return registered(TicketsIntegrator)  # type: ignore[no-any-return]


@pytest.mark.usefixtures("tickets")
@pytest.mark.parametrize("case", KEYS)
def test_a_key_is_one_segment_of_the_path_and_nothing_else(remote: SmallRemote, deliver: Deliver, case: str) -> None:
    row = Ticket.objects.create(code=KEYS[case])
    deliver()
    row.price = Decimal(2)
    row.save()
    deliver()
    row.delete()
    deliver()
    target = f"/v2/tickets/{quote(KEYS[case], safe='')}"
    assert [(each.method, each.target) for each in remote.spoken] == [
        ("PUT", target),
        ("PATCH", target),
        ("DELETE", target),
    ]
    assert not any("evil" in line.lower() for each in remote.spoken for line in each.lines)


@pytest.mark.usefixtures("tickets")
@pytest.mark.parametrize("case", REFUSED)
def test_a_key_that_leads_elsewhere_even_when_quoted_holds_its_own_object(
    remote: SmallRemote, deliver: Deliver, case: str
) -> None:
    key, code = REFUSED[case]
    Ticket.objects.create(code=key)
    Ticket.objects.create(code="fine")
    deliver()
    held = Binding.objects.get(object_id=key)
    assert (held.state, held.code) == (State.HELD, code)
    assert held.detail
    assert [each.target for each in remote.spoken] == ["/v2/tickets/fine"]


@pytest.mark.usefixtures("notes")
@pytest.mark.parametrize("remote_id", [*KEYS.values(), "x" * 500])
def test_an_id_of_the_remotes_making_is_one_segment_too(remote: SmallRemote, deliver: Deliver, remote_id: str) -> None:
    usable = remote_id.isprintable() or "\u2028" in remote_id
    remote.hostile["POST"] = ok(json.dumps({"id": remote_id}).encode(), "Content-Type: application/json")
    note = Note.objects.create(text=POISON)
    deliver()
    note.text = f"{POISON} again"
    note.save()
    deliver()
    updates = [each.target for each in remote.spoken if each.method == "PATCH"]
    assert updates == ([f"/notes/{quote(remote_id, safe='')}"] if usable else [])
    assert not any("evil" in line.lower() for each in remote.spoken for line in each.lines)


UID = uuid.UUID(int=7)
SENT: dict[str, tuple[Any, Any]] = {
    "Decimal": (Decimal("1E+3"), "1000"),
    "a Decimal of 60 digits": (Decimal("9" * 60), "9" * 60),
    "datetime": (dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC), "2026-01-02T03:04:00+00:00"),
    "date": (dt.date(2026, 1, 2), "2026-01-02"),
    "UUID": (UID, str(UID)),
    "a lazy string": (gettext_lazy("waiting"), "waiting"),
    "NUL": ("a\0b", "a\0b"),
    "an integer of 400 digits": (int("9" * 400), int("9" * 400)),
    "a set": ({2, 1}, [1, 2]),
}
HELD: dict[str, Any] = {
    "bytes": b"\x00",
    "NaN": float("nan"),
    "infinity": float("inf"),
    "Decimal NaN": Decimal("NaN"),
    "an integer of 5,000 digits": 10**5000,
    "an object": object(),
    "itself": "cycle",
    "deep nesting": "deep",
}


def awkward(value: Any) -> Any:
    if value == "cycle":
        made: list[Any] = []
        made.append(made)
        return made
    if value == "deep":
        made = []
        for _ in range(5000):
            made = [made]
        return made
    return value


@pytest.fixture
def hooked(notes: type[CrudIntegrator], registered: Registered) -> Callable[..., None]:
    """A function that gives the integrator of notes a hook."""

    def put(name: str, function: Callable[..., Any]) -> None:
        setattr(notes, name, function)

    return put


def fine_arrived(remote: SmallRemote) -> bool:
    return [value["text"] for value in remote.objects.values() if value["text"] != POISON] == ["fine"]


@pytest.mark.parametrize("case", SENT)
def test_a_value_has_one_form_on_the_wire_and_in_the_rows(
    remote: SmallRemote, deliver: Deliver, hooked: Callable[..., None], case: str
) -> None:
    value, form = SENT[case]
    hooked("set_data", lambda self, model: {"text": model.text, "x": value})
    Note.objects.create(text=POISON)
    deliver()
    assert [each.data["x"] for each in remote.spoken] == [form]
    assert Binding.objects.get().state == State.SYNCED
    deliver()
    assert len(remote.spoken) == 1


@pytest.mark.parametrize("case", HELD)
def test_a_value_without_a_form_holds_its_own_object(
    remote: SmallRemote, deliver: Deliver, hooked: Callable[..., None], case: str
) -> None:
    hooked(
        "set_data", lambda self, model: {"text": model.text, "x": awkward(HELD[case]) if model.text == POISON else 1}
    )
    note = Note.objects.create(text=POISON)
    Note.objects.create(text="fine")
    deliver()
    held = Binding.objects.get(object_id=str(note.pk))
    assert (held.state, held.code) == (State.HELD, "payload")
    assert "x" in held.detail or "too long" in held.detail
    assert len(held.detail) <= 500
    assert fine_arrived(remote)


HEADERS: dict[str, Any] = {
    "CR LF": "a\r\nX-Evil: 1",
    "LF": "a\nX-Evil: 1",
    "NUL": "a\0",
    "beyond Latin-1": "€",
    "bytes": b"a",
    "a number": 5,
    "none": None,
}


@pytest.mark.parametrize("hook", ["set_headers", "before_send"])
@pytest.mark.parametrize("case", HEADERS)
def test_a_header_that_cannot_be_sent_holds_its_own_object_and_shuts_nothing(
    remote: SmallRemote, deliver: Deliver, hooked: Callable[..., None], case: str, hook: str
) -> None:
    def value(model: Any) -> Any:
        return HEADERS[case] if model.text == POISON else "fine"

    if hook == "set_headers":
        hooked(hook, lambda self, *_: {"X-Name": value(self.instance)})
    else:
        hooked(hook, lambda self, request: Request(
            method=request.method, url=request.url, body=request.body,
            headers={**request.headers, "X-Name": value(self.instance)},
        ))  # fmt: skip
    note = Note.objects.create(text=POISON)
    Note.objects.create(text="fine")
    deliver()
    held = Binding.objects.get(object_id=str(note.pk))
    assert (held.state, held.code) == (State.HELD, "hook_error")
    assert held.connection.gate.blocked_until is None
    assert fine_arrived(remote)
    assert not any("evil" in line.lower() for each in remote.spoken for line in each.lines)


@pytest.mark.usefixtures("deliver")
def test_models_of_every_kind_of_key_and_table_arrive_once(
    remote: SmallRemote, registered: Registered, deliver: Deliver
) -> None:
    class ZooIntegrator(CrudIntegrator):
        base_url = f"{remote.url}/"

        @staticmethod
        def set_object_types() -> Any:
            return {
                "crate": ObjectType(model=Crate, endpoint="crates", fields=["label"]),
                "feeding": ObjectType(model=Feeding, endpoint="feedings", fields=["grams"]),
                "bird": ObjectType(model=Bird, endpoint="birds", fields=["name", "wingspan"]),
            }

    registered(ZooIntegrator)
    Crate.objects.create(id=UID, label="books")
    Feeding.objects.create(animal=3, day=dt.date(2026, 1, 2), grams=5)
    Bird.objects.create(name="Kea", wingspan=100)
    deliver()
    assert sorted(each.target for each in remote.spoken) == ["/birds", "/crates", "/feedings"]
    keys = dict(Binding.objects.values_list("object_type", "object_id"))
    assert keys["crate"] == str(UID)
    assert "3" in keys["feeding"]
    assert "2026-01-02" in keys["feeding"]
    assert set(Binding.objects.values_list("state", flat=True)) == {State.SYNCED}
    bird = Bird.objects.get()
    bird.name = "Kaka"
    bird.save()
    deliver()
    assert [each.data for each in remote.spoken if each.method == "PATCH"] == [{"name": "Kaka"}]


def test_an_etag_that_cannot_be_sent_back_is_none(
    remote: SmallRemote, notes: type[CrudIntegrator], deliver: Deliver
) -> None:
    remote.hostile["POST"] = ok(b'{"id": "1"}', "Content-Type: application/json", 'ETag: "\xe9"').replace(
        "\xe9".encode(), b"\xe9"
    )
    note = Note.objects.create(text=POISON)
    deliver()
    note.text = f"{POISON} again"
    note.save()
    deliver()
    assert [each.method for each in remote.spoken] == ["POST", "PATCH"]
    assert Binding.objects.get().state == State.SYNCED
