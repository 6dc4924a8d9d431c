"""What holds for every test: loopback only, and money and floats are never mixed."""

import decimal
import errno
import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# A shared machine makes single examples slow; the suite's own limits are about whole tests.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")

_connect = socket.socket.connect


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Real programs run one after another, also where several workers share the suite."""
    for item in items:
        if item.get_closest_marker("e2e") is not None:
            item.add_marker(pytest.mark.xdist_group("e2e"))


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


@pytest.fixture(autouse=True)
def _small_reserve(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every store takes room for bad days: here only a little of it."""
    monkeypatch.setattr("engine.live.reserve.RESERVE_BYTES", 4096)
    monkeypatch.setattr("engine.live.reserve.SHARE_BYTES", 1024)


class Disk:
    """Writes below one folder, refused by the kernel's own rules when a file outgrows its room.

    A resource limit would do the same to the whole process, the test runner's output included.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._write = os.write
        self.room: int | None = None  # bytes a file may have; None = enough

    def write(self, fd: int, content: bytes | memoryview) -> int:
        """As `os.write`: takes what fits, and fails when nothing does."""
        path = Path(f"/proc/self/fd/{fd}").readlink()
        if self.room is None or not path.is_relative_to(self._folder):
            return self._write(fd, content)
        left = self.room - os.fstat(fd).st_size
        if left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._write(fd, content[:left])


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """The disk under `tmp_path`."""
    found = Disk(tmp_path)
    monkeypatch.setattr(os, "write", found.write)
    return found
