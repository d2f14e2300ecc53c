from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from sync.dashboard.words import words
from sync.models import Connection

User = Callable[..., Client]
pytestmark = pytest.mark.django_db

INLINE = re.compile(
    r"<script(?![^>]*\bsrc=)(?![^>]*application/json)|<style|\son\w+=|\sstyle=|javascript:", re.IGNORECASE
)


@pytest.fixture
def shown(user: User, connection: Connection) -> str:
    return user("view_connection", "view_cause").get("/crudsync/?range=24h").content.decode()


def script(name: str) -> str:
    found = finders.find(f"crudsync/{name}")
    assert isinstance(found, str)
    return Path(found).read_text()


def test_it_has_its_first_data_in_it(shown: str, connection: Connection, minute: dt.datetime) -> None:
    found = re.search(r'<script id="crudsync-data" type="application/json">(.*?)</script>', shown)
    assert found is not None
    told = json.loads(found[1])
    assert told["connections"][0]["name"] == str(connection)
    assert told["span"] == "24h"
    assert 'value="24h" checked' in shown


def test_a_strict_content_security_policy_has_nothing_to_forbid(shown: str) -> None:
    own = shown[shown.index('id="crudsync-board"') :]
    assert INLINE.search(own) is None
    assert INLINE.search(shown) is None
    for name in ("dashboard.js", "chart.js"):
        assert "innerHTML" not in script(name)
        assert "eval(" not in script(name)
        assert 'setAttribute("style"' not in script(name)


def test_what_people_and_remotes_wrote_stays_text(user: User, connection: Connection) -> None:
    evil = "</script><script>alert(1)</script>"
    Connection.objects.filter(pk=connection.pk).update(paused=True, paused_reason=evil)
    Connection.objects.create(integrator="shop", name=evil)
    page = user("view_connection").get("/crudsync/").content.decode()
    assert "<script>alert(1)" not in page


def test_rooms_that_are_not_in_use_say_so(shown: str) -> None:
    assert "Events received" in shown
    assert "Webhooks are not in use." in shown
    assert "Workflows are not in use." in shown


def test_every_word_of_the_script_is_there_and_none_is_left_over() -> None:
    text = script("dashboard.js") + script("chart.js")
    used = set(re.findall(r"words\.(\w+)", text)) | set(re.findall(r'\bsay\("(\w+)"', text))
    states = {"pending", "retrying", "waiting", "synced", "in_doubt", "dead", "absent"}
    assert used | states == set(words())


def test_every_part_that_the_script_fills_is_on_the_page(shown: str) -> None:
    wanted = set(re.findall(r'(?:getElementById|show)\("([\w-]+)"', script("dashboard.js")))
    assert len(wanted) > 10
    assert {name for name in wanted if f'id="{name}"' not in shown} == set()
