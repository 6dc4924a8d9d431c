"""What the simulated market shows at one moment: trades, quotes, candles, 24 h values, depth.

It exists so that REST answers and stream messages are two renderings of the same numbers. What is
shown is a function of (feed, time): a board opened anywhere shows what one that came the long way
shows. It must never run a clock of its own; its time is set, and never goes back.
"""

from collections.abc import Iterator

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.core.values import Ms
from engine.sim.crowd import MOVE_MS, Crowd, Ints, Quoted
from engine.sim.feed import (
    CLOSE,
    COLUMNS,
    DAY_MS,
    HIGH,
    LOW,
    OPEN,
    SECOND_MS,
    TURNOVER,
    VOLUME,
    Feed,
    Floats,
    aggregate,
    decimals_of,
    merge_whole,
)
from engine.sim.paths import Paths, draw_paths, noise

HOUR_MS = 3_600_000
INTEREST_DAYS = 0.4  # open interest, in days of turnover
HEADS = 0.5  # a draw below it is a buy
SPREAD_BPS = 0.4  # at a day's turnover of 1e9 USD; thinner markets have wider ones

Depth = tuple[tuple[float, float], ...]  # (price, base quantity), best first

_PATH, _SIDE, _INTEREST = 101, 102, 104  # what a draw is for


class Shown(msgspec.Struct, frozen=True, eq=False):
    """The tickers of one moment: arrays `(symbols,)`, NaN where nothing is known yet."""

    at_ms: Ms
    last: Floats
    bid: Floats
    ask: Floats
    bid_size: Floats
    ask_size: Floats
    candle: Floats  # `(symbols, 6)`: the forming base bar
    high_24h: Floats
    low_24h: Floats
    volume_24h: Floats
    turnover_24h: Floats
    price_24h_ago: Floats
    price_1h_ago: Floats
    interest: Floats  # open interest, base asset

    @property
    def mark(self) -> Floats:
        """Mark and index price: the middle of the quote."""
        mid: Floats = (self.bid + self.ask) / 2
        return mid


class Print(msgspec.Struct, frozen=True):
    """A trade of the market; `is_buy` is the aggressor's side."""

    at_ms: Ms
    price: float
    qty: float
    is_buy: bool
    number: int  # among those of its second


class _Bar(msgspec.Struct, frozen=True, eq=False):
    """The forming base bar as it will turn out, and what lies before it."""

    open_ms: Ms
    candles: Floats
    paths: Paths
    day: Floats  # the closed bars of 24 h as one candle, `(symbols, 6)`
    hour_open: Floats
    before: Floats  # price of some minutes ago
    interest: Floats


class _Span(msgspec.Struct, frozen=True, eq=False):
    """What the last `seek` passed over: seconds `begin + 1 .. end` of a bar."""

    bar: _Bar
    begin: int
    end: int


