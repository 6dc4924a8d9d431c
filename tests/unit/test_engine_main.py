import socket
from pathlib import Path

import pytest

from engine.__main__ import main
from engine.errors import PortInUse


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["venue", "--speed", "0"],
        ["venue", "--speed", "10001"],
        ["venue", "--speed", "nan"],
        ["venue", "--speed", "fast"],
        ["venue", "--port", "65536"],
        ["venue", "--port", "-1"],
        ["venue", "--seed", "one"],
        ["venue", "--start", "now"],
    ],
)
def test_usage_errors_end_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    assert "usage: python -m engine" in capsys.readouterr().err


def test_data_that_is_not_there_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["venue", "--data", str(tmp_path / "gone")]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"{tmp_path / 'gone'}: expected a folder")


def test_a_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["venue", "--port", str(port), "--speed", "2.5"]) == 2
    assert capsys.readouterr() == ("", f"{PortInUse('127.0.0.1', port)}\n")


def test_a_start_before_the_market_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["venue", "--start", "5"]) == 2
    expected = "market start: expected 1735689600000 or later, found 5\n"
    assert capsys.readouterr().err == expected
