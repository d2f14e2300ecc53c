"""Events to the client's own endpoint: signed, retried, on a thread of their own."""

from __future__ import annotations

import hashlib
import hmac
import queue
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from sync.testing.sandbox.message import JSON, encode_json

HEADER = "Sandbox-Signature"
KEEP = 1000
FIRST_WAIT_S = 0.2


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One event on its way: ``status`` is the last answer, 0 where there was none."""

    id: str
    type: str
    url: str
    tries: int = 0
    status: int = 0
    error: str = ""
    done: bool = False


class Webhooks:
    """Sends events. ``deliveries`` holds the last of them."""

    def __init__(self) -> None:
        self.deliveries: deque[Delivery] = deque(maxlen=KEEP)
        self._count = 0
        self._queue: queue.Queue[tuple[Mapping[str, Any], Delivery, bytes] | None] = queue.Queue()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def notify(self, hooks: Sequence[Mapping[str, Any]], event: str, collection: str, data: Mapping[str, Any]) -> None:
        """Queue an event for every hook that wants it (``events``: patterns such as ``products.*``)."""
        kind = f"{collection}.{event}"
        wanted = [hook for hook in hooks if any(fnmatchcase(kind, one) for one in hook.get("events") or ("*",))]
        if not wanted:
            return
        self._count += 1
        told = {"id": f"evt_{self._count}", "type": kind, "created": int(time.time()), "data": {"object": dict(data)}}
        body = encode_json(told).encode()
        for hook in wanted:
            for _ in range(int(hook.get("copies", 1))):
                delivery = Delivery(id=told["id"], type=kind, url=hook["url"])  # type: ignore[arg-type]
                self.deliveries.append(delivery)
                self._queue.put((hook, delivery, body))
        self._start()

    def stop(self) -> None:
        """Stop sending; what is queued is lost."""
        self._stopping.set()
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join(5.0)

    def as_list(self) -> list[dict[str, Any]]:
        """Return the last deliveries as plain data."""
        return [asdict(delivery) for delivery in self.deliveries]

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="sandbox-webhooks", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while (told := self._queue.get()) is not None and not self._stopping.is_set():
            hook, delivery, body = told
            self._deliver(hook, delivery, body)

    def _deliver(self, hook: Mapping[str, Any], delivery: Delivery, body: bytes) -> None:
        wait_s = float(hook.get("delay_s", 0.0))
        for _ in range(1 + int(hook.get("retries", 3))):
            if self._stopping.wait(wait_s):
                return
            delivery.tries += 1
            delivery.status, delivery.error = post(hook, body)
            if 200 <= delivery.status < 300:
                break
            wait_s = FIRST_WAIT_S * 2 ** (delivery.tries - 1)
        delivery.done = True


def sign(secret: str, body: bytes, at: int) -> str:
    """Return a signature header as Stripe has it: ``t=<seconds>,v1=<hex HMAC-SHA256 of "t.body">``.

    https://docs.stripe.com/webhooks#verify-manually
    """
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def post(hook: Mapping[str, Any], body: bytes) -> tuple[int, str]:
    """Send one event; return the status (0: none) and what went wrong."""
    signature = sign(str(hook.get("secret", "")), body, int(time.time()))
    headers = {"Content-Type": JSON, str(hook.get("header", HEADER)): signature}
    # The options let only http and https URLs in.
    request = urllib.request.Request(hook["url"], data=body, headers=headers, method="POST")  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=float(hook.get("timeout_s", 5.0))) as answer:
            return int(answer.status), ""
    except urllib.error.HTTPError as exc:
        exc.close()
        return exc.code, f"HTTP {exc.code}"
    except (OSError, ValueError) as exc:
        return 0, str(exc)
