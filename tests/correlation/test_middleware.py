from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from sync.correlation import correlation_id, usable
from sync.correlation.middleware import CorrelationMiddleware


def view(request: Any) -> HttpResponse:
    assert request.correlation_id == correlation_id()
    return HttpResponse(correlation_id())


def test_an_id_that_the_request_brings_is_taken_over_and_told_in_the_answer() -> None:
    request = RequestFactory().get("/", headers={"X-Correlation-ID": "from-the-proxy"})
    response: Any = CorrelationMiddleware(view)(request)
    assert response.content == b"from-the-proxy"
    assert response.headers["X-Correlation-ID"] == "from-the-proxy"
    assert correlation_id() == ""


@pytest.mark.parametrize("headers", [{}, {"X-Request-ID": "a b"}, {"X-Request-ID": "x" * 65}])
def test_without_a_usable_one_an_id_is_made_for_each_request(headers: dict[str, str]) -> None:
    answers: list[Any] = [CorrelationMiddleware(view)(RequestFactory().get("/", headers=headers)) for _ in range(2)]
    ids = [answer.headers["X-Correlation-ID"] for answer in answers]
    assert all(map(usable, ids))
    assert ids[0] != ids[1]
    assert ids == [answer.content.decode() for answer in answers]


def test_what_a_view_says_itself_stays() -> None:
    answer: Any = CorrelationMiddleware(lambda _: HttpResponse(headers={"X-Correlation-ID": "own"}))(
        RequestFactory().get("/")
    )
    assert answer.headers["X-Correlation-ID"] == "own"


def test_an_async_view_has_its_id_without_a_thread() -> None:
    async def answer(request: HttpRequest) -> HttpResponse:
        return view(request)

    middleware = CorrelationMiddleware(answer)
    assert iscoroutinefunction(middleware)
    request = RequestFactory().get("/", headers={"X-Request-ID": "r"})
    response: Any = async_to_sync(middleware)(request)
    assert response.content == b"r"
    assert correlation_id() == ""


def test_the_site_names_every_answer(client: Any, settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.startswith("whitenoise")]  # no files here
    answer = client.get("/no-such-page", headers={"X-Correlation-ID": "support-7"})
    assert (answer.status_code, answer.headers["X-Correlation-ID"]) == (404, "support-7")
