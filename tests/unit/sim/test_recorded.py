import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recordings import HEADER, pack

from engine.errors import DataError
from engine.sim.feed import CLOSE, MINUTE_MS, VOLUME
from engine.sim.recorded import load, read
from markets import DATA, FIRST_MS, FIVE_MS, recorded, walk

ROW = "{},10.5,11.25,10.0,11.0,2.5"


def csv(rows: int = 400, step_ms: int = FIVE_MS) -> list[str]:
    return [HEADER, *(ROW.format(FIRST_MS + i * step_ms) for i in range(rows))]


def write(folder: Path, lines: list[str], name: str = "AAAUSDT-5m.csv") -> Path:
    path = folder / name
    text = "\n".join(lines) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def test_a_folder_becomes_a_market(tmp_path: Path) -> None:
    write(tmp_path, csv())
    write(tmp_path, csv()[:1] + csv()[11:], "BBBUSDT-5m.csv.gz")
    feed = load(tmp_path, 9)
    assert [i.symbol for i in feed.instruments] == ["AAAUSDT", "BBBUSDT"]
    assert (str(feed.instruments[0].tick), str(feed.instruments[0].lot)) == ("0.01", "0.01")
    assert (feed.seed, feed.step_ms, feed.start_ms) == (9, FIVE_MS, FIRST_MS)
    assert feed.end_ms == FIRST_MS + 400 * FIVE_MS
    bars = feed.bars(FIRST_MS, 11)
    assert bars[0, 0].tolist() == [10.5, 11.25, 10.0, 11.0, 2.5, 2.5 * (11.25 + 10 + 11) / 3]
    assert np.isnan(bars[1, :10]).all()
    assert np.array_equal(bars[1, 10], bars[0, 10])


def test_missing_bars_stay_missing(tmp_path: Path) -> None:
    lines = csv()
    del lines[100:103]
    write(tmp_path, lines)
    missing = np.isnan(load(tmp_path, 1).series(0, FIRST_MS, 400)[:, 0])
    assert np.flatnonzero(missing).tolist() == [99, 100, 101]


def test_turnover_and_empty_lines_are_read(tmp_path: Path) -> None:
    lines = [HEADER + ",turnover", "", *(f"{line},27.5" for line in csv()[1:])]
    write(tmp_path, lines)
    feed = load(tmp_path, 1)
    assert feed.series(0, FIRST_MS, 1)[0].tolist() == [10.5, 11.25, 10.0, 11.0, 2.5, 27.5]
    assert feed.daily_usd.tolist() == [pytest.approx(27.5 * 288)]


def test_the_tick_is_the_last_digit_of_the_prices(tmp_path: Path) -> None:
    fine = [HEADER, *(line.replace("11.25", "11.250333333333") for line in csv()[1:])]
    whole = [HEADER, *(f"{FIRST_MS + i * FIVE_MS},10,12.0,1e1,11,5" for i in range(400))]
    write(tmp_path, fine, "AAAUSDT-5m.csv")
    write(tmp_path, whole, "BBBUSDT-5m.csv")
    assert [i.tick for i in load(tmp_path, 1).instruments] == [Decimal("1E-12"), Decimal(1)]


def test_prices_a_program_computed_stand_on_their_tick(tmp_path: Path) -> None:
    lines = [line.replace("10.5", repr(0.1 + 0.2)).replace("10.0,", "0.25,") for line in csv()]
    write(tmp_path, lines)
    feed = load(tmp_path, 1)
    assert str(feed.instruments[0].tick) == "0.01"
    assert feed.series(0, FIRST_MS, 1)[0, :4].tolist() == [0.3, 11.25, 0.25, 11.0]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("{},10.5,11.25,10.0,11.0", 'expected 6 numbers, found "'),
        ("{},10.5,11.25,ten,11.0,2.5", 'expected 6 numbers, found "'),
        ("{},10.5,11.25,,11.0,2.5", 'expected 6 numbers, found "'),
        ("{},10.5,11.25,10.0,11.0,2_5", 'expected 6 numbers, found "'),
        ("{},10.5,11.25,10.75,11.0,2.5", "expected 0 < low <= open, close <= high"),
        ("{},10.5,10.75,10.0,11.0,2.5", "expected 0 < low <= open, close <= high"),
        ("{},10.5,11.25,0,11.0,2.5", "expected 0 < low <= open, close <= high"),
        ("{},nan,11.25,10.0,11.0,2.5", "expected 0 < low <= open, close <= high"),
        ("{},10.5,11.25,10.0,11.0,-1", "and volume >= 0"),
        ("{}1,10.5,11.25,10.0,11.0,2.5", "expected open_ms on a multiple of 300000"),
        (f"{FIRST_MS},10.5,11.25,10.0,11.0,2.5", "expected open_ms after the line before"),
    ],
)
def test_a_malformed_row_is_named_with_file_and_line(
    tmp_path: Path, row: str, expected: str
) -> None:
    lines = csv()
    lines[7] = row.format(FIRST_MS + 6 * FIVE_MS)
    path = write(tmp_path, lines)
    with pytest.raises(DataError) as error:
        load(tmp_path, 1)
    assert str(error.value).startswith(f"{path} line 8: ")
    assert expected in str(error.value)
    assert error.value.exit_code == 2


