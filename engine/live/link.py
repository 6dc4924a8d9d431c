"""One link of the stream: a connection at a time for its share of the topics, for ever.

It exists so that whatever ends or stalls a connection becomes events and another attempt. It must
never tell that a symbol is delivered before its data came, never tell later events before earlier
ones, and never end by itself.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from http import HTTPStatus

import msgspec

from engine.core.events import (
    BookSeen,
    FlowDown,
    FlowUp,
    MarketEvent,
    QuoteSeen,
    StreamDown,
    StreamUp,
)
from engine.core.values import Ms
from engine.errors import StreamError
from engine.live.frames import ERRORS, dial, refusal
from engine.live.pacing import Dialer, Outlet, Timing
from engine.live.session import Session
from engine.live.venues.bybit import (
    Ack,
    Pong,
    args_chars,
    deep_topics,
    is_deep,
    symbol_of,
    topics,
)
from engine.live.venues.bybit_rows import TRADES, WAITING, WHOLE, Data
from engine.log import Log

TICK_S = 1.0  # how often a connection is looked after
BACKOFF_MIN_S, BACKOFF_MAX_S = 0.2, 15.0
REFUSED_S = 60.0  # least wait after a handshake was refused with 4xx
OLD_MS: Ms = 2000  # a quote or book older than this when it comes is not handed on

_log = Log(__name__)


class Shell(msgspec.Struct, frozen=True):
    """What all links of a stream share."""

    url: str
    frame_s: int
    on_time: Callable[[Ms], None]
    now_ms: Callable[[], Ms]
    timing: Timing
    dialer: Dialer
    outlet: Outlet
    skipped: Counter[str]


class Link:
    """One connection at a time, for as long as the stream runs."""

    def __init__(self, shell: Shell) -> None:
        self.symbols: dict[str, None] = {}  # wanted, in order
        self.deep: dict[str, None] = {}  # wanted with book and trades, in order
        self.chars = 0  # its topics take of the venue's limit
        self._shell = shell
        self._is_up: dict[str, bool] = {}  # absent: nothing was said about it yet
        self._flowing: set[str] = set()  # symbols whose book and trades were told to be delivered
        self._cut: set[str] = set()  # whose book and trades were unwanted for a while
        self._hopeless: set[str] = set()  # silent topics that a new connection did not help
        self._has_work = asyncio.Event()

    def want(self, symbol: str, *, is_deep: bool) -> None:
        """Stream a symbol, or its book and trades, from the next tick on."""
        (self.deep if is_deep else self.symbols)[symbol] = None
        self.chars += self.cost(symbol, is_deep=is_deep)
        self._has_work.set()

    def drop(self, symbol: str, *, is_deep: bool) -> None:
        """Say nothing more about a symbol, or its book and trades."""
        del (self.deep if is_deep else self.symbols)[symbol]
        self.chars -= self.cost(symbol, is_deep=is_deep)
        if is_deep:
            self._cut.add(symbol)
            self._flow_down((symbol,), "unsubscribed")
        else:
            self._is_up.pop(symbol, None)
        if not self.symbols and not self.deep:
            self._has_work.clear()

    def cost(self, symbol: str, *, is_deep: bool) -> int:
        """Characters it takes of the venue's limit."""
        names = deep_topics((symbol,)) if is_deep else topics((symbol,), self._shell.frame_s)
        return args_chars(names)

    async def run(self) -> None:
        """Connect, deliver, tell the end, and again; only cancellation ends it."""
        self._is_up.clear()
        self._flowing.clear()
        failures, delay_s = 0, 0.0
        while True:
            await self._has_work.wait()
            await self._shell.dialer.wait(delay_s)
            is_healthy, problem = await self._attempt()
            failures = 0 if is_healthy else failures + 1
            delay_s = _pause_s(failures, problem, self._shell.timing.jitter())
            _log.info("stream.retried", after_s=round(delay_s, 1), reason=_reason(problem))
            self._down(tuple(self.symbols), _reason(problem))
            self._flow_down(tuple(self._flowing), _reason(problem))

    async def _attempt(self) -> tuple[bool, BaseException]:
        """One connection, from dialing to its end: whether it was healthy, and what ended it."""
        session: Session | None = None
        problem: BaseException = StreamError("ended")
        try:
            async with dial(self._shell.url) as wire:
                session = Session(wire, self._shell.frame_s, self._shell.timing)
                await self._converse(session)
        except* ERRORS as group:
            problem = _first(group)
        if session is not None:
            self._shell.skipped.update(session.venue.skipped)
        return session is not None and session.is_healthy, problem

    async def _converse(self, session: Session) -> None:
        self._cut.clear()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep(session))
                tasks.create_task(self._read(session))
        finally:
            await session.wire.close()  # else leaving by an exception would call us broken

    async def _keep(self, session: Session) -> None:
        """Subscriptions, heartbeat and watchdogs of a connection."""
        timing = self._shell.timing
        while True:
            names = topics(self.symbols, self._shell.frame_s) + deep_topics(self.deep)
            cut, self._cut = self._cut, set()
            await session.follow(names, cut)
            await self._retry_silent(session)
            await session.resync()
            await session.ping(timing.monotonic())
            await timing.sleep(TICK_S)
            late = [book for book in session.venue.unshown_books() if book.symbol in self.deep]
            self._shell.outlet.put(late)
            session.judge()

    async def _retry_silent(self, session: Session) -> None:
        """A silent topic is asked for anew, then by a new connection, then anew for ever."""
        for topic, limit_s, was_retried in session.silent():
            reason, symbol = f"{topic}: no data for {limit_s:.0f} s", symbol_of(topic)
            if is_deep(topic):
                self._flow_down((symbol,), reason)
            else:
                session.lagging[symbol] = topic
                self._down((symbol,), reason)
            if was_retried and topic not in self._hopeless:
                self._hopeless.add(topic)
                raise StreamError(reason)
            await session.retry(topic)

    async def _read(self, session: Session) -> None:
        """Frames in, events out, no more than was asked for."""
        while True:
            await self._shell.outlet.asked()
            session.attention.start()
            frames = await session.wire.frames()
            session.attention.stop()
            self._take(session, frames)
            await session.ask_alone()
            await session.resync()

    def _take(self, session: Session, frames: list[bytes]) -> None:
        """Hand on what the frames mean."""
        batch: list[Data] = []
        for said in map(session.venue.parse, frames):
            if isinstance(said, Data):
                batch.append(said)
            elif isinstance(said, Pong):
                session.ping_open = None
            elif said is not None and said.op == "subscribe" and not said.is_ok:
                self._tell(session, batch)
                batch = []
                self._refused(session, said)
        self._tell(session, batch)

    def _tell(self, session: Session, batch: list[Data]) -> None:
        if not batch:
            return
        session.hear(batch, self._shell.timing.monotonic())
        if self._hopeless:
            self._hopeless -= {data.topic for data in batch if data.sign is not WAITING}
        newest_ms = max([data.ts for data in batch])
        self._shell.on_time(newest_ms)
        now_ms = self._shell.now_ms()
        session.age_ms = min(session.age_ms, now_ms - newest_ms)
        # Most is left out: a change of a book that was shown a moment ago.
        up = self._is_up
        telling = [d for d in batch if d.events or d.sign is WHOLE or not up.get(d.symbol)]
        self._shell.outlet.put(self._news(session, telling, now_ms))

    def _news(self, session: Session, batch: list[Data], now_ms: Ms) -> list[MarketEvent]:
        """What the wanted symbols' messages tell, ups first, without what is too old to act on."""
        news: list[MarketEvent] = []
        for data in batch:
            if is_deep(data.topic):
                if data.symbol not in self.deep or data.symbol in self._cut:
                    continue
                if data.sign is WHOLE:
                    self._flow_up(session, data, news)
            elif data.symbol not in self.symbols:
                continue
            elif not self._is_up.get(data.symbol):
                self._up(session, data, news)
            if now_ms - data.ts <= OLD_MS:
                news += data.events
            else:
                news += [e for e in data.events if not isinstance(e, (QuoteSeen, BookSeen))]
        return news

    def _up(self, session: Session, data: Data, news: list[MarketEvent]) -> None:
        """Data proves that a symbol is delivered, unless another topic of it must speak first."""
        symbol = data.symbol
        if session.lagging.get(symbol, data.topic) == data.topic:
            session.lagging.pop(symbol, None)
            self._is_up[symbol] = True
            news.append(StreamUp((symbol,)))

    def _flow_up(self, session: Session, data: Data, news: list[MarketEvent]) -> None:
        """The book's snapshot proves that both are delivered: the trades were asked for before."""
        symbol = data.symbol
        if symbol not in self._flowing and symbol not in session.refused:
            self._flowing.add(symbol)
            news.append(FlowUp((symbol,), data.ts))

    def _refused(self, session: Session, ack: Ack) -> None:
        """One bad topic may void its batch: each is asked for alone; alone, it is told."""
        if len(ack.topics) != 1:
            session.alone += ack.topics
            return
        (topic,) = ack.topics
        symbol, reason = symbol_of(topic), f"{topic}: {ack.detail}"
        if not is_deep(topic):
            self._down((symbol,), reason)
            return
        if topic.startswith(TRADES):
            session.refused.add(symbol)
        _log.warning("stream.refused", topic=topic, reason=ack.detail)
        self._flow_down((symbol,), reason)

    def _down(self, symbols: tuple[str, ...], reason: str) -> None:
        """Tell that symbols stopped delivering, once."""
        news = tuple(s for s in symbols if s in self.symbols and self._is_up.get(s) is not False)
        if news:
            self._is_up.update(dict.fromkeys(news, False))
            _log.warning("stream.lost", symbols=len(news), reason=reason)
            self._shell.outlet.put((StreamDown(news, reason),))

    def _flow_down(self, symbols: Iterable[str], reason: str) -> None:
        """Tell that what was delivered of books and trades is not any more."""
        news = tuple(s for s in symbols if s in self._flowing)
        if news:
            self._flowing.difference_update(news)
            _log.info("flow.lost", symbols=len(news), reason=reason)
            self._shell.outlet.put((FlowDown(news, reason),))


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first single exception of a group."""
    head = group.exceptions[0]
    return _first(head) if isinstance(head, BaseExceptionGroup) else head


def _reason(problem: BaseException) -> str:
    if status := refusal(problem):
        return f"handshake refused with HTTP {status}"
    return str(problem)[:200] or type(problem).__name__


def _pause_s(failures: int, problem: BaseException, jitter: float) -> float:
    """Seconds until the next attempt: doubling, jittered, slow after a refusal."""
    doublings = min(max(failures - 1, 0), 10)
    backoff_s = min(BACKOFF_MAX_S, BACKOFF_MIN_S * 2.0**doublings) * (1 + jitter) / 2
    is_refusal = HTTPStatus.BAD_REQUEST <= refusal(problem) < HTTPStatus.INTERNAL_SERVER_ERROR
    return REFUSED_S + backoff_s if is_refusal else backoff_s
