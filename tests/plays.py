"""Market plays: golden series G for three symbols, and what happens after its breakout."""

import csv
from pathlib import Path

from series import FRAME_MS, g

SYMBOLS = ("SOLUSDT", "ETHUSDT", "BTCUSDT")
CALM = 103.2  # price after the break at 103.00


def write_play(folder: Path, *tail: float, symbols: tuple[str, ...] = SYMBOLS) -> Path:
    """G up to its breakout bar, then flat bars at these closes; one file a symbol."""
    open_ms, ohlcv = g(301)
    rows = [[int(at), *bar] for at, bar in zip(open_ms, ohlcv.T.tolist(), strict=True)]
    at, last = rows[-1][0], 103.0
    for close in tail:
        at += FRAME_MS
        high, low = max(last, close) + 0.02, min(last, close) - 0.02
        rows.append([at, last, round(high, 2), round(low, 2), close, 1000.0])
        last = close
    folder.mkdir(parents=True, exist_ok=True)
    for symbol in symbols:
        with (folder / f"{symbol}-5m.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["open_ms", "open", "high", "low", "close", "volume"])
            writer.writerows(rows)
    return folder
