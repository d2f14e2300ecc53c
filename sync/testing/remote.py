"""A client of the sandbox's side door, and a sandbox in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlencode

from sync.exceptions import ConnectFailed, NotFound, Refused
from sync.testing.entries import JournalEntry, Windows, entry_of, read_journal

__all__ = ["JournalEntry", "Remote", "SandboxProcess", "Windows", "read_journal"]

T = TypeVar("T")
START_S = 20.0
ROOT = Path(__file__).resolve().parents[2]


class Remote:
    """A sandbox, seen through its side door. What is done here is in no journal.

    Args:
        url: of the sandbox.
        timeout_s: seconds of one call.
    """

    def __init__(self, url: str, *, timeout_s: float = 10.0) -> None:
        self.url = url.rstrip("/")
        self.timeout_s = timeout_s

    def objects(self, collection: str) -> list[dict[str, Any]]:
        """Return all objects of a collection, in the order of their ids."""
        found: list[dict[str, Any]] = self.call("GET", f"/__state__/{_quoted(collection)}")
        return found

    def get(self, collection: str, object_id: object) -> dict[str, Any] | None:
        """Return one object, None where there is none."""
        try:
            found: dict[str, Any] = self.call("GET", f"/__state__/{_quoted(collection)}/{_quoted(object_id)}")
        except NotFound:
            return None
        return found

    def journal(self, *, since: int = 0, **wanted: object) -> list[JournalEntry]:
        """Return the requests that came, in order of arrival.

        Args:
            since: only those with a higher ``seq``.
            wanted: ``collection``, ``method``, ``kind``, ``id``, ``path``, ``key``, ``applied``, ``limit`` (the last so
                many).
        """
        answer = self.call("GET", "/__journal__", params={"since": since, **wanted})
        return [entry_of(told) for told in answer["entries"]]

    def calls(self, collection: str = "", method: str = "", applied: bool | None = None) -> list[JournalEntry]:
        """Return the requests for a collection, perhaps only of one method, or only those that were applied."""
        return self.journal(collection=collection, method=method.upper(), applied=applied)

    def last_seq(self) -> int:
        """Return the number of the last request, to be given as ``since``."""
        return int(self.call("GET", "/__health__")["requests"])

    def fault(self, do: str, **rule: object) -> int:
        """Order a fault; return its number.

        Args:
            do: what happens, such as ``status``, ``reset_after``, ``late``.
            rule: which requests it meets (``method``, ``path``, ``collection``, ``body``, ``nth``, ``times``,
                ``probability``, ``seed``), and how (``status``, ``answer``, ``headers``, ``kind``, ``seconds``, ...).

        Raises:
            Refused: it makes no sense.
        """
        return int(self.call("POST", "/__faults__", {"do": do, **rule})[0]["number"])

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults in force, with how often each was ``seen`` and ``fired``."""
        found: list[dict[str, Any]] = self.call("GET", "/__faults__")
        return found

    def clear_faults(self) -> None:
        """Lift all faults."""
        self.call("DELETE", "/__faults__")

    def configure(self, **options: object) -> dict[str, Any]:
        """Set options from now on; return all of them.

        Raises:
            Refused: one of them makes no sense.
        """
        now: dict[str, Any] = self.call("POST", "/__config__", options)
        return now

    def reset(self, *keep: str) -> None:
        """Forget everything but ``keep`` (``objects``, ``journal``, ``faults``, ``keys``, ``tokens``, ``config``)."""
        self.call("POST", "/__reset__", params={"keep": ",".join(keep)})

    def clear_journal(self) -> None:
        """Forget the requests that came."""
        self.call("DELETE", "/__journal__")

    def load(self, **collections: object) -> None:
        """Replace the whole state: lists of objects by collection."""
        self.call("PUT", "/__state__", collections)

    def seed(self, collection: str, count: int, **values: object) -> None:
        """Add many objects; ``{n}`` in a text becomes the number."""
        told = {"collection": collection, "count": count, **({"fields": values} if values else {})}
        self.call("POST", "/__seed__", told)

    def add(self, collection: str, **values: object) -> dict[str, Any]:
        """Add an object, as somebody at the remote's side would."""
        made: dict[str, Any] = self.call("POST", f"/__state__/{_quoted(collection)}", values)
        return made

    def edit(self, collection: str, object_id: object, **values: object) -> dict[str, Any]:
        """Change fields of an object, as somebody at the remote's side would.

        Raises:
            NotFound: there is no such object.
        """
        path = f"/__state__/{_quoted(collection)}/{_quoted(object_id)}"
        changed: dict[str, Any] = self.call("PATCH", path, values)
        return changed

    def remove(self, collection: str, object_id: object) -> None:
        """Remove an object, as somebody at the remote's side would."""
        self.call("DELETE", f"/__state__/{_quoted(collection)}/{_quoted(object_id)}")

    def revoke_tokens(self) -> None:
        """Make every issued access token invalid."""
        self.call("POST", "/__revoke__")

    def webhooks(self) -> list[dict[str, Any]]:
        """Return the last webhook deliveries."""
        found: list[dict[str, Any]] = self.call("GET", "/__webhooks__")
        return found

    def windows(self, limit: int, per: float, **wanted: object) -> Windows:
        """Return how many sliding windows of ``per`` seconds hold more than ``limit`` calls.

        Args:
            limit: calls.
            per: seconds.
            wanted: only these calls count, named as in ``journal()``; calls for tokens only where ``kind`` is given.
        """
        return Windows(**self.call("GET", "/__windows__", params={"limit": limit, "per": per, **wanted}))

    def wait(
        self, condition: Callable[[], T], *, timeout_s: float = 10.0, poll_s: float = 0.02, message: str = ""
    ) -> T:
        """Poll until ``condition()`` is true, and return what it returned.

        Raises:
            TimeoutError: it was still not true after ``timeout_s`` seconds.
        """
        until = time.monotonic() + timeout_s
        while True:
            if found := condition():
                return found
            if time.monotonic() >= until:
                raise TimeoutError(message or f"not true within {timeout_s} s; the last value was {found!r}")
            time.sleep(poll_s)

    def call(self, method: str, path: str, body: object = None, *, params: Mapping[str, object] | None = None) -> Any:
        """Call the sandbox, and return the parsed answer (None for none).

        Raises:
            NotFound: 404.
            Refused: any other 4xx or 5xx.
            ConnectFailed: nobody is there.
        """
        query = urlencode({name: _param(value) for name, value in (params or {}).items() if value not in (None, "")})
        data = None if body is None else json.dumps(body, default=str).encode()
        url = f"{self.url}{path}" + (f"?{query}" if query else "")
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, data=data, method=method, headers=headers)  # noqa: S310  - a test's URL
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=self.timeout_s) as answer:
                text = answer.read()
        except urllib.error.HTTPError as exc:
            raise _refused(exc) from exc
        except OSError as exc:
            raise ConnectFailed(f"the sandbox at {self.url} does not answer", hint=str(exc)) from exc
        return json.loads(text) if text else None


