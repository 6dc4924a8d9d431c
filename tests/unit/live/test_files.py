import stat
from pathlib import Path

import pytest
from conftest import Disk

from engine.live.files import keep_previous, write_atomic


@pytest.mark.parametrize("is_durable", [False, True])
def test_a_file_is_replaced_and_private(tmp_path: Path, *, is_durable: bool) -> None:
    path = tmp_path / "f"
    path.with_name("f.tmp").write_bytes(b"left by a crash")
    write_atomic(path, b"one", is_durable=is_durable)
    write_atomic(path, b"two", is_durable=is_durable)

    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path, disk: Disk) -> None:
    disk.room = 4
    path = tmp_path / "f"
    write_atomic(path, b"old", is_durable=True)

    with pytest.raises(OSError, match="No space left"):
        write_atomic(path, b"longer than four", is_durable=True)

    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_the_previous_generation_is_a_second_name(tmp_path: Path) -> None:
    path, previous = tmp_path / "f", tmp_path / "f.1"
    keep_previous(path, previous)
    assert not previous.exists()

    path.write_bytes(b"one")
    keep_previous(path, previous)
    write_atomic(path, b"two", is_durable=False)
    assert (path.read_bytes(), previous.read_bytes()) == (b"two", b"one")

    keep_previous(path, previous)
    write_atomic(path, b"three", is_durable=False)
    assert (path.read_bytes(), previous.read_bytes()) == (b"three", b"two")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f", "f.1"]
