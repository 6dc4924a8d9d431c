"""`python -m engine sim`: one seed or many, the words and the exit code."""

import pytest

from engine.__main__ import main
from engine.core.facts import Record
from engine.sim.disk import Disk

_append = Disk.append


def forgetful(self: Disk, records: list[Record]) -> None:
    """A disk that loses the last line of every append."""
    _append(self, records[:-1])


def test_one_seed_shows_its_last_facts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "--seed", "0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 1
    assert lines[-1].startswith("seed 0: kept every promise; ")


def test_a_batch_shows_what_struck(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "--seeds", "2", "--first", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("seeds 2, failed 0, ")
    assert [line.split(":")[0] for line in lines[2:]] == ["broken", "faults", "rare", "never"]


def test_a_broken_promise_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Disk, "append", forgetful)
    assert main(["sim", "--seeds", "2"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("seeds 2, failed 2, ")
    assert lines[2] == "broken: I25 2"
    assert lines[-1] == "again: make sim SEED=1"


def test_one_broken_seed_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Disk, "append", forgetful)
    assert main(["sim", "--seed", "3"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].startswith("seed 3: I25 broken at ")
    assert lines[-1] == "again: make sim SEED=3"


@pytest.mark.parametrize("arguments", [["--seeds", "some"], ["--seed", "-1"], ["--jobs", "x"]])
def test_usage_errors_end_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["sim", *arguments])
    assert error.value.code == 2
    assert "usage: python -m engine sim" in capsys.readouterr().err
