"""What an exchange adapter reads of the market, taken as it is from a market reader.

It exists so that paper and live hand on the same reads in one place. It must never change what was
read, and never write.
"""

from engine.core.events import HistoryLoaded, InterestLoaded, TickersLoaded
from engine.core.values import Book, Ms
from engine.ports import MarketReader


class MarketReads:
    """The verbs of `MarketReader` that an adapter adds nothing to."""

    def __init__(self, source: MarketReader) -> None:
        self._source = source

    async def tickers(self) -> TickersLoaded:
        """The venue's tickers."""
        return await self._source.tickers()

    async def history(self, symbol: str, since_ms: Ms) -> HistoryLoaded:
        """The venue's closed candles."""
        return await self._source.history(symbol, since_ms)

    async def interest(self, symbol: str, since_ms: Ms) -> InterestLoaded:
        """The venue's open interest."""
        return await self._source.interest(symbol, since_ms)

    async def book(self, symbol: str, depth: int) -> Book:
        """The venue's order book."""
        return await self._source.book(symbol, depth)

    async def time_ms(self) -> Ms:
        """The venue's clock."""
        return await self._source.time_ms()
