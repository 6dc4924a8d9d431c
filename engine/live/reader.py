"""Market data over REST: the `MarketReader` port over Bybit's public endpoints.

It exists so that candles, tickers and rules are read one way, live and on paper. It must never
write to the venue, never return an empty or guessed answer for an unreadable one, and never show a
ccxt type.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from decimal import Decimal
from math import isfinite
from typing import Any, cast

import numpy as np

from engine.core import settings
from engine.core.events import HistoryLoaded, InstrumentsLoaded, InterestLoaded, TickersLoaded
from engine.core.indicators import Floats
from engine.core.market import sound
from engine.core.terms import Sim
from engine.core.values import Book, Ms, Ticker
from engine.errors import Transient
from engine.live.limits import Address
from engine.live.pacing import Timing
from engine.live.wire import DEADLINE_S, Wire, replied_ms
from engine.log import Log

PAGE_BARS = 1000  # most candles one call returns
HISTORY_MAX_BARS = 200_000  # farther back is a mistake of the caller
INTEREST_MAX = 200  # most samples of open interest one call returns
HISTORY_CALLS = 8  # candle requests at once

FRAMES = {60: "1m", 180: "3m", 300: "5m", 900: "15m"}

_log = Log(__name__)


def ticker_of(row: Mapping[str, Any]) -> Ticker:
    """A ticker from the venue's own row; what is missing or impossible is None."""
    volume, change = _number(row.get("turnover24h")), _number(row.get("price24hPcnt"))
    return Ticker(
        symbol=row["symbol"],
        last=_price(row.get("lastPrice")),
        bid=_price(row.get("bid1Price")),
        ask=_price(row.get("ask1Price")),
        volume_24h_usd=volume if volume is not None and volume >= 0 else None,
        change_24h_pct=None if change is None else 100 * change,
        open_interest=_price(row.get("openInterest")),
        open_interest_usd=_price(row.get("openInterestValue")),
    )


def _number(text: object) -> float | None:
    try:
        number = float(str(text))
    except ValueError:
        return None
    return number if isfinite(number) else None


def _price(text: object) -> float | None:
    number = _number(text)
    return number if number is not None and number > 0 else None


def book_of(symbol: str, raw: Mapping[str, Any]) -> Book:
    """An order book; raises `Transient` when its prices cannot be true."""
    bids = tuple((float(price), float(qty)) for price, qty in raw["bids"])
    asks = tuple((float(price), float(qty)) for price, qty in raw["asks"])
    numbers = [number for side in (bids, asks) for row in side for number in row]
    if not all(isfinite(number) and number > 0 for number in numbers):
        raise Transient(f"book {symbol}: expected positive numbers, found another")
    if bids and asks and bids[0][0] > asks[0][0]:
        raise Transient(f"book {symbol}: expected bid <= ask, found {bids[0][0]} > {asks[0][0]}")
    return Book(symbol, bids, asks, int(raw["timestamp"]))


