"""A market replayed from candle files: a packed `.npz` or a folder of CSV files.

It exists so that the same venue can show real, recorded markets. What the files do not hold is not
made up here: a missing candle stays missing. It must never repair or skip a malformed row: that is
an error which names the file and the line.
"""

import gzip
import re
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from engine.core.values import Instrument, Ms
from engine.errors import DataError
from engine.sim.feed import (
    CLOSE,
    COLUMNS,
    DAY_MS,
    HIGH,
    LOW,
    MINUTE_MS,
    OPEN,
    TURNOVER,
    VOLUME,
    Floats,
    perpetual,
    typical,
)

FRAMES = {"1m": MINUTE_MS, "3m": 3 * MINUTE_MS, "5m": 5 * MINUTE_MS, "15m": 15 * MINUTE_MS}
FIELDS = ("open_ms", "open", "high", "low", "close", "volume")  # and perhaps turnover
HISTORY_MS = 1000 * 5 * MINUTE_MS  # wanted before the market clock starts
HISTORY_MIN_MS = 300 * 5 * MINUTE_MS  # needed
DECIMALS_MAX = 12
EXACT = 1e-3  # ticks a float may be off a legal price

_SOUND = "0 < low <= open, close <= high and volume >= 0"
_DAMAGED = (LookupError, TypeError, ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error)
_NAME = re.compile(r"(?P<symbol>[A-Z0-9]+USDT)-(?P<frame>\w+)\.csv(\.gz)?")

_Times = NDArray[np.int64]


class Recording(NamedTuple):
    """The content of the files: candles on a grid, and how exact each symbol's prices are."""

    symbols: tuple[str, ...]
    decimals: tuple[int, ...]
    first_ms: Ms
    step_ms: int
    candles: Floats  # (symbols, bars, 6), NaN where there is no candle


