from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError

import pytest

from benchmarks import remote
from project.servers import LOOPBACK


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The remote, in this process."""
    monkeypatch.setattr(remote, "state", remote.State())
    with remote.Server((LOOPBACK, 0), remote.Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://{LOOPBACK}:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def post(url: str, content: dict[str, Any], key: str = "") -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    request = urllib.request.Request(url, data=json.dumps(content).encode(), headers=headers, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def calls(url: str) -> list[list[Any]]:
    with urllib.request.urlopen(f"{url}__calls__", timeout=10) as answer:
        found: list[list[Any]] = json.load(answer)
    return found


def test_a_key_that_comes_again_gets_the_same_id(url: str) -> None:
    first = post(f"{url}contacts", {"name": "Person 1"}, key="a")
    assert post(f"{url}contacts", {"name": "Person 1"}, key="a") == first
    assert post(f"{url}contacts", {"name": "Person 2"}, key="b") != first


def test_a_remote_that_is_away_says_so_and_counts_the_call(url: str) -> None:
    post(f"{url}__mood__", {"away": "503"})
    with pytest.raises(HTTPError, match="503"):
        post(f"{url}contacts", {"name": "Person 1"})
    post(f"{url}__mood__", {"away": "reset"})
    with pytest.raises((HTTPException, OSError)):
        post(f"{url}contacts", {"name": "Person 2"})
    post(f"{url}__mood__", {"away": ""})
    post(f"{url}contacts", {"name": "Person 3"})
    assert [call[1:] for call in calls(url)] == [
        ["POST", "Person 1", 0], ["POST", "Person 2", 0], ["POST", "Person 3", 201]
    ]  # fmt: skip


def test_poison_is_known_by_its_name(url: str) -> None:
    with pytest.raises(HTTPError, match="422"):
        post(f"{url}contacts", {"name": "refused"})
    other = post(f"{url}contacts", {"name": "Person 1"})
    assert post(f"{url}contacts", {"name": "repeats"}) == other
