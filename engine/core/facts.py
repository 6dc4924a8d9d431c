"""What the engine decides or learns for good: facts, and their line in the journal.

A fact is written once and read three times: journal, chat, report. It must never hold anything
that cannot be written to the journal and read back unchanged.
"""

from decimal import Decimal

import msgspec

from engine.core import fact
from engine.core.terms import UNRECORDED, ExitPlan
from engine.core.values import (
    Arm,
    Fill,
    Funding,
    GateName,
    Ms,
    Order,
    OrderState,
    Side,
    Signal,
    StopKind,
    Target,
)
from engine.core.wish_facts import (
    AlertRaised,
    LimitHeld,
    SymbolBarred,
    SymbolWatched,
    TargetCut,
    TargetTaken,
    Tuned,
)

Fact = fact.Fact


class Booted(Fact, frozen=True, tag=True):
    """A process took over this ledger; conditions are judged anew."""

    boot: int
    version: str
    mode: str
    was_clean: bool
    account: str = ""  # the exchange's name of the account, live; empty where it was not told


class Funded(Fact, frozen=True, tag=True):
    """The account's first balance: the start of equity."""

    balance: Decimal


class SignalTaken(Fact, frozen=True, tag=True):
    """Risk approved a signal and an entry follows."""

    signal: Signal
    position_id: int
    qty: Decimal
    limit: Decimal
    stop: Decimal
    targets: tuple[Target, ...]  # as planned; fixed anew from the real entry
    risk_usd: Decimal
    equity: Decimal
    frame_s: int = 0  # 0 = it was not recorded yet
    exits: ExitPlan = UNRECORDED  # as configured then; a later edit does not reach this trade


class SignalSkipped(Fact, frozen=True, tag=True):
    """A complete signal was refused, and why; `check` names the refusal for counting."""

    signal: Signal
    reason: str
    check: str = ""


class OrderPlaced(Fact, frozen=True, tag=True):
    """We decided to send this order."""

    order: Order


class OrderAcked(Fact, frozen=True, tag=True):
    """The exchange acknowledged it."""

    order_id: str
    venue_id: str | None


class OrderDoubted(Fact, frozen=True, tag=True):
    """Its outcome is unknown and being looked up."""

    order_id: str
    detail: str


class OrderFilled(Fact, frozen=True, tag=True):
    """One execution, with the position it belongs to."""

    position_id: int
    fill: Fill


class CancelAsked(Fact, frozen=True, tag=True):
    """We decided to cancel this order."""

    order_id: str
    reason: str


class OrderEnded(Fact, frozen=True, tag=True):
    """The order is final: FILLED, CANCELED, REFUSED or EXPIRED."""

    order_id: str
    state: OrderState
    detail: str


class OrderAdopted(Fact, frozen=True, tag=True):
    """An entry given up long ago was filled after all: its position lives again, to be closed."""

    order_id: str
    position_id: int


class PositionOpened(Fact, frozen=True, tag=True):
    """The entry ended with quantity: what is fixed from here on."""

    position_id: int
    entry: Decimal  # average fill
    qty0: Decimal
    dist0: Decimal
    risk0_usd: Decimal
    targets: tuple[Target, ...]


class StopAsked(Fact, frozen=True, tag=True):
    """We decided where the stop shall stand."""

    position_id: int
    price: Decimal
    kind: StopKind


class StopMoved(Fact, frozen=True, tag=True):
    """The exchange shows the stop at this price."""

    position_id: int
    price: Decimal
    kind: StopKind
    exchange_ms: Ms = 0  # as of when; 0 = it does not say


class StopMissing(Fact, frozen=True, tag=True):
    """The exchange holds the position without its stop: an incident with a deadline."""

    position_id: int
    detail: str
    exchange_ms: Ms = 0  # as of when; 0 = it does not say


class ExitAsked(Fact, frozen=True, tag=True):
    """A rule or a person decided that the position, or a share of it, shall be closed."""

    position_id: int
    rule: str
    qty: Decimal


class BarsHeld(Fact, frozen=True, tag=True):
    """One more closed bar in the position, and its extremes."""

    position_id: int
    open_ms: Ms
    best: float
    worst: float
    atr: float | None = None  # ATR14 of the symbol at this close; None while unknown