def test_rows_of_another_width_throughout_are_an_error(tmp_path: Path) -> None:
    path = write(tmp_path, [HEADER, *(f"{line},1" for line in csv()[1:])])
    with pytest.raises(DataError, match="expected 6 numbers, found") as error:
        load(tmp_path, 1)
    assert str(error.value).startswith(f"{path} line 2: ")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({}, "expected SYMBOL-<timeframe>.csv[.gz] files, found none"),
        ({"AAAUSDT-5m.csv": csv(), "BBBUSDT-1m.csv": csv()}, "one timeframe, found 1m and 5m"),
        ({"AAAUSDT-4h.csv": csv()}, "expected a timeframe of 1m, 3m, 5m, 15m, found 4h"),
        ({"prices.csv": csv()}, "expected a name like BTCUSDT-5m.csv"),
        ({"AAAUSDT-5m.csv": [HEADER]}, "expected at least one candle, found none"),
        ({"AAAUSDT-5m.csv": ["time,price"]}, f"line 1: expected {HEADER}, found time,price"),
        ({"AAAUSDT-5m.csv": []}, f"line 1: expected {HEADER}, found nothing"),
        ({"AAAUSDT-5m.csv": csv(300)}, "expected candles over more than 25 h"),
    ],
)
def test_an_unusable_folder_is_one_clear_error(
    tmp_path: Path, names: dict[str, list[str]], expected: str
) -> None:
    for name, lines in names.items():
        write(tmp_path, lines, name)
    with pytest.raises(DataError) as error:
        load(tmp_path, 1)
    assert str(tmp_path) in str(error.value)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["AAAUSDT-5m.csv", "AAAUSDT-5m.csv.gz"])
