"""A create's intent: key, body and time, kept on the binding from the journal on."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sync.connectors.codec import dumps


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What one create wants, unchanged by later edits until it has ended for certain.

    Args:
        key: the idempotency key, 32 hexadecimal digits.
        body: the payload.
        at: when it was first journaled, seconds since the epoch by the database's clock.
        times: how often it was sent.
        until: end of the last lease under which it was sent, seconds since the epoch.
        look: only a look-up can tell what became of it.
        conflict: a look-up follows a 409.
    """

    key: str
    body: Mapping[str, Any]
    at: float
    times: int = 0
    until: float = 0.0
    look: bool = False
    conflict: bool = False

    @classmethod
    def new(cls, body: Mapping[str, Any], at: dt.datetime) -> Intent:
        """Return a new intent with a random key."""
        return cls(key=secrets.token_hex(16), body=body, at=at.timestamp())

    @classmethod
    def parse(cls, text: str | None) -> Intent | None:
        """Return the intent that a binding's text holds, None where there is none."""
        if not text:
            return None
        values = json.loads(text)
        return cls(**{name: values[name] for name in cls.__slots__ if name in values})

    def sent(self, until: dt.datetime) -> Intent:
        """Return the intent as it is journaled before one more send."""
        return replace(self, times=self.times + 1, until=max(until.timestamp(), self.until))

    def text(self) -> str:
        """Return it as canonical JSON."""
        return dumps({name: getattr(self, name) for name in self.__slots__})
