"""One id from a request to the remote, through real processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from celery import current_app
from django.urls import reverse

from examples.shop.models import Category
from sync import correlated, no_sync, wake
from sync.models import Change, Operation, Status
from sync.testing.remote import Remote
from tests.acceptance.waiting import until

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("captured")]

JSON = {"LOG_FORMAT": "json", "LOG_CALLS": "DEBUG"}


@pytest.fixture
def save(client: Any, django_user_model: Any, settings: Any) -> Callable[..., str]:
    """A function that saves a category through the admin, and returns the correlation id that the answer names."""
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.startswith("whitenoise")]  # no files here
    client.force_login(django_user_model.objects.create_superuser("root", password="x"))

    def saved(name: str, **headers: str) -> str:
        answer = client.post(reverse("admin:shop_category_add"), {"name": name, "slug": name}, headers=headers)
        assert answer.status_code == 302
        return str(answer.headers["X-Correlation-ID"])

    return saved


def lines_of(text: str) -> list[dict[str, Any]]:
    """The lines of a worker's log; Celery prints a banner before the first, and says past every log that it ends."""
    lines = text.splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("{"))
    return [json.loads(line) for line in lines[first:] if line and not line.startswith("worker: Warm")]


@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_one_id_leads_from_the_request_to_the_remote(
    sandbox: Remote, worker: Any, until_quiet: Callable[..., None], save: Callable[..., str], pool: str
) -> None:
    with wake.muted():
        ids = [save("tea", **{"X-Request-ID": "from-the-proxy"}), save("coffee")]
        named = dict(Change.objects.filter(model="shop.category").values_list("object_id", "origin"))
    assert ids[0] == "from-the-proxy"
    keys = [str(Category.objects.get(name=name).pk) for name in ("tea", "coffee")]
    assert named == dict(zip(keys, ids, strict=True))
    process = worker(pool=pool, knobs=JSON)
    until_quiet(sweeping=True)
    operations = Operation.objects.filter(object_type="category")
    assert dict(operations.values_list("object_id", "correlation_id")) == named
    sent = {each.data["name"]: each.headers["x-correlation-id"] for each in sandbox.journal()}
    assert sent == dict(zip(("tea", "coffee"), ids, strict=True))
    process.stop()
    written = lines_of(process.text())
    for operation in operations.filter(status=Status.SUCCEEDED):  # under load a token may have been too old at first
        (line,) = [each for each in written if each.get("operation") == operation.pk]
        told = ("correlation_id", "task_id", "connection", "object_type", "object_id", "logger")
        assert [line[name] for name in told] == [
            operation.correlation_id,
            operation.task_id,
            "shop/default",
            "category",
            operation.object_id,
            "crudsync.http",
        ]
        assert line["duration_ms"] > 0


def test_an_integrator_may_keep_the_id_to_itself(
    sandbox: Remote, worker: Any, until_quiet: Callable[..., None], save: Callable[..., str], account: Any
) -> None:
    account(options={"correlation_header": False})
    save("tea")
    worker()
    until_quiet(sweeping=True)
    (entry,) = sandbox.journal()
    assert "x-correlation-id" not in entry.headers
    assert all(operation.correlation_id for operation in Operation.objects.all())


def test_what_a_task_asks_for_is_laid_at_the_door_of_the_request_that_sent_it(
    sandbox: Remote, worker: Any, until_quiet: Callable[..., None]
) -> None:
    with no_sync("so that the reconciliation finds it"):
        Category.objects.create(name="Tea", slug="tea")
    worker()
    with correlated("audit-7"):
        current_app.tasks["crudsync.reconcile"].delay()
    until(Operation.objects.filter(status=Status.SUCCEEDED, verb="create").exists, 60, sweeping=True)
    until_quiet(sweeping=True)
    assert set(Operation.objects.values_list("correlation_id", flat=True)) == {"audit-7"}
    assert [entry.headers["x-correlation-id"] for entry in sandbox.journal() if entry.method == "POST"] == ["audit-7"]
