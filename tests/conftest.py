"""What holds for every test: loopback only, and money and floats are never mixed."""

import decimal
import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest

# A shared machine makes single examples slow; the suite's own limits are about whole tests.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")

_connect = socket.socket.connect


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _connect_on_loopback(self: socket.socket, address: Any) -> None:  # noqa: ANN401 -- as in socket
    if isinstance(address, tuple):
        assert _is_loopback(str(address[0])), f"a test reached for {address}"
    _connect(self, address)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", _connect_on_loopback)


@pytest.fixture(autouse=True)
def _no_mixing_of_money_and_floats() -> Iterator[None]:
    with decimal.localcontext() as context:
        context.traps[decimal.FloatOperation] = True
        yield
