"""Whether the broker is there."""

from __future__ import annotations

import time
from contextlib import suppress

from sync.wake.doorbell import host_app
from sync.wake.publisher import connect


class BrokerUnreachable(OSError):
    """The broker does not answer; the text is the kind of the error."""


def ping() -> float | None:
    """Open a channel to the broker and close it, and return how long it took in ms; None where none is used.

    Waits a quarter of a second at the most for each answer, with the brokers that can be told so.

    Raises:
        BrokerUnreachable: it does not answer.
    """
    app = host_app()
    if app.main == "default" or app.conf.task_always_eager:
        return None
    began = time.monotonic()
    connection = connect(app)
    try:
        _ = connection.default_channel
    except Exception as error:  # noqa: BLE001 - transports raise what they like
        raise BrokerUnreachable(type(error).__name__) from None
    finally:
        with suppress(Exception):  # nothing follows from how it closes
            connection.release()
    return (time.monotonic() - began) * 1000
