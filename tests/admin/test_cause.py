"""Dead letters by cause: the list, a cause with its objects, replay, and ignoring for a reason."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from examples.shop.models import Category, Product
from sync import deadletters
from sync.admin import bounds
from sync.models import Binding, Cause, State
from sync.types import Lane, Wanted

LIST = "/admin/crudsync/cause/"
BINDINGS = "/admin/crudsync/binding/"
REASON = {"_reason_given": "1", "reason": "known"}
MORE = "There are more than one request takes"


def page(client: Client, url: str, **data: Any) -> str:
    answer = client.get(url, data)
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


def shown(text: str) -> int:
    return text.count('class="action-select"')


@pytest.fixture
def cause(db: None) -> Callable[..., Cause]:
    def made(message: str = "too long", **values: Any) -> Cause:
        at = timezone.now()
        given = {"integrator": "shop", "code": "refused", "status_code": 422, "field": "name", "count": 7}
        seen = {"first_seen": at - dt.timedelta(days=1), "last_seen": at}
        return Cause.objects.create(fingerprint=message, message=message, **{**given, **seen, **values})

    return made


@pytest.fixture
def letter(category: Category, bind: Callable[..., Binding], cause: Callable[..., Cause]) -> Callable[..., Binding]:
    """A product that the shop refuses."""
    made: dict[str, Cause] = {}

    def refused(message: str = "too long", **values: Any) -> Binding:
        number = Product.objects.count()
        product = Product.objects.create(category=category, name="n", sku=f"s{number}", price=1)
        if message not in made:
            made[message] = cause(message)
        given = {"state": State.HELD, "code": "refused", "detail": message, "dirty_since": timezone.now()}
        return bind(product, cause=made[message], **{**given, **values})

    return refused


def test_the_list_shows_causes_with_what_they_hold_up(admin: Client, letter: Callable[..., Binding]) -> None:
    one = letter()
    letter()
    letter(ignored="known")
    text = page(admin, LIST)
    assert "refused 422 name too long" in text
    assert f'<a href="{BINDINGS}?cause__id__exact={one.cause_id}">2</a>' in text
    assert '<td class="field-ignored_now">1</td>' in text
    assert '<td class="field-count">7</td>' in text


def test_ignored_and_closed_ones_are_not_in_the_default_list(
    admin: Client, letter: Callable[..., Binding], cause: Callable[..., Cause]
) -> None:
    letter("open one")
    letter("hidden one", ignored="known")
    cause("closed one")
    assert shown(text := page(admin, LIST)) == 1
    assert "open one" in text
    assert "hidden one" in page(admin, LIST, letters="ignored")
    assert shown(page(admin, LIST, letters="all")) == 3


def test_the_list_asks_a_constant_number_of_queries_and_counts_no_further_than_a_bound(
    admin: Client, letter: Callable[..., Binding]
) -> None:
    def queries() -> list[str]:
        with CaptureQueriesContext(database) as context:
            page(admin, LIST)
        return [query["sql"] for query in context]

    letter("a")
    queries()  # the first page of a process may ask for what is cached afterwards
    few = queries()
    for n in range(12):
        letter(f"{n}")
        letter(f"{n}")
    many = queries()
    assert len(many) == len(few)
    counts = [sql for sql in many if "count(" in sql.lower() and "crudsync_binding" in sql]
    assert counts
    assert all("LIMIT 10" in sql for sql in counts)


def test_a_cause_shows_its_objects_and_links_to_all_of_them(admin: Client, letter: Callable[..., Binding]) -> None:
    one, other = letter(ignored="known to shop"), letter("something else")
    text = page(admin, f"{LIST}{one.cause_id}/change/")
    assert f"{BINDINGS}{one.pk}/change/" in text
    assert "known to shop" in text
    assert f"{BINDINGS}{other.pk}/change/" not in text
    assert shown(page(admin, f"{BINDINGS}?cause__id__exact={one.cause_id}")) == 1
    assert f"{LIST}{one.cause_id}/change/" in page(admin, f"{BINDINGS}{one.pk}/change/")


def test_a_cause_of_many_objects_asks_no_more_queries(admin: Client, letter: Callable[..., Binding]) -> None:
    def queries() -> int:
        with CaptureQueriesContext(database) as context:
            page(admin, f"{LIST}{one.cause_id}/change/")
        return len(context)

    one = letter()
    queries()  # the first page of a process may ask for what is cached afterwards
    few = queries()
    for _ in range(20):
        letter()
    assert queries() == few


def test_selected_causes_are_replayed_with_what_was_left_and_logged(
    admin: Client, letter: Callable[..., Binding]
) -> None:
    one, doubtful = letter(), letter(state=State.IN_DOUBT)
    moving, hidden, other = letter(state=State.RETRYING), letter(ignored="known"), letter("something else")
    data = {"action": "replay_selected", "_selected_action": [one.cause_id]}
    text = admin.post(LIST, data, follow=True).content.decode()
    assert "1 object was asked for." in text
    assert "1 was left: nobody knows whether its create arrived." in text
    assert "1 was left: it is to be sent already." in text
    for row in (one, doubtful, moving, hidden, other):
        row.refresh_from_db()
    assert (one.wanted, one.lane, one.state, one.actor) == (Wanted.PUSH, Lane.BULK, State.PENDING, "ada (replay)")
    assert {row.wanted for row in (doubtful, moving, hidden, other)} == {Wanted.AUTO}
    assert LogEntry.objects.get().change_message == "crudsync: replayed"


def test_one_cause_is_replayed_from_its_page_after_a_question(admin: Client, letter: Callable[..., Binding]) -> None:
    one = letter()
    url = f"{LIST}{one.cause_id}/replay/"
    assert url in page(admin, f"{LIST}{one.cause_id}/change/")
    assert "Objects with open letters: 1." in page(admin, url)
    one.refresh_from_db()
    assert one.wanted == Wanted.AUTO
    assert "1 object was asked for." in admin.post(url, follow=True).content.decode()
    one.refresh_from_db()
    assert one.wanted == Wanted.PUSH


def test_ignoring_selected_causes_asks_for_a_reason_first(admin: Client, letter: Callable[..., Binding]) -> None:
    one = letter()
    data = {"action": "ignore_selected", "_selected_action": [one.cause_id]}
    text = admin.post(LIST, data).content.decode()
    assert "Why need nobody look at them?" in text
    assert f'name="_selected_action" value="{one.cause_id}"' in text
    assert "This field is required" in admin.post(LIST, {**data, "_reason_given": "1", "reason": " "}).content.decode()
    one.refresh_from_db()
    assert one.ignored == ""
    given = {**data, "_reason_given": "1", "reason": "known to shop"}
    assert "1 letter is ignored." in admin.post(LIST, given, follow=True).content.decode()
    one.refresh_from_db()
    assert one.ignored == "known to shop (ada)"
    assert shown(page(admin, LIST)) == 0
    assert LogEntry.objects.get().change_message == "crudsync: ignored: known to shop"


def test_one_cause_is_ignored_from_its_page_and_opened_again_from_the_list(
    admin: Client, letter: Callable[..., Binding]
) -> None:
    one = letter()
    url = f"{LIST}{one.cause_id}/ignore/"
    assert "This field is required" in admin.post(url, {"reason": ""}).content.decode()
    admin.post(url, {"reason": "known"})
    one.refresh_from_db()
    assert one.ignored == "known (ada)"
    data = {"action": "unignore_selected", "_selected_action": [one.cause_id]}
    text = admin.post(f"{LIST}?letters=ignored", data, follow=True).content.decode()
    assert "1 letter is open again." in text
    one.refresh_from_db()
    assert one.ignored == ""


def test_selected_objects_are_replayed_and_ignored_where_they_are_letters(
    admin: Client, letter: Callable[..., Binding], product: Product, bind: Callable[..., Binding]
) -> None:
    one, fine = letter(), bind(product)
    data = {"_selected_action": [one.pk, fine.pk]}
    admin.post(BINDINGS, {**data, "action": "ignore_selected", "_reason_given": "1", "reason": "known"})
    one.refresh_from_db()
    fine.refresh_from_db()
    assert (one.ignored, fine.ignored) == ("known (ada)", "")
    admin.post(BINDINGS, {**data, "action": "unignore_selected"})
    admin.post(BINDINGS, {**data, "action": "replay_selected"})
    one.refresh_from_db()
    fine.refresh_from_db()
    assert (one.ignored, one.wanted, fine.wanted) == ("", Wanted.PUSH, Wanted.AUTO)
    assert LogEntry.objects.filter(object_id=str(one.pk)).count() == 3


def test_of_more_letters_than_one_request_takes_the_others_are_left_for_the_next(
    admin: Client, letter: Callable[..., Binding], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "MOST", 2)
    for verb in (deadletters.replay, deadletters.ignore):
        monkeypatch.setitem(verb.__globals__, "CHUNK", 2)
    one, *_others = [letter() for _ in range(3)]
    asked = {"_selected_action": [one.cause_id]}
    for action, more in (("ignore_selected", REASON), ("unignore_selected", {}), ("replay_selected", {})):
        url = f"{LIST}?letters=all"
        first = admin.post(url, {**asked, **more, "action": action}, follow=True).content.decode()
        assert MORE in first, action
        assert MORE not in admin.post(url, {**asked, **more, "action": action}, follow=True).content.decode(), action
    assert not Binding.objects.exclude(wanted=Wanted.PUSH, ignored="").exists()


def test_a_deed_that_could_not_go_on_where_it_ended_is_refused_for_more_than_one_request_takes(
    admin: Client, letter: Callable[..., Binding], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "MOST", 2)
    rows = [letter() for _ in range(3)]
    chosen = {"_selected_action": [row.pk for row in rows], "action": "resync_selected"}
    assert "At most 2 at once, so nothing was done" in admin.post(BINDINGS, chosen, follow=True).content.decode()
    products = [row.object_id for row in rows]
    for action in ("crudsync_resync", "crudsync_pull", "crudsync_ignore"):
        data = {"_selected_action": products, "action": action, **REASON}
        text = admin.post("/admin/shop/product/", data, follow=True).content.decode()
        assert "At most 2 at once, so nothing was done" in text, action
    assert not Binding.objects.exclude(wanted=Wanted.AUTO, ignored="").exists()
    assert not LogEntry.objects.exists()
    fewer = {"_selected_action": [row.pk for row in rows[:2]], "action": "resync_selected"}
    assert "2 objects were asked for." in admin.post(BINDINGS, fewer, follow=True).content.decode()


def test_a_cause_that_does_not_exist_is_not_found(admin: Client) -> None:
    assert admin.post(f"{LIST}999/replay/").status_code == 404
    assert admin.get(f"{LIST}999/ignore/").status_code == 404