class Board:
    """The market at `shown.at_ms`; `seek` moves it forward."""

    def __init__(self, feed: Feed, at_ms: Ms) -> None:
        self.feed = feed
        self.rows = {i.symbol: row for row, i in enumerate(feed.instruments)}
        self.decimals = decimals_of([i.tick for i in feed.instruments])
        self.lot_decimals = decimals_of([i.lot for i in feed.instruments])
        self._scale: Floats = 10.0 ** np.array(self.decimals)
        self._lot_scale: Floats = 10.0 ** np.array(self.lot_decimals)
        self._crowd = Crowd(feed.seed, feed.daily_usd, self._scale, self._lot_scale)
        self._books: dict[int, tuple[Floats, Floats]] = {}  # by depth, of this moment
        self._trades: tuple[NDArray[np.bool_], Ints] | None = None  # sides and parts of the span
        self._spread_bps = SPREAD_BPS * (1e9 / np.maximum(feed.daily_usd, 1e5)) ** 0.3
        self._first_price = feed.bars(feed.start_ms, 1)[:, 0, OPEN]
        self._partial: dict[int, Floats] = {}  # by frame: its closed bars, merged
        self._forming: dict[int, Floats] = {}
        self._closed: dict[int, Floats] = {}
        self._bar = self._open_bar(at_ms // feed.step_ms * feed.step_ms)
        second = (at_ms - self._bar.open_ms) // SECOND_MS
        self._span = _Span(self._bar, second, second)
        self.shown = self._show(second)

    def seek(self, at_ms: Ms) -> Shown:
        """Show `at_ms`, which must lie ahead of now and not beyond the close of the forming bar."""
        bar, step = self._bar, self.feed.step_ms
        assert self.shown.at_ms <= at_ms <= bar.open_ms + step, "a bar may not be skipped"
        begin = (self.shown.at_ms - bar.open_ms) // SECOND_MS
        self._span = _Span(bar, begin, (at_ms - bar.open_ms) // SECOND_MS)
        if at_ms == bar.open_ms + step:
            self._bar = self._open_bar(at_ms)
            self._partial.clear()
        self._forming.clear()
        self._closed.clear()
        self.shown = self._show((at_ms - self._bar.open_ms) // SECOND_MS)
        return self.shown

    def closed(self, frame_ms: int) -> Floats:
        """Candles `(symbols, 6)` of the frame that closes at this very moment, whole ones only."""
        if frame_ms not in self._closed:
            size = frame_ms // self.feed.step_ms
            members = self.feed.bars(self.shown.at_ms - frame_ms, size)
            self._closed[frame_ms] = merge_whole(members, size)[:, 0]
        return self._closed[frame_ms]

    def forming(self, frame_ms: int) -> Floats:
        """Candles `(symbols, 6)` of the frame under way."""
        if frame_ms not in self._partial:
            first = self._bar.open_ms // frame_ms * frame_ms
            count = (self._bar.open_ms - first) // self.feed.step_ms
            self._partial[frame_ms] = self._merged(first, count)
        if frame_ms not in self._forming:
            pair = np.stack([self._partial[frame_ms], self.shown.candle], axis=1)
            self._forming[frame_ms] = aggregate(pair, 2)[:, 0]
        return self._forming[frame_ms]

    def candles(self, row: int, frame_ms: int, first_ms: Ms, count: int) -> Floats:
        """Candles `(count, 6)` of one symbol as known now: closed ones whole, the open one so far.

        Later ones are NaN; `first_ms` opens a frame.
        """
        size = frame_ms // self.feed.step_ms
        candles = merge_whole(self.feed.series(row, first_ms, count * size), size).copy()
        forming = (self._bar.open_ms - first_ms) // frame_ms
        if forming < count:
            candles[max(forming, 0) :] = np.nan
        if 0 <= forming < count:
            candles[forming] = self.forming(frame_ms)[row]
        return candles

    def book(self, row: int, depth: int) -> tuple[Depth, Depth]:
        """Bids and asks, best first: the quote, then a grid of prices with seeded sizes."""
        if depth not in self._books:
            self._books[depth] = self._crowd.books(self._quoted, depth)
        prices, sizes = self._books[depth]
        count = int(np.count_nonzero(prices[row, 0] > 0))
        bids, asks = (
            tuple(zip(prices[row, side].tolist(), sizes[row, side].tolist(), strict=True))
            for side in (0, 1)
        )
        return bids[:count], asks

    def interest(self, row: int, first_ms: Ms, frame_ms: int, count: int) -> Floats:
        """Open interest `(count,)` of one symbol at moments `frame_ms` apart, as shown then.

        NaN where it had no price yet; all moments are opens of base bars.
        """
        at_ms = first_ms + frame_ms * np.arange(count)
        begin_ms = max(first_ms - DAY_MS, self.feed.start_ms)
        before = (at_ms - begin_ms) // self.feed.step_ms  # bars that had begun
        bars = self.feed.series(row, begin_ms, int(before[-1]))
        traded = np.logical_or.accumulate(np.append([False], ~np.isnan(bars[:, OPEN])))
        price = np.where(traded[before], self._anchor(self._bar.day)[row], np.nan)
        return self._interest(np.full(count, row), at_ms, price)

    def prints(self, row: int) -> Iterator[Print]:
        """Trades of one symbol between the last moment shown and this one, oldest first."""
        if self._trades is None:
            self._trades = self._aggressors(self._span)
        return self._prints(row, self._span, self._trades)

    def trades(self, row: int) -> Iterator[Print]:
        """Trades of one symbol in the bar of the last move up to now, oldest first."""
        whole = msgspec.structs.replace(self._span, begin=0)
        return self._prints(row, whole, self._aggressors(whole))

    def _aggressors(self, span: _Span) -> tuple[NDArray[np.bool_], Ints]:
        """Sides and parts of the trades of each second of a span, `(symbols, seconds)`."""
        seconds = span.bar.open_ms // SECOND_MS + np.arange(span.begin + 1, span.end + 1)
        is_buy = self._coin(np.arange(len(self.rows))[:, None], seconds)
        return is_buy, self._crowd.parts(seconds)

    def _prints(
        self, row: int, span: _Span, aggressors: tuple[NDArray[np.bool_], Ints]
    ) -> Iterator[Print]:
        bar, begin, end = span.bar, span.begin, span.end
        volume = np.round(bar.paths.volume[row, begin : end + 1], self.lot_decimals[row])
        columns = zip(
            range(begin + 1, end + 1),
            bar.paths.price[row, begin + 1 : end + 1].tolist(),
            np.diff(volume).tolist(),
            *(column[row].tolist() for column in aggressors),
            strict=True,
        )
        for second, price, qty, is_buy, count in columns:
            parts = self._crowd.split(row, qty, count) if qty > 0 else ()
            for number, part in enumerate(parts):
                yield Print(bar.open_ms + second * SECOND_MS, price, part, is_buy, number)

    def _open_bar(self, bar_ms: Ms) -> _Bar:
        feed = self.feed
        candles = feed.bars(bar_ms, 1)[:, 0]
        key = (feed.seed, _PATH, bar_ms // SECOND_MS, feed.step_ms // SECOND_MS)
        day = self._merged_since(bar_ms, DAY_MS)
        return _Bar(
            open_ms=bar_ms,
            candles=candles,
            paths=draw_paths(candles, np.array(self.decimals), key),
            day=day,
            hour_open=self._merged_since(bar_ms, HOUR_MS)[:, OPEN],
            before=self._merged_since(bar_ms, max(MOVE_MS, feed.step_ms))[:, OPEN],
            interest=self._interest(np.arange(len(day)), bar_ms, self._anchor(day)),
        )

    def _merged_since(self, bar_ms: Ms, length_ms: int) -> Floats:
        first = max(bar_ms - length_ms, self.feed.start_ms)
        return self._merged(first, (bar_ms - first) // self.feed.step_ms)

    def _merged(self, first_ms: Ms, count: int) -> Floats:
        if count <= 0:
            return np.full((len(self.rows), COLUMNS), np.nan)
        return aggregate(self.feed.bars(first_ms, count), count)[:, 0]

    def _show(self, second: int) -> Shown:
        bar, paths = self._bar, self._bar.paths
        candle = self._candle(second)
        price = paths.price[:, second]
        last = np.where(np.isnan(price), bar.day[:, CLOSE], price)
        at_ms = bar.open_ms + second * SECOND_MS
        bid, ask = self._quote(last, at_ms // SECOND_MS)
        lean = self._crowd.lean(last, bar.before, bar.day, at_ms)
        quoted = Quoted(at_ms, self._ticks(last), self._ticks(bid), self._ticks(ask), lean)
        self._quoted = quoted
        best = self._crowd.sizes(np.stack([quoted.bid, quoted.ask], axis=1)[:, :, None], quoted)
        self._books, self._trades = {}, None
        day = aggregate(np.stack([bar.day, candle], axis=1), 2)[:, 0]
        return Shown(
            at_ms=at_ms,
            last=last,
            bid=bid,
            ask=ask,
            bid_size=best[:, 0, 0],
            ask_size=best[:, 1, 0],
            candle=candle,
            high_24h=day[:, HIGH],
            low_24h=day[:, LOW],
            volume_24h=day[:, VOLUME],
            turnover_24h=day[:, TURNOVER],
            price_24h_ago=day[:, OPEN],
            price_1h_ago=np.where(np.isnan(bar.hour_open), day[:, OPEN], bar.hour_open),
            interest=bar.interest,
        )

    def _candle(self, second: int) -> Floats:
        """The forming bar as far as it got, `(symbols, 6)`."""
        whole, paths = self._bar.candles, self._bar.paths
        candle = whole.copy()
        candle[:, HIGH] = paths.high[:, second]
        candle[:, LOW] = paths.low[:, second]
        candle[:, CLOSE] = paths.price[:, second]
        candle[:, VOLUME] = paths.volume[:, second]
        share = paths.volume[:, second] / np.where(whole[:, VOLUME] > 0, whole[:, VOLUME], 1.0)
        candle[:, TURNOVER] = share * whole[:, TURNOVER]
        return candle

    def _quote(self, last: Floats, second: int) -> tuple[Floats, Floats]:
        """Bid and ask: the last trade stands on one of them, the other stays inside the bar."""
        spread = np.maximum(1, np.rint(self._spread_bps * 1e-4 * last * self._scale)) / self._scale
        is_buy = self._coin(np.arange(len(last)), second)
        is_buy &= ~(last - spread < self._bar.candles[:, LOW])
        is_buy |= last + spread > self._bar.candles[:, HIGH]
        bid = np.where(is_buy, last - spread, last)
        bid = np.where(bid > 0, bid, last)
        ask = bid + spread
        return np.rint(bid * self._scale) / self._scale, np.rint(ask * self._scale) / self._scale

    def _ticks(self, prices: Floats) -> Ints:
        ticks: Ints = np.rint(np.nan_to_num(prices) * self._scale).astype(np.int64)
        return ticks

    def _coin(self, rows: Ints | int, seconds: Ints | int) -> NDArray[np.bool_]:
        is_buy: NDArray[np.bool_] = noise(self.feed.seed, _SIDE, rows, seconds) < HEADS
        return is_buy

    def _anchor(self, day: Floats) -> Floats:
        """What interest in USD is converted by: the first price, so that only waves move it."""
        return np.where(np.isnan(self._first_price), day[:, OPEN], self._first_price)

    def _interest(self, rows: Ints, at_ms: Ms | Ints, price: Floats) -> Floats:
        """Open interest in base asset: a few days' worth, rising and falling by some percent."""
        phase = noise(self.feed.seed, _INTEREST, rows)
        hours = at_ms / HOUR_MS
        wave = 0.05 * np.sin(2 * np.pi * (hours / 17 + phase))
        wave += 0.04 * np.sin(2 * np.pi * (hours / 5.3 + 3 * phase))
        interest: Floats = INTEREST_DAYS * self.feed.daily_usd[rows] / price * (1 + wave)
        return interest
