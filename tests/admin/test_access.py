"""Who may see and do what: every page and every deed, by anonymous, user, and staff with each permission."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from examples.shop.models import Product
from sync.models import Binding, Cause, Change, Connection, Gate, Kind, Operation, State
from sync.secrets import open_sealed, seal
from sync.types import Wanted
from tests.admin import site as pages

CANARY = "canary-4c1e"
VIEWS = ("view_binding", "view_cause", "view_change", "view_connection", "view_operation", "view_product")
VERBS = (
    "replay_binding",
    "ignore_binding",
    "resync_binding",
    "reveal_binding",
    "manage_secrets",
    "pause_connection",
    "change_connection",
    "add_connection",
    "delete_connection",
    "change_product",
    "change_binding",
    "delete_binding",
    "change_cause",
    "delete_cause",
)


@dataclass
class Stage:
    """Rows to look at and to act on: ``binding`` is a dead letter, ``doubtful`` held in doubt, ``shut`` paused."""

    binding: Binding
    doubtful: Binding
    cause: Cause
    change: Change
    operation: Operation
    connection: Connection
    unused: Connection
    shut: Connection
    product: Product

    def url(self, pattern: str) -> str:
        return pattern.format(**vars(self))


@pytest.fixture
def stage(
    product: Product, bind: Callable[..., Binding], attempt: Callable[..., Operation], connection: Connection
) -> Stage:
    at = timezone.now()
    cause = Cause.objects.create(
        fingerprint="x", integrator="shop", message="too long", example=CANARY, first_seen=at, last_seen=at
    )
    body = f'{{"name": "{CANARY}"}}'
    binding = bind(product, state=State.HELD, cause=cause, sent=body, seen=body, intent=body, snapshot=body)
    doubtful = bind(product, object_id="9000077", state=State.IN_DOUBT, uncertain="create", intent="{}")
    shut = Connection.objects.create(
        integrator="gone", name="rome", paused=True, credentials=seal({"token": "t"}), options={}
    )
    Gate.objects.create(connection=shut, blocked_until=at + dt.timedelta(hours=1))
    return Stage(
        binding=binding,
        doubtful=doubtful,
        cause=cause,
        change=Change.objects.create(
            model="shop.product", object_id="1", kind=Kind.DELETE, snapshot=body, created_at=at
        ),
        operation=attempt(binding, request=body, response=body),
        connection=connection,
        unused=Connection.objects.create(integrator="shop", name="berlin"),
        shut=shut,
        product=product,
    )


@pytest.fixture
def person(client: Client) -> Callable[[str], Client]:
    """Log in by a word: anonymous, user, staff, or staff who may view everything and one thing more."""

    def logged_in(who: str) -> Client:
        if who == "anonymous":
            return client
        user = User.objects.create_user("grace", is_staff=who != "user")
        if who not in ("user", "staff"):
            wanted = {*VIEWS, *([] if who == "viewer" else [who])}
            user.user_permissions.set(Permission.objects.filter(codename__in=wanted))
            assert user.user_permissions.count() == len(wanted)
        client.force_login(user)
        return client

    return logged_in


# --- what is seen ----------------------------------------------------------------------------------------------------

PAGES = {
    "/admin/crudsync/binding/": "viewer",
    "/admin/crudsync/binding/{binding.pk}/change/": "viewer",
    "/admin/crudsync/binding/{doubtful.pk}/doubt/": "resync_binding",
    "/admin/crudsync/cause/": "viewer",
    "/admin/crudsync/cause/{cause.pk}/change/": "viewer",
    "/admin/crudsync/cause/{cause.pk}/replay/": "replay_binding",
    "/admin/crudsync/cause/{cause.pk}/ignore/": "ignore_binding",
    "/admin/crudsync/change/": "viewer",
    "/admin/crudsync/change/{change.pk}/change/": "viewer",
    "/admin/crudsync/connection/": "viewer",
    "/admin/crudsync/connection/add/": "add_connection",
    "/admin/crudsync/connection/{connection.pk}/change/": "viewer",
    "/admin/crudsync/connection/{connection.pk}/credentials/": "manage_secrets",
    "/admin/crudsync/connection/{connection.pk}/limits/": "change_connection",
    "/admin/crudsync/connection/{connection.pk}/pause/": "pause_connection",
    "/admin/crudsync/connection/{unused.pk}/delete/": "delete_connection",
    "/admin/crudsync/operation/": "viewer",
    "/admin/crudsync/operation/{operation.pk}/change/": "viewer",
    "/admin/shop/product/{product.pk}/crudsync/": "viewer",
}
"""Each page, and what one needs beside the permissions to view."""

WRITTEN_BY_ONE = ("binding", "cause", "change", "operation")
NEVER = [f"/admin/crudsync/{name}/{{{name}.pk}}/delete/" for name in WRITTEN_BY_ONE]
NEVER += [f"/admin/crudsync/{name}/add/" for name in WRITTEN_BY_ONE]


@pytest.mark.parametrize("who", ["anonymous", "user"])
@pytest.mark.parametrize("address", PAGES)
def test_who_is_not_of_the_staff_is_sent_to_the_login(
    address: str, who: str, person: Callable[[str], Client], stage: Stage
) -> None:
    answer = person(who).get(stage.url(address))
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("address", [*PAGES, *NEVER])
def test_staff_without_a_permission_sees_nothing(address: str, person: Callable[[str], Client], stage: Stage) -> None:
    assert person("staff").get(stage.url(address)).status_code == 403


@pytest.mark.parametrize("address", PAGES)
def test_a_page_is_shown_to_whoever_has_its_permission_and_to_nobody_else(
    address: str, person: Callable[[str], Client], stage: Stage
) -> None:
    needs = PAGES[address]
    client = person("viewer")
    assert client.get(stage.url(address)).status_code == (200 if needs == "viewer" else 403)
    user = User.objects.get(username="grace")
    for verb in VERBS:
        user.user_permissions.set(Permission.objects.filter(codename__in=(*VIEWS, verb)))
        expected = 200 if needs in ("viewer", verb) else 403
        assert client.get(stage.url(address)).status_code == expected, verb


@pytest.mark.parametrize("address", NEVER)
def test_rows_with_one_writer_are_added_and_removed_by_nobody(address: str, admin: Client, stage: Stage) -> None:
    assert admin.get(stage.url(address)).status_code == 403


REVEALED = [
    "/admin/crudsync/binding/{binding.pk}/change/",
    "/admin/crudsync/cause/{cause.pk}/change/",
    "/admin/crudsync/change/{change.pk}/change/",
    "/admin/crudsync/operation/{operation.pk}/change/",
    "/admin/shop/product/{product.pk}/crudsync/",
    "/admin/shop/product/{product.pk}/change/",
]


@pytest.mark.parametrize("address", REVEALED)
def test_payloads_are_shown_to_those_alone_who_may_read_them(
    address: str, person: Callable[[str], Client], stage: Stage
) -> None:
    client = person("reveal_binding")
    assert CANARY in client.get(stage.url(address)).content.decode()
    user = User.objects.get(username="grace")
    for verb in (None, *VERBS):
        if verb != "reveal_binding":
            user.user_permissions.set(Permission.objects.filter(codename__in=(*VIEWS, verb)))
            assert CANARY not in client.get(stage.url(address)).content.decode(), verb


# --- what is done ----------------------------------------------------------------------------------------------------


def chosen(name: str, key: str, **more: str) -> dict[str, str]:
    return {"action": name, "_selected_action": f"{{{key}.pk}}", **more}


REASON = {"_reason_given": "1", "reason": "known"}
ACCOUNT = {"options": "{{}}", "drains": "2"}  # these, too, are written as patterns


@dataclass(frozen=True)
class Deed:
    """A POST, the permission it needs, and what shows that it was done."""

    needs: str
    url: str
    done: Callable[[Stage], bool]
    data: dict[str, str] = field(default_factory=dict)


def _asked(wanted: Wanted) -> Callable[[Stage], bool]:
    return lambda stage: Binding.objects.get(pk=stage.binding.pk).wanted == wanted


def _ignored(stage: Stage) -> bool:
    return Binding.objects.get(pk=stage.binding.pk).ignored == "known (grace)"


def _opened(stage: Stage) -> bool:
    return Binding.objects.get(pk=stage.binding.pk).ignored == ""


def _logged(words: str) -> bool:
    return LogEntry.objects.filter(change_message__startswith=words).exists()


def _account(**values: Any) -> Callable[[Stage], bool]:
    return lambda stage: Connection.objects.filter(pk=stage.connection.pk, **values).exists()


BINDINGS, CAUSES, ACCOUNTS = (f"/admin/crudsync/{name}/" for name in ("binding", "cause", "connection"))
DEEDS = {
    "resync objects": Deed("resync_binding", BINDINGS, _asked(Wanted.PUSH), chosen("resync_selected", "binding")),
    "verify objects": Deed("resync_binding", BINDINGS, _asked(Wanted.VERIFY), chosen("verify_selected", "binding")),
    "replay objects": Deed("replay_binding", BINDINGS, _asked(Wanted.PUSH), chosen("replay_selected", "binding")),
    "ignore objects": Deed("ignore_binding", BINDINGS, _ignored, chosen("ignore_selected", "binding", **REASON)),
    "replay causes": Deed("replay_binding", CAUSES, _asked(Wanted.PUSH), chosen("replay_selected", "cause")),
    "ignore causes": Deed("ignore_binding", CAUSES, _ignored, chosen("ignore_selected", "cause", **REASON)),
    "replay a cause": Deed("replay_binding", CAUSES + "{cause.pk}/replay/", _asked(Wanted.PUSH)),
    "ignore a cause": Deed("ignore_binding", CAUSES + "{cause.pk}/ignore/", _ignored, REASON),
    "end a doubt": Deed(
        "resync_binding",
        BINDINGS + "{doubtful.pk}/doubt/",
        lambda stage: Binding.objects.get(pk=stage.doubtful.pk).state == State.PENDING,
        {"answer": "never"},
    ),
    "set a credential": Deed(
        "manage_secrets",
        ACCOUNTS + "{connection.pk}/credentials/",
        lambda stage: open_sealed(Connection.objects.get(pk=stage.connection.pk).credentials) == {"token": "t"},
        {"name": "token", "value": "t"},
    ),
    "pause": Deed("pause_connection", ACCOUNTS, _account(paused=True), chosen("pause_selected", "connection")),
    "pause an account": Deed("pause_connection", ACCOUNTS + "{connection.pk}/pause/", _account(paused=True)),
    "open the gate": Deed(
        "pause_connection",
        ACCOUNTS + "{shut.pk}/open/",
        lambda stage: not Gate.objects.filter(connection=stage.shut, blocked_until__gt=timezone.now()).exists(),
    ),
    "resume an account": Deed(
        "pause_connection",
        ACCOUNTS + "{shut.pk}/resume/",
        lambda stage: not Connection.objects.get(pk=stage.shut.pk).paused,
    ),
    "set limits": Deed(
        "change_connection",
        ACCOUNTS + "{connection.pk}/limits/",
        _account(drains=3),
        {"drains": "3", "window-TOTAL_FORMS": "0", "window-INITIAL_FORMS": "0"},
    ),
    "test an account": Deed(
        "change_connection", ACCOUNTS + "{shut.pk}/test/", lambda _: _logged("crudsync: tested: refused")
    ),
    "seal credentials anew": Deed(
        "manage_secrets",
        ACCOUNTS + "{shut.pk}/reseal/",
        lambda _: _logged("crudsync: credentials sealed under the newest key"),
    ),
    "edit an account": Deed("change_connection", ACCOUNTS + "{connection.pk}/change/", _account(drains=2), ACCOUNT),
    "add an account": Deed(
        "add_connection",
        ACCOUNTS + "add/",
        lambda stage: Connection.objects.filter(name="paris").exists(),
        {**ACCOUNT, "integrator": "shop", "name": "paris"},
    ),
    "remove an account": Deed(
        "delete_connection",
        ACCOUNTS + "{unused.pk}/delete/",
        lambda stage: not Connection.objects.filter(pk=stage.unused.pk).exists(),
        {"post": "yes"},
    ),
    "resync an object of one's own": Deed(
        "change_product", "/admin/shop/product/{product.pk}/crudsync/", _asked(Wanted.PUSH), {"_push": "1"}
    ),
}


def do(deed: Deed, client: Client, stage: Stage) -> bool:
    """Post it, and return whether it was done."""
    client.post(stage.url(deed.url), {name: stage.url(value) for name, value in deed.data.items()})
    return deed.done(stage)


@pytest.mark.parametrize("name", DEEDS)
def test_a_deed_is_done_by_whoever_has_its_permission_alone_and_logged(name: str, client: Client, stage: Stage) -> None:
    deed = DEEDS[name]
    assert not do(deed, client, stage), "anonymous"
    client.force_login(User.objects.create_user("eve"))
    assert not do(deed, client, stage), "user"
    grace = User.objects.create_user("grace", is_staff=True)
    client.force_login(grace)
    assert not do(deed, client, stage), "staff"
    others = [verb for verb in VERBS if verb != deed.needs]
    for verb in ("view_binding", *others):
        grace.user_permissions.set(Permission.objects.filter(codename__in=(*VIEWS, verb)))
        assert not do(deed, client, stage), verb
    assert not LogEntry.objects.exists()
    grace.user_permissions.set(Permission.objects.filter(codename__in=(*VIEWS, deed.needs)))
    assert do(deed, client, stage)
    assert LogEntry.objects.exists()


def test_opening_ignored_ones_again_needs_the_permission_to_ignore(
    person: Callable[[str], Client], stage: Stage
) -> None:
    Binding.objects.filter(pk=stage.binding.pk).update(ignored="known")
    client = person("replay_binding")
    deed = Deed("ignore_binding", BINDINGS, _opened, chosen("unignore_selected", "binding"))
    assert not do(deed, client, stage)
    User.objects.get(username="grace").user_permissions.add(Permission.objects.get(codename="ignore_binding"))
    assert do(deed, client, stage)


def test_where_calls_go_is_changed_by_whoever_may_set_credentials_alone(
    person: Callable[[str], Client], stage: Stage
) -> None:
    needs, values = "manage_secrets", {"base_url": "https://elsewhere.shop.test/"}
    url, data = stage.url(ACCOUNTS + "{connection.pk}/change/"), {**ACCOUNT, "options": "{}", **values}
    done = _account(**values)
    client = person("change_connection")
    assert client.post(url, data).status_code == 302
    assert not done(stage)
    User.objects.get(username="grace").user_permissions.add(Permission.objects.get(codename=needs))
    assert client.post(url, data).status_code == 302
    assert done(stage)


# --- nothing is forgotten --------------------------------------------------------------------------------------------


def test_every_action_of_our_pages_is_in_the_table() -> None:
    known = {deed.data.get("action") for deed in DEEDS.values()} | {"unignore_selected", "resume_selected"}
    ours = [each for each in pages.site._registry.values() if type(each).__module__.startswith("sync.admin")]
    assert len(ours) == 5
    assert {str(name) for each in ours for name in each.actions or ()} <= known


def test_every_page_of_our_own_is_in_the_table() -> None:
    resolver: Any = get_resolver("tests.admin.site")
    names = {
        str(pattern.name)
        for pattern in _patterns(resolver)
        if str(pattern.name).startswith("crudsync_") and not str(pattern.name).endswith(("_history", "_changelist"))
    }
    kinds = {"_change", "_add", "_delete", "_doubt", "_replay", "_ignore", "_credentials", "_pause", "_limits"}
    kinds |= {"_test", "_resume", "_open", "_reseal"}  # buttons
    assert {name[name.rindex("_") :] for name in names} == kinds


def test_every_permission_that_we_declare_is_somebodys() -> None:
    declared = {name for model in (Binding, Connection) for name, _ in model._meta.permissions}
    assert declared <= set(VERBS)
    assert admin.site is not pages.site


def _patterns(resolver: Any) -> list[Any]:
    found = []
    for each in resolver.url_patterns:
        found.extend(_patterns(each) if hasattr(each, "url_patterns") else [each])
    return found