class SandboxProcess:
    """A sandbox in a process of its own, which can be killed. A context manager; ends with this process.

    Args:
        port: 0 for a free one; kept over restarts.
        journal: file for the journal.
        state: file for the state; without it a restart begins empty.
        fsync: both files survive a crash of the machine.
        options: of the sandbox's ``Config``.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        journal: str | Path | None = None,
        state: str | Path | None = None,
        fsync: bool = False,
        **options: object,
    ) -> None:
        self.host = host
        self.port = port
        self.url = ""
        self._files = {"--journal": journal, "--state": state}
        self._flags = ["--until-stdin-closes", *(["--fsync"] if fsync else [])]
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    @property
    def remote(self) -> Remote:
        """The side door."""
        return Remote(self.url)

    @property
    def pid(self) -> int:
        """The process's id, 0 where it is not running."""
        return self._process.pid if self._process is not None else 0

    def start(self) -> Self:
        """Start it, and return once it serves.

        Raises:
            ConnectFailed: it ended, or said nothing in time; its standard error says why.
        """
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), _python_path()]))}
        self._process = subprocess.Popen(  # noqa: S603  - this interpreter, on our own module
            self._command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
        )
        told = self._first_line(self._process)
        self.port, self.url = int(told["port"]), str(told["url"])
        return self

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def restart(self) -> Self:
        """End it if it runs, and start it on the same port."""
        self.stop()
        return self.start()

    def pause(self) -> None:
        """Suspend it: connections stay, nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def _command(self) -> list[str]:
        files = [text for name, path in self._files.items() if path for text in (name, str(path))]
        options = [text for name, value in self._options.items() for text in ("--set", f"{name}={json.dumps(value)}")]
        place = ["--host", self.host, "--port", str(self.port)]
        return [sys.executable, "-m", "sync.testing.sandbox", *place, *files, *options, *self._flags]

    def _first_line(self, process: subprocess.Popen[bytes]) -> dict[str, Any]:
        output = process.stdout
        if output is None or not select.select([output], [], [], START_S)[0]:
            self.kill()
            raise ConnectFailed(f"the sandbox said nothing within {START_S} s")
        line = output.readline()
        if not line:
            code = process.wait(START_S)
            self._end(signal.SIGKILL)
            raise ConnectFailed(f"the sandbox ended at once with code {code}", hint="its standard error says why")
        told: dict[str, Any] = json.loads(line)
        return told

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            os.kill(process.pid, signal.SIGCONT)
            process.send_signal(number)
        try:
            process.wait(10.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10.0)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _quoted(part: object) -> str:
    return quote(str(part), safe="")


def _param(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _python_path() -> str:
    return os.environ.get("PYTHONPATH", "")


def _refused(exc: urllib.error.HTTPError) -> NotFound | Refused:
    with exc:
        text = exc.read().decode("utf-8", "replace")
    try:
        message = str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        message = text[:200]
    kind = NotFound if exc.code == 404 else Refused
    return kind(message, status_code=exc.code)
