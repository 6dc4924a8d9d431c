"""`python -m engine scan`: its words, its JSON and its errors."""

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from recordings import ENDS_MS, ROWS, invented, pack, write_folder

from builders import NO_FLOW
from engine import preset, scan_report
from engine.__main__ import main
from engine.candles import merged, when
from engine.core.checks import CANDLE_ONLY
from engine.core.settings import Checks, Market, Score, Settings
from engine.core.values import CheckStatus, Setup, Side
from engine.scanning import Scan, scan
from engine.sim.feed import merge_whole
from engine.sim.recorded import Recording

MEMORY = Path("memory")


@pytest.fixture(scope="module")
def fives() -> Recording:
    """The invented market in bars of five minutes, so that files are small."""
    minutes = invented()
    return minutes._replace(step_ms=300_000, candles=merge_whole(minutes.candles, 5))


@pytest.fixture
def folder(tmp_path: Path, fives: Recording, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its files, in a directory where no configuration lies."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BREAKOUT_CONFIG", raising=False)
    data = tmp_path / "candles"
    data.mkdir()
    write_folder(data, fives)
    return data


def found(fives: Recording, settings: Settings | None = None) -> Scan:
    return scan(merged(fives, MEMORY, 300), settings or Settings())


def expected_row(result: Scan, rank: int) -> dict[str, Any]:
    """A row as the interface has it, from what the kernel said."""
    verdict = result.verdicts[rank - 1]
    return {
        "rank": rank,
        "symbol": verdict.symbol,
        "score": verdict.score,
        "outcome": verdict.outcome,
        "checks": [
            {
                "name": c.name,
                "value": c.value,
                "need": list(c.need) if isinstance(c.need, tuple) else c.need,
                "result": c.status.value,
                "reason": c.reason,
                "advisory": c.is_advisory,
            }
            for c in verdict.checks
        ],
        "levels": [
            {
                "price": level.price,
                "kind": "resistance" if level.side.sign > 0 else "support",
                "touches": level.touches,
                "strength": level.strength,
                "first_ms": level.first_ms,
                "last_ms": level.last_ms,
            }
            for level in result.levels[verdict.symbol]
        ],
    }


