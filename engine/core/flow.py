"""Order flow of the followed markets: their books, tapes and walls, as verdicts read them.

It exists so that what a verdict reads is as of the last completed second, however events arrived.
It must never carry a value over a hole: what is stale or missing says why it is not known.
"""

from collections import deque
from collections.abc import Sequence

from engine.core import settings as keys
from engine.core.depth import Depth, measure
from engine.core.events import BookSeen, PrintsSeen
from engine.core.settings import Settings
from engine.core.tape import Pace, Tape, activity_drop
from engine.core.values import Instrument, Ms
from engine.core.walls import SAMPLES_MIN, Walls

IMBALANCE_N, IMBALANCE_LEAST = 5, 3  # samples averaged, and how many of them must be known
QUIET_MS: Ms = 1000  # a book without a change for so long may have none in the next second either
NOT_YET = "not followed yet"


class Follow:
    """One followed market. Nothing is known of it before its first book and `cover`."""

    def __init__(self, instrument: Instrument, settings: Settings) -> None:
        self.tape = Tape()
        self.contract = float(instrument.contract_size)
        self._tick = float(instrument.tick)
        self._micro = settings.micro
        self.walls = Walls(self._tick, settings.walls)
        self._book: BookSeen | None = None
        self._book_ms: Ms = 0
        self._depth: Depth | None = None  # of the book, once somebody asked
        self._why_lost = NOT_YET
        self._why_uncovered = NOT_YET
        self._leans: deque[tuple[int, float]] = deque(maxlen=IMBALANCE_N)
        self._sampled_s: int | None = None  # the last second that was sampled

    def use(self, settings: Settings) -> None:
        """Read by other parameters from now on; another grid starts the walls anew."""
        self._micro = settings.micro
        if settings.walls != self.walls.terms:
            self.walls = Walls(self._tick, settings.walls)

    def cover(self, exchange_ms: Ms, terms: keys.Walls) -> None:
        """Book and trades are delivered from this moment on: the count begins anew."""
        self.tape.cover(exchange_ms)
        self.walls = Walls(self._tick, terms)

    def uncover(self, reason: str) -> None:
        """Neither is delivered any more."""
        self.tape.uncover()
        self._why_uncovered = reason
        self.lose(reason)

    def see(self, event: BookSeen, at_ms: Ms) -> None:
        """The book changed; seconds completed before are sampled as it was."""
        self.catch_up(at_ms)
        self._book = event
        self._book_ms = min(event.exchange_ms, at_ms)
        self._depth = None

    def lose(self, reason: str) -> None:
        """Nothing is known of the book until the next one."""
        self._book = None
        self._why_lost = reason
        self.walls.lose()

    def trade(self, event: PrintsSeen, at_ms: Ms) -> None:
        """Count trades."""
        self.catch_up(at_ms)
        self.tape.add(event.prints, self.contract, at_ms)
        if self.walls.standing:
            for trade in event.prints:
                self.walls.trade(trade.price, trade.qty, trade.side)

    def catch_up(self, at_ms: Ms) -> None:
        """Sample each second completed since the last time, by the last book while it is fresh."""
        now_s = at_ms // 1000
        if self._sampled_s is not None and self._sampled_s >= now_s - 1:
            return  # nearly always
        first = now_s - 1 if self._sampled_s is None else self._sampled_s + 1
        for second in range(first, now_s):
            depth = self.depth(1000 * (second + 1))
            if depth is None:  # and so it is for the seconds after
                self.walls.lose()
                break
            lean = depth.imbalance(self._micro.imbalance_band_bps)
            if lean is not None:
                self._leans.append((second, lean))
            self.walls.sample(second, depth)
        self._sampled_s = max(now_s - 1, first - 1)

    def is_quiet(self, at_ms: Ms) -> bool:
        """Whether nothing may come that samples the completed seconds in passing."""
        return self._book is None or at_ms - self._book_ms >= QUIET_MS

    # -- reading ---------------------------------------------------------------------------------

    def depth(self, at_ms: Ms) -> Depth | None:
        """The values of the book; None while it is unknown."""
        if self._book is None or at_ms - self._book_ms > self._micro.book_stale_ms:
            return None
        if self._depth is None:
            self._depth = measure(self._book.bids, self._book.asks, self.contract)
            if self._depth is None:
                self.lose("the book is one-sided, crossed or broken")
        return self._depth

    def why_no_depth(self, at_ms: Ms) -> str:
        """In words why the book is unknown."""
        if self._book is None:
            return self._why_lost
        return f"the book is {(at_ms - self._book_ms) / 1000:.0f} s old"

    def imbalance(self, at_ms: Ms) -> float | None:
        """Mean of the last 5 samples, 3 at least; None while unknown. Positive = bids heavier."""
        end = at_ms // 1000
        known = [lean for second, lean in self._leans if end - IMBALANCE_N <= second < end]
        is_known = self.depth(at_ms) is not None and len(known) >= IMBALANCE_LEAST
        return sum(known) / len(known) if is_known else None

    def why_no_imbalance(self, at_ms: Ms) -> str:
        """In words why it is unknown."""
        if self.depth(at_ms) is None:
            return self.why_no_depth(at_ms)
        return f"fewer than {IMBALANCE_LEAST} of the last {IMBALANCE_N} seconds had a book to weigh"

    def why_no_walls(self, at_ms: Ms) -> str:
        """In words why walls are unknown, "" when they are known."""
        if self.depth(at_ms) is None:
            return self.why_no_depth(at_ms)
        if self.walls.usual.median is None:
            return f"the usual size is known after {len(self.walls.usual)} of {SAMPLES_MIN} s"
        return ""

    def why_no_pace(self, pace: Pace) -> str:
        """In words why a window is unknown, "" when it is known."""
        if pace.is_known:
            return ""
        if not self.tape.is_covered:
            return self._why_uncovered
        return f"covered {pace.covered_s} of {pace.window_s} s"

    def drop(self, at_ms: Ms) -> float | None:
        """How much activity dropped, 0..1; None while unknown."""
        return activity_drop(self.tape.window(60, at_ms), self.tape.window(300, at_ms))


