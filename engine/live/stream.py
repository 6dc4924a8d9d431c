"""Streaming market data: websockets connections behind the `MarketData` port, their only importer.

It exists so that a stream that dies, stalls, refuses or babbles becomes events and a polite
reconnect. Frames are read only as fast as events are taken, so a slow engine slows the venue's
replay down and never looks like a dead venue. It must never believe an acknowledgment, never dial
more often than the venue allows, and never end by itself.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from http import HTTPStatus

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from engine.core.events import MarketEvent, StreamDown, StreamUp
from engine.core.values import Ms
from engine.errors import StreamError
from engine.live.pacing import Attention, Dialer, Outlet, Timing
from engine.live.venues.bybit import (
    ARGS_MAX_CHARS,
    Ack,
    BybitPublic,
    Pong,
    args_chars,
    symbol_of,
    topics,
)
from engine.live.venues.bybit_rows import TICKERS, Data
from engine.log import Log

TICK_S = 1.0  # how often a connection is looked after
PING_S = 20.0
PONG_S = 10.0  # no answer to a ping for this long: dead
SILENCE_S = 30.0  # no data of any topic for this long: dead
TICKER_SILENCE_S = 60.0  # of one topic: it is subscribed anew, alone
KLINE_SILENCE_S = 60.0  # the same, beyond the frame: a candle must at least close
HEALTHY_S = 30.0  # data for this long makes the next backoff start over
BACKOFF_MIN_S, BACKOFF_MAX_S = 0.2, 15.0
REFUSED_S = 60.0  # least wait after a handshake was refused with 4xx
OPEN_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 1.0
FRAME_MAX_BYTES = 1 << 20
FRAMES_AHEAD = 1  # read from the socket before anyone asks

_log = Log(__name__)


class _Session:
    """What is known of one open connection; times are of its attention unless they say clock."""

    def __init__(self, ws: ClientConnection, frame_s: int, timing: Timing) -> None:
        self.ws = ws
        self.venue = BybitPublic(frame_s)
        self.attention = Attention(timing.monotonic)
        self.heard = 0.0  # last data
        self.heard_clock: tuple[float, float] | None = None  # first and last data
        self.pinged_clock = timing.monotonic()
        self.ping_open: float | None = None  # a ping without its answer
        self.topics: dict[str, float] = {}  # subscribed -> last data, or when it was asked for
        self.lagging: dict[str, str] = {}  # symbol -> the topic that must speak first

    @property
    def is_healthy(self) -> bool:
        """Whether it delivered long enough to be trusted again."""
        return self.heard_clock is not None and (
            self.heard_clock[1] - self.heard_clock[0] >= HEALTHY_S
        )

    def hear(self, topic: str, clock: float) -> None:
        """Data of a topic arrived."""
        self.heard = self.attention.now()
        self.heard_clock = (clock if self.heard_clock is None else self.heard_clock[0], clock)
        if topic in self.topics:
            self.topics[topic] = self.heard

    async def send(self, messages: Iterable[bytes]) -> None:
        """Send text frames."""
        for message in messages:
            await self.ws.send(message, text=True)

    async def follow(self, names: Sequence[str]) -> None:
        """Make the subscribed topics equal to `names`."""
        wanted = set(names)
        old = [name for name in self.topics if name not in wanted]
        new = [name for name in names if name not in self.topics]
        for name in old:
            del self.topics[name]
            self.lagging.pop(symbol_of(name), None)
        self.topics.update(dict.fromkeys(new, self.attention.now()))
        await self.send(self.venue.unsubscribe_messages(old))
        await self.send(self.venue.subscribe_messages(new))

    async def again(self, topic: str) -> None:
        """Subscribe a topic anew and alone."""
        self.topics[topic] = self.attention.now()
        await self.send(self.venue.unsubscribe_messages([topic]))
        await self.send(self.venue.subscribe_messages([topic]))

    async def ping(self, clock: float) -> None:
        """Send the heartbeat when it is due."""
        if clock - self.pinged_clock < PING_S:
            return
        self.pinged_clock = clock
        if self.ping_open is None:
            self.ping_open = self.attention.now()
        await self.send([self.venue.ping_message()])

    def judge(self) -> None:
        """Raise `StreamError` when the connection only looks alive."""
        now = self.attention.now()
        if self.topics and now - self.heard > SILENCE_S:
            raise StreamError(f"no data for {SILENCE_S:.0f} s")
        if self.ping_open is not None and now - self.ping_open > PONG_S:
            raise StreamError(f"no pong for {PONG_S:.0f} s")


class _Shell(msgspec.Struct, frozen=True):
    """What all links of a stream share."""

    url: str
    frame_s: int
    on_time: Callable[[Ms], None]
    timing: Timing
    dialer: Dialer
    outlet: Outlet
    skipped: Counter[str]


class _Link:
    """One connection at a time, for its share of the symbols, for as long as the stream runs."""

    def __init__(self, shell: _Shell) -> None:
        self.symbols: dict[str, None] = {}  # wanted, in order
        self.chars = 0  # its topics take of the venue's limit
        self._shell = shell
        self._is_up: dict[str, bool] = {}  # absent: nothing was said about it yet
        self._has_work = asyncio.Event()

    def want(self, symbol: str) -> None:
        """Stream a symbol from the next tick on."""
        self.symbols[symbol] = None
        self.chars += args_chars(topics((symbol,), self._shell.frame_s))
        self._has_work.set()

    def drop(self, symbol: str) -> None:
        """Say nothing more about a symbol."""
        del self.symbols[symbol]
        self._is_up.pop(symbol, None)
        self.chars -= args_chars(topics((symbol,), self._shell.frame_s))
        if not self.symbols:
            self._has_work.clear()

    async def run(self) -> None:
        """Connect, deliver, tell the end, and again; only cancellation ends it."""
        self._is_up.clear()
        failures, delay_s = 0, 0.0
        while True:
            await self._has_work.wait()
            await self._shell.dialer.wait(delay_s)
            is_healthy, problem = await self._attempt()
            failures = 0 if is_healthy else failures + 1
            delay_s = _pause_s(failures, problem, self._shell.timing.jitter())
            _log.info("stream.retried", after_s=round(delay_s, 1), reason=_reason(problem))
            await self._down(tuple(self.symbols), _reason(problem))

    async def _attempt(self) -> tuple[bool, BaseException]:
        """One connection, from dialing to its end: whether it was healthy, and what ended it."""
        session: _Session | None = None
        problem: BaseException = StreamError("ended")
        try:
            async with _dial(self._shell.url) as ws:
                session = _Session(ws, self._shell.frame_s, self._shell.timing)
                await self._converse(session)
        except* (OSError, WebSocketException, StreamError) as group:
            problem = _first(group)
        if session is not None:
            self._shell.skipped.update(session.venue.skipped)
        return session is not None and session.is_healthy, problem

    async def _converse(self, session: _Session) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep(session))
                tasks.create_task(self._read(session))
        finally:
            await session.ws.close()  # else leaving by an exception would call us broken

    async def _keep(self, session: _Session) -> None:
        """Subscriptions, heartbeat and watchdogs of a connection."""
        timing = self._shell.timing
        while True:
            await session.follow(topics(self.symbols, self._shell.frame_s))
            await self._retry_lagging(session)
            await session.ping(timing.monotonic())
            await timing.sleep(TICK_S)
            session.judge()

    async def _retry_lagging(self, session: _Session) -> None:
        now = session.attention.now()
        for topic, heard in list(session.topics.items()):
            is_ticker = topic.startswith(TICKERS)
            limit_s = TICKER_SILENCE_S if is_ticker else self._shell.frame_s + KLINE_SILENCE_S
            if now - heard > limit_s:
                session.lagging[symbol_of(topic)] = topic
                await self._down((symbol_of(topic),), f"{topic}: no data for {limit_s:.0f} s")
                await session.again(topic)

    async def _read(self, session: _Session) -> None:
        """Frames in, events out, one at a time and only when somebody waits for them."""
        while True:
            await self._shell.outlet.asked()
            session.attention.start()
            raw = await session.ws.recv(decode=False)
            session.attention.stop()
            match session.venue.parse(raw):
                case Data() as data:
                    await self._pass_on(session, data)
                case Ack(op="subscribe", is_ok=False) as ack:
                    await self._refused(session, ack)
                case Pong():
                    session.ping_open = None

    async def _pass_on(self, session: _Session, data: Data) -> None:
        session.hear(data.topic, self._shell.timing.monotonic())
        self._shell.on_time(data.ts)
        symbol = data.symbol
        if symbol not in self.symbols:
            return
        events = data.events
        if not self._is_up.get(symbol) and session.lagging.get(symbol, data.topic) == data.topic:
            session.lagging.pop(symbol, None)
            self._is_up[symbol] = True
            events = (StreamUp((symbol,)), *events)
        if events:
            await self._shell.outlet.put(events)

    async def _refused(self, session: _Session, ack: Ack) -> None:
        """One bad topic may void its batch: each is asked for alone; alone, it is told."""
        if len(ack.topics) == 1:
            await self._down((symbol_of(ack.topics[0]),), f"{ack.topics[0]}: {ack.detail}")
            return
        for topic in ack.topics:
            await session.send(session.venue.subscribe_messages([topic]))

    async def _down(self, symbols: tuple[str, ...], reason: str) -> None:
        """Tell that symbols stopped delivering, once."""
        news = tuple(s for s in symbols if s in self.symbols and self._is_up.get(s) is not False)
        if not news:
            return
        self._is_up.update(dict.fromkeys(news, False))
        _log.warning("stream.lost", symbols=len(news), reason=reason)
        await self._shell.outlet.put((StreamDown(news, reason),))


class PublicStream:
    """The `MarketData` port over the venue's public stream.

    `on_time` gets the venue's stamp of each data message. Ask for `events()` once at a time, and
    close the iterator (`contextlib.aclosing`) to end all connections. `skipped` counts what ended
    connections could not believe, by reason.
    """

    def __init__(
        self,
        url: str,
        frame_s: int,
        on_time: Callable[[Ms], None],
        timing: Timing | None = None,
    ) -> None:
        timing = timing or Timing()
        self.skipped: Counter[str] = Counter()
        self._outlet = Outlet()
        self._shell = _Shell(
            url, frame_s, on_time, timing, Dialer(timing), self._outlet, self.skipped
        )
        self._links: list[_Link] = []
        self._tasks: list[asyncio.Task[None]] | None = None  # one a link, while events are taken

    def subscribe(self, symbols: Sequence[str], deep: Sequence[str] = ()) -> None:
        """Replace the wanted sets; the difference is sent within a tick."""
        del deep
        wanted = dict.fromkeys(symbols)
        for link in self._links:
            for symbol in [s for s in link.symbols if s not in wanted]:
                link.drop(symbol)
        placed = {symbol for link in self._links for symbol in link.symbols}
        for symbol in wanted:
            if symbol not in placed:
                self._link_for(symbol).want(symbol)

    def _link_for(self, symbol: str) -> _Link:
        """The first connection with room for a symbol's topics, a new one if need be."""
        room = ARGS_MAX_CHARS - args_chars(topics((symbol,), self._shell.frame_s))
        for link in self._links:
            if link.chars <= room:
                return link
        link = _Link(self._shell)
        self._links.append(link)
        self._launch(link)
        return link

    def _launch(self, link: _Link) -> None:
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