class BybitReader:
    """The `MarketReader` port over Bybit's public REST; reads are tried three times.

    Raises `Transient`, `RateLimited` or `Denied`. After a ban it stays silent by itself.
    """

    def __init__(
        self,
        exchange: settings.Exchange,
        frame_s: int,
        fees: Sim,
        timing: Timing | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self.address = Address(timing or Timing())  # what every connection of ours shares
        self._frame_ms: Ms = 1000 * frame_s
        self._frame = FRAMES[frame_s]
        self._wire = Wire(exchange.rest_url.rstrip("/"), fees, self.address, deadline_s)
        self._loading = asyncio.Lock()
        self._history_slots = asyncio.Semaphore(HISTORY_CALLS)

    async def instruments(self) -> InstrumentsLoaded:
        """All active linear USDT perpetuals, read anew; never empty or shrunk by a fifth."""
        async with self._loading:
            await self._wire.patiently("instruments", lambda: self._wire.load_markets(reload=True))
            return InstrumentsLoaded(self._wire.tradable)

    async def tickers(self) -> TickersLoaded:
        """All tickers, one call; unknown values are None."""

        async def call() -> tuple[Ticker, ...]:
            # The raw call: one odd price in one row makes ccxt's parser give up on all of them.
            reply = await self._wire.publicGetV5MarketTickers({"category": "linear"})
            return tuple(ticker_of(row) for row in reply["result"]["list"])

        tickers = await self._wire.patiently("tickers", call)
        if not tickers:
            raise Transient("tickers: expected at least one, found none")
        return TickersLoaded(tickers)

    async def history(self, symbol: str, since_ms: Ms) -> HistoryLoaded:
        """Closed candles opened at or after `since_ms`, oldest first; a hole stays a hole."""
        await self._ready(symbol)
        start = -(-since_ms // self._frame_ms) * self._frame_ms
        pages: list[Floats] = []
        while True:
            page, venue_ms = await self._page(symbol, start)
            if venue_ms - since_ms > HISTORY_MAX_BARS * self._frame_ms:
                raise ValueError(f"history {symbol}: since_ms {since_ms} is too long ago")
            pages.append(page)
            start += PAGE_BARS * self._frame_ms
            if start + self._frame_ms > venue_ms:
                break
        table = np.concatenate(pages)
        return HistoryLoaded(symbol, table[:, 0].astype(np.int64), table[:, 1:].copy())

    async def _page(self, symbol: str, start: Ms) -> tuple[Floats, Ms]:
        """One page of candles, `(bars, 6)`, and the venue's time when it was made."""
        until = start + PAGE_BARS * self._frame_ms - 1

        async def call() -> tuple[Floats, Ms]:
            rows = await self._wire.fetch_ohlcv(
                symbol, self._frame, start, PAGE_BARS, {"until": until}
            )
            venue_ms = replied_ms.get()
            return self._closed(symbol, rows, start, venue_ms), venue_ms

        async with self._history_slots:
            return await self._wire.patiently(f"history {symbol}", call)

    def _closed(self, symbol: str, rows: Sequence[object], start: Ms, venue_ms: Ms) -> Floats:
        """The sound, closed, distinct candles of a page as `(bars, 6)`, oldest first."""
        table: Floats = np.array(rows, dtype=np.float64).reshape(-1, 6)
        open_ms = table[:, 0]
        is_closed = open_ms + self._frame_ms <= venue_ms
        is_sound = sound(table[:, 1:]) & (open_ms % self._frame_ms == 0) & (open_ms >= start)
        if not is_sound.all():
            _log.warning("candles.dropped", symbol=symbol, count=int((~is_sound).sum()))
        table = table[is_closed & is_sound]
        return table[np.unique(table[:, 0], return_index=True)[1]]

    async def interest(self, symbol: str, since_ms: Ms) -> InterestLoaded:
        """Open interest from `since_ms` to now, oldest first; what cannot be one is left out."""
        query = {"category": "linear", "symbol": symbol, "intervalTime": "1h"}
        query |= {"startTime": str(since_ms), "limit": str(INTEREST_MAX)}

        async def call() -> tuple[tuple[Ms, float], ...]:
            reply = await self._wire.publicGetV5MarketOpenInterest(query)
            rows = [
                (int(r["timestamp"]), _price(r["openInterest"])) for r in reply["result"]["list"]
            ]
            return tuple(sorted((at_ms, qty) for at_ms, qty in rows if qty is not None))

        return InterestLoaded(symbol, await self._wire.patiently(f"interest {symbol}", call))

    async def book(self, symbol: str, depth: int) -> Book:
        """Order book, best first, at most `depth` rows a side."""

        async def call() -> Book:
            return book_of(symbol, await self._wire.fetch_order_book(symbol, depth))

        await self._ready(symbol)
        return await self._wire.patiently(f"book {symbol}", call)

    async def time_ms(self) -> Ms:
        """The venue's clock; tried once, so that the caller can time the call."""
        return await self._wire.once("time", lambda: cast("Awaitable[Ms]", self._wire.fetch_time()))

    @property
    def rules_age_s(self) -> float:
        """Seconds since the trading rules were read; infinite before the first time."""
        return self.address.timing.monotonic() - self._wire.ruled_at

    async def listed(self) -> frozenset[str]:
        """The symbols of the instruments as they were read last, or are read now."""
        await self._ready()
        return frozenset(instrument.symbol for instrument in self._wire.tradable)

    def qty_max(self, symbol: str) -> Decimal | None:
        """The most that one market order may ask for; None where the venue does not say."""
        return self._wire.qty_max.get(symbol)

    async def close(self) -> None:
        """Release the connections."""
        await self._wire.close()

    async def _ready(self, symbol: str | None = None) -> None:
        """Load the markets once; ccxt would share one load and its cancellation between callers."""
        async with self._loading:
            if not self._wire.markets:
                await self._wire.patiently("instruments", self._wire.load_markets)
        if symbol is not None and symbol not in self._wire.markets_by_id:
            raise Transient(f"{symbol}: expected a symbol the venue lists, found none of that name")
