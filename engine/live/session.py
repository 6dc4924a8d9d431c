"""What is known of one open connection of the stream, and when it stops deserving belief.

It exists so that a link decides what to tell and this what to ask. It must never take an
acknowledgment for data, nor the engine's slowness for the venue's silence: silences are measured
with the attention clock, which stands while nobody reads.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from math import inf

from engine.core.values import Ms
from engine.errors import StreamError
from engine.live.frames import Wire
from engine.live.pacing import Attention, Timing
from engine.live.venues.bybit import BybitPublic, deep_topics, is_deep, symbol_of
from engine.live.venues.bybit_book import BOOKS
from engine.live.venues.bybit_rows import LOST, TICKERS, TRADES, WAITING, Data
from engine.log import Log

PING_S = 20.0
PONG_S = 10.0  # no answer to a ping for this long: dead
SILENCE_S = 30.0  # no data of any topic for this long: dead
# Of one topic: it is subscribed anew, alone.
TICKER_SILENCE_S = 60.0
KLINE_SILENCE_S = 60.0  # beyond the frame: a candle must at least close
BOOK_SILENCE_S = 15.0  # pushed on change only, but fifty levels of a followed symbol move
REFUSED_TRADES_S = 60.0  # trades may be silent for long; only a refusal is answered by asking again
RESYNC_S = 5.0  # a book that is lost over and over is asked for no more often
HEALTHY_S = 30.0  # data for this long makes the next backoff start over
LATE_MS: Ms = 5000  # data older than this when it comes: the connection lags
LATE_LOOKS = 2  # looks in a row that found nothing newer: a snapshot alone may be old

_log = Log(__name__)


class Session:
    """One open connection; times are of its attention unless they say clock."""

    def __init__(self, wire: Wire, frame_s: int, timing: Timing) -> None:
        self.wire = wire
        self.venue = BybitPublic(frame_s)
        self.attention = Attention(timing.monotonic)
        self.ping_open: float | None = None  # a ping without its answer
        self.topics: dict[str, float] = {}  # subscribed -> last data, or when it was asked for
        self.lagging: dict[str, str] = {}  # symbol -> the topic that must speak first
        self.refused: set[str] = set()  # symbols whose trades the venue does not give
        self.alone: list[str] = []  # topics of a refused request, to be asked for one by one
        self.age_ms: float = inf  # of the freshest data since the last look
        self._kline_limit_s = frame_s + KLINE_SILENCE_S
        self._heard = 0.0  # last data
        self._heard_clock: tuple[float, float] | None = None  # first and last data
        self._pinged_clock = timing.monotonic()
        self._lost: set[str] = set()  # book topics to be asked for anew
        self._resynced: dict[str, float] = {}  # when they last were
        self._retried: set[str] = set()  # silent topics that were, and are silent still
        self._late_looks = 0

    @property
    def is_healthy(self) -> bool:
        """Whether it delivered long enough to be trusted again."""
        return self._heard_clock is not None and (
            self._heard_clock[1] - self._heard_clock[0] >= HEALTHY_S
        )

    def hear(self, batch: Iterable[Data], clock: float) -> None:
        """Data arrived; a change of a book whose snapshot is missing is no sign of its topic."""
        heard = self._heard = self.attention.now()
        self._heard_clock = (clock if self._heard_clock is None else self._heard_clock[0], clock)
        topics, retried = self.topics, self._retried
        for data in batch:
            topic = data.topic
            if topic in topics and data.sign is not WAITING:
                topics[topic] = heard
                if retried:
                    retried.discard(topic)
                if data.sign is LOST:
                    self._lost.add(topic)

    async def follow(self, names: Sequence[str], cut: Collection[str]) -> None:
        """Make the subscribed topics equal to `names`; deep ones of `cut` symbols begin anew."""
        wanted = set(names)
        old = [t for t in self.topics if t not in wanted or (is_deep(t) and symbol_of(t) in cut)]
        for name in old:
            del self.topics[name]
            self._lost.discard(name)
            if is_deep(name):
                self.refused.discard(symbol_of(name))
            else:
                self.lagging.pop(symbol_of(name), None)
        new = [name for name in names if name not in self.topics]
        self.topics.update(dict.fromkeys(new, self.attention.now()))
        await self.wire.say(self.venue.unsubscribe_messages(old))
        await self.wire.say(self.venue.subscribe_messages(new))

    async def again(self, names: Sequence[str]) -> None:
        """Subscribe topics anew, in a request of their own."""
        self.topics.update(dict.fromkeys(names, self.attention.now()))
        await self.wire.say(self.venue.unsubscribe_messages(names))
        await self.wire.say(self.venue.subscribe_messages(names))

    async def ask_alone(self) -> None:
        """Ask for the topics of a refused request one by one."""
        alone, self.alone = self.alone, []
        for topic in alone:
            await self.wire.say(self.venue.subscribe_messages([topic]))

    async def resync(self) -> None:
        """Ask for lost books anew, each alone, as soon as its turn has come."""
        now = self.attention.now()
        for topic in sorted(self._lost):
            if now - self._resynced.get(topic, -inf) >= RESYNC_S:
                self._lost.remove(topic)
                self._resynced[topic] = now
                _log.info("book.lost", topic=topic)
                await self.again([topic])

    def silent(self) -> Iterator[tuple[str, float, bool]]:
        """Topics that were silent for too long, their limit, and whether asking did not help."""
        now = self.attention.now()
        for topic, heard in list(self.topics.items()):
            limit_s = self._limit_s(topic)
            if now - heard > limit_s:
                was_retried = topic in self._retried
                self._retried.add(topic)
                yield topic, limit_s, was_retried

    def _limit_s(self, topic: str) -> float:
        if topic.startswith(TICKERS):
            return TICKER_SILENCE_S
        if topic.startswith(BOOKS):
            return BOOK_SILENCE_S
        if topic.startswith(TRADES):
            return REFUSED_TRADES_S if symbol_of(topic) in self.refused else inf
        return self._kline_limit_s

    async def retry(self, topic: str) -> None:
        """Ask for a silent topic anew; a book with its trades, as it judges both."""
        symbol = symbol_of(topic)
        if is_deep(topic):
            self.refused.discard(symbol)
            self._lost.discard(f"{BOOKS}{symbol}")
        await self.again(deep_topics((symbol,)) if is_deep(topic) else [topic])

    async def ping(self, clock: float) -> None:
        """Send the heartbeat when it is due."""
        if clock - self._pinged_clock < PING_S:
            return
        self._pinged_clock = clock
        if self.ping_open is None:
            self.ping_open = self.attention.now()
        await self.wire.say([self.venue.ping_message()])

    def judge(self) -> None:
        """Raise `StreamError` when the connection only looks alive."""
        now = self.attention.now()
        if self.topics and now - self._heard > SILENCE_S:
            raise StreamError(f"no data for {SILENCE_S:.0f} s")
        if self.ping_open is not None and now - self.ping_open > PONG_S:
            raise StreamError(f"no pong for {PONG_S:.0f} s")
        age_ms, self.age_ms = self.age_ms, inf
        if age_ms == inf:
            return
        self._late_looks = self._late_looks + 1 if age_ms > LATE_MS else 0
        if self._late_looks >= LATE_LOOKS:
            raise StreamError(f"data is {age_ms / 1000:.1f} s old when it comes")
