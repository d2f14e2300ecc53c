"""Which addresses may be called: those of the public Internet, and what the site allows besides.

A base URL can be edited in the admin, and a name can be pointed elsewhere after it was checked. So it is the address
that is checked, after resolution and before the connection, and the connection goes to that very address. What counts
as public is the word of the IANA special-purpose registries (RFC 6890), as Python's ``ipaddress`` has it; an IPv6
address that stands for an IPv4 one is judged by that.
"""

from __future__ import annotations

import functools
import ipaddress
from typing import Any

from sync import conf
from sync.exceptions import AddressRefused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Addresses that stand for the IPv4 address in their last four bytes (RFC 6052)."""

PLATFORM = frozenset({ipaddress.ip_address("168.63.129.16")})
"""Public by its number, and yet the metadata service of a cloud to the machines in it."""


def admit(host: str, addresses: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return those addresses of a host that may be called.

    Args:
        host: as it stands in the URL; for the message.
        addresses: what ``socket.getaddrinfo`` returned.

    Raises:
        AddressRefused: none of them may.
    """
    allowed = networks(conf.current().allow_networks)
    admitted = [each for each in addresses if may_call(str(each[4][0]), allowed)]
    if not admitted:
        raise AddressRefused(
            f"{host} is not an address of the public Internet",
            hint="where that is meant, name its network in CRUDSYNC['allow_networks'], such as '10.0.0.0/8'",
        )
    return admitted


@functools.lru_cache(maxsize=8)
def networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Return networks, parsed; the settings have been checked before."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def may_call(text: str, allowed: tuple[Network, ...]) -> bool:
    """Return whether an address is public, or in a network that is allowed.

    Args:
        text: a numeric address, perhaps with a scope (``fe80::1%eth0``).
        allowed: networks of the site's choice.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    meant = {address, *standing_for(address)}
    if any(each in network for each in meant for network in allowed):
        return True
    return all(is_public(each) for each in meant)


def standing_for(address: Address) -> tuple[Address, ...]:
    """Return the IPv4 addresses that an IPv6 address carries: mapped, compatible, 6to4, Teredo, NAT64."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    found: list[Address | None] = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    number = int(address)
    if address in NAT64 or (number >> 32 == 0 and number > 1):
        found.append(ipaddress.IPv4Address(number & 0xFFFFFFFF))
    return tuple(each for each in found if each is not None)


def is_public(address: Address) -> bool:
    """Return whether an address is one of the public Internet, by its own number alone."""
    if address in PLATFORM or address.is_multicast or address.is_unspecified or address.is_loopback:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return True  # judged by what it stands for
        if address.is_site_local:
            return False
    return address.is_global
