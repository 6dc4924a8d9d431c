"""Which facts are told, how loudly, and as answer to what: facts in, notices out.

It exists so that the outbox only delivers and the sentences only speak. What it yields for a
record depends on earlier records alone, so after a restart the same journal gives the same notices.
It must never drop a fill, a stop or an incident; incidents that repeat are counted.
"""

import re
from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

import msgspec

from bot import texts_notices as texts
from bot.complaints import ORDER, Complaint, Complaints
from bot.preferences import Kind
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
    OrderAcked,
    OrderAdopted,
    OrderEnded,
    OrderFilled,
    PositionClosed,
    PresetChosen,
    Reconciled,
    Record,
    SignalSkipped,
    SignalTaken,
    StopMissing,
    StopMoved,
    SymbolIgnored,
    Transferred,
)
from engine.core.values import GateName, Ms, Purpose, StopKind
from engine.core.wish_facts import AlertRaised, SymbolBarred, Tuned

HOLD_MS: Ms = 60_000  # a condition shorter than this is nobody's business
TRAIL_MS: Ms = 900_000  # a stop that trails is told at most this often
LOUDEST = frozenset({GateName.KILL_SWITCH, GateName.DISK_BAD, GateName.EXCHANGE_DOWN})
QUIET = frozenset({GateName.STALE_DATA, GateName.UNRECONCILED})
ERRORS = frozenset(  # nothing of ours is at stake this minute
    {"foreign_fill", "key_warning", "preset_refused", "balance_off", "clock_off"}
)
GRAVE = frozenset({Purpose.EXIT, Purpose.STOP})  # a refusal of these leaves us holding a position
FILLS = "fill:"  # how the keys of executions begin
FLEETING = frozenset({Kind.SKIPPED})  # not told from the journal: old ones are no news
_USER = re.compile(r"\((\d+)\)$")


class Urgency(IntEnum):
    """Delivery order; only news and cards are ever dropped."""

    NOW = 0  # the answer to a command that protects money
    SAFETY = 1
    ANSWER = 2  # somebody is waiting for it
    MONEY = 3
    NEWS = 4
    CARD = 5  # a report, or what keeps a standing message up to date


URGENCY: Mapping[Kind, Urgency] = MappingProxyType(
    {
        Kind.SAFETY: Urgency.SAFETY,
        Kind.FILL: Urgency.MONEY,
        Kind.SIGNAL: Urgency.MONEY,  # fills answer it: it must not come after them
        Kind.SKIPPED: Urgency.NEWS,
        Kind.ALERT: Urgency.NEWS,
        Kind.WARNING: Urgency.NEWS,
        Kind.ERROR: Urgency.MONEY,
        Kind.STEER: Urgency.MONEY,
        Kind.PROCESS: Urgency.NEWS,
        Kind.REPORT: Urgency.CARD,
    }
)


class Notice(msgspec.Struct, frozen=True):
    """One message to be sent about one or more records."""

    seqs: tuple[int, ...]
    at_ms: Ms
    urgency: Urgency
    is_silent: bool  # even where its kind may ring
    text: Text
    kind: Kind
    key: str = ""  # an unsent notice with the same key is replaced by the newer one
    trade: Trade | None = None
    has_chart: bool = False
    not_for: int | None = None  # the person who did it reads the answer to the command instead
    is_grave: bool = False  # rings though its kind is silent
    code: str = ""  # of an incident, by which it can be muted
    amends: int | None = None  # the record whose message this changes
    alarm: str = ""  # the condition that rings until it is seen or over
    over: tuple[str, ...] = ()  # conditions that ended
    is_repeat: bool = False