class RecordedFeed:
    """Candles from files, on the grid of their own timeframe."""

    def __init__(self, recording: Recording, source: Path, seed: int) -> None:
        recording = traded(recording)
        candles, step_ms = recording.candles, recording.step_ms
        length_ms = candles.shape[1] * step_ms
        self.seed = seed
        self.step_ms = step_ms
        self.start_ms: Ms = recording.first_ms
        self.begin_ms: Ms = recording.first_ms + _history(length_ms, source)
        self.end_ms: Ms | None = recording.first_ms + length_ms
        self.instruments: tuple[Instrument, ...] = instruments(recording)
        days = np.count_nonzero(~np.isnan(candles[..., OPEN]), axis=1) * step_ms / DAY_MS
        self.daily_usd: Floats = np.nansum(candles[..., TURNOVER], axis=1) / days
        self._candles = candles

    def bars(self, first_ms: Ms, count: int) -> Floats:
        """Candles `(symbols, count, 6)`; NaN outside the recording."""
        return cut(self._candles, (first_ms - self.start_ms) // self.step_ms, count)

    def series(self, row: int, first_ms: Ms, count: int) -> Floats:
        """Candles `(count, 6)` of one symbol."""
        return cut(self._candles[row], (first_ms - self.start_ms) // self.step_ms, count)


def load(path: Path, seed: int) -> RecordedFeed:
    """A market that replays a recording; raises `DataError` naming what is wrong and where."""
    return RecordedFeed(read(path), path, seed)


def read(path: Path) -> Recording:
    """The content of a folder or a packed file; raises `DataError` as `load` does."""
    if path.is_dir():
        return _read_folder(path)
    if path.is_file() and path.suffix == ".npz":
        return _read_packed(path)
    found = "another kind of file" if path.exists() else "nothing there"
    raise DataError(str(path), "a folder of SYMBOL-<timeframe>.csv files or a packed .npz", found)


def traded(recording: Recording) -> Recording:
    """The same without the symbols that never have a candle."""
    has_any = ~np.isnan(recording.candles[..., CLOSE]).all(axis=1)
    if has_any.all():
        return recording
    kept = np.flatnonzero(has_any).tolist()
    return recording._replace(
        symbols=tuple(recording.symbols[i] for i in kept),
        decimals=tuple(recording.decimals[i] for i in kept),
        candles=recording.candles[kept],
    )


def instruments(recording: Recording) -> tuple[Instrument, ...]:
    """Trading rules of symbols that each have a candle."""
    return tuple(
        perpetual(symbol, decimals, _first_close(rows))
        for symbol, decimals, rows in zip(*recording[:2], recording.candles, strict=True)
    )


def cut(candles: Floats, first: int, count: int) -> Floats:
    """Bars `first .. first + count` of `(..., bars, 6)`: a view where all exist, else NaN."""
    bars = candles.shape[-2]
    if first >= 0 and first + count <= bars:
        return candles[..., first : first + count, :]
    out = np.full((*candles.shape[:-2], count, COLUMNS), np.nan)
    begin, end = max(first, 0), min(first + count, bars)
    if begin < end:
        out[..., begin - first : end - first, :] = candles[..., begin:end, :]
    return out


def _history(length_ms: int, source: Path) -> int:
    """How much of a recording lies behind the market's first moment."""
    if length_ms <= HISTORY_MIN_MS:
        expected = "candles over more than 25 h (300 bars of 5 minutes of history)"
        raise DataError(str(source), expected, f"{length_ms / (60 * MINUTE_MS):.1f} h")
    frame = FRAMES["15m"]
    return max(HISTORY_MIN_MS, min(HISTORY_MS, length_ms // 2) // frame * frame)


def _first_close(rows: Floats) -> float:
    closes = rows[:, CLOSE]
    return float(closes[np.argmax(~np.isnan(closes))])


def _read_packed(path: Path) -> Recording:
    try:
        with path.open("rb") as file, np.load(file) as packed:
            recording = _unpack(packed)
    except _DAMAGED as e:
        raise DataError(str(path), "the packed candles of data/README.md", str(e)) from e
    _check_packed(path, recording)
    return recording


def _check_packed(path: Path, recording: Recording) -> None:
    """Raise for a grid that is none, and for the first candle that cannot be one."""
    step_ms, first_ms = recording.step_ms, recording.first_ms
    if step_ms <= 0 or first_ms % step_ms:
        found = f"bars of {step_ms} ms from {first_ms} on"
        raise DataError(str(path), "bars that open on multiples of their length", found)
    candles = recording.candles
    bad = np.argwhere(~np.isnan(candles[..., OPEN]) & ~_is_sound(candles))
    if len(bad):
        row, bar = bad[0].tolist()
        where = f"{path} {recording.symbols[row]} at {first_ms + bar * step_ms}"
        raise DataError(where, _SOUND, ",".join(f"{x:g}" for x in candles[row, bar, :TURNOVER]))


def _unpack(packed: "np.lib.npyio.NpzFile") -> Recording:
    """Undo the delta coding; prices are exact integers until the last division."""
    close = np.cumsum(packed["close_delta"].astype(np.int64), axis=1)
    opened = packed["open_gap"].astype(np.int64)
    opened[:, 1:] += close[:, :-1]
    scale = 10.0 ** packed["decimals"][:, None]
    candles = np.empty((*close.shape, COLUMNS))
    candles[..., OPEN] = opened / scale
    candles[..., HIGH] = (np.maximum(opened, close) + packed["high_over"]) / scale
    candles[..., LOW] = (np.minimum(opened, close) - packed["low_under"]) / scale
    candles[..., CLOSE] = close / scale
    if "turnover_usdt" in packed:
        candles[..., TURNOVER] = packed["turnover_usdt"]
        candles[..., VOLUME] = candles[..., TURNOVER] / typical(candles)
    else:
        candles[..., VOLUME] = packed["volume_base"]
        candles[..., TURNOVER] = candles[..., VOLUME] * typical(candles)
    present = np.unpackbits(packed["present"], axis=1)[:, : close.shape[1]].astype(np.bool_)
    candles[~present] = np.nan
    return Recording(
        symbols=tuple(packed["symbols"].tolist()),
        decimals=tuple(packed["decimals"].tolist()),
        first_ms=int(packed["t0_ms"]),
        step_ms=int(packed["step_ms"]),
        candles=candles,
    )


def _read_folder(path: Path) -> Recording:
    files = sorted(p for p in path.iterdir() if p.name.endswith((".csv", ".csv.gz")))
    if not files:
        raise DataError(str(path), "SYMBOL-<timeframe>.csv[.gz] files", "none")
    names = [_parse_name(p) for p in files]
    frames = {frame for _, frame in names}
    if len(frames) > 1:
        raise DataError(str(path), "files of one timeframe", " and ".join(sorted(frames)))
    step_ms = FRAMES[frames.pop()]
    tables = [_read_csv(p, step_ms) for p in files]
    decimals = tuple(_snap(table) for _, table in tables)
    first_ms = min(int(times[0]) for times, _ in tables)
    bars = (max(int(times[-1]) for times, _ in tables) - first_ms) // step_ms + 1
    candles = np.full((len(files), bars, COLUMNS), np.nan)
    for rows, (times, table) in zip(candles, tables, strict=True):
        rows[(times - first_ms) // step_ms] = table
    return Recording(
        symbols=tuple(symbol for symbol, _ in names),
        decimals=decimals,
        first_ms=first_ms,
        step_ms=step_ms,
        candles=candles,
    )


def _parse_name(path: Path) -> tuple[str, str]:
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise DataError(str(path), "a name like BTCUSDT-5m.csv or BTCUSDT-5m.csv.gz", path.name)
    if match["frame"] not in FRAMES:
        raise DataError(str(path), f"a timeframe of {', '.join(FRAMES)}", match["frame"])
    return match["symbol"], match["frame"]


def _read_csv(path: Path, step_ms: int) -> tuple[_Times, Floats]:
    """Open times `(bars,)` and candles `(bars, 6)` of one file."""
    lines = _read_lines(path)
    header = tuple(lines[0][1].split(",")) if lines else ()
    if header not in (FIELDS, (*FIELDS, "turnover")):
        raise DataError(f"{path} line 1", ",".join(FIELDS), ",".join(header) or "nothing")
    if len(lines) == 1:
        raise DataError(str(path), "at least one candle", "none")
    try:
        table = _parse([line for _, line in lines[1:]])
    except ValueError:
        _explain_text(path, lines[1:], len(header))
    if table.shape[1] != len(header):
        _explain_text(path, lines[1:], len(header))
    candles = np.empty((len(table), COLUMNS))
    candles[:, : table.shape[1] - 1] = table[:, 1:]
    if "turnover" not in header:
        candles[:, TURNOVER] = candles[:, VOLUME] * typical(candles)
    times = table[:, 0].astype(np.int64)
    _check_rows(path, lines[1:], (times, candles), step_ms)
    return times, candles


def _read_lines(path: Path) -> list[tuple[int, str]]:
    """Numbered lines that are not empty."""
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    except (EOFError, OSError, UnicodeDecodeError, zlib.error) as e:
        raise DataError(str(path), "readable text", str(e)) from e
    return [(no, line) for no, line in enumerate(text.splitlines(), start=1) if line.strip()]


def _explain_text(path: Path, lines: list[tuple[int, str]], width: int) -> NoReturn:
    """Raise for the first line that is not `width` numbers."""
    number, line = next((no, line) for no, line in lines if not _is_row(line, width))
    raise DataError(f"{path} line {number}", f"{width} numbers", f'"{line}"')


def _is_row(line: str, width: int) -> bool:
    try:
        return bool(_parse([line]).size == width)
    except ValueError:
        return False


def _parse(lines: list[str]) -> Floats:
    return np.loadtxt(lines, delimiter=",", ndmin=2, comments=None)


def _check_rows(
    path: Path, lines: list[tuple[int, str]], rows: tuple[_Times, Floats], step_ms: int
) -> None:
    """Raise for the first row that cannot be a candle."""
    times, candles = rows
    steps = np.diff(times, prepend=times[0] - step_ms)
    faults = (
        (~_is_sound(candles), _SOUND),
        (times % step_ms != 0, f"open_ms on a multiple of {step_ms}"),
        (steps <= 0, "open_ms after the line before"),
    )
    bad = np.logical_or.reduce([fault for fault, _ in faults])
    if bad.any():
        at = int(np.argmax(bad))
        number, line = lines[at]
        expected = next(words for fault, words in faults if fault[at])
        raise DataError(f"{path} line {number}", expected, line)


def _is_sound(candles: Floats) -> NDArray[np.bool_]:
    """Which rows of `(..., 6)` can be candles."""
    opened, high, low, close, volume, turnover = np.moveaxis(candles, -1, 0)
    with np.errstate(invalid="ignore"):
        is_sound: NDArray[np.bool_] = np.isfinite(candles).all(axis=-1) & (low > 0)
        is_sound &= (low <= np.minimum(opened, close)) & (high >= np.maximum(opened, close))
        is_sound &= (volume >= 0) & (turnover >= 0)
    return is_sound


def _snap(candles: Floats) -> int:
    """Put the prices on the grid of their decimals, which is returned: nobody trades off a tick.

    A price that a program computed misses its own by a last bit, and as a text it would not.
    """
    decimals = _decimals(candles[:, :VOLUME])
    scale = 10.0**decimals
    candles[:, :VOLUME] = np.maximum(np.rint(candles[:, :VOLUME] * scale), 1) / scale
    return decimals


def _decimals(prices: Floats) -> int:
    """The fewest digits after the point that write all of `prices`."""
    for decimals in range(DECIMALS_MAX):
        scaled = prices * 10.0**decimals
        if np.all(np.abs(scaled - np.rint(scaled)) < EXACT):
            return decimals
    return DECIMALS_MAX