def test_unreadable_bytes_are_one_clear_error(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x1f\x8b\xff\xfe\x00")
    with pytest.raises(DataError, match=f"{name}: expected readable text, found "):
        load(tmp_path, 1)


def test_a_path_that_is_no_recording_is_one_clear_error(tmp_path: Path) -> None:
    expected = "expected a folder of SYMBOL-<timeframe>.csv files or a packed .npz, found "
    other = tmp_path / "candles.parquet"
    with pytest.raises(DataError) as missing:
        load(other, 1)
    assert str(missing.value) == f"{other}: {expected}nothing there"
    other.write_text("")
    with pytest.raises(DataError) as wrong:
        load(other, 1)
    assert str(wrong.value) == f"{other}: {expected}another kind of file"


def test_a_damaged_archive_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "market.npz"
    path.write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(DataError, match=r"market\.npz: expected the packed candles"):
        load(path, 1)
    np.savez(path, symbols=np.array(["AAAUSDT"]))
    with pytest.raises(DataError, match=r"market\.npz: expected the packed candles"):
        load(path, 1)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"step_ms": 0}, "expected bars that open on multiples of their length, found bars of 0 "),
        ({"t0_ms": FIRST_MS + 1}, f"found bars of 300000 ms from {FIRST_MS + 1} on"),
        ({"present": np.ones((2, 3))}, "expected the packed candles of data/README.md, found "),
        ({"present": np.ones((1, 1), np.uint8)}, "expected the packed candles"),
        (
            {"open_gap": np.full((2, 400), -20_000)},
            f"AAAUSDT at {FIRST_MS}: expected 0 < low <= open, close <= high and volume >= 0",
        ),
    ],
)
def test_packed_candles_that_cannot_be_are_one_clear_error(
    tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    path = tmp_path / "market.npz"
    pack(path, **changes)
    with pytest.raises(DataError) as error:
        load(path, 1)
    assert str(error.value).startswith(str(path))
    assert expected in str(error.value)


def test_a_packed_symbol_without_a_candle_is_no_market(tmp_path: Path) -> None:
    present = np.packbits(np.stack([np.zeros(400, np.uint8), np.ones(400, np.uint8)]), axis=1)
    pack(tmp_path / "m.npz", present=present)
    assert read(tmp_path / "m.npz").symbols == ("AAAUSDT", "BBBUSDT")
    feed = load(tmp_path / "m.npz", 1)
    assert [i.symbol for i in feed.instruments] == ["BBBUSDT"]
    assert feed.series(0, FIRST_MS, 1)[0, CLOSE] == 2.0


def test_a_packed_recording_with_turnover(tmp_path: Path) -> None:
    pack(tmp_path / "m.npz")
    feed = load(tmp_path / "m.npz", 1)
    first, second = feed.series(0, FIRST_MS, 2)
    assert first[:4].tolist() == [10.0, 10.03, 9.98, 10.0]
    assert second[:4].tolist() == [10.0, 10.04, 9.98, 10.01]
    assert first[VOLUME] == pytest.approx(3000 / ((10.03 + 9.98 + 10.0) / 3))
    assert first[5] == 3000
    assert [str(i.tick) for i in feed.instruments] == ["0.01", "0.0001"]
    missing = np.isnan(feed.series(1, FIRST_MS, 400)[:, 0])
    assert np.flatnonzero(missing).tolist() == [5, 6, 7, 8, 9]


def test_a_packed_recording_with_base_volume(tmp_path: Path) -> None:
    pack(tmp_path / "m.npz", turnover_usdt=None, volume_base=np.full((2, 400), 7.0, np.float32))
    row = load(tmp_path / "m.npz", 1).series(0, FIRST_MS, 1)[0]
    assert row[4:].tolist() == [7.0, pytest.approx(7 * (10.03 + 9.98 + 10.0) / 3)]


@pytest.mark.parametrize(
    ("bars", "history"), [(301, 300), (400, 300), (900, 450), (2000, 999), (9000, 999)]
)
def test_history_lies_before_the_clock(bars: int, history: int) -> None:
    assert recorded(bars).begin_ms == FIRST_MS + history * FIVE_MS


def test_a_slice_reaches_over_both_ends() -> None:
    feed, whole = recorded(400), walk(400, 50.0, 2, 1)
    around = feed.series(0, FIRST_MS - 2 * FIVE_MS, 404)
    assert np.isnan(around[[0, 1, 402, 403]]).all()
    assert np.array_equal(around[2:402], whole)
    assert np.isnan(feed.bars(FIRST_MS + 500 * FIVE_MS, 3)).all()


def reference(path: Path) -> dict[str, Any]:
    """The reader that data/README.md prints."""
    z = np.load(path)
    n = z["close_delta"].shape[1]
    c = np.cumsum(z["close_delta"].astype(np.int64), axis=1)
    pc = np.concatenate([np.zeros((len(c), 1), np.int64), c[:, :-1]], axis=1)
    o = pc + z["open_gap"]
    h, low = np.maximum(o, c) + z["high_over"], np.minimum(o, c) - z["low_under"]
    s = 10.0 ** z["decimals"][:, None]
    t = int(z["t0_ms"]) + np.arange(n, dtype=np.int64) * int(z["step_ms"])
    return {"t": t, "ohlc": np.stack([o / s, h / s, low / s, c / s], axis=-1), "z": z}


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("name", "symbols", "step_ms"),
    [
        ("binance_usdm_1m_160x6d.npz", 160, MINUTE_MS),
        ("binance_usdm_1m_8x30d.npz", 8, MINUTE_MS),
        ("bybit_linear_5m_8x99d.npz", 8, FIVE_MS),
    ],
)
def test_real_recordings_are_read_as_their_readme_says(
    name: str, symbols: int, step_ms: int
) -> None:
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not beside this repository")
    feed, expected = load(DATA / name, 1), reference(DATA / name)
    times = expected["t"]
    assert (len(feed.instruments), feed.step_ms) == (symbols, step_ms)
    assert (feed.start_ms, feed.end_ms) == (times[0], times[-1] + step_ms)
    bars = feed.bars(feed.start_ms, len(times))
    known = ~np.isnan(bars[..., 0])
    assert np.array_equal(bars[..., :4][known], expected["ohlc"][known])
    if "turnover_usdt" in expected["z"]:
        assert np.array_equal(bars[..., 5][known], expected["z"]["turnover_usdt"][known])
    else:
        assert np.array_equal(bars[..., 4][known], expected["z"]["volume_base"][known])
