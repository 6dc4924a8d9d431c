"""Candle files that tests write: an invented or random market as a folder, a packed archive."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from engine.core.values import Ms
from engine.sim.feed import TURNOVER, Feed, Floats
from engine.sim.synthetic import SyntheticFeed
from markets import FIRST_MS, FIVE_MS, walk

HEADER = "open_ms,open,high,low,close,volume"


def write_csv(
    folder: Path, name: str, candles: Floats, *, first_ms: Ms = FIRST_MS, step_ms: int = FIVE_MS
) -> Path:
    """One symbol's candles `(bars, 6)` as `name`.csv, exactly; rows of NaN are left out."""
    lines = [HEADER]
    for i, row in enumerate(candles[:, :TURNOVER].tolist()):
        if row[0] == row[0]:
            lines.append(",".join([str(first_ms + i * step_ms), *map(repr, row)]))
    path = folder / f"{name}.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_walks(folder: Path, names: Iterable[str], bars: int = 400) -> dict[str, Floats]:
    """Random five-minute markets, BTCUSDT with its price among them; what was written."""
    written = {}
    for seed, name in enumerate(names):
        price, decimals = (60_000.0, 1) if name == "BTCUSDT" else (50.0 / 7**seed, 2 + seed)
        written[name] = walk(bars, price, decimals, seed)
        write_csv(folder, f"{name}-5m", written[name])
    return written


def write_feed(folder: Path, feed: Feed, rows: int, until_ms: Ms, bars: int) -> None:
    """The last `bars` candles of a feed's first symbols before `until_ms`."""
    first_ms = until_ms - bars * feed.step_ms
    name = f"{feed.step_ms // 60_000}m"
    for row, instrument in enumerate(feed.instruments[:rows]):
        candles = feed.series(row, first_ms, bars)
        write_csv(
            folder,
            f"{instrument.symbol}-{name}",
            candles,
            first_ms=first_ms,
            step_ms=feed.step_ms,
        )


def write_invented(folder: Path, rows: int = 12, bars: int = 2200) -> Ms:
    """Minutes of the invented market as a folder; when the last one closed."""
    feed = SyntheticFeed(7)
    until_ms = feed.begin_ms + 6 * 3_600_000
    write_feed(folder, feed, rows, until_ms, bars)
    return until_ms


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
