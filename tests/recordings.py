"""Recordings for tests: a stretch of the invented market, candle files of both kinds."""

from pathlib import Path

import numpy as np

from engine.core.values import Ms
from engine.sim.feed import MINUTE_MS, OPEN, TURNOVER, Floats, decimals_of
from engine.sim.recorded import Recording
from engine.sim.synthetic import SyntheticFeed
from markets import FIRST_MS, FIVE_MS

HEADER = "open_ms,open,high,low,close,volume"


def write_csv(path: Path, candles: Floats, first_ms: Ms, step_ms: int) -> None:
    """One symbol's candles `(bars, 6)` as they are but for turnover; rows of NaN are left out."""
    known = np.flatnonzero(~np.isnan(candles[:, OPEN])).tolist()
    rows = candles[known, :TURNOVER].tolist()
    lines = [
        ",".join([str(first_ms + bar * step_ms), *map(repr, row)])
        for bar, row in zip(known, rows, strict=True)
    ]
    path.write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")


# A stretch of the invented market in which these break their levels, and some return to them.
ENDS_MS: Ms = 1_736_130_300_000
ROWS = (0, 2, 3, 7, 8, 11)  # BTCUSDT, SOLUSDT, XRPUSDT, SUIUSDT, AVAXUSDT, DOTUSDT


def invented(minutes: int = 1950, until_ms: Ms = ENDS_MS) -> Recording:
    """Minutes of that market up to then."""
    feed = SyntheticFeed(7)
    chosen = [feed.instruments[row] for row in ROWS]
    first_ms = until_ms - minutes * MINUTE_MS
    return Recording(
        symbols=tuple(i.symbol for i in chosen),
        decimals=tuple(decimals_of([i.tick for i in chosen])),
        first_ms=first_ms,
        step_ms=MINUTE_MS,
        candles=np.stack([feed.series(row, first_ms, minutes) for row in ROWS]),
    )


def write_folder(folder: Path, recording: Recording) -> None:
    """A recording as CSV files, one a symbol."""
    frame = f"{recording.step_ms // MINUTE_MS}m"
    for symbol, candles in zip(recording.symbols, recording.candles, strict=True):
        times = recording.first_ms, recording.step_ms
        write_csv(folder / f"{symbol}-{frame}.csv", candles, *times)


def pack(path: Path, **changes: object) -> None:
    """Two symbols of 400 bars in the packed form; the second lacks its bars 5 to 9.

    Arrays given replace those of the archive; None leaves one out.
    """
    bars = np.arange(400)
    close = np.stack([1000 + bars % 50, 20_000 - bars])
    present = np.ones((2, 400), dtype=np.uint8)
    present[1, 5:10] = 0
    arrays = {
        "symbols": np.array(["AAAUSDT", "BBBUSDT"]),
        "decimals": np.array([2, 4]),
        "t0_ms": np.array(FIRST_MS),
        "step_ms": np.array(FIVE_MS),
        "close_delta": np.diff(close, axis=1, prepend=0).astype(np.int32),
        "open_gap": np.where(bars == 0, close, 0).astype(np.int32),
        "high_over": np.full((2, 400), 3, dtype=np.uint16),
        "low_under": np.full((2, 400), 2, dtype=np.uint16),
        "present": np.packbits(present, axis=1),
        "turnover_usdt": np.full((2, 400), 3000, dtype=np.uint32),
    }
    kept = {name: value for name, value in (arrays | changes).items() if value is not None}
    np.savez_compressed(path, allow_pickle=False, **{k: np.asarray(v) for k, v in kept.items()})
