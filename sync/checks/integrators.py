"""Checks of the registered integrators and their object types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.checks import CheckMessage, register

from sync import conf, registry
from sync.checks.messages import TAG, message
from sync.checks.settings import bad_rates, current
from sync.connectors.auth import Auth
from sync.connectors.oauth2 import OAuth2
from sync.exceptions import ConfigurationError, SecretError
from sync.secrets import is_reference, resolve, seal
from sync.types import ObjectTypeSpec


@register(TAG)
def check_integrators(**_given: Any) -> list[CheckMessage]:
    """Name what is wrong with integrators: types, URLs, rates, references to secrets, cycles."""
    if current() is None:
        return []
    return [found for cls in registry.integrators().values() for found in _of(cls)]


def _of(cls: Any) -> Iterator[CheckMessage]:
    types, error = object_types(cls)
    if error is not None:
        yield message("E003", f"{error.message}.", obj=cls, hint=error.hint)
    yield from _url(cls)
    yield from bad_rates(getattr(cls, "rate_limit", None), "rate_limit", obj=cls)
    yield from _secrets(cls)
    if cycle := required_cycle(types):
        yield message("E007", f"{' → '.join(cycle)} are required of one another.", obj=cls)


def object_types(cls: Any) -> tuple[Mapping[str, ObjectTypeSpec], ConfigurationError | None]:
    """Return an integrator's types; none of them, and the error, where they cannot be read."""
    try:
        return cls.types(), None
    except ConfigurationError as error:
        return {}, error


def base_urls(cls: Any) -> Iterator[str]:
    """Yield the URLs that the code and the settings give an integrator; rows have their own."""
    settings = current()
    given = _given(settings, cls.name)
    for url in (getattr(cls, "base_url", ""), getattr(cls, "absolute_url", ""), given.get("base_url", "")):
        if isinstance(url, str) and url:
            yield url


def _given(settings: conf.Settings | None, name: str) -> Mapping[str, Any]:
    found: Any = settings.integrators.get(name, {}) if settings else {}
    return found if isinstance(found, Mapping) else {}


def _url(cls: Any) -> Iterator[CheckMessage]:
    for url in dict.fromkeys(base_urls(cls)):
        if why := _fault(url):
            yield message("E004", f"The base URL {why}.", obj=cls)
    auth = getattr(cls, "auth", None)
    if isinstance(auth, OAuth2) and (why := _fault(auth.token_url.partition("?")[0])):
        yield message("E004", f"The token URL {why}.", obj=cls)


def _fault(url: str) -> str:
    """Return what is wrong with a URL, without repeating it: it may hold a password."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return "is no URL"
    if "@" in parts.netloc:
        return "holds a user name or a password"
    if url != url.strip() or not url.isprintable() or " " in url:
        return "holds spaces"
    if parts.query or parts.fragment:
        return "holds a query or a fragment"
    return "" if valid else "is no http or https URL with a host"


def _secrets(cls: Any) -> Iterator[CheckMessage]:
    auth = getattr(cls, "auth", None)
    if not isinstance(auth, Auth):
        return
    settings = current()
    given = _given(settings, cls.name).get("credentials", {})
    for ref in {**auth.refs, **(given if isinstance(given, Mapping) else {})}.values():
        if is_reference(str(ref)):
            try:
                resolve(str(ref))
            except SecretError as error:
                yield message("W001", f"{error.message}.", obj=cls)
    if isinstance(auth, OAuth2):
        try:
            seal({"probe": ""})
        except SecretError as error:
            yield message("W003", f"Tokens cannot be sealed: {error.message}.", obj=cls)


def required_cycle(types: Mapping[str, ObjectTypeSpec]) -> list[str]:
    """Return the names along a cycle of required references, the first one again at the end; empty without one."""
    needs = {name: [parent.via for parent in spec.parents if not parent.nullable] for name, spec in types.items()}
    done: set[str] = set()
    for name in needs:
        if cycle := _cycle_from(name, needs, (), done):
            return cycle
    return []


def _cycle_from(name: str, needs: Mapping[str, list[str]], path: tuple[str, ...], done: set[str]) -> list[str]:
    if name in path:
        return [*path[path.index(name) :], name]
    if name in done:
        return []
    for parent in needs.get(name, ()):
        if cycle := _cycle_from(parent, needs, (*path, name), done):
            return cycle
    done.add(name)
    return []
