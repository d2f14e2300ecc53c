from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from sync.capture import actor, current_actor, disabled, enabled, no_sync
from sync.capture.context import asked, capturing, current, unrecorded
from sync.exceptions import ConfigurationError
from sync.models import Change
from tests.capture.conftest import Register
from tests.zoo.models import Note


def test_nobody_is_named_unless_somebody_says_so() -> None:
    assert (current_actor(), current().reason, capturing()) == ("", "", True)


def test_an_actor_is_named_within_its_block_alone() -> None:
    with actor("ann", "a correction"):
        assert (current_actor(), current().reason) == ("ann", "a correction")
        with actor("import"):
            assert (current_actor(), current().reason) == ("import", "")
        assert current_actor() == "ann"
    assert current_actor() == ""


def test_an_actor_is_forgotten_after_an_error() -> None:
    with pytest.raises(ValueError, match="x"), actor("ann"):
        raise ValueError("x")
    assert current_actor() == ""


@pytest.mark.parametrize(
    ("given", "kept"),
    [("a" * 200, "a" * 150), ("a\x00b", "ab"), ("lone \ud800 surrogate", "lone ? surrogate"), (7, "7"), ("", "")],
)
def test_an_actor_is_cut_to_what_a_database_takes(given: str, kept: str) -> None:
    with actor(given, "r" * 300):
        assert current_actor() == kept
        assert current().reason == "r" * 200


@pytest.mark.django_db
def test_who_and_why_are_recorded_with_every_kind_of_write(register: Register) -> None:
    register(Note)
    with actor("ann" * 100, "why\x00 not"):
        note = Note.objects.create(text="a")
        Note.objects.update(text="b")
        note.delete()
    assert set(Change.objects.values_list("actor", "reason")) == {(("ann" * 100)[:150], "why not")}


def test_who_writes_is_asked_once_something_is_written() -> None:
    asking: list[str] = []

    def ask() -> str:
        asking.append("asked")
        return "ann"

    with asked(ask):
        assert asking == []
        assert current_actor() == "ann"
    assert asking == ["asked"]


def test_no_sync_switches_capture_off_within_its_block_and_keeps_the_actor() -> None:
    with actor("ann"):
        with no_sync("an import"):
            assert not capturing()
            with actor("bob"):
                assert not capturing()
            assert current_actor() == "ann"
        assert capturing()


def test_no_sync_says_so_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "crudsync.capture"), no_sync("import of 2019"):
        pass
    assert "import of 2019" in caplog.text


@pytest.mark.parametrize("reason", ["", "  "])
def test_no_sync_needs_a_reason(reason: str) -> None:
    with pytest.raises(ConfigurationError) as caught, no_sync(reason):
        pass
    assert caught.value.code == "no_reason"


def test_no_sync_decorates_a_function() -> None:
    @no_sync("an import")
    def work() -> bool:
        return capturing()

    assert not work()
    assert capturing()


def test_a_writer_that_records_by_itself_leaves_no_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "crudsync.capture"), actor("ann"), unrecorded():
        assert not capturing()
        assert current_actor() == "ann"
    assert caplog.text == ""


def test_capture_is_switched_for_the_whole_process_and_back() -> None:
    with disabled():
        assert not capturing()
        assert not in_a_thread(capturing)
        with enabled():
            assert capturing()
        assert not capturing()
    assert capturing()


def in_a_thread(work: Callable[[], object]) -> object:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join()
    return found[0]


def test_a_thread_has_circumstances_of_its_own() -> None:
    with actor("ann"), no_sync("an import"):
        assert in_a_thread(current_actor) == ""
        assert in_a_thread(capturing) is True


def test_tasks_of_one_loop_keep_their_actors_apart() -> None:
    async def work(name: str) -> tuple[str, str]:
        with actor(name):
            await asyncio.sleep(0)
            return current_actor(), await sync_to_async(current_actor)()

    async def both() -> list[tuple[str, str]]:
        with actor("outer"):
            found = await asyncio.gather(work("ann"), work("bob"))
            return [*found, (current_actor(), current_actor())]

    assert async_to_sync(both)() == [("ann", "ann"), ("bob", "bob"), ("outer", "outer")]
