import os
import stat
from pathlib import Path

import pytest
from conftest import Disk

from engine.errors import StoreError, StoreLocked
from engine.live.claim import Claim


def test_a_new_directory_is_made_private_and_marked(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    claim = Claim(folder, "paper")

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (folder / "kind").read_text() == "paper\n"
    assert (folder / "lock").read_text() == f"{os.getpid()}\n"
    assert claim.was_clean
    claim.release(is_clean=True)


@pytest.mark.parametrize("is_clean", [False, True])
def test_the_next_owner_knows_how_the_last_one_ended(tmp_path: Path, *, is_clean: bool) -> None:
    Claim(tmp_path, "paper").release(is_clean=is_clean)
    claim = Claim(tmp_path, "paper")
    assert claim.was_clean is is_clean
    claim.release(is_clean=True)


def test_a_second_owner_is_refused_and_told_who_is_there(tmp_path: Path) -> None:
    first = Claim(tmp_path, "paper")
    with pytest.raises(StoreLocked, match=f"found it locked by process {os.getpid()};"):
        Claim(tmp_path, "paper")
    (tmp_path / "lock").write_bytes(b"")
    with pytest.raises(StoreLocked, match="found it locked by a process;"):
        Claim(tmp_path, "paper")

    first.release(is_clean=True)
    Claim(tmp_path, "paper").release(is_clean=True)


def test_another_kind_is_refused_and_not_kept_locked(tmp_path: Path) -> None:
    Claim(tmp_path, "paper").release(is_clean=True)
    with pytest.raises(StoreError, match="expected a sandbox directory, found 'paper'"):
        Claim(tmp_path, "sandbox")
    Claim(tmp_path, "paper").release(is_clean=True)


@pytest.mark.parametrize("name", ["state.json", "state.json.1", "journal-000000000001.jsonl"])
def test_state_without_a_kind_is_not_a_fresh_start(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(StoreError, match="expected the kind of this directory"):
        Claim(tmp_path, "paper")
    assert not (tmp_path / "kind").exists()


def test_a_place_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="file/state: expected a directory we can write to"):
        Claim(tmp_path / "file" / "state", "paper")


@pytest.mark.parametrize("is_marked", [False, True])
def test_a_disk_that_takes_no_writes_is_found_at_once(
    tmp_path: Path, disk: Disk, *, is_marked: bool
) -> None:
    if is_marked:
        (tmp_path / "kind").write_bytes(b"paper\n")
    disk.room = 0
    with pytest.raises(StoreError, match="found: No space left on device; check owner and free"):
        Claim(tmp_path, "paper")
    disk.room = None
    Claim(tmp_path, "paper").release(is_clean=True)
