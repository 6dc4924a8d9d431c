import os
import stat
from pathlib import Path

import pytest
from conftest import Disk

from engine.live.files import keep_previous, make_folder, write_atomic


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


def test_a_second_name_that_is_there_already_leaves_no_third(tmp_path: Path) -> None:
    path, previous = tmp_path / "f", tmp_path / "f.1"
    path.write_bytes(b"one")
    keep_previous(path, previous)
    keep_previous(path, previous)  # the write in between was refused
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f", "f.1"]


def test_every_new_folder_is_made_durable_in_the_one_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    monkeypatch.setattr(
        os, "fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink())
    )
    make_folder(tmp_path / "a" / "b")
    assert sorted(synced) == [tmp_path, tmp_path / "a"]
    make_folder(tmp_path / "a" / "b")
    assert len(synced) == 2
