from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.paginator import Paginator
from django.template import Context, Template
from django.utils import timezone

from examples.shop.models import Category
from sync import capture
from sync.models import Binding, Change, Connection, State
from sync.monitoring.statuses import read_statuses, statuses_of
from tests.shop_rows import bind, connection

__all__ = ["bind", "connection"]

pytestmark = pytest.mark.django_db

LIST = """{% load crudsync %}{% sync_css %}{% sync_statuses rows %}
{% for row in rows %}<li>{{ row.name }} {% sync_status row %}</li>{% endfor %}"""


@pytest.fixture
def rows() -> list[Category]:
    with capture.disabled():
        return [Category.objects.create(name=f"n{n}", slug=f"s{n}") for n in range(3)]


def rendered(text: str, **context: Any) -> str:
    return Template(text).render(Context(context))


def test_a_list_shows_each_state(rows: list[Category], bind: Callable[..., Binding]) -> None:
    bind(rows[0])
    bind(rows[1], state=State.DEAD)
    text = rendered(LIST, rows=rows)
    assert 'n0 <span class="crudsync-badge crudsync-synced">synced</span>' in text
    assert 'n1 <span class="crudsync-badge crudsync-dead">dead</span>' in text
    assert 'n2 <span class="crudsync-badge crudsync-unknown">not synced yet</span>' in text
    assert '<link rel="stylesheet" href="/static/crudsync/badge.css">' in text


@pytest.mark.parametrize("wrap", [list, lambda rows: rows, lambda rows: Paginator(rows, 50).page(1)])
def test_a_list_costs_two_queries_beside_its_own(
    wrap: Callable[[Any], Any], rows: list[Category], bind: Callable[..., Binding], django_assert_max_num_queries: Any
) -> None:
    for row in rows:
        bind(row)
    there = wrap(Category.objects.order_by("pk"))
    with django_assert_max_num_queries(4):  # the rows, their number for a paginator, and ours
        assert rendered(LIST, rows=there).count("crudsync-synced") == 3


def test_one_object_needs_no_preparation(
    rows: list[Category], bind: Callable[..., Binding], django_assert_num_queries: Any
) -> None:
    bind(rows[0])
    with django_assert_num_queries(2):
        assert "crudsync-synced" in rendered("{% load crudsync %}{% sync_status row %}", row=rows[0])


def test_a_change_that_nobody_took_yet_makes_it_pending(rows: list[Category], bind: Callable[..., Binding]) -> None:
    bind(rows[0])
    Change.objects.create(model="shop.category", object_id=str(rows[0].pk), created_at=timezone.now())
    assert "crudsync-pending" in rendered("{% load crudsync %}{% sync_status row %}", row=rows[0])


def test_accounts_are_told_apart(rows: list[Category], bind: Callable[..., Binding]) -> None:
    bind(rows[0])
    bind(rows[0], connection=Connection.objects.create(integrator="shop", name="berlin"), state=State.HELD)
    text = rendered("{% load crudsync %}{% sync_status row %}", row=rows[0])
    assert "shop/default: " in text
    assert "shop/berlin: " in text


def test_a_sentence_says_what_became_of_it_and_is_escaped(rows: list[Category], bind: Callable[..., Binding]) -> None:
    bind(rows[0], state=State.HELD, detail="<b>no</b>")
    text = rendered("{% load crudsync %}{% sync_sentence row %}", row=rows[0])
    assert text.startswith("Not at shop yet: &lt;b&gt;no&lt;/b&gt;.")
    assert rendered("{% load crudsync %}{% sync_sentence row %}", row=rows[1]) == ""


def test_waits_are_told_by_the_database_s_clock(
    rows: list[Category], bind: Callable[..., Binding], time_machine: Any
) -> None:
    at = timezone.now()
    bind(rows[0], state=State.PENDING, due_at=at, dirty_since=at)
    time_machine.move_to(at + dt.timedelta(hours=1))
    assert "A worker takes it up now." in rendered("{% load crudsync %}{% sync_sentence row %}", row=rows[0])


def test_models_may_be_mixed_and_need_not_be_registered(rows: list[Category]) -> None:
    group = Group.objects.create(name="x")
    read_statuses([rows[0], group])
    assert "not synced yet" in statuses_of(group).badges


def test_an_empty_list_asks_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        rendered(LIST, rows=[])
