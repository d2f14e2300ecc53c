from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from examples.shop.models import Product
from sync.models import Binding, Change, Connection, Operation

LIST = "/admin/crudsync/operation/"


def page(client: Client, url: str, **data: Any) -> str:
    answer = client.get(url, data)
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


@pytest.fixture
def binding(product: Product, bind: Callable[..., Binding]) -> Binding:
    return bind(product, remote_id="r-1")


def test_the_list_shows_what_when_who_and_how_long(
    admin: Client, binding: Binding, attempt: Callable[..., Operation]
) -> None:
    attempt(binding, verb="create", status="failed", status_code=422, duration_ms=81.4, detail="name is missing")
    text = page(admin, LIST)
    for word in ("create", "failed", "422", "81 ms", "grace", "name is missing"):
        assert word in text


def test_the_list_asks_a_constant_number_of_queries(
    admin: Client, binding: Binding, attempt: Callable[..., Operation]
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(database) as context:
            page(admin, LIST)
        return len(context)

    attempt(binding)
    few = queries()
    for _ in range(30):
        attempt(binding)
    assert queries() == few


def test_search_finds_the_attempts_at_an_object(
    admin: Client, binding: Binding, attempt: Callable[..., Operation], connection: Connection
) -> None:
    attempt(binding, detail="this one")
    Operation.objects.create(
        connection=connection, object_type="product", object_id="0", verb="read", started_at=timezone.now()
    )
    assert page(admin, LIST, q=binding.object_id).count("<tr><th") == 1
    assert page(admin, LIST, q="r-1").count("<tr><th") == 1
    assert page(admin, LIST, q="other").count("<tr><th") == 0
    assert page(admin, LIST).count("<tr><th") == 2


def test_the_detail_shows_bodies_indented_and_links_to_the_object(
    admin: Client, binding: Binding, attempt: Callable[..., Operation]
) -> None:
    row = attempt(binding, request='{"a": 1}', response="cut of", duration_ms=2500)
    text = page(admin, f"{LIST}{row.pk}/change/")
    assert "{\n  &quot;a&quot;: 1\n}" in text
    assert "cut of" in text
    assert "2.5 s" in text
    assert f"/admin/crudsync/binding/{binding.pk}/change/" in text


def test_an_attempt_without_a_binding_or_a_task_is_shown(admin: Client, connection: Connection) -> None:
    row = Operation.objects.create(
        connection=connection, object_type="product", object_id="7", verb="list", started_at=timezone.now()
    )
    assert "product 7" in page(admin, f"{LIST}{row.pk}/change/")


def test_the_task_is_linked_where_its_result_is_kept(
    admin: Client, binding: Binding, attempt: Callable[..., Operation]
) -> None:
    from tests.admin.site import site

    result = apps.get_model("django_celery_results", "TaskResult")
    kept = result.objects.create(task_id="abc-1")
    row = attempt(binding, task_id="abc-1")
    lost = attempt(binding, task_id="abc-2")
    assert "abc-2" in page(admin, f"{LIST}{lost.pk}/change/")
    site.register(result)
    try:
        reload_urls()
        text = page(admin, f"{LIST}{row.pk}/change/")
    finally:
        site.unregister(result)
        reload_urls()
    assert f"/admin/django_celery_results/taskresult/{kept.pk}/change/" in text


def reload_urls() -> None:
    from django.urls import clear_url_caches, path

    from tests.admin import site

    site.urlpatterns[:] = [path("admin/", site.site.urls)]
    clear_url_caches()


def test_the_task_is_plain_text_where_results_are_not_installed(
    admin: Client, binding: Binding, attempt: Callable[..., Operation], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = attempt(binding, task_id="abc-1")
    monkeypatch.setattr(apps, "is_installed", lambda name: name != "django_celery_results")
    assert "abc-1" in page(admin, f"{LIST}{row.pk}/change/")


def test_nothing_can_be_edited(admin: Client, binding: Binding, attempt: Callable[..., Operation]) -> None:
    row = attempt(binding)
    assert admin.post(f"{LIST}{row.pk}/change/", {"status": "failed"}).status_code == 403
    assert admin.get(f"{LIST}{row.pk}/delete/").status_code == 403


def test_the_inbox_is_shown(admin: Client) -> None:
    Change.objects.create(model="shop.product", object_id="7", actor="ada", created_at=timezone.now())
    text = page(admin, "/admin/crudsync/change/")
    assert "shop.product 7 save" in text
    assert "ada" in text