def test_json_on_standard_output_stands_there_alone(
    folder: Path, fives: Recording, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scan", "--data", str(folder), "--json", "-"]) == 0
    out, err = capsys.readouterr()
    told, result = json.loads(out, parse_constant=pytest.fail), found(fives)
    assert (err, out.count("\n")) == ("", 1)
    assert (told["at_ms"], told["open_ms"]) == (ENDS_MS, ENDS_MS - 300_000)
    assert told["preset"] == "breakout_v1"
    assert told["funnel"] == [{"stage": s.stage, "left": s.left} for s in result.funnel]
    assert told["not_judged"] == []
    assert told["setups"] == list(msgspec.to_builtins(result.setups))
    assert result.setups[-1].symbol == "XRPUSDT"
    assert len(told["rows"]) == len(ROWS)
    for rank, row in enumerate(told["rows"], 1):
        expected = expected_row(result, rank)
        assert {key: row[key] for key in expected} == expected


def test_json_tells_assumptions_before_any_result(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = ["--set", "signals.volume_min_mult=2.5", "--set", "checks.unknown_policy=pass"]
    main(["scan", "--data", str(folder), "--json", "-", *sets, "--preset", "scalping"])
    told = json.loads(capsys.readouterr().out)
    assert list(told)[:3] == ["at_ms", "preset", "assumptions"]
    assert told["preset"] == "scalping"
    assert told["assumptions"] == {
        "excluded": list(CANDLE_ONLY),
        "unknown_policy": "pass",
        "score_without": ["liquidity"],
        "frame_s": 300,
        "differs": [{"key": "signals.volume_min_mult", "preset": "2", "here": "2.5"}],
    }


def test_json_tells_the_signals(fives: Recording) -> None:
    result = found(fives)
    (signal,) = result.signals.values()
    rows = json.loads(scan_report.document(result))["rows"]
    (told,) = (row["signal"] for row in rows if row["signal"])
    assert told == {
        "id": f"XRPUSDT:{ENDS_MS - 300_000}:MOMENTUM:{signal.side}",
        "side": signal.side.value,
        "setup": "MOMENTUM",
        "entry": signal.price,
        "stop": signal.stop,
        "level": signal.level.price,
        "trigger": signal.trigger,
        "confidence": signal.confidence,
        "expires_ms": signal.expires_ms,
    }
    (row,) = (row for row in rows if row["signal"])
    assert (row["outcome"], row["stage"], row["blocked_by"]) == ("SIGNAL", "confirmed", None)
    assert (row["setup"], row["price"]) == ("MOMENTUM", signal.price)
    assert row["distance_pct"] < 0
    assert row["watch_rank"] == next(v.rank for v in result.verdicts if v.symbol == "XRPUSDT")


def test_json_to_a_file_leaves_the_words_on_standard_output(
    folder: Path, fives: Recording, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scan", "--data", str(folder), "--json", "scan.json"]) == 0
    result = found(fives)
    assert capsys.readouterr() == (f"{scan_report.table(result)}\n", "")
    assert Path("scan.json").read_text() == f"{scan_report.document(result)}\n"


def test_words_begin_with_assumptions_and_end_with_what_there_was(fives: Recording) -> None:
    result = found(fives)
    preamble, ranking, signals, funnel, setups = scan_report.table(result).split("\n\n")
    assert preamble.splitlines() == [
        f"excluded checks: {', '.join(CANDLE_ONLY)}",
        f"  of these candles can never tell {', '.join(CANDLE_ONLY)}",
        "unknown checks: fail",
        "score: without oi_change",
        "24 h turnover: summed from the candles",
        f"preset: breakout_v1: {preset.character('breakout_v1')}",
        "risk: not asked, for there is no account: gates, slots, size and cost are not judged",
        f"bar: 5 min, closed {when(ENDS_MS)}",
    ]
    head, *rows = [line.split() for line in ranking.splitlines()]
    assert head == ["rank", "market", "score", "reached", "blocked", "by", "level", "dist", "%"]
    assert [row[:2] for row in rows] == [
        [str(rank), verdict.symbol] for rank, verdict in enumerate(result.verdicts, 1)
    ]
    signal = result.signals["XRPUSDT"]
    xrp = next(row for row in rows if row[1] == "XRPUSDT")
    verdict = next(v for v in result.verdicts if v.symbol == "XRPUSDT")
    assert xrp[2:] == [
        f"{verdict.score:+.2f}",
        "confirmed",
        "-",
        f"{signal.level.price:.10g}",
        f"{verdict.distance_pct:+.2f}",
    ]
    assert signals == (
        f"signal: XRPUSDT {signal.side} MOMENTUM, entry {signal.price:.10g}, "
        f"stop {signal.stop:.10g}"
    )
    assert [line.split() for line in funnel.splitlines()] == [
        [*stage.stage.split(), str(stage.left)] for stage in result.funnel
    ]
    counts = [f"{x} {d} {_count(result, x, d)}" for x in Setup for d in Side]
    about = "setups in all candles up to this bar, by candle checks alone"
    assert setups == f"{about}: {', '.join(counts)}; the newest at {when(ENDS_MS)}"


def _count(result: Scan, setup: Setup, side: Side) -> int:
    return sum((found.setup, found.side) == (setup, side) for found in result.setups)


def test_words_tell_what_differs_and_who_is_not_judged() -> None:
    settings = Settings(
        market=Market(frame_s=60), checks=Checks(excluded=NO_FLOW), score=Score(w_oi_change=0)
    )
    bars = merged(invented(200), MEMORY, 60)._replace(silent=("ZZZUSDT",))
    preamble, ranking, _, setups, silent = scan_report.table(scan(bars, settings)).split("\n\n")
    assert preamble.splitlines()[0] == (
        f"excluded checks: {', '.join((*NO_FLOW, 'spread', 'volume_24h'))}"
    )
    assert "score: without nothing\n24 h turnover: not judged\n" in preamble
    assert "\n  but market.frame_s = 60 (preset 300)\n" in preamble
    assert {tuple(line.split()[3:]) for line in ranking.splitlines()[1:]} == {
        ("seen", "warmup", "-", "-")
    }
    assert setups.endswith(": MOMENTUM LONG 0, MOMENTUM SHORT 0, RETEST LONG 0, RETEST SHORT 0")
    assert silent == "not judged: ZZZUSDT: no candle in the data"


def test_a_bar_is_chosen_by_a_moment(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["scan", "--data", str(folder), "--json", "-", "--at"]
    assert main([*arguments, str(ENDS_MS - 1)]) == 0
    assert json.loads(capsys.readouterr().out)["at_ms"] == ENDS_MS - 300_000
    assert main([*arguments, "1736130300"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"{folder}: expected a moment when a bar had just closed, the first ")
    assert f", the last {when(ENDS_MS)}, found {when(1736130300)}" in err


def test_an_archive_is_ranked_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack(tmp_path / "m.npz", present=np.packbits([[1] * 400, [0] * 400], axis=1))
    assert main(["scan", "--data", str(tmp_path / "m.npz"), "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["symbol"] for row in told["rows"]] == ["AAAUSDT"]
    assert told["not_judged"] == [{"symbol": "BBBUSDT", "reason": "no candle in the data"}]
    results = {check["result"] for check in told["rows"][0]["checks"]}
    assert results <= set(CheckStatus)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--preset", "breakout"], 'expected the name of a preset, found "breakout"'),
        (["--set", "signals.volume=2"], "unknown key"),
        (["--set", "signals.volume_min_mult=many"], "expected a number"),
        (["--config", "gone.toml"], "gone.toml: 1 problem"),
        (["--set", "market.frame_s=180"], "expected candles of 3 min (market.frame_s)"),
        (["--json", "gone/scan.json"], "--json gone/scan.json: 1 problem"),
    ],
)
def test_what_cannot_be_done_is_one_clear_error(
    folder: Path, arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scan", "--data", str(folder), *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert expected in err


@pytest.mark.parametrize(
    "arguments", [[], ["--data"], ["--data", "x", "--at", "2025-01-01"], ["--data", "x", "--at"]]
)
def test_usage_errors_end_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["scan", *arguments])
    assert error.value.code == 2
    assert "usage: python -m engine scan" in capsys.readouterr().err


def test_a_reader_who_has_enough_is_no_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr("sys.stdout", pipe)
        assert main(["scan", "--data", str(folder)]) == 0
