"""Candle files as closed bars of the base frame, and the market they amount to at one of them.

It exists so that whatever judges files (a scan, a backtest) sees what the live engine is fed: the
same bars, 24 h values and universe. What candles do not tell stays unknown here, and what a file
lacks stays missing. It must never judge a market.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.core.indicators import LOOKBACK, Times, osum
from engine.core.market import Market
from engine.core.settings import Settings
from engine.core.universe import choose_universe
from engine.core.values import Instrument, Ms, Ticker
from engine.errors import DataError
from engine.sim.feed import CLOSE, DAY_MS, TURNOVER, VOLUME, Floats, merge_whole
from engine.sim.recorded import Recording, cut, instruments, read, traded


class Histories(NamedTuple):
    """Closed bars of the base frame on one grid, NaN where a symbol has none."""

    source: Path
    instruments: tuple[Instrument, ...]  # in the order of rows
    silent: tuple[str, ...]  # symbols without a single candle, which have no row
    first_ms: Ms
    frame_ms: Ms
    ohlcv: Floats  # (symbols, bars, 5)

    @property
    def present(self) -> NDArray[np.bool_]:
        """`(symbols, bars)`: who has which bar."""
        return ~np.isnan(self.ohlcv[..., CLOSE])

    def bar(self, at_ms: Ms | None) -> int:
        """Position of the newest bar closed at or before an instant, by default of the data.

        Raises `DataError` where nobody has that bar.
        """
        known = np.flatnonzero(self.present.any(axis=0)).tolist()
        if not known:
            raise DataError(str(self.source), f"a whole bar of {_span(self.frame_ms)}", "none")
        if at_ms is None:
            return int(known[-1])
        bar = (at_ms - self.first_ms) // self.frame_ms - 1
        if bar not in known:
            first, last = (when(self.close_ms(i)) for i in (known[0], known[-1]))
            expected = f"a moment when a bar had just closed, the first {first}, the last {last}"
            raise DataError(str(self.source), expected, when(at_ms))
        return bar

    def close_ms(self, bar: int) -> Ms:
        """When that bar closed."""
        return self.first_ms + (bar + 1) * self.frame_ms

    def history(self, row: int, bar: int) -> tuple[Times, Floats]:
        """A symbol's closed bars up to that one: `(n,)` open times and `(n, 5)` values."""
        past = self.ohlcv[row, : bar + 1]
        kept = np.flatnonzero(~np.isnan(past[:, CLOSE]))
        return self.first_ms + kept * self.frame_ms, past[kept]


def read_histories(path: Path, frame_s: int) -> Histories:
    """Files merged to the base frame; raises `DataError` for any that cannot be."""
    return merged(read(path), path, frame_s)


def merged(whole: Recording, source: Path, frame_s: int) -> Histories:
    """A recording in bars of the base frame, each there if all its members are.

    Raises `DataError` naming the source where its own bars do not fit into those.
    """
    recording, frame_ms = traded(whole), 1000 * frame_s
    step_ms, first_ms = recording.step_ms, recording.first_ms
    if frame_ms % step_ms:
        expected = f"candles of {_span(frame_ms)} (market.frame_s) or of a whole part of it"
        raise DataError(str(source), expected, f"candles of {_span(step_ms)}")
    begin_ms, size = first_ms // frame_ms * frame_ms, frame_ms // step_ms
    lead = (first_ms - begin_ms) // step_ms
    bars = -(-(lead + recording.candles.shape[1]) // size)
    candles = merge_whole(cut(recording.candles, -lead, bars * size), size)
    return Histories(
        source=source,
        instruments=instruments(recording),
        silent=tuple(s for s in whole.symbols if s not in recording.symbols),
        first_ms=begin_ms,
        frame_ms=frame_ms,
        ohlcv=candles[..., :TURNOVER],
    )


def tickers_at(histories: Histories, bar: int) -> tuple[Ticker, ...]:
    """What a venue would list after that bar, as far as candles tell it.

    Listed is who had a bar in the 24 h before.
    """
    day = DAY_MS // histories.frame_ms
    is_listed = histories.present[:, max(0, bar + 1 - day) : bar + 1].any(axis=1)
    return tuple(_ticker(histories, row, bar) for row in np.flatnonzero(is_listed).tolist())


def _ticker(histories: Histories, row: int, bar: int) -> Ticker:
    _, ohlcv = histories.history(row, bar)
    close, turnover = ohlcv[:, CLOSE], ohlcv[:, CLOSE] * ohlcv[:, VOLUME]
    day, volume, change = DAY_MS // histories.frame_ms, None, None
    if has_day(histories.frame_ms) and len(close) >= day:
        volume = float(osum(turnover[-day:], day)[-1])
    if has_day(histories.frame_ms) and len(close) > day:
        change = 100 * (float(close[-1] / close[-1 - day]) - 1)
    symbol = histories.instruments[row].symbol
    return Ticker(symbol, float(close[-1]), None, None, volume, change)


def has_day(frame_ms: Ms) -> bool:
    """Whether 24 h fit into the bars that anything may depend on."""
    return DAY_MS // frame_ms <= LOOKBACK


def market_at(histories: Histories, bar: int, settings: Settings) -> Market:
    """The market just after that bar closed: instruments, tickers, universe and histories."""
    market, tickers = Market(settings), tickers_at(histories, bar)
    market.set_instruments(histories.instruments)
    market.set_tickers(tickers, histories.close_ms(bar))
    market.set_universe(choose_universe(tickers, histories.instruments, settings.universe))
    rows = {instrument.symbol: row for row, instrument in enumerate(histories.instruments)}
    for symbol in market.universe:
        market.load_history(symbol, *histories.history(rows[symbol], bar))
    return market


def when(at_ms: Ms) -> str:
    """An instant in both writings: epoch milliseconds and UTC."""
    try:
        said = f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return str(at_ms)  # beyond the calendar
    return f"{at_ms} ({said})"


def _span(ms: Ms) -> str:
    return f"{ms // 60_000} min"
