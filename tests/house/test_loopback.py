"""Tests stay on this machine."""

from __future__ import annotations

import socket

import pytest

from tests.loopback import LeftThisMachine, is_local


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("2001:db8::1", 80, 0, 0), ("example.test", 80)])
def test_an_address_elsewhere_is_refused(address):
    assert not is_local(address)


@pytest.mark.parametrize("address", [("127.0.0.1", 80), ("::1", 80, 0, 0), ("localhost", 80), "/run/a.sock"])
def test_loopback_and_unix_sockets_are_allowed(address):
    assert is_local(address)


def test_a_connection_to_elsewhere_raises_before_it_is_made():
    with socket.socket() as probe, pytest.raises(LeftThisMachine, match=r"192\.0\.2\.1"):
        probe.connect(("192.0.2.1", 80))
