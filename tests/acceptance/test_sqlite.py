"""A SQLite file that somebody else keeps locked: what fails is done again, once."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from tests.acceptance.scene import Scene
from tests.acceptance.waiting import until
from tests.servers.surroundings import database_url

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("captured"),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="a lock on the whole file is SQLite's alone"),
]

COUNT = 30
PATIENCE_S = 1  # a whole number: that is how the site's DATABASE_URL is read


@pytest.fixture
def hog() -> Iterator[Callable[[], None]]:
    """A function after which somebody keeps the file locked, more often than not, until the test ends."""
    ended = threading.Event()
    path = str(connection.settings_dict["NAME"])

    def lock() -> None:
        with sqlite3.connect(path, timeout=10, isolation_level=None) as other:
            while not ended.is_set():
                other.execute("BEGIN IMMEDIATE")
                ended.wait(2.5 * PATIENCE_S)
                other.execute("COMMIT")
                ended.wait(0.3 * PATIENCE_S)
        other.close()

    thread = threading.Thread(target=lock, name="hog", daemon=True)
    yield thread.start
    ended.set()
    if thread.ident:
        thread.join(20)


def test_a_file_that_another_writer_keeps_locked_loses_and_doubles_nothing(
    scene: Scene,
    hog: Callable[[], None],
) -> None:
    knobs = {**scene.short, "DATABASE_URL": f"{database_url()}?timeout={PATIENCE_S}"}
    running = scene.worker(knobs=knobs)
    scene.beat(knobs=scene.short)
    hog()
    rows = scene.customers_at_once(COUNT)
    until(lambda: "locked" in running.text(), 60)
    scene.until_equal(60)
    scene.measured(locked=running.text().count("database is locked"))
    scene.assert_each_created_once(rows)
    scene.assert_nothing_open()
