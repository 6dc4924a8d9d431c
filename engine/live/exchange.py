"""Market data over REST: ccxt behind the `MarketReader` port, the only importer of ccxt.

It exists because ccxt turns a reply it cannot read into "nothing there": here every reply passes
one door that judges its envelope first (`replies.py`). It must never write to the venue, never
return an empty or guessed answer for an unreadable one, and never show a ccxt type.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import numpy as np
from ccxt.async_support.bybit import bybit
from ccxt.base.errors import BaseError

from engine.core import settings
from engine.core.events import HistoryLoaded, InstrumentsLoaded, InterestLoaded, TickersLoaded
from engine.core.indicators import Floats
from engine.core.market import sound
from engine.core.terms import Sim
from engine.core.values import Book, Instrument, Ms, Ticker, exact
from engine.errors import RateLimited, Transient
from engine.live.pacing import Timing
from engine.live.replies import Reply, problem_of
from engine.log import Log

PAGE_BARS = 1000  # most candles one call returns
HISTORY_MAX_BARS = 200_000  # farther back is a mistake of the caller
INTEREST_MAX = 200  # most samples of open interest one call returns
HISTORY_CALLS = 8  # candle requests at once
DEADLINE_S = 10.0  # one try of one call, queueing included
BACKOFF_S = (0.25, 1.0)  # before the second and the third try
PATIENCE_S = 5.0  # a longer wait is the caller's to take
SPACING_S = 0.02  # 50 requests a second; the venue allows 120 an address
SHRINK_MAX = 0.2  # a list of instruments that lost more is not believed

FRAMES = {60: "1m", 180: "3m", 300: "5m", 900: "15m"}
# What ccxt's parsers raise when a checked envelope holds rows of another shape.
UNREADABLE = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError)

T = TypeVar("T")
_log = Log(__name__)
_replied_ms: ContextVar[Ms] = ContextVar("_replied_ms")  # venue time of this task's last reply


def instrument_of(market: Mapping[str, Any], fees: Sim) -> Instrument | None:
    """A market's trading rules, exact; None when it is not ours to trade or a rule is missing.

    ccxt fills in fees the venue did not send, so the fee is the venue's own only where the raw
    item holds it, else the settings'.
    """
    is_ours = market["swap"] and market["linear"] and market["settle"] == market["quote"] == "USDT"
    if not is_ours or not market["active"]:
        return None
    info = market["info"]
    lots, prices = info.get("lotSizeFilter") or {}, info.get("priceFilter") or {}
    rules = (prices.get("tickSize"), lots.get("qtyStep"), lots.get("minOrderQty"))
    tick, lot, qty_min, notional_min = (
        _rule(text) for text in (*rules, lots.get("minNotionalValue"))
    )
    if tick is None or lot is None or qty_min is None or notional_min is None:
        _log.warning("instrument.skipped", symbol=market["id"])
        return None
    return Instrument(
        symbol=str(market["id"]).upper(),
        base=info["baseCoin"],
        quote=info["quoteCoin"],
        tick=tick,
        lot=lot,
        qty_min=qty_min,
        notional_min=notional_min,
        taker_bps=_bps(info.get("takerFee"), fees.taker_bps),
        maker_bps=_bps(info.get("makerFee"), fees.maker_bps),
        contract_size=exact(market["contractSize"]).normalize(),
    )


def _rule(text: object) -> Decimal | None:
    try:
        value = Decimal(str(text))
    except InvalidOperation:
        return None
    return value if value.is_finite() and value > 0 else None


def _bps(fraction: object, default: float) -> Decimal:
    try:
        return Decimal(str(fraction)) * 10_000
    except InvalidOperation:
        return exact(default)


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


class _Wire(bybit):  # type: ignore[misc] # ccxt ships no types
    """ccxt's Bybit with one door in and one door out."""

    def __init__(self, url: str, fees: Sim, timing: Timing, deadline_s: float) -> None:
        is_local = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
        super().__init__(
            {
                "aiohttp_trust_env": False,
                "enableRateLimit": True,
                "timeout": int(1000 * deadline_s),
                "timeout_on_exit": 0 if is_local else 250,  # ms a TLS session needs to end
                "options": {"fetchMarkets": {"types": ["linear"]}},
            }
        )
        self.urls["api"] = dict.fromkeys(("spot", "futures", "v2", "public", "private"), url)
        self.has["fetchCurrencies"] = False  # a private call, of no use to us
        self.tradable: tuple[Instrument, ...] = ()
        self._fees = fees
        self._timing = timing
        self._spacing_s = 0.0 if is_local else SPACING_S
        self._next_slot = self._silent_until = -np.inf

    async def throttle(self, cost: object = None) -> None:
        """Space requests out; ccxt's own way freezes when the wall clock steps back."""
        del cost  # all calls of a reader weigh the same
        now = self._timing.monotonic()
        slot = max(now, self._next_slot)
        self._next_slot = slot + self._spacing_s
        if slot > now:
            await self._timing.sleep(slot - now)

    async def fetch(self, *request: object) -> object:
        """The door out: shut while the venue asked for silence."""
        left_s = self._silent_until - self._timing.monotonic()
        if left_s > 0:
            raise RateLimited(urlsplit(str(request[0])).path, int(1000 * left_s))
        return await super().fetch(*request)

    def handle_errors(self, *reply: object) -> None:
        """The door in: raises our errors for every reply that cannot be believed."""
        status, _, url, _, headers, body, envelope, *_ = cast("tuple[Any, ...]", reply)
        path = urlsplit(url).path
        problem = problem_of(Reply(status, path, headers, body or "", envelope))
        if isinstance(problem, RateLimited) and problem.retry_after_ms > 1000 * PATIENCE_S:
            self._silent_until = self._timing.monotonic() + problem.retry_after_ms / 1000
        if problem is not None:
            raise problem
        _replied_ms.set(envelope["time"])

    async def fetch_markets(self, *params: object) -> object:
        """All markets; never an empty or shrunken list, which ccxt would keep."""
        markets = await super().fetch_markets(*params)
        found = {i.symbol: i for m in markets if (i := instrument_of(m, self._fees)) is not None}
        least = max(1, (1 - SHRINK_MAX) * len(self.tradable))
        if len(found) < least:
            raise Transient(f"instruments: expected at least {least:.0f}, found {len(found)}")
        self.tradable = tuple(found.values())
        return markets


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
        self._timing = timing or Timing()
        self._deadline_s = deadline_s
        self._frame_ms: Ms = 1000 * frame_s
        self._frame = FRAMES[frame_s]
        self._wire = _Wire(exchange.rest_url.rstrip("/"), fees, self._timing, deadline_s)
        self._loading = asyncio.Lock()
        self._history_slots = asyncio.Semaphore(HISTORY_CALLS)

    async def instruments(self) -> InstrumentsLoaded:
        """All active linear USDT perpetuals, read anew; never empty or shrunk by a fifth."""
        async with self._loading:
            await self._read("instruments", lambda: self._wire.load_markets(reload=True))
            return InstrumentsLoaded(self._wire.tradable)

    async def tickers(self) -> TickersLoaded:
        """All tickers, one call; unknown values are None."""

        async def call() -> tuple[Ticker, ...]:
            # The raw call: one odd price in one row makes ccxt's parser give up on all of them.
            reply = await self._wire.publicGetV5MarketTickers({"category": "linear"})
            return tuple(ticker_of(row) for row in reply["result"]["list"])

        tickers = await self._read("tickers", call)
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
            venue_ms = _replied_ms.get()
            return self._closed(symbol, rows, start, venue_ms), venue_ms

        async with self._history_slots:
            return await self._read(f"history {symbol}", call)

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

        return InterestLoaded(symbol, await self._read(f"interest {symbol}", call))

    async def book(self, symbol: str, depth: int) -> Book:
        """Order book, best first, at most `depth` rows a side."""

        async def call() -> Book:
            return book_of(symbol, await self._wire.fetch_order_book(symbol, depth))

        await self._ready(symbol)
        return await self._read(f"book {symbol}", call)

    async def time_ms(self) -> Ms:
        """The venue's clock; tried once, so that the caller can time the call."""
        return await self._try("time", lambda: cast("Awaitable[Ms]", self._wire.fetch_time()))

    async def close(self) -> None:
        """Release the connections."""
        await self._wire.close()

    async def _ready(self, symbol: str | None = None) -> None:
        """Load the markets once; ccxt would share one load and its cancellation between callers."""
        async with self._loading:
            if not self._wire.markets:
                await self._read("instruments", self._wire.load_markets)
        if symbol is not None and symbol not in self._wire.markets_by_id:
            raise Transient(f"{symbol}: expected a symbol the venue lists, found none of that name")

    async def _read(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        for pause_s in BACKOFF_S:
            wait_s = pause_s
            try:
                return await self._try(what, call)
            except RateLimited as limited:
                wait_s = limited.retry_after_ms / 1000
                if wait_s > PATIENCE_S:
                    raise
            except Transient as problem:
                _log.info("read.retried", what=what, after_s=wait_s, problem=problem)
            await self._timing.sleep(wait_s)
        return await self._try(what, call)

    async def _try(self, what: str, call: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self._deadline_s):
                return await call()
        except TimeoutError as late:
            limit_s = self._deadline_s
            raise Transient(f"{what}: expected an answer within {limit_s} s, found none") from late
        except (BaseError, *UNREADABLE) as odd:
            text = f"{type(odd).__name__} {str(odd)[:200]}"
            raise Transient(f"{what}: expected a readable answer, found {text}") from odd
