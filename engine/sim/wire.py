"""The way between the process and the exchange, where requests, answers and news get lost.

It exists so that every intent ends in one event, as the shell promises, whatever really happened on
the other side: done, refused, or nobody knows. Requests of one symbol go one after another. It must
never decide what the exchange does with a request.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from engine.core import events as e
from engine.core import intents as i
from engine.core.values import Ms, Purpose, Refusal
from engine.sim.clockwork import Clockwork, Rank
from engine.sim.faults import Faults, Kind
from engine.sim.life import Life
from engine.sim.truth import Truth

DEADLINES_MS: dict[type[i.Intent], Ms] = {
    i.PlaceOrder: 10_000,
    i.CancelOrder: 10_000,
    i.SetStop: 5_000,
    i.FindOrder: 10_000,
    i.FetchAccount: 15_000,
}
FAST_MS = (10, 150)  # one way, undisturbed
LATE_MS = (1_000, 60_000)
REFUSALS = (Refusal.FUNDS, Refusal.PRICE_BAND, Refusal.SYMBOL, Refusal.OTHER)

Give = Callable[[Life, e.Event], None]
Write = i.PlaceOrder | i.CancelOrder | i.SetStop
Read = i.FindOrder | i.FetchAccount


class Fate(NamedTuple):
    """What becomes of a request."""

    arrives_ms: Ms | None  # None: never
    answered_ms: Ms
    instead: e.Event | None  # what the client is told in place of the answer


class Wire:
    """Requests out, answers and news in, for whichever process lives."""

    def __init__(self, work: Clockwork, truth: Truth, faults: Faults, give: Give) -> None:
        self._work = work
        self._truth = truth
        self._faults = faults
        self._give = give
        # One request a key is under way, the others wait behind it, as in the shell.
        self._waiting: list[Write | Read] = []
        self._running: dict[str, Write | Read] = {}
        self.dies_with_us = False  # on paper the exchange is part of the process
        self.down_until: Ms = 0
        self.quoted: set[str] = set()  # on paper: symbols with a price since the start

    def reset(self) -> None:
        """A new process: nothing of the old one's queue is left."""
        self._waiting.clear()
        self._running.clear()
        self.quoted.clear()

    def send(self, life: Life, intent: Write | Read) -> None:
        """Take on a request; it ends in one event, unless the same question is open already."""
        if not self._is_asked(intent):
            self._waiting.append(intent)
            self._pump(life)

    def _is_asked(self, intent: Write | Read) -> bool:
        """One answer is enough; but an account that is being read may be too old already."""
        if isinstance(intent, i.FetchAccount):
            return intent in self._waiting
        is_question = isinstance(intent, i.FindOrder | i.CancelOrder)
        return is_question and (intent in self._waiting or intent in self._running.values())

    def _pump(self, life: Life) -> None:
        """Begin what may begin: one request a key, and no look-up before its order has left."""
        taken = set(self._running)
        for intent in tuple(self._waiting):
            key = _key(intent)
            if key not in taken and not self._is_being_placed(intent):
                self._waiting.remove(intent)
                self._running[key] = intent
                self._begin(life, intent)
            taken.add(key)

    def _is_being_placed(self, intent: Write | Read) -> bool:
        if not isinstance(intent, i.FindOrder):
            return False
        sent = i.PlaceOrder(intent.order)
        return sent in self._waiting or sent in self._running.values()

    def _begin(self, life: Life, intent: Write | Read) -> None:
        """A request leaves; what comes of it is drawn now."""
        fate = self._fate(intent, self._work.now)
        limit_ms = self._work.now + DEADLINES_MS[type(intent)]
        answer: list[e.Event] = [] if fate.instead is None else [fate.instead]

        def arrive() -> None:
            if life.died_ms is None or not self.dies_with_us:
                answer.append(self._apply(life, intent))

        def end() -> None:
            if life.died_ms is not None:
                return
            del self._running[_key(intent)]
            self._pump(life)
            if life.is_asleep and life.asleep_until > limit_ms:  # the deadline wakes up first
                answer[:1] = [failure(intent, "no answer in time")]
            for event in answer[:1]:
                self._give(life, event)

        if fate.arrives_ms is not None:
            self._work.at(fate.arrives_ms, Rank.VENUE, arrive)
        self._work.at(fate.answered_ms, Rank.ANSWER, end)

    # -- what goes wrong -------------------------------------------------------------------------

    def _fate(self, intent: Write | Read, begins_ms: Ms) -> Fate:
        faults = self._faults
        there, back = faults.between(*FAST_MS), faults.between(*FAST_MS)
        limit_ms = begins_ms + DEADLINES_MS[type(intent)]
        quick_ms, arrives_ms = begins_ms + there + back, begins_ms + there
        silence = failure(intent, "no answer in time")
        is_late = False
        if begins_ms < self.down_until:
            fate = Fate(None, limit_ms, silence)
        elif isinstance(intent, i.FindOrder | i.FetchAccount):
            lost = Fate(None, faults.dice.choice((quick_ms, limit_ms)), silence)
            fate = lost if faults.hits(Kind.LOST_READ) else Fate(arrives_ms, quick_ms, None)
        elif self._is_blind(intent):
            fate = Fate(None, quick_ms, failure(intent, "no quote seen since the start"))
        else:
            fate = self._fate_of_write(intent, (begins_ms, arrives_ms, quick_ms, limit_ms), silence)
            is_late = fate.arrives_ms is not None and fate.arrives_ms > limit_ms
        if fate.instead is not None or fate.answered_ms > quick_ms:
            self._excuse(intent, fate, is_late=is_late)
        return fate

    def _fate_of_write(self, intent: Write, times: tuple[Ms, Ms, Ms, Ms], silence: e.Event) -> Fate:
        begins_ms, arrives_ms, quick_ms, limit_ms = times
        faults = self._faults
        late_ms = begins_ms + faults.between(*LATE_MS)
        slow_ms = faults.between(begins_ms, limit_ms - 1000)
        refusal = refused(intent, faults.dice.choice(REFUSALS))
        fates = {
            Kind.LOST_REQUEST: Fate(None, limit_ms, silence),
            Kind.AMBIGUOUS_NOT: Fate(None, quick_ms, failure(intent, "10016: system error")),
            Kind.REFUSED: Fate(None, quick_ms, refusal),
            Kind.LATE_APPLY: Fate(late_ms, limit_ms, silence),
            Kind.LOST_RESPONSE: Fate(arrives_ms, limit_ms, silence),
            Kind.AMBIGUOUS_DONE: Fate(arrives_ms, quick_ms, failure(intent, "10000: timeout")),
            Kind.SLOW: Fate(slow_ms, limit_ms - 500, None),
        }
        struck = next((kind for kind in fates if faults.hits(kind)), None)
        return Fate(arrives_ms, quick_ms, None) if struck is None else fates[struck]

    def _is_blind(self, intent: Write | Read) -> bool:
        """On paper nothing is reduced before the market's first word after a start."""
        is_exit = isinstance(intent, i.PlaceOrder) and intent.order.reduce_only
        return is_exit and self.dies_with_us and intent.order.symbol not in self.quoted  # type: ignore[union-attr] # is_exit says so

    def _excuse(self, intent: Write | Read, fate: Fate, *, is_late: bool) -> None:
        until_ms = fate.answered_ms
        if is_late and fate.arrives_ms is not None:
            until_ms = max(until_ms, fate.arrives_ms)
        self._faults.excuse(_hampers(intent), until_ms)

    # -- the other side --------------------------------------------------------------------------

    def _apply(self, life: Life, intent: Write | Read) -> e.Event:
        truth, now = self._truth, self._work.now
        match intent:
            case i.PlaceOrder(order):
                is_bare = order.purpose is Purpose.ENTRY and self._faults.hits(
                    Kind.STOP_NOT_ATTACHED
                )
                if is_bare:
                    self._faults.excuse(order.symbol, now)
                answer, *rest = truth.place(intent, now, attach=not is_bare)
            case i.CancelOrder():
                answer, *rest = truth.cancel(intent)
            case i.SetStop():
                answer, *rest = truth.set_stop(intent, now)
            case i.FindOrder():
                answer, rest = truth.find(intent, now, self._lag(intent)), []
            case _:
                answer, rest = truth.account(now, self._lag(intent)), []
        self.tell(life, rest)
        return answer

    def _lag(self, intent: Read) -> Ms:
        if not self._faults.hits(Kind.STALE_READ):
            return 0
        self._faults.excuse(_hampers(intent), self._work.now)
        return self._faults.between(1_000, 30_000)

    def tell(self, life: Life | None, events: Sequence[e.Event]) -> None:
        """The exchange says something by itself: it may come late, twice, or never."""
        if life is None:
            return
        for event in events:
            if self._faults.hits(Kind.LOST_EVENT):
                self._hamper(event, 0)
                continue
            wait_ms = self._faults.between(*FAST_MS)
            if self._faults.hits(Kind.LATE_EVENT):
                wait_ms = self._faults.between(500, 40_000)
                self._hamper(event, wait_ms)
            self._later(life, event, wait_ms)
            if self._faults.hits(Kind.DOUBLE_EVENT):
                self._later(life, event, wait_ms + self._faults.between(0, 8_000))

    def _hamper(self, event: e.Event, wait_ms: Ms) -> None:
        symbol = event.fill.symbol if isinstance(event, e.FillSeen) else ""
        self._faults.excuse(symbol, self._work.now + wait_ms)

    def _later(self, life: Life, event: e.Event, wait_ms: Ms) -> None:
        self._work.after(wait_ms, Rank.ANSWER, lambda: self._give(life, event))