class Teller:
    """Folds records into notices."""

    def __init__(self, book: TradeBook, name: str) -> None:
        self._book = book
        self._name = name
        self._mode = ""
        self._held: dict[GateName, Notice] = {}  # conditions too young to tell
        self._told: dict[GateName, Ms] = {}  # conditions told, with the time they closed
        self._complaints = Complaints()
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
            case Incident() as fact:
                return [self._incident(record, fact)]
            case LiveArmed() as fact:
                kind, text = Kind.STEER, texts.live_armed(fact)
            case Transferred() | FundingPaid(position_id=None) as fact:
                kind, text = Kind.REPORT, texts.no_result(fact, self._mode)
            case SignalSkipped() as fact:
                kind, text = Kind.SKIPPED, texts.skipped(fact)
            case _:
                return [*self._of_trade(record), *self._resolved(record)]
        return [self._notice(record, kind, text)]

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
        kind = Kind.ALERT if isinstance(fact, AlertRaised) else Kind.STEER
        by = "" if isinstance(fact, AlertRaised) else fact.by  # who asked for it shall hear
        return [msgspec.structs.replace(self._notice(record, kind, words), not_for=_person(by))]

    def _incident(self, record: Record, fact: Incident) -> Notice:
        """Told at once; one that repeats changes the message of the first."""
        complaint = self._complaints.take(record.seq, record.at_ms, fact)
        if complaint.count > 1:
            return self._amended(record, complaint)
        kind = _kind(fact)
        text = texts.incident(complaint, self._mode, is_safety=kind is Kind.SAFETY)
        alarm = complaint.alarm if kind is Kind.SAFETY else ""
        return msgspec.structs.replace(
            self._notice(record, kind, text), key=complaint.name, alarm=alarm, code=fact.code
        )

    def _amended(self, record: Record, complaint: Complaint, *, is_over: bool = False) -> Notice:
        """How the message of an incident reads now; it tells no record anew."""
        kind = _kind(complaint.fact)
        over_ms = record.at_ms if is_over else None
        text = texts.incident(complaint, self._mode, is_safety=kind is Kind.SAFETY, over_ms=over_ms)
        alarm = complaint.alarm
        return msgspec.structs.replace(
            self._notice(record, kind, text),
            seqs=(),
            key=complaint.name,
            code=complaint.fact.code,
            amends=complaint.seq,
            alarm="" if is_over or kind is not Kind.SAFETY else alarm,
            over=(alarm,) if is_over else (),
        )

    def _resolved(self, record: Record) -> list[Notice]:
        """Incidents that this fact shows to be over."""
        complaints = self._complaints
        match record.fact:
            case OrderAcked(order_id=order_id) if order_id in self._book.orders:
                order = self._book.orders[order_id]
                over = complaints.order_went(order.symbol, order.purpose)
            case OrderFilled(fill=fill):
                over = complaints.order_went(fill.symbol, fill.purpose)
            case StopMoved(position_id=number) if number in self._book.trades:
                over = complaints.stop_stands(self._book.trades[number].symbol)
            case PositionClosed(symbol=symbol):
                over = complaints.position_closed(symbol)
            case Reconciled():
                over = complaints.agreed()
            case _:
                return []
        return [self._amended(record, complaint, is_over=True) for complaint in over]

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

    def _notice(self, record: Record, kind: Kind, text: Text, *, is_silent: bool = False) -> Notice:
        text = marked(text, self._mode) if self._mode else text
        return Notice((record.seq,), record.at_ms, URGENCY[kind], is_silent, text, kind)

    def _booted(self, record: Record, fact: Booted) -> Notice:
        self._mode = fact.mode
        self._held.clear()
        self._told.clear()
        held = self._book.open_trades
        is_grave = bool(held) or not fact.was_clean
        notice = self._notice(record, Kind.PROCESS, texts.booted(fact, self._name, held))
        urgency = Urgency.MONEY if is_grave else notice.urgency
        return msgspec.structs.replace(notice, urgency=urgency, is_grave=is_grave)

    def _gate_closed(self, record: Record, fact: GateClosed) -> list[Notice]:
        if fact.gate in QUIET:
            text = texts.condition(fact, record.at_ms)
            self._held[fact.gate] = self._notice(record, Kind.WARNING, text)
            return []
        if fact.gate is GateName.SHUTTING_DOWN:
            text = texts.stopping(self._name, self._book.open_trades)
            return [self._notice(record, Kind.PROCESS, text)]
        is_safety = fact.gate in LOUDEST
        text = texts.gate_closed(fact, self._mode, record.seq if is_safety else None)
        notice = self._notice(record, Kind.SAFETY if is_safety else Kind.STEER, text)
        alarm = f"gate:{fact.gate}" if is_safety else ""
        return [msgspec.structs.replace(notice, not_for=_person(fact.by), alarm=alarm)]

    def _gate_opened(self, record: Record, fact: GateOpened) -> list[Notice]:
        if fact.gate not in QUIET:
            notice = self._notice(record, Kind.STEER, texts.gate_opened(fact, self._mode))
            over = (f"gate:{fact.gate}",)
            notice = msgspec.structs.replace(notice, not_for=_person(fact.by), over=over)
            is_clock = fact.gate is GateName.CLOCK_BAD
            ended = self._complaints.clock_is_right() if is_clock else []
            return [notice, *(self._amended(record, c, is_over=True) for c in ended)]
        ripe = self.due(record.at_ms)
        self._held.pop(fact.gate, None)
        since = self._told.pop(fact.gate, None)
        if since is None:
            return ripe
        text = texts.recovered(fact, record.at_ms - since)
        return [*ripe, self._notice(record, Kind.WARNING, text)]

    def _of_trade(self, record: Record) -> list[Notice]:
        position_id = getattr(record.fact, "position_id", None)
        trade = self._book.trades.get(position_id) if position_id is not None else None
        match record.fact:
            case OrderEnded() as fact:
                return self._ended(record, fact)
            case SignalTaken() if trade is not None:
                text = money.signal_taken(trade, self._mode)
                notice = self._notice(record, Kind.SIGNAL, text)
                return [msgspec.structs.replace(notice, trade=trade, has_chart=True)]
            case OrderAdopted() as fact:
                text = texts.adopted(fact, trade, record.seq)
                notice = self._alarming(record, text, f"adopted:{fact.position_id}")
            case OrderFilled() as fact:
                return [self._filled(record, fact, trade)]
            case StopMoved() as fact:
                return self._stop_moved(record, fact, trade)
            case StopMissing() as fact:
                self._alarmed.add(fact.position_id)
                text = texts.stop_missing(fact, trade, record.seq)
                notice = self._alarming(record, text, f"stop:{fact.position_id}")
            case PositionClosed() as fact:
                notice = self._closed(record, fact, trade)
            case _:
                return []
        return [msgspec.structs.replace(notice, trade=trade)]

    def _alarming(self, record: Record, text: Text, alarm: str) -> Notice:
        return msgspec.structs.replace(self._notice(record, Kind.SAFETY, text), alarm=alarm)

    def _closed(self, record: Record, fact: PositionClosed, trade: Trade | None) -> Notice:
        self._trailed.pop(fact.position_id, None)
        words = money.closed(fact, self._mode, record.at_ms)
        notice = self._notice(record, Kind.FILL, words)
        last = trade.fills[-1].order_id if trade and trade.fills else f"#{fact.position_id}"
        over = (f"stop:{fact.position_id}", f"adopted:{fact.position_id}")
        return msgspec.structs.replace(notice, key=FILLS + last, over=over)

    def _filled(self, record: Record, fact: OrderFilled, trade: Trade | None) -> Notice:
        notice = self._notice(record, Kind.FILL, texts.filled(fact, trade))
        key = FILLS + fact.fill.order_id  # the sentence speaks of all fills of the order
        return msgspec.structs.replace(notice, key=key, trade=trade)

    def _stop_moved(self, record: Record, fact: StopMoved, trade: Trade | None) -> list[Notice]:
        is_back = fact.position_id in self._alarmed
        self._alarmed.discard(fact.position_id)
        if not (is_back or self._is_news(record, fact)):
            return []
        text = texts.stop_moved(fact, trade, is_back=is_back)
        notice = self._notice(record, Kind.FILL, text, is_silent=True)
        name = f"stop:{fact.position_id}"
        key, over = ("", (name,)) if is_back else (name, ())
        return [msgspec.structs.replace(notice, key=key, trade=trade, over=over)]

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
        notice = self._notice(record, Kind.FILL, text, is_silent=True)
        return [msgspec.structs.replace(notice, trade=trade)]


def _kind(fact: Incident) -> Kind:
    """What an incident is about; what is not known to be harmless is a matter of safety."""
    if fact.code == ORDER:
        return Kind.SAFETY if fact.detail.partition(" ")[0] in GRAVE else Kind.ERROR
    return Kind.ERROR if fact.code in ERRORS else Kind.SAFETY


def _person(by: str) -> int | None:
    found = _USER.search(by)
    return int(found[1]) if found else None