class Flow:
    """The followed markets, by symbol."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._follows: dict[str, Follow] = {}

    @property
    def symbols(self) -> tuple[str, ...]:
        """Who is followed."""
        return tuple(self._follows)

    def get(self, symbol: str) -> Follow | None:
        """What is known of a followed market; None when it is not followed."""
        return self._follows.get(symbol)

    def use(self, settings: Settings) -> None:
        """Read by other parameters from now on."""
        self._settings = settings
        for follow in self._follows.values():
            follow.use(settings)

    def follow(self, instruments: Sequence[Instrument]) -> None:
        """Follow these markets and no other; what is known of one that stays is kept."""
        old = self._follows
        self._follows = {
            i.symbol: old.get(i.symbol) or Follow(i, self._settings) for i in instruments
        }

    def see(self, event: BookSeen, at_ms: Ms) -> None:
        """A book; of one that is not followed it is too late, or too early."""
        follow = self._follows.get(event.symbol)
        if follow is not None:
            follow.see(event, at_ms)

    def lose(self, symbol: str, reason: str) -> None:
        """A book is unknown."""
        for follow in self._those((symbol,)):
            follow.lose(reason)

    def trade(self, event: PrintsSeen, at_ms: Ms) -> None:
        """Trades."""
        follow = self._follows.get(event.symbol)
        if follow is not None:
            follow.trade(event, at_ms)

    def cover(self, symbols: Sequence[str], exchange_ms: Ms) -> None:
        """Book and trades of these are delivered from this moment on."""
        for follow in self._those(symbols):
            follow.cover(exchange_ms, self._settings.walls)

    def uncover(self, symbols: Sequence[str], reason: str) -> None:
        """They are not delivered any more."""
        for follow in self._those(symbols):
            follow.uncover(reason)

    def catch_up(self, at_ms: Ms) -> None:
        """Sample the completed seconds of all."""
        for follow in self._follows.values():
            follow.catch_up(at_ms)

    def tick(self, at_ms: Ms) -> None:
        """Sample those that are quiet; the others do it one by one, not all in one turn."""
        for follow in self._follows.values():
            if follow.is_quiet(at_ms):
                follow.catch_up(at_ms)

    def _those(self, symbols: Sequence[str]) -> list[Follow]:
        return [self._follows[s] for s in symbols if s in self._follows]
