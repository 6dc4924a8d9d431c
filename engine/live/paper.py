"""Paper trading: the real market's data, with our own matching in place of the venue's account.

It exists so that paper and live differ in one adapter and nowhere else. It must never reach a
network for anything that writes: orders, stops and the account live in `Matching` alone.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from decimal import Decimal

from engine.core.events import (
    AccountSeen,
    Event,
    InstrumentsLoaded,
    QuoteSeen,
)
from engine.core.market import FUTURE_MS
from engine.core.values import Instrument, Ms, Order, Side
from engine.errors import Transient
from engine.live.market_reads import MarketReads
from engine.ports import MarketReader
from engine.sim.matching import Matching


class PaperExchange(MarketReads):
    """The `Exchange` port over a market reader and a matching.

    A write returns its answer; what follows from it (fills, the stop that stands, the end of the
    order) goes to `sink` in the loop's next round, so whoever awaits the answer directly sees the
    answer first. What the market does to the account (fills, funding) passes the same queue: the
    order of events is that of the account.
    """

    def __init__(
        self,
        reader: MarketReader,
        matching: Matching,
        now_ms: Callable[[], Ms],
        sink: Callable[[Event], None],
    ) -> None:
        super().__init__(reader)
        self._matching = matching
        self._now_ms = now_ms
        self._sink = sink
        self._outbound: deque[Event] = deque()
        self._rules: dict[str, Instrument] = {}  # of every symbol ever listed: we may hold it
        self._quoted: dict[str, Ms] = {}  # symbol -> exchange time of its newest quote

    def see(self, event: Event) -> None:
        """Let a market event act on the account; the shell offers every one, before merging."""
        if not isinstance(event, QuoteSeen):
            return
        now_ms = self._now_ms()
        is_old = event.exchange_ms < self._quoted.get(event.symbol, 0)
        if is_old or event.exchange_ms > now_ms + FUTURE_MS:
            return  # the engine does not believe it either
        if event.symbol in self._rules:
            self._quoted[event.symbol] = event.exchange_ms
        self._deliver(self._matching.see_quote(event, now_ms))

    async def place(self, order: Order) -> Event:
        """`OrderAccepted` or `OrderRefused`; the fills and the end of the order follow.

        Raises `Transient` before the market's first word after a start: that refuses nothing.
        """
        if order.reduce_only and order.symbol not in self._quoted:
            raise Transient(f"{order.symbol}: expected a quote, none seen since the start")
        answer, *rest = self._matching.place(order, self._now_ms())
        self._deliver(rest)
        return answer

    async def cancel(self, order: Order) -> Event:
        """`OrderGone`, with the state in which the order ended, or `OrderMissing`."""
        return self._matching.cancel(order.id)

    async def set_stop(self, position_id: int, symbol: str, side: Side, price: Decimal) -> Event:
        """`StopSet` or `StopRefused`; raises `Transient` before the market's rules are known."""
        if symbol not in self._rules:
            raise Transient(f"{symbol}: expected its trading rules, not read since the start")
        return self._matching.set_stop(position_id, symbol, side, price, self._now_ms())

    async def find(self, order: Order) -> Event:
        """`OrderAccepted` while it works, `OrderGone` once ended, `OrderMissing` if unknown."""
        return self._matching.find(order.id)

    async def account(self) -> AccountSeen:
        """The whole account; it may be ahead of fills that are still on their way to the sink."""
        return self._matching.account()

    async def instruments(self) -> InstrumentsLoaded:
        """The venue's instruments, whose rules the matching obeys from now on."""
        loaded = await self._source.instruments()
        self._rules |= {i.symbol: i for i in loaded.instruments}
        self._matching.set_instruments(self._rules.values())
        return loaded

    async def close(self) -> None:
        """Release the reader's connections."""
        await self._source.close()

    def _deliver(self, events: Iterable[Event]) -> None:
        self._outbound.extend(events)
        if self._outbound:
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        while self._outbound:
            self._sink(self._outbound[0])  # leaves the queue only when the sink took it
            self._outbound.popleft()