def failure(intent: i.Intent, words: str) -> e.Event:
    """What the shell says when there was no believable answer."""
    match intent:
        case i.PlaceOrder(order):
            return e.OrderUnknown(order.id, words)
        case i.CancelOrder(order):
            return e.FetchFailed(f"cancel {order.id}", words)
        case i.FindOrder(order):
            return e.FetchFailed(f"find {order.id}", words)
        case i.SetStop(position_id, _, _, price):
            return e.StopUnknown(position_id, price, words)
        case _:
            return e.FetchFailed("account", words)


def refused(intent: Write, refusal: Refusal) -> e.Event:
    """What the shell says when the exchange refused for good; a cancel can only be unknown."""
    match intent:
        case i.PlaceOrder(order):
            return e.OrderRefused(order.id, refusal, "as drawn")
        case i.SetStop(position_id, _, _, price):
            return e.StopRefused(position_id, price, "as drawn")
        case _:
            return failure(intent, "refused")


def _key(intent: i.Intent) -> str:
    """Requests of one key go one after another."""
    match intent:
        case i.PlaceOrder(order):
            return order.symbol
        case i.CancelOrder(order):
            return order.symbol if order.purpose.is_growing else f"cancel {order.id}"
        case i.FindOrder(order):
            return f"find {order.id}"
        case i.SetStop(symbol=symbol):
            return symbol
        case _:
            return "account"


def _hampers(intent: i.Intent) -> str:
    """The symbol that suffers when this request goes wrong; empty for all."""
    match intent:
        case i.PlaceOrder(order) | i.CancelOrder(order) | i.FindOrder(order):
            return order.symbol
        case i.SetStop(symbol=symbol):
            return symbol
        case _:
            return ""
