"""What can be done on the site: a request for each deed, the permissions it needs, and what shows that it was done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from examples.shop.models import Category, Customer, Order, Product
from sync.models import AlertRule, Binding, Connection, Gate, State
from sync.secrets import open_sealed
from sync.types import Wanted
from tests.surfaces.stage import Stage

Done = Callable[[Stage], bool]


@dataclass(frozen=True, kw_only=True)
class Deed:
    """A request, the permissions it needs, and what shows that it was done.

    ``data`` are patterns over the stage; ``before`` sets the stage; ``logged`` says that Django's log of the row tells
    who did it.
    """

    call: str
    needs: tuple[str, ...]
    done: Done
    data: dict[str, Any] = field(default_factory=dict)
    before: Callable[[Stage], object] = lambda stage: None
    logged: bool = True

    @property
    def api(self) -> bool:
        """Whether programs do it; it needs nobody of the staff."""
        return " /api/" in self.call

    def do(self, client: Client, stage: Stage) -> bool:
        """Ask for it, and return whether it was done."""
        method, route = self.call.split(" ")
        data = {name: _filled(value, stage) for name, value in self.data.items()}
        options: dict[str, Any] = {"content_type": "application/json"} if self.api else {}
        getattr(client, method.lower())(stage.url(route), data, **options)
        return self.done(stage)


def _filled(value: Any, stage: Stage) -> Any:
    if isinstance(value, list):
        return [_filled(one, stage) for one in value]
    return stage.text(value) if isinstance(value, str) else value


def chosen(name: str, key: str, **more: str) -> dict[str, Any]:
    """Return the form of an action over one row."""
    return {"action": name, "_selected_action": f"{{{key}.pk}}", **more}


def _asked(wanted: Wanted) -> Done:
    return lambda stage: Binding.objects.get(pk=stage.binding.pk).wanted == wanted


def _ignored(stage: Stage) -> bool:
    return Binding.objects.get(pk=stage.binding.pk).ignored == "known (grace)"


def _opened(stage: Stage) -> bool:
    return Binding.objects.get(pk=stage.binding.pk).ignored == ""


def _ignore(stage: Stage) -> None:
    Binding.objects.filter(pk=stage.binding.pk).update(ignored="known")


def _account(**values: Any) -> Done:
    return lambda stage: Connection.objects.filter(pk=stage.connection.pk, **values).exists()


def _pause(stage: Stage) -> None:
    Connection.objects.filter(pk=stage.connection.pk).update(paused=True)


def _gone(model: Any, name: str) -> Done:
    return lambda stage: not model.objects.filter(pk=getattr(stage, name).pk).exists()


def _resumed(stage: Stage) -> bool:
    return not Connection.objects.get(pk=stage.shut.pk).paused


def _logged(words: str) -> Done:
    return lambda stage: LogEntry.objects.filter(change_message__contains=words).exists()


def _token(stage: Stage) -> bool:
    return open_sealed(Connection.objects.get(pk=stage.connection.pk).credentials) == {"token": "t"}


PUSHED, VERIFIED = _asked(Wanted.PUSH), _asked(Wanted.VERIFY)
RESYNC, REPLAY, IGNORE = (("view_binding", f"{verb}_binding") for verb in ("resync", "replay", "ignore"))
OF_CAUSE = {verb: ("view_cause", f"{verb}_binding") for verb in ("replay", "ignore")}
PAUSE = ("view_connection", "pause_connection")
REASON = {"_reason_given": "1", "reason": "known"}
ACCOUNT = {"options": "{{}}", "drains": "2"}
BINDINGS, CAUSES, ACCOUNTS = (f"POST /admin/crudsync/{name}/" for name in ("binding", "cause", "connection"))

ENGINE = {
    "resync objects": Deed(call=BINDINGS, needs=RESYNC, done=PUSHED, data=chosen("resync_selected", "binding")),
    "verify objects": Deed(call=BINDINGS, needs=RESYNC, done=VERIFIED, data=chosen("verify_selected", "binding")),
    "replay objects": Deed(call=BINDINGS, needs=REPLAY, done=PUSHED, data=chosen("replay_selected", "binding")),
    "ignore objects": Deed(
        call=BINDINGS, needs=IGNORE, done=_ignored, data=chosen("ignore_selected", "binding", **REASON)
    ),
    "open objects again": Deed(
        call=BINDINGS, needs=IGNORE, done=_opened, data=chosen("unignore_selected", "binding"), before=_ignore
    ),
    "replay causes": Deed(call=CAUSES, needs=OF_CAUSE["replay"], done=PUSHED, data=chosen("replay_selected", "cause")),
    "ignore causes": Deed(
        call=CAUSES, needs=OF_CAUSE["ignore"], done=_ignored, data=chosen("ignore_selected", "cause", **REASON)
    ),
    "open causes again": Deed(
        call=CAUSES + "?letters=ignored",
        needs=OF_CAUSE["ignore"],
        done=_opened,
        data=chosen("unignore_selected", "cause"),
        before=_ignore,
    ),
    "replay a cause": Deed(call=CAUSES + "<cause_id>/replay/", needs=OF_CAUSE["replay"], done=PUSHED),
    "ignore a cause": Deed(call=CAUSES + "<cause_id>/ignore/", needs=OF_CAUSE["ignore"], done=_ignored, data=REASON),
    "end a doubt": Deed(
        call=BINDINGS + "<binding_id>/doubt/",
        needs=RESYNC,
        done=lambda stage: Binding.objects.get(pk=stage.doubtful.pk).state == State.PENDING,
        data={"answer": "never"},
    ),
    "set a credential": Deed(
        call=ACCOUNTS + "<connection_id>/credentials/",
        needs=("view_connection", "manage_secrets"),
        done=_token,
        data={"name": "token", "value": "t"},
    ),
    "pause accounts": Deed(
        call=ACCOUNTS, needs=PAUSE, done=_account(paused=True), data=chosen("pause_selected", "connection")
    ),
    "resume accounts": Deed(
        call=ACCOUNTS,
        needs=PAUSE,
        done=_account(paused=False),
        data=chosen("resume_selected", "connection"),
        before=_pause,
    ),
    "pause an account": Deed(call=ACCOUNTS + "<connection_id>/pause/", needs=PAUSE, done=_account(paused=True)),
    "resume an account": Deed(call=ACCOUNTS + "<connection_id>/resume/", needs=PAUSE, done=_resumed),
    "open a gate": Deed(
        call=ACCOUNTS + "<connection_id>/open/",
        needs=PAUSE,
        done=lambda stage: not Gate.objects.filter(connection=stage.shut, blocked_until__gt=timezone.now()).exists(),
    ),
    "set limits": Deed(
        call=ACCOUNTS + "<connection_id>/limits/",
        needs=("change_connection",),
        done=_account(drains=3),
        data={"drains": "3", "window-TOTAL_FORMS": "0", "window-INITIAL_FORMS": "0"},
    ),
    "test an account": Deed(
        call=ACCOUNTS + "<connection_id>/test/", needs=("change_connection",), done=_logged("tested: refused")
    ),
    "seal credentials anew": Deed(
        call=ACCOUNTS + "<connection_id>/reseal/",
        needs=("view_connection", "manage_secrets"),
        done=_logged("credentials sealed under the newest key"),
    ),
    "edit an account": Deed(
        call=ACCOUNTS + "<object_id>/change/", needs=("change_connection",), done=_account(drains=2), data=ACCOUNT
    ),
    "add an account": Deed(
        call=ACCOUNTS + "add/",
        needs=("add_connection",),
        done=lambda stage: Connection.objects.filter(name="paris").exists(),
        data={**ACCOUNT, "integrator": "shop", "name": "paris"},
    ),
    "remove an account": Deed(
        call=ACCOUNTS + "<object_id>/delete/",
        needs=("delete_connection",),
        done=_gone(Connection, "unused"),
        data={"post": "yes"},
    ),
}

RULES = "POST /admin/crudsync/alertrule/"
RULE = {"name": "late", "kind": "oldest_unsent", "threshold": "1", "channels": "[]"}
RULE |= dict.fromkeys(("for_s", "quiet_s", "renotify_s", "window_s", "least"), "60")
ALERTS = {
    "add a rule": Deed(
        call=RULES + "add/",
        needs=("add_alertrule",),
        done=lambda stage: AlertRule.objects.filter(name="late").exists(),
        data=RULE,
    ),
    "edit a rule": Deed(
        call=RULES + "<object_id>/change/",
        needs=("change_alertrule",),
        done=lambda stage: AlertRule.objects.filter(pk=stage.alertrule.pk, name="late").exists(),
        data=RULE,
    ),
    "remove a rule": Deed(
        call=RULES + "<object_id>/delete/",
        needs=("delete_alertrule",),
        done=_gone(AlertRule, "alertrule"),
        data={"post": "yes"},
    ),
}

LIST = "POST /admin/shop/product/"
ONE = LIST + "<object_id>/crudsync/<connection_id>/<object_type>/"
ASK, HIDE, LINK = (("view_product", f"{verb}_binding") for verb in ("resync", "ignore", "link"))
OWN = {
    "resync an object of one's own": Deed(
        call=LIST + "<object_id>/crudsync/", needs=ASK, done=PUSHED, data={"_push": "1"}
    ),
    "pull an object of one's own": Deed(
        call=LIST + "<object_id>/crudsync/", needs=ASK, done=VERIFIED, data={"_verify": "1"}
    ),
    "push an object of one's own": Deed(
        call=LIST + "<object_id>/crudsync/", needs=ASK, done=_logged("pushed now"), data={"_now": "1"}
    ),
    "ignore an object of one's own": Deed(call=ONE + "ignore/", needs=HIDE, done=_ignored, data=REASON),
    "adopt for an object of one's own": Deed(
        call=ONE + "adopt/",
        needs=LINK,
        done=lambda stage: Binding.objects.get(pk=stage.binding.pk).remote_id == "r-10",
        data={"remote_id": "r-10", "looked": "r-10", "_adopt": "1"},
    ),
    "unlink an object of one's own": Deed(
        call=ONE + "unlink/",
        needs=LINK,
        done=lambda stage: Binding.objects.get(object_id=str(stage.tied.pk)).remote_id is None,
        data={"reason": "merged"},
    ),
    "resync one's own": Deed(call=LIST, needs=ASK, done=PUSHED, data=chosen("crudsync_resync", "product")),
    "pull one's own": Deed(call=LIST, needs=ASK, done=VERIFIED, data=chosen("crudsync_pull", "product")),
    "push one's own": Deed(call=LIST, needs=ASK, done=_logged("pushed now"), data=chosen("crudsync_push", "product")),
    "ignore one's own": Deed(call=LIST, needs=HIDE, done=_ignored, data=chosen("crudsync_ignore", "product", **REASON)),
}

V1 = "POST /api/crudsync/v1/"
PROGRAMS = {
    "resync an object": Deed(call=V1 + "bindings/<pk>/resync/", needs=RESYNC, done=PUSHED),
    "resync objects": Deed(
        call=V1 + "bindings/resync/", needs=RESYNC, done=VERIFIED, data={"ids": ["{binding.pk}"], "mode": "verify"}
    ),
    "replay an object": Deed(call=V1 + "bindings/<pk>/replay/", needs=REPLAY, done=PUSHED),
    "ignore an object": Deed(call=V1 + "bindings/<pk>/ignore/", needs=IGNORE, done=_ignored, data={"reason": "known"}),
    "open an object again": Deed(call=V1 + "bindings/<pk>/unignore/", needs=IGNORE, done=_opened, before=_ignore),
    "replay a cause": Deed(
        call=V1 + "dead-letters/<pk>/replay/", needs=("view_binding", *OF_CAUSE["replay"]), done=PUSHED
    ),
    "ignore a cause": Deed(
        call=V1 + "dead-letters/<pk>/ignore/",
        needs=("view_binding", *OF_CAUSE["ignore"]),
        done=_ignored,
        data={"reason": "known"},
    ),
    "open a cause again": Deed(
        call=V1 + "dead-letters/<pk>/unignore/",
        needs=("view_binding", *OF_CAUSE["ignore"]),
        done=_opened,
        before=_ignore,
    ),
    "pause an account": Deed(call=V1 + "connections/<pk>/pause/", needs=PAUSE, done=_account(paused=True)),
    "resume an account": Deed(call=V1 + "connections/<pk>/resume/", needs=PAUSE, done=_resumed),
    "test an account": Deed(
        call=V1 + "connections/<pk>/test/",
        needs=("view_connection", "change_connection"),
        done=_logged("tested: refused"),
    ),
}

MADE: dict[str, tuple[str, Any, dict[str, Any], dict[str, Any]]] = {
    "categories": ("category", Category, {"name": "New", "slug": "new"}, {"name": "Other"}),
    "customers": ("customer", Customer, {"email": "new@shop.test", "name": "New"}, {"name": "Other"}),
    "orders": ("order", Order, {"number": "o-2", "total": "1.00", "customer_id": "{customer.pk}"}, {"number": "o-9"}),
    "products": (
        "product",
        Product,
        {"name": "New", "sku": "new", "price": "1.00", "category_id": "{category.pk}"},
        {"name": "Other"},
    ),
}
"""The shop's own API: a row's name, its model, what makes a new one, and what changes one."""


def _shop() -> dict[str, Deed]:
    found = {}
    for place, (name, model, new, change) in MADE.items():
        address, one = f"/api/shop/{place}/", f"/api/shop/{place}/<pk>/"
        there = {"done": lambda stage, model=model, new=new: model.objects.filter(**_columns(new, stage)).exists()}
        changed = lambda stage, model=model, change=change: model.objects.filter(**change).exists()  # noqa: E731
        # An order goes before its customer, and a product before its category, where the database holds rows back.
        before: dict[str, Any] = {"before": _alone} if name in ("category", "customer") else {}
        found |= {
            f"make {place}": Deed(call=f"POST {address}", needs=(f"add_{name}",), data=new, logged=False, **there),
            f"replace {place}": Deed(
                call=f"PUT {one}", needs=(f"change_{name}",), data={**new, **change}, done=changed, logged=False
            ),
            f"change {place}": Deed(
                call=f"PATCH {one}", needs=(f"change_{name}",), data=change, done=changed, logged=False
            ),
            f"remove {place}": Deed(
                call=f"DELETE {one}", needs=(f"delete_{name}",), done=_gone(model, name), logged=False, **before
            ),
        }
    return found


def _alone(stage: Stage) -> None:
    stage.order.delete()
    stage.product.delete()


def _columns(new: dict[str, Any], stage: Stage) -> dict[str, Any]:
    return {name: _filled(value, stage) for name, value in new.items()}


SYNCED = {
    "sync a product": Deed(
        call="POST /api/shop/products/<pk>/sync/",
        needs=("change_product", "resync_binding"),
        done=PUSHED,
    )
}

DEEDS = {
    **ENGINE,
    **ALERTS,
    **OWN,
    **{f"by program: {name}": deed for name, deed in {**PROGRAMS, **_shop(), **SYNCED}.items()},
}