class PositionClosed(Fact, frozen=True, tag=True):
    """Flat again: a trade with its result. Net = gross - fees - funding."""

    position_id: int
    symbol: str
    side: Side
    rule: str
    gross: Decimal
    fees: Decimal
    net: Decimal
    result_r: float
    mfe_r: float
    mae_r: float
    opened_ms: Ms
    funding: Decimal = Decimal(0)
    streak: int = 0  # losing trades in a row, this one included


class FundingPaid(Fact, frozen=True, tag=True):
    """Funding was settled; a position that closed before the news came is None."""

    position_id: int | None
    funding: Funding


class Transferred(Fact, frozen=True, tag=True):
    """Money came in (positive) or went out: the day's anchor and the peak shift with it."""

    id: str
    amount: Decimal


class EquityPeaked(Fact, frozen=True, tag=True):
    """A new highest equity since the kill switch was last reset."""

    equity: Decimal


class GateClosed(Fact, frozen=True, tag=True):
    """Entries are off for this reason; `flatten` also closes every position."""

    gate: GateName
    by: str
    why: str
    until_ms: Ms | None = None
    flatten: bool = False


class GateOpened(Fact, frozen=True, tag=True):
    """Entries are no longer off for this reason."""

    gate: GateName
    by: str
    why: str


class DayRolled(Fact, frozen=True, tag=True):
    """Midnight in the configured zone: a new day anchor."""

    date: str
    equity: Decimal


class Reconciled(Fact, frozen=True, tag=True):
    """Ledger and exchange agree, after these corrections."""

    corrections: tuple[str, ...]


class Incident(Fact, frozen=True, tag=True):
    """Something a person must know about now."""

    code: str
    detail: str
    symbol: str | None = None
    cause: str = ""  # what makes a repeat the same; the detail, where that is enough

    @property
    def key(self) -> str:
        """Two incidents with one key are one piece of news."""
        return f"{self.code} {self.symbol or ''} {self.cause or self.detail}"


class NoticeSent(Fact, frozen=True, tag=True):
    """The chat was told of a fact: the outbox's cursor."""

    of_seq: int
    chat_id: int
    message_id: int


class PresetChosen(Fact, frozen=True, tag=True):
    """A person chose the preset to trade by, above the configured one, for good."""

    name: str
    by: str


class LiveArmed(Fact, frozen=True, tag=True):
    """A person allowed real orders to this venue: without it nothing is entered live."""

    arm: Arm


class SymbolIgnored(Fact, frozen=True, tag=True):
    """A person said that a position in this symbol is not ours, or took that back."""

    symbol: str
    by: str
    is_on: bool = True


class Noted(Fact, frozen=True, tag=True):
    """Something the chat keeps over a restart; the engine gives it no meaning. Empty = forget."""

    key: str
    value: str
    by: str


class CommandDone(Fact, frozen=True, tag=True):
    """A person's command took effect."""

    command_id: str
    by: str
    verb: str
    detail: str


class CommandRefused(Fact, frozen=True, tag=True):
    """A person's command was refused, and why."""

    command_id: str
    by: str
    verb: str
    reason: str


AnyFact = (
    Booted
    | Funded
    | SignalTaken
    | SignalSkipped
    | OrderPlaced
    | OrderAcked
    | OrderDoubted
    | OrderFilled
    | CancelAsked
    | OrderEnded
    | OrderAdopted
    | PositionOpened
    | StopAsked
    | StopMoved
    | StopMissing
    | ExitAsked
    | BarsHeld
    | PositionClosed
    | FundingPaid
    | Transferred
    | EquityPeaked
    | GateClosed
    | GateOpened
    | DayRolled
    | Reconciled
    | Incident
    | NoticeSent
    | PresetChosen
    | LiveArmed
    | SymbolIgnored
    | Noted
    | Tuned
    | LimitHeld
    | SymbolBarred
    | SymbolWatched
    | AlertRaised
    | TargetTaken
    | TargetCut
    | CommandDone
    | CommandRefused
)


class Record(msgspec.Struct, frozen=True):
    """A fact with its place in history: sequence without gaps, and the stamp of its event."""

    seq: int
    at_ms: Ms
    fact: AnyFact


_encoder = msgspec.json.Encoder(decimal_format="string")
_decoder = msgspec.json.Decoder(Record)


def encode(record: Record) -> bytes:
    """The record as one line of JSON, without a newline."""
    return _encoder.encode(record)


def decode(line: bytes) -> Record:
    """Read a record back; raises `msgspec.ValidationError` when the line is not one."""
    return _decoder.decode(line)
