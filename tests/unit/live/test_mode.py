"""The file that says paper or live: atomic, and never guessed at."""

import stat
from pathlib import Path

import pytest

from engine.core.values import LIVE, PAPER, Arm
from engine.errors import StoreError
from engine.live.mode import FILE, Chosen, read_mode, write_mode

ARMED = Chosen(LIVE, "@ann (11)", 1_760_000_000_000, "http://127.0.0.1:8091")


def test_nobody_chose_yet(tmp_path: Path) -> None:
    assert read_mode(tmp_path / "nowhere") == Chosen(PAPER)
    assert Chosen().arm is None


def test_what_was_chosen_is_kept_privately(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    write_mode(folder, ARMED)
    assert read_mode(folder) == ARMED
    assert ARMED.arm == Arm("@ann (11)", "http://127.0.0.1:8091", 1_760_000_000_000)
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == [FILE]
    write_mode(folder, Chosen(PAPER, "@ann (11)", 1))
    assert read_mode(folder).mode == PAPER


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "expected the mode of this start, found: Input data was truncated"),
        (b'{"mode": "real"}', "Invalid enum value 'real'"),
        (b'{"mode": "live"}', "found: live without who, when and where"),
        (b'{"mode": "paper", "armed": true}', "unknown field `armed`"),
        (b'{"mode": "li', "remove the file to start on paper"),
    ],
)
def test_damage_is_one_clear_error(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(StoreError) as caught:
        read_mode(tmp_path)
    assert words in str(caught.value)
    assert str(tmp_path / FILE) in str(caught.value)
    assert caught.value.exit_code == 3


def test_a_folder_that_takes_no_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(StoreError, match="expected to write it, found: "):
        write_mode(tmp_path / "file", ARMED)


def test_a_write_that_fails_leaves_what_was(tmp_path: Path) -> None:
    write_mode(tmp_path, ARMED)
    (tmp_path / f"{FILE}.tmp").mkdir()  # the new content finds no place
    with pytest.raises(StoreError):
        write_mode(tmp_path, Chosen())
    assert read_mode(tmp_path) == ARMED
