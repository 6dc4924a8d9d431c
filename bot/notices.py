"""Which facts are told, how loudly, and as answer to what: facts in, notices out.

It exists so that the outbox only delivers and the sentences only speak. What it yields for a
record depends on earlier records alone, so after a restart the same journal gives the same notices.
It must never drop a fill, a stop or an incident; refusals that repeat are counted.
"""

import re
from enum import IntEnum

import msgspec

from bot import texts_notices as texts
from bot.trades import Trade, TradeBook
from bot.views import money
from bot.views.alerts import Wished, wished
from bot.views.layout import Text, marked
from engine.core.facts import (
    Booted,
    FundingPaid,
    GateClosed,
    GateOpened,
    Incident,
    LiveArmed,
    OrderAdopted,
    OrderEnded,
    OrderFilled,
    PositionClosed,
    PresetChosen,
    Record,
    SignalTaken,
    StopMissing,
    StopMoved,
    SymbolIgnored,
    Transferred,
)
from engine.core.values import GateName, Ms, StopKind
from engine.core.wish_facts import AlertRaised, SymbolBarred, Tuned

HOLD_MS: Ms = 60_000  # a condition shorter than this is nobody's business
TRAIL_MS: Ms = 900_000  # a stop that trails is told at most this often
LOUDEST = frozenset({GateName.KILL_SWITCH, GateName.DISK_BAD, GateName.EXCHANGE_DOWN})
QUIET = frozenset({GateName.STALE_DATA, GateName.UNRECONCILED})
REPEATING = frozenset({"order_refused", "stop_refused"})  # asked again every few seconds
TIDINGS = frozenset({"foreign_fill", "key_warning"})  # nothing of ours is at stake this minute
_USER = re.compile(r"\((\d+)\)$")


class Urgency(IntEnum):
    """Delivery order; only news are ever dropped."""

    SAFETY = 0
    ANSWER = 1  # somebody is waiting for it
    MONEY = 2
    NEWS = 3


class Notice(msgspec.Struct, frozen=True):
    """One message to be sent about one or more records."""

    seqs: tuple[int, ...]
    at_ms: Ms
    urgency: Urgency
    is_silent: bool
    text: Text
    key: str = ""  # an unsent notice with the same key is replaced by the newer one
    trade: Trade | None = None
    has_chart: bool = False
    not_for: int | None = None  # the person who did it reads the answer to the command instead


