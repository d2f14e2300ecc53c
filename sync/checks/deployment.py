"""Checks of what is fine on a desk and not in production."""

from __future__ import annotations

import importlib.util
import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.core.checks import CheckMessage, register

from sync import conf, registry
from sync.checks.integrators import base_urls, object_types
from sync.checks.messages import TAG, message
from sync.checks.settings import current
from sync.connectors.auth import Auth
from sync.connectors.oauth2 import OAuth2
from sync.secrets import is_reference, is_secret_name
from sync.types import ObjectTypeSpec

METADATA = tuple(ipaddress.ip_address(text) for text in ("169.254.169.254", "168.63.129.16", "fd00:ec2::254"))
"""Where clouds tell a machine its credentials."""

OURS = Path(__file__).resolve().parent.parent.parent / "tasks"


@register(TAG, deploy=True)
def check_deployment(**_given: Any) -> list[CheckMessage]:
    """Name plain http, secrets in the code, creates that cannot be proved, and which fields go out by default."""
    if current() is None:
        return []
    found = [entry for cls in registry.integrators().values() for entry in _of(cls)]
    return [*found, *_networks(), *_redis(), *_shadowed()]


def _networks() -> Iterator[CheckMessage]:
    settings = current()
    for text in settings.allow_networks if settings else ():
        network = ipaddress.ip_network(text, strict=False)
        if network.prefixlen == 0 or any(each in network for each in METADATA if each.version == network.version):
            yield message("W019", f"CRUDSYNC['allow_networks'] has {text!r}.")


def _redis() -> Iterator[CheckMessage]:
    parts = urlsplit(conf.redis_url())
    wanted = dict(parse_qsl(parts.query)).get("ssl_cert_reqs", "required").removeprefix("CERT_").lower()
    if parts.scheme == "rediss" and wanted != "required":
        yield message("W021", f"The URL of Redis says ssl_cert_reqs={wanted}.")


def _of(cls: Any) -> Iterator[CheckMessage]:
    for url in dict.fromkeys(_urls(cls)):
        parts = urlsplit(url)
        if parts.scheme == "http" and not _loopback(parts.hostname or ""):
            yield message("W010", f"{parts.hostname} is called over http://.", obj=cls)
    for name in ("verify", "verify_ssl", "ssl_verify"):
        if getattr(cls, name, None) is False:
            yield message("W020", f"{name} is False.", obj=cls)
    if plain := sorted(set(_plain_secrets(cls))):
        yield message("W011", f"{', '.join(plain)} stands in the code.", obj=cls)
    for name, spec in object_types(cls)[0].items():
        yield from _of_type(cls, name, spec)


def _of_type(cls: Any, name: str, spec: Any) -> Iterator[CheckMessage]:
    if not _provable(spec):
        number, what = ("W018", "sent again") if spec.on_uncertain == "retry" else ("I002", "held")
        yield message(number, f"A create of {name!r} whose answer is lost is {what}.", obj=cls)
    if getattr(spec, "declared", True) is False:
        sent = ", ".join(sorted(spec.mapper.keys)) or "nothing"
        yield message("I001", f"Of {spec.model._meta.label}, {name!r} sends: {sent}.", obj=cls)


def _provable(spec: ObjectTypeSpec) -> bool:
    return spec.keyed or spec.client_id or spec.can_lookup


def _urls(cls: Any) -> Iterator[str]:
    yield from base_urls(cls)
    if isinstance(auth := getattr(cls, "auth", None), OAuth2):
        yield auth.token_url


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _plain_secrets(cls: Any) -> Iterator[str]:
    if isinstance(auth := getattr(cls, "auth", None), Auth):
        yield from auth.plain_secrets()
    if isinstance(key := getattr(cls, "secret_key", None), str) and key and not is_reference(key):
        yield "secret_key"
    declared: dict[str, str] = getattr(cls, "declared_headers", dict)()
    yield from (str(name) for name, value in declared.items() if is_secret_name(str(name)) and value)


def _shadowed() -> Iterator[CheckMessage]:
    spec = importlib.util.find_spec("tasks")
    origin = Path(spec.origin).resolve() if spec is not None and spec.origin else None
    if origin is not None and origin.parent != OURS:
        yield message("I003", f"tasks is {origin.name} of the project.")
