from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.test.utils import isolate_apps
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from examples.shop.models import Category
from sync.capture import ActorMiddleware, current_actor
from sync.models import Change


def answered(user: Any, middleware: Any = None) -> str:
    request = RequestFactory().get("/")
    if user is not None:
        request.user = user
    return ActorMiddleware(lambda _request: HttpResponse(current_actor()))(request).content.decode()


def test_the_signed_in_user_is_the_actor() -> None:
    assert answered(User(username="ann")) == "ann"
    assert current_actor() == ""


@pytest.mark.parametrize("user", [None, AnonymousUser()])
def test_without_a_user_nobody_is_the_actor(user: Any) -> None:
    assert answered(user) == ""


@isolate_apps("tests.zoo")
def test_a_user_whose_name_is_no_text_is_named_all_the_same() -> None:
    class Visitor(User):
        class Meta:
            proxy = True
            app_label = "zoo"

        def get_username(self) -> Any:
            return 42

    assert answered(Visitor()) == "42"


def test_a_page_that_writes_nothing_loads_no_user() -> None:
    def load() -> User:
        raise AssertionError("the user was loaded")

    request = RequestFactory().get("/")
    request.user = SimpleLazyObject(load)
    ActorMiddleware(lambda _request: HttpResponse())(request)


def test_the_user_that_a_view_finds_is_the_actor() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        request.user = User(username="by token")
        return HttpResponse(current_actor())

    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    assert ActorMiddleware(view)(request).content == b"by token"


def test_an_async_view_has_its_actor_without_a_thread() -> None:
    async def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(current_actor())

    request = RequestFactory().get("/")
    request.user = User(username="ann")
    middleware = ActorMiddleware(view)
    assert iscoroutinefunction(middleware)
    assert async_to_sync(middleware)(request).content == b"ann"


@pytest.mark.django_db
def test_a_change_says_who_signed_in(client: Any, django_user_model: Any, settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.startswith("whitenoise")]  # no files here
    admin = django_user_model.objects.create_superuser("root", password="x")
    client.force_login(admin)
    client.post(reverse("admin:shop_category_add"), {"name": "Books", "slug": "books"})
    category = Category.objects.get()
    change = Change.objects.get(model="shop.category", object_id=str(category.pk))
    assert change.actor == "root"