class _Dial(connect):
    """A connection attempt that goes where it was told or nowhere."""

    def process_redirect(  # type: ignore[explicit-override] # typing has it from 3.12 on
        self, exc: Exception
    ) -> Exception | str:
        return exc


def _dial(url: str) -> _Dial:
    """What websockets would do by itself, and we do better, is off."""
    return _Dial(
        url,
        proxy=None,
        compression=None,
        open_timeout=OPEN_TIMEOUT_S,
        close_timeout=CLOSE_TIMEOUT_S,
        ping_interval=None,  # blind to a stall, and wrong while the engine takes its time
        max_size=FRAME_MAX_BYTES,
        max_queue=FRAMES_AHEAD,
    )


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first single exception of a group."""
    head = group.exceptions[0]
    return _first(head) if isinstance(head, BaseExceptionGroup) else head


def _reason(problem: BaseException) -> str:
    if isinstance(problem, InvalidStatus):
        return f"handshake refused with HTTP {problem.response.status_code}"
    return str(problem)[:200] or type(problem).__name__


def _pause_s(failures: int, problem: BaseException, jitter: float) -> float:
    """Seconds until the next attempt: doubling, jittered, slow after a refusal."""
    doublings = min(max(failures - 1, 0), 10)
    backoff_s = min(BACKOFF_MAX_S, BACKOFF_MIN_S * 2.0**doublings) * (1 + jitter) / 2
    status = problem.response.status_code if isinstance(problem, InvalidStatus) else 0
    is_refusal = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    return REFUSED_S + backoff_s if is_refusal else backoff_s
