"""Market state: instruments, tickers, closed candles, quotes, and how fresh each of them is.

It exists so that strategy and views read one float64 picture of the market that is rebuilt after
a restart and never written anywhere. It must never hold money, orders or an opinion.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec
import numpy as np

from engine.core.events import BookSeen, Event, InterestLoaded, PrintsSeen, QuoteSeen
from engine.core.flow import Flow
from engine.core.indicators import Bools, Floats, Times
from engine.core.interest import Interest
from engine.core.settings import Settings
from engine.core.values import Bar, Instrument, Ms, Ticker
from engine.core.view import Quote

FUTURE_MS: Ms = 2000  # what claims to be from later than this is not believed
NEAR_FACTOR = 2
NEAR_BARS = 12  # a close older than this says nothing about a quote
DEPTH = 600  # closed bars always kept a symbol: 300 to decide, the rest for charts


class Append(StrEnum):
    """What became of a closed candle."""

    ADDED = "ADDED"
    REPEATED = "REPEATED"  # not newer than the last one stored; the stored one stands
    MALFORMED = "MALFORMED"  # dropped, counts as missing
    GAP = "GAP"  # not the next one, or no history yet: not stored, history must be fetched
    UNTRACKED = "UNTRACKED"  # of a symbol without a row
    FUTURE = "FUTURE"  # closes later than now: not stored, it is fetched once it closed


class Window(msgspec.Struct, frozen=True, eq=False):
    """Copies of the newest closed candles of several symbols, right-aligned.

    `open_ms` is `(symbols, bars)` int64, -1 where there is no bar; `ohlcv` is
    `(symbols, 5, bars)` float64, NaN there; `counts` is `(symbols,)`: bars present.
    """

    open_ms: Times
    ohlcv: Floats
    counts: Times

    def take(self, rows: Times) -> "Window":
        """Some of the symbols."""
        return Window(self.open_ms[rows], self.ohlcv[rows], self.counts[rows])


def sound(ohlcv: Floats) -> Bools:
    """Which rows of `(bars, 5)` can be candles: finite, positive, extremes outside the body."""
    opened, high, low, close, volume = ohlcv.T
    is_finite = np.isfinite(ohlcv).all(axis=-1)
    is_ordered = (low <= np.minimum(opened, close)) & (high >= np.maximum(opened, close))
    is_sound: Bools = is_finite & (low > 0) & is_ordered & (volume >= 0)
    return is_sound


class Candles:
    """The closed candles of all tracked symbols: one row a symbol, filled left to right.

    A row has room for twice the depth and moves its newest half to the front when full, so that
    an append is a column write and the newest bars are always one contiguous slice.
    """

    def __init__(self, frame_ms: Ms, depth: int = DEPTH) -> None:
        self._frame_ms = frame_ms
        self._depth = depth
        self._rows: dict[str, int] = {}
        self._free: list[int] = []
        self._open_ms = np.empty((0, 2 * depth), dtype=np.int64)
        self._ohlcv = np.empty((0, 5, 2 * depth))
        self._end = np.zeros(1, dtype=np.int64)  # one more than rows: what has none ends at 0

    def track(self, symbols: Sequence[str]) -> None:
        """Keep the rows of these symbols only; a symbol that stays keeps its candles."""
        wanted = set(symbols)
        for symbol in [s for s in self._rows if s not in wanted]:
            row = self._rows.pop(symbol)
            self._end[row] = 0
            self._free.append(row)
        missing = [s for s in dict.fromkeys(symbols) if s not in self._rows]
        self._grow(len(missing) - len(self._free))
        for symbol in missing:
            self._rows[symbol] = self._free.pop()

    def _grow(self, rows: int) -> None:
        if rows <= 0:
            return
        first, width = len(self._open_ms), 2 * self._depth
        times = np.full((rows, width), -1, dtype=np.int64)
        self._open_ms = np.concatenate([self._open_ms, times])
        self._ohlcv = np.concatenate([self._ohlcv, np.full((rows, 5, width), np.nan)])
        self._end = np.concatenate([self._end, np.zeros(rows, dtype=np.int64)])
        self._free.extend(range(first, first + rows))

    def append(self, bar: Bar) -> Append:
        """Store the next closed candle; anything but the next one is not stored."""
        row = self._rows.get(bar.symbol)
        if row is None:
            return Append.UNTRACKED
        values = np.array([[bar.open, bar.high, bar.low, bar.close, bar.volume]])
        if bar.open_ms % self._frame_ms or not sound(values)[0]:
            return Append.MALFORMED
        last = self.last_open_ms(bar.symbol)
        if last is None or bar.open_ms > last + self._frame_ms:
            return Append.GAP
        if bar.open_ms <= last:
            return Append.REPEATED
        self._write(row, np.array([bar.open_ms]), values)
        return Append.ADDED

    def merge(self, symbol: str, open_ms: Times, ohlcv: Floats) -> int:
        """Store the sound candles newer than the last one; `ohlcv` is `(bars, 5)`."""
        row = self._rows.get(symbol)
        if row is None:
            return 0
        times, first = np.unique(np.asarray(open_ms, dtype=np.int64), return_index=True)
        values = np.asarray(ohlcv, dtype=np.float64).reshape(-1, 5)[first]
        last = self.last_open_ms(symbol)
        is_new = sound(values) & (times % self._frame_ms == 0)
        if last is not None:
            is_new &= times > last
        times, values = times[is_new][-self._depth :], values[is_new][-self._depth :]
        self._write(row, times, values)
        return len(times)

    def _write(self, row: int, open_ms: Times, ohlcv: Floats) -> None:
        end, depth = int(self._end[row]), self._depth
        if end + len(open_ms) > 2 * depth:
            self._open_ms[row, :depth] = self._open_ms[row, end - depth : end]
            self._ohlcv[row, :, :depth] = self._ohlcv[row, :, end - depth : end]
            end = depth
        stop = end + len(open_ms)
        self._open_ms[row, end:stop] = open_ms
        self._ohlcv[row, :, end:stop] = ohlcv.T
        self._end[row] = stop

    def last_open_ms(self, symbol: str) -> Ms | None:
        """Open time of the newest candle; None without any."""
        row = self._rows.get(symbol)
        if row is None or not (end := self._end.item(row)):  # `item` is far faster, once a quote
            return None
        return self._open_ms.item(row, end - 1)

    def last_close(self, symbol: str) -> float | None:
        """Close of the newest candle; None without any."""
        row = self._rows.get(symbol)
        if row is None or not (end := self._end.item(row)):
            return None
        return self._ohlcv.item(row, 3, end - 1)

    def opens_ms(self, symbols: Sequence[str], skip: int = 0) -> Times:
        """Open time of the newest candle of each symbol but `skip`, -1 without so many."""
        row = self._rows_of(symbols)
        end = self._end[row] - skip
        out, known = np.full(len(row), -1, dtype=np.int64), np.flatnonzero(end > 0)
        out[known] = self._open_ms[row[known], end[known] - 1]
        return out

    def newest(self, symbol: str, bars: int) -> tuple[Times, Floats]:
        """Copies of up to `bars` newest candles: `(n,)` open times and `(n, 5)` values."""
        row = self._rows.get(symbol, -1)
        end = int(self._end[row])
        if end == 0:
            return np.empty(0, dtype=np.int64), np.empty((0, 5))
        part = slice(max(end - bars, 0), end)
        return self._open_ms[row, part].copy(), self._ohlcv[row, :, part].T.copy()

    def window(self, symbols: Sequence[str], bars: int, skip: Times | int = 0) -> Window:
        """Copies of `bars` candles of each symbol, the newest `skip` left out."""
        row = self._rows_of(symbols)
        end = np.maximum(self._end[row] - skip, 0)
        ends = set(end.tolist())
        if ends and min(ends) >= bars and len(ends) == 1:  # nearly always: one copy, no filling
            part = slice(int(end[0]) - bars, int(end[0]))
            counts = np.full(len(row), bars)
            return Window(self._open_ms[row, part], self._ohlcv[row, :, part], counts)
        out = Window(
            open_ms=np.full((len(row), bars), -1, dtype=np.int64),
            ohlcv=np.full((len(row), 5, bars), np.nan),
            counts=np.minimum(end, bars),
        )
        for stop in ends - {0}:  # rows are filled alike, so there are few
            count, mine = min(stop, bars), np.flatnonzero(end == stop)
            out.open_ms[mine, bars - count :] = self._open_ms[row[mine], stop - count : stop]
            out.ohlcv[mine, :, bars - count :] = self._ohlcv[row[mine], :, stop - count : stop]
        return out

    def _rows_of(self, symbols: Sequence[str]) -> Times:
        """Row of each symbol; of one without a row the last of `_end`, which is never filled."""
        return np.array([self._rows.get(s, -1) for s in symbols], dtype=np.int64)


class Feed:
    """What the streams said last, and which symbols have gone silent."""

    def __init__(self, stale_after_ms: Ms) -> None:
        self.universe: tuple[str, ...] = ()
        self.newest_quote_ms: Ms | None = None
        self._stale_after_ms = stale_after_ms
        self._quotes: dict[str, Quote] = {}
        self._heard_ms: dict[str, Ms] = {}
        self._down: set[str] = set()

    def see_quote(self, event: QuoteSeen, at_ms: Ms) -> None:
        """Remember best prices; what is crossed, impossible, of later or of old is no news.

        A quote is as old as the venue says, however late it was read: after a stall there are many.
        """
        is_sane = 0 < event.bid <= event.ask < np.inf and 0 < event.last < np.inf
        said_ms, last = min(event.exchange_ms, at_ms), self._quotes.get(event.symbol)
        is_timely = event.exchange_ms <= at_ms + FUTURE_MS and (
            last is None or said_ms >= last.at_ms
        )
        if not (is_sane and is_timely):
            return
        self._quotes[event.symbol] = Quote(event.bid, event.ask, event.last, said_ms)
        self.newest_quote_ms = max(said_ms, self.newest_quote_ms or 0)
        self._hear(event.symbol, said_ms)

    def quote(self, symbol: str) -> Quote | None:
        """The newest quote, however old; its stamp is with it."""
        return self._quotes.get(symbol)

    def mark_down(self, symbols: Sequence[str]) -> None:
        """These symbols stopped delivering."""
        self._down.update(symbols)

    def mark_up(self, symbols: Sequence[str]) -> None:
        """These symbols deliver again; fresh only once something arrived."""
        self._down.difference_update(symbols)

    def is_stale(self, symbol: str, at_ms: Ms) -> bool:
        """Down, never heard, or silent for longer than allowed."""
        heard = self._heard_ms.get(symbol)
        return symbol in self._down or heard is None or at_ms - heard > self._stale_after_ms

    def stale_symbols(self, at_ms: Ms) -> tuple[str, ...]:
        """The stale part of the universe, in its order."""
        return tuple(s for s in self.universe if self.is_stale(s, at_ms))

    def _hear(self, symbol: str, at_ms: Ms) -> None:
        self._heard_ms[symbol] = max(at_ms, self._heard_ms.get(symbol, 0))


class Market(Feed):
    """Everything known about the market; float, ephemeral, filled by events."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(1000 * settings.market.stale_after_s)
        self.frame_ms = 1000 * settings.market.frame_s
        self.tickers_ms: Ms | None = None  # when the tickers were read
        self._candles = Candles(self.frame_ms)
        self._instruments: dict[str, Instrument] = {}
        self._tickers: dict[str, Ticker] = {}
        self.flow = Flow(settings)
        self.interest = Interest()

    def take_quote(self, event: QuoteSeen, at_ms: Ms) -> None:
        """Remember best prices, unless they cannot be those of this market."""
        if self._is_near(event):
            self.see_quote(event, at_ms)

    def _is_near(self, event: QuoteSeen) -> bool:
        """What is beyond twice or half of a recent close is no price, however well it is formed.

        A close that is old says nothing: the market may have moved while nobody looked.
        """
        opened = self._candles.last_open_ms(event.symbol)
        close = self._candles.last_close(event.symbol)
        if (
            opened is None
            or close is None
            or event.exchange_ms - opened > NEAR_BARS * self.frame_ms
        ):
            return True
        prices = (event.bid, event.ask, event.last)
        return close / NEAR_FACTOR <= min(prices) and max(prices) <= close * NEAR_FACTOR

    def set_instruments(self, instruments: Sequence[Instrument]) -> None:
        """Replace the list of tradable instruments."""
        self._instruments = {i.symbol: i for i in instruments}

    def instrument(self, symbol: str) -> Instrument | None:
        """Trading rules of a symbol; None when it is not tradable."""
        return self._instruments.get(symbol)

    def set_tickers(self, tickers: Sequence[Ticker], at_ms: Ms) -> None:
        """Replace all tickers with one read's."""
        self._tickers = {t.symbol: t for t in tickers}
        self.tickers_ms = at_ms
        self.interest.see(tickers, at_ms)

    def load_interest(self, event: InterestLoaded) -> None:
        """What the exchange remembers of a symbol's open interest; nothing while it has none."""
        ticker, read_ms = self.ticker(event.symbol), self.tickers_ms
        if ticker is not None and ticker.open_interest is not None and read_ms is not None:
            self.interest.load(event.symbol, event.samples, (read_ms, ticker.open_interest))

    def ticker(self, symbol: str) -> Ticker | None:
        """24 h statistics as last read at `tickers_ms`."""
        return self._tickers.get(symbol)

    def set_universe(self, symbols: Sequence[str]) -> None:
        """Track these symbols and no other; one that stays keeps its candles."""
        self.universe = tuple(dict.fromkeys(symbols))
        self._candles.track(self.universe)

    def load_history(self, symbol: str, open_ms: Times, ohlcv: Floats) -> int:
        """Merge fetched closed candles, `(bars, 5)`; returns how many were new."""
        return self._candles.merge(symbol, open_ms, ohlcv)

    def append(self, bar: Bar, at_ms: Ms | None = None) -> Append:
        """Store a closed candle from the stream; on GAP fetch from `last_open_ms` + frame.

        With `at_ms` a candle that closes later than now is not believed.
        """
        if at_ms is not None and bar.open_ms + self.frame_ms > at_ms + FUTURE_MS:
            return Append.FUTURE
        result = self._candles.append(bar)
        if result is Append.ADDED:
            # It says that its symbol was alive when it closed, however late it arrives.
            self._hear(bar.symbol, bar.open_ms + self.frame_ms)
        return result

    def last_open_ms(self, symbol: str) -> Ms | None:
        """Open time of the newest closed candle; None without any."""
        return self._candles.last_open_ms(symbol)

    def opens_ms(self, symbols: Sequence[str], skip: int = 0) -> Times:
        """Open time of each symbol's newest closed candle but `skip`, -1 without so many."""
        return self._candles.opens_ms(symbols, skip)

    def window(self, symbols: Sequence[str], bars: int, skip: Times | int = 0) -> Window:
        """Copies of `bars` closed candles of each symbol, right-aligned.

        They are the newest, but for the last `skip`: one number, or one a symbol.
        """
        return self._candles.window(symbols, bars, skip)

    def candles(self, symbol: str, bars: int) -> tuple[Times, Floats]:
        """Copies of up to `bars` newest candles: `(n,)` open times and `(n, 5)` values."""
        return self._candles.newest(symbol, bars)


def note(market: Market, event: Event, at_ms: Ms) -> bool:
    """Take in a quote, a book or trades; False, and nothing is, when the event is none of these."""
    match event:
        case QuoteSeen():
            market.take_quote(event, at_ms)
        case BookSeen():
            market.flow.see(event, at_ms)
        case PrintsSeen():
            market.flow.trade(event, at_ms)
        case _:
            return False
    return True
