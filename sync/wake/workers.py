"""Ask the host's workers whether they are there, on a broker connection of our own."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

from sync.wake.doorbell import host_app
from sync.wake.publisher import connect

logger = logging.getLogger("crudsync.wake")


def answering(timeout_s: float) -> tuple[str, ...] | None:
    """Return the names of the workers that answer a ping, sorted.

    Args:
        timeout_s: how long after the last answer another one is waited for, seconds.

    Returns:
        None where the broker cannot be asked.
    """
    way: Any = None
    try:
        app = host_app()
        way = connect(app)
        control: Any = app.control
        mailbox = control.mailbox(way)
        mailbox.producer_pool = None  # else the question goes by the host's pool, with the host's patience
        replies: list[dict[str, Any]] = mailbox.multi_call("ping", timeout=timeout_s) or []
        return tuple(sorted({name for reply in replies for name in reply}))
    except Exception as error:  # noqa: BLE001 - transports raise what they like
        logger.info("the broker cannot be asked for workers: %s", type(error).__name__)
        return None
    finally:
        if way is not None:
            with suppress(Exception):  # it is broken: nothing follows from how it closes
                way.release()
