"""Payloads as an answer shows them: JSON where it is some, without secrets."""

from __future__ import annotations

import json
from typing import Any

from sync.secrets import redact, without_secrets


def readable(text: str | None) -> Any:
    """Return JSON text as a value, any other text as it is; None where there is none. Secrets are hidden.

    What an answer could not carry (NaN, a number beyond every float, half a character) stays text.
    """
    if not text:
        return None
    try:
        value = without_secrets(json.loads(text))
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # a UnicodeEncodeError is a ValueError
        return redact(text).encode("utf-8", "replace").decode()
    return value
