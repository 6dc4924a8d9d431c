"""Streaming market data: websockets connections behind the `MarketData` port.

It exists so that a stream that dies, stalls, refuses, lags or babbles becomes events and a polite
reconnect. Frames are read only as fast as events are taken, so a slow engine slows the venue's
replay down and never looks like a dead venue. It must never end by itself.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence

from engine.core.events import MarketEvent
from engine.core.values import Ms
from engine.live.link import Link, Shell
from engine.live.pacing import Dialer, Outlet, Timing
from engine.live.venues.bybit import ARGS_MAX_CHARS


class PublicStream:
    """The `MarketData` port over the venue's public stream.

    `on_time` gets the newest of the venue's stamps on what just arrived, `now_ms` is what we make
    of them: data much older is late. Ask for `events()` once at a time, and close the iterator
    (`contextlib.aclosing`) to end all connections. `skipped` counts what ended connections could
    not believe, by reason.
    """

    def __init__(
        self,
        url: str,
        frame_s: int,
        on_time: Callable[[Ms], None],
        now_ms: Callable[[], Ms],
        timing: Timing | None = None,
    ) -> None:
        timing = timing or Timing()
        self.skipped: Counter[str] = Counter()
        self._outlet = Outlet()
        self._shell = Shell(
            url, frame_s, on_time, now_ms, timing, Dialer(timing), self._outlet, self.skipped
        )
        self._links: list[Link] = []
        self._tasks: list[asyncio.Task[None]] | None = None  # one a link, while events are taken

    def subscribe(self, symbols: Sequence[str], deep: Sequence[str] = ()) -> None:
        """Replace the wanted sets; the difference is sent within a tick.

        `symbols` get candles and best prices, those of them in `deep` order book and trades too.
        """
        wanted = dict.fromkeys(symbols)
        self._place(wanted, is_deep=False)
        self._place({s: None for s in deep if s in wanted}, is_deep=True)

    def _place(self, wanted: dict[str, None], *, is_deep: bool) -> None:
        placed: set[str] = set()
        for link in self._links:
            held = link.deep if is_deep else link.symbols
            for symbol in [s for s in held if s not in wanted]:
                link.drop(symbol, is_deep=is_deep)
            placed.update(held)
        for symbol in wanted:
            if symbol not in placed:
                self._link_for(symbol, is_deep=is_deep).want(symbol, is_deep=is_deep)

    def _link_for(self, symbol: str, *, is_deep: bool) -> Link:
        """The first connection with room for a symbol's topics, a new one if need be."""
        for link in self._links:
            if link.chars + link.cost(symbol, is_deep=is_deep) <= ARGS_MAX_CHARS:
                return link
        link = Link(self._shell)
        self._links.append(link)
        self._launch(link)
        return link

    def _launch(self, link: Link) -> None:
        if self._tasks is not None:
            self._tasks.append(asyncio.create_task(self._outlet.guard(link.run())))

    async def events(self) -> AsyncGenerator[MarketEvent, None]:
        """Events in receipt order; ends only by closing it, or by raising what broke a link."""
        assert self._tasks is None, "the stream already has a reader"
        self._tasks = []
        self._outlet.clear()
        for link in self._links:
            self._launch(link)
        try:
            while True:
                for event in await self._outlet.get():
                    yield event
        finally:
            tasks, self._tasks = self._tasks, None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
