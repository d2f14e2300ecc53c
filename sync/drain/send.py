"""Send: threads do HTTP only, bytes in and bytes out. No ORM, no hooks."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any

from sync.drain.attempt import Attempt
from sync.exceptions import CrudSyncError
from sync.faults import point
from sync.types import Answer, Grant, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """One request under way: the attempts that it carries, their operations and spans, and when it may be sent."""

    attempts: tuple[Attempt, ...]
    request: Request
    operations: tuple[int, ...]
    grant: Grant
    spans: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A dispatch and what came of it; ``answer`` is None where it was not sent after all."""

    dispatch: Dispatch
    answer: Answer | None


class Senders:
    """A few threads that send what they are given, each not before its grant and never after the window.

    Args:
        threads: how many at the most; they are started as they are needed.
        transmit: sends one request and never raises.
    """

    def __init__(self, threads: int, transmit: Callable[[Request], Answer]) -> None:
        self.threads = threads
        self.transmit = transmit
        self.under_way = 0
        self._jobs: queue.SimpleQueue[tuple[Dispatch, float, Context] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Sent | None] = queue.SimpleQueue()
        self._crew: list[threading.Thread] = []
        self._stopped = threading.Event()

    def put(self, dispatch: Dispatch, window_end: float) -> None:
        """Hand over a dispatch; it is sent in the caller's context, so that logs and traces know whose it is.

        Args:
            dispatch: what to send.
            window_end: ``time.monotonic()`` seconds after which it must not be sent.
        """
        self.under_way += 1
        if len(self._crew) < min(self.threads, self.under_way):
            thread = threading.Thread(target=self._work, name="crudsync-send", daemon=True)
            self._crew.append(thread)
            thread.start()
        self._jobs.put((dispatch, window_end, copy_context()))

    def get(self, timeout_s: float) -> Sent | None:
        """Return what was sent next, None after the timeout or a nudge."""
        try:
            sent = self._done.get(timeout=max(timeout_s, 0.0)) if timeout_s > 0 else self._done.get_nowait()
        except queue.Empty:
            return None
        if sent is not None:
            self.under_way -= 1
        return sent

    def nudge(self) -> None:
        """Let whoever waits for what was sent look at something else first."""
        self._done.put(None)

    def now(self, dispatch: Dispatch, window_end: float) -> Sent:
        """Send in the caller's own thread; for verbs that an integrator overrides."""
        answer = self._send(dispatch) if self._may_send(dispatch.grant, window_end) else None
        return Sent(dispatch=dispatch, answer=answer)

    def stop(self) -> None:
        """Send nothing more of what is waiting; what is under way comes to its end."""
        self._stopped.set()

    def close(self) -> None:
        """End the threads."""
        for _ in self._crew:
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            dispatch, window_end, context = job
            answer = None
            if self._may_send(dispatch.grant, window_end):
                answer = context.run(self._send, dispatch)
            self._done.put(Sent(dispatch=dispatch, answer=answer))

    def _may_send(self, grant: Grant, window_end: float) -> bool:
        early_s = grant.at - time.monotonic()
        if early_s > 0 and self._stopped.wait(early_s):
            return False
        return not self._stopped.is_set() and time.monotonic() <= min(grant.until, window_end)

    def _send(self, dispatch: Dispatch) -> Answer:
        try:
            point("sending")
            answer = self.transmit(dispatch.request)
            point("sent")
        except Exception as error:  # noqa: BLE001 - a sender must not die; what it raised is recorded as unknown
            return Answer(error=error if isinstance(error, CrudSyncError) else CrudSyncError(type(error).__name__))
        return answer
