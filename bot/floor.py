"""The trading floor: the chat's desk, implemented on a station, its store and the wall clock.

It exists so that no chat module knows runner, store or clock, and so that drawing never holds up
the loop. It must never decide anything.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from bot.desk import Health
from bot.memory import Load
from bot.modes import Door, Modes
from engine import __version__
from engine.chart import Picture, render
from engine.core.events import AccountSeen, Command, NoticeDelivered
from engine.core.facts import Incident, Record
from engine.core.settings import Settings
from engine.core.values import Verdict
from engine.core.view import CandlesView, FlowView, Quote, View
from engine.errors import ExchangeError
from engine.live.station import Ports, Station
from engine.live.timers import Timers

ERRORS_KEPT = 5


class Window:
    """What the engine knows, to be looked at between its turns."""

    def __init__(self, station: Station) -> None:
        self._station = station

    def view(self) -> View:
        """The frozen read model, as of the last turn."""
        return self._station.engine.view()

    def candles(self, symbol: str, bars: int) -> CandlesView | None:
        """The last closed candles of a symbol; None when it is not watched."""
        return self._station.engine.candles(symbol, bars)

    def quote(self, symbol: str) -> Quote | None:
        """Best prices; None when the symbol is not streamed."""
        return self._station.engine.market.quote(symbol)

    def verdict(self, symbol: str) -> Verdict | None:
        """The last verdict of a symbol, with the level it faced."""
        return self._station.engine.verdict(symbol)

    def flow(self, symbol: str) -> FlowView | None:
        """Order flow of a symbol; None when it is not followed."""
        return self._station.engine.flow(symbol)


class Floor(Window):
    """The `Desk` of the chat."""

    def __init__(
        self, station: Station, ports: Ports, source: str, plans: tuple[Load, Modes]
    ) -> None:
        super().__init__(station)
        self._load, modes = plans  # the configuration with another preset; another mode
        self.modes = Door(modes, self.settings, self._load)
        self._ports = ports
        self._source = source
        self._pencil = ThreadPoolExecutor(1, "chart")
        self._wall_s = time.time() - time.monotonic()
        self._started_s = self.now_real()
        self._errors: deque[tuple[int, str]] = deque(maxlen=ERRORS_KEPT)
        station.listen(self._note)

    def settings(self) -> Settings:
        """What the engine runs on now."""
        return self._station.engine.settings

    def preset(self, name: str, tuned: Mapping[str, str] | None = None) -> Settings:
        """The whole configuration with that preset and these values; raises `ConfigError`.

        Without values those that were chosen in the chat stay.
        """
        loaded = self._load(name, self.view().tuned if tuned is None else tuned)
        # Where the venue is, is no matter of a preset: the sandbox took a port of its own.
        return msgspec.structs.replace(loaded, exchange=self.settings().exchange)

    def health(self) -> Health:
        """How feed, venue and process are doing."""
        view, station = self.view(), self._station
        newest = view.newest_quote_ms
        silent = len(view.stale_symbols)
        return Health(
            version=__version__,
            uptime_s=self.now_real() - self._started_s,
            restarts=view.boot,
            source=self._source,
            stream_state=f"{len(view.universe) - silent} of {len(view.universe)} markets live",
            feed_age_ms=None if newest is None else self._ports.clock.now_ms() - newest,
            api_latency_ms=station.latency_ms,
            clock_skew_ms=self._ports.clock.skew_ms,
            errors=tuple(self._errors),
            has_begun=station.has_begun,
            failing=station.failing,
        )

    def now_real(self) -> float:
        """Epoch seconds on the monotonic clock."""
        return self._wall_s + time.monotonic()

    def listen(self, callback: Callable[[Record], None]) -> Callable[[], None]:
        """Call back with every record from now on."""

        def each(records: Sequence[Record]) -> None:
            for record in records:
                callback(record)

        return self._station.listen(each)

    def records(self, after_seq: int) -> Iterable[Record]:
        """The journal after a sequence number."""
        return self._ports.store.records(after_seq)

    async def command(self, command: Command) -> tuple[Record, ...]:
        """Put a command in; the facts of the turn that consumed it."""
        return await self._station.submit(command)

    async def account(self) -> AccountSeen | None:
        """A fresh read of the account; None when the exchange gave no answer."""
        try:
            return await self._ports.exchange.account()
        except ExchangeError:
            return None

    async def chart(self, picture: Picture) -> bytes:
        """The PNG, drawn in a thread of its own."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pencil, render, picture)

    async def every(self, name: str, seconds: float, action: Callable[[], Awaitable[None]]) -> None:
        """Run an action every so many real seconds, until canceled."""
        timers = Timers()
        timers.add(name, int(seconds * 1000), action)
        await timers.run()

    def delivered(self, of_seq: int, chat_id: int, message_id: int) -> None:
        """Report a delivery; the engine makes it a fact."""
        self._ports.inbox.put(NoticeDelivered(of_seq, chat_id, message_id))

    def close(self) -> None:
        """Let go of the drawing thread."""
        self._pencil.shutdown(wait=False, cancel_futures=True)

    def _note(self, records: Sequence[Record]) -> None:
        for record in records:
            if isinstance(record.fact, Incident):
                self._errors.append((record.at_ms, record.fact.detail))
