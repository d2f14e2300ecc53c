"""References to secrets: ``env:NAME`` and ``setting:PATH.TO``, read when used and never before."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from sync.exceptions import SecretError
from sync.secrets.memory import remember

ENV = "env:"
SETTING = "setting:"

_MISSING: Any = object()


def is_reference(text: str) -> bool:
    """Return whether a text names a secret, rather than being one."""
    return text.startswith((ENV, SETTING))


def resolve(ref: str) -> str:
    """Return the secret that a reference names; any other text is returned as it is.

    Args:
        ref: ``env:NAME`` of the process environment, or ``setting:PATH.TO`` into the Django settings, where each part
            is an attribute or a key. Plain values work, and a deploy check names them.

    Raises:
        SecretError: nothing, or no text, is there. The message holds the reference, never a value.
    """
    if ref.startswith(ENV):
        return _text(os.environ.get(ref.removeprefix(ENV), _MISSING), ref)
    if ref.startswith(SETTING):
        return _text(_setting(ref.removeprefix(SETTING)), ref)
    if not ref:
        raise SecretError("a secret is empty", code="secret_missing", hint="give a reference such as env:NAME")
    remember(ref)
    return ref


def _setting(path: str) -> Any:
    first, *rest = path.split(".")
    value = getattr(settings, first, _MISSING)
    for part in rest:
        value = value.get(part, _MISSING) if isinstance(value, Mapping) else getattr(value, part, _MISSING)
    return value


def _text(value: Any, ref: str) -> str:
    if value is _MISSING or value in ("", None):
        where = "environment variable" if ref.startswith(ENV) else "Django setting"
        raise SecretError(f"{ref} names nothing", code="secret_missing", hint=f"set that {where} where workers run")
    if not isinstance(value, str):
        raise SecretError(f"{ref} is not text", code="secret_missing", hint="let the reference lead to a string")
    remember(value)
    return value