class Teller:
    """Folds records into notices."""

    def __init__(self, book: TradeBook, name: str) -> None:
        self._book = book
        self._name = name
        self._mode = ""
        self._held: dict[GateName, Notice] = {}  # conditions too young to tell
        self._told: dict[GateName, Ms] = {}  # conditions told, with the time they closed
        self._refused: dict[tuple[str, str | None, str], tuple[Ms, int]] = {}  # told when, unsaid
        self._alarmed: set[int] = set()  # positions whose stop was missing
        self._trailed: dict[int, Ms] = {}  # positions whose stop trails, with when it was told

    def take(self, record: Record) -> list[Notice]:
        """The notices this record is worth; the book has it already."""
        match record.fact:
            case Booted() as fact:
                return [self._booted(record, fact)]
            case (
                GateClosed()
                | GateOpened()
                | PresetChosen()
                | SymbolIgnored()
                | Tuned()
                | SymbolBarred()
                | AlertRaised()
            ) as fact:
                return self._steered(record, fact)
            case LiveArmed() as fact:
                return [self._notice(record, Urgency.MONEY, texts.live_armed(fact))]
            case Incident() as fact:
                return self._incident(record, fact)
            case Transferred() | FundingPaid(position_id=None) as fact:
                return [self._news(record, texts.no_result(fact, self._mode))]
            case _:
                return self._of_trade(record)

    def _steered(
        self, record: Record, fact: GateClosed | GateOpened | PresetChosen | SymbolIgnored | Wished
    ) -> list[Notice]:
        """What people, or conditions, changed about trading as such."""
        match fact:
            case GateClosed():
                return self._gate_closed(record, fact)
            case GateOpened():
                return self._gate_opened(record, fact)
            case PresetChosen():
                words = texts.preset_chosen(fact, self._mode)
            case Tuned() | SymbolBarred() | AlertRaised():
                words = wished(fact, self._mode)
            case _:
                words = texts.symbol_ignored(fact, self._mode)
        notice = self._notice(record, Urgency.MONEY, words)
        by = "" if isinstance(fact, AlertRaised) else fact.by  # who asked for it shall hear
        return [msgspec.structs.replace(notice, not_for=_person(by))]

    def _incident(self, record: Record, fact: Incident) -> list[Notice]:
        """Told at once; a refusal that repeats is counted, and told again after a while."""
        # the detail begins with what was refused: an exit must not hide behind an entry
        key = (fact.code, fact.symbol, fact.detail.partition(" ")[0])
        told_ms, unsaid = self._refused.get(key, (record.at_ms - HOLD_MS, 0))
        if fact.code in REPEATING and record.at_ms - told_ms < HOLD_MS:
            self._refused[key] = (told_ms, unsaid + 1)
            return []
        self._refused[key] = (record.at_ms, 0)
        words = texts.incident(fact, self._mode, unsaid, told_ms)
        urgency = Urgency.MONEY if fact.code in TIDINGS else Urgency.SAFETY
        return [self._notice(record, urgency, words)]

    @property
    def is_holding(self) -> bool:
        """Whether a condition waits to be told."""
        return bool(self._held)

    def due(self, at_ms: Ms) -> list[Notice]:
        """Conditions that lasted long enough to be told."""
        ripe = [(g, n) for g, n in self._held.items() if at_ms - n.at_ms >= HOLD_MS]
        for gate, notice in ripe:
            del self._held[gate]
            self._told[gate] = notice.at_ms
        return [notice for _, notice in ripe]

    def _notice(
        self, record: Record, urgency: Urgency, text: Text, *, is_silent: bool = False
    ) -> Notice:
        text = marked(text, self._mode) if self._mode else text
        return Notice((record.seq,), record.at_ms, urgency, is_silent, text)

    def _news(self, record: Record, text: Text) -> Notice:
        return self._notice(record, Urgency.NEWS, text, is_silent=True)

    def _booted(self, record: Record, fact: Booted) -> Notice:
        self._mode = fact.mode
        self._held.clear()
        self._told.clear()
        held = self._book.open_trades
        is_loud = bool(held) or not fact.was_clean
        text = texts.booted(fact, self._name, held)
        urgency = Urgency.MONEY if is_loud else Urgency.NEWS
        return self._notice(record, urgency, text, is_silent=not is_loud)

    def _gate_closed(self, record: Record, fact: GateClosed) -> list[Notice]:
        if fact.gate in QUIET:
            text = texts.condition(fact, record.at_ms)
            self._held[fact.gate] = self._news(record, text)
            return []
        if fact.gate is GateName.SHUTTING_DOWN:
            text = texts.stopping(self._name, self._book.open_trades)
            return [self._news(record, text)]
        urgent = Urgency.SAFETY if fact.gate in LOUDEST else Urgency.MONEY
        notice = self._notice(record, urgent, texts.gate_closed(fact, self._mode))
        return [msgspec.structs.replace(notice, not_for=_person(fact.by))]

    def _gate_opened(self, record: Record, fact: GateOpened) -> list[Notice]:
        if fact.gate not in QUIET:
            notice = self._notice(record, Urgency.MONEY, texts.gate_opened(fact, self._mode))
            return [msgspec.structs.replace(notice, not_for=_person(fact.by))]
        ripe = self.due(record.at_ms)
        self._held.pop(fact.gate, None)
        since = self._told.pop(fact.gate, None)
        if since is None:
            return ripe
        text = texts.recovered(fact, record.at_ms - since)
        return [*ripe, self._news(record, text)]

    def _of_trade(self, record: Record) -> list[Notice]:
        position_id = getattr(record.fact, "position_id", None)
        trade = self._book.trades.get(position_id) if position_id is not None else None
        match record.fact:
            case OrderEnded() as fact:
                return self._ended(record, fact)
            case SignalTaken() if trade is not None:
                text = money.signal_taken(trade, self._mode)
                notice = self._notice(record, Urgency.MONEY, text, is_silent=True)
                return [msgspec.structs.replace(notice, trade=trade, has_chart=True)]
            case OrderAdopted() as fact:
                notice = self._notice(record, Urgency.SAFETY, texts.adopted(fact, trade))
            case OrderFilled() as fact:
                return [self._filled(record, fact, trade)]
            case StopMoved() as fact:
                return self._stop_moved(record, fact, trade)
            case StopMissing() as fact:
                self._alarmed.add(fact.position_id)
                words = texts.stop_missing(fact, trade)
                notice = self._notice(record, Urgency.SAFETY, words)
            case PositionClosed() as fact:
                notice = self._closed(record, fact, trade)
            case _:
                return []
        return [msgspec.structs.replace(notice, trade=trade)]

    def _closed(self, record: Record, fact: PositionClosed, trade: Trade | None) -> Notice:
        self._trailed.pop(fact.position_id, None)
        words = money.closed(fact, self._mode, record.at_ms)
        notice = self._notice(record, Urgency.MONEY, words)
        last = trade.fills[-1].order_id if trade and trade.fills else ""
        return msgspec.structs.replace(notice, key=f"fill:{last}")

    def _filled(self, record: Record, fact: OrderFilled, trade: Trade | None) -> Notice:
        notice = self._notice(record, Urgency.MONEY, texts.filled(fact, trade))
        key = f"fill:{fact.fill.order_id}"  # the sentence speaks of all fills of the order
        return msgspec.structs.replace(notice, key=key, trade=trade)

    def _stop_moved(self, record: Record, fact: StopMoved, trade: Trade | None) -> list[Notice]:
        is_back = fact.position_id in self._alarmed
        self._alarmed.discard(fact.position_id)
        if not (is_back or self._is_news(record, fact)):
            return []
        text = texts.stop_moved(fact, trade, is_back=is_back)
        notice = self._notice(record, Urgency.MONEY, text, is_silent=True)
        key = "" if is_back else f"stop:{fact.position_id}"
        return [msgspec.structs.replace(notice, key=key, trade=trade)]

    def _is_news(self, record: Record, fact: StopMoved) -> bool:
        """A stop trails with every bar: told when it begins, then now and then."""
        if fact.kind is not StopKind.TRAILING:
            return fact.kind is not StopKind.INITIAL
        told_ms = self._trailed.get(fact.position_id)
        if told_ms is not None and record.at_ms - told_ms < TRAIL_MS:
            return False
        self._trailed[fact.position_id] = record.at_ms
        return True

    def _ended(self, record: Record, fact: OrderEnded) -> list[Notice]:
        """An entry that ended without a fill: the signal's message must not stay unanswered."""
        trade = self._book.of_entry(fact.order_id)
        if trade is None or trade.fills:
            return []
        text = texts.unfilled(fact, trade)
        notice = self._notice(record, Urgency.MONEY, text, is_silent=True)
        return [msgspec.structs.replace(notice, trade=trade)]


def _person(by: str) -> int | None:
    found = _USER.search(by)
    return int(found[1]) if found else None
