"""What enters the engine: market data, answers of the exchange, time, and people's commands.

Events exist so that live, paper, sandbox and simulation feed the engine through one door. An event
is never written to the journal and must never carry behavior.
"""

from decimal import Decimal

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.core.settings import Settings
from engine.core.values import (
    Arm,
    Bar,
    Fill,
    Funding,
    Instrument,
    Ms,
    OrderState,
    Print,
    Refusal,
    Side,
    Ticker,
)


class Event(msgspec.Struct, frozen=True):
    """Anything that enters the engine; the shell stamps it with `at_ms`, never decreasing."""


class Started(Event, frozen=True):
    """The shell is up: the ledger is loaded and nothing else is known yet."""

    version: str
    mode: str
    was_clean: bool
    balance: Decimal  # of the account, taken as its start when the ledger is new
    venue: str = ""  # where orders go
    arm: Arm | None = None  # who allowed that; live only
    is_paused: bool = False  # entries wait for a person
    account: str = ""  # whose orders: the exchange's name of it, live
    untuned: str = ""  # why the values a person chose are not in force


class Tick(Event, frozen=True):
    """Time passed: conditions and deadlines are judged."""


class InstrumentsLoaded(Event, frozen=True):
    """The exchange's list of tradable perpetuals, complete."""

    instruments: tuple[Instrument, ...]


class TickersLoaded(Event, frozen=True):
    """One tickers call, complete: the universe is chosen from it."""

    tickers: tuple[Ticker, ...]


class HistoryLoaded(Event, frozen=True, eq=False):
    """Closed candles of one symbol, oldest first: `ohlcv` is `(bars, 5)` float64."""

    symbol: str
    open_ms: NDArray[np.int64]
    ohlcv: NDArray[np.float64]


class CandlesClosed(Event, frozen=True):
    """All candles that closed since the last turn."""

    bars: tuple[Bar, ...]


class QuoteSeen(Event, frozen=True):
    """Best prices and last trade of a symbol; the newest replaces older ones in the inbox."""

    symbol: str
    bid: float
    ask: float
    last: float
    exchange_ms: Ms


class StreamUp(Event, frozen=True):
    """These symbols are subscribed and delivering."""

    symbols: tuple[str, ...]


class StreamDown(Event, frozen=True):
    """These symbols stopped delivering; what they show is stale until `StreamUp`."""

    symbols: tuple[str, ...]
    reason: str


class BookSeen(Event, frozen=True, eq=False):
    """The order book of a followed symbol as it stands, in sequence since its snapshot.

    Sides are `(levels, 2)` float64 of price and base quantity, best first, at most 50 levels; the
    newest replaces older ones in the inbox.
    """

    symbol: str
    bids: NDArray[np.float64]
    asks: NDArray[np.float64]
    exchange_ms: Ms


class BookLost(Event, frozen=True):
    """A gap, a crossed or one-sided book: nothing is known of it until the next `BookSeen`."""

    symbol: str
    reason: str


class PrintsSeen(Event, frozen=True):
    """Trades of a followed symbol, each once, oldest first; none is dropped in the inbox."""

    symbol: str
    prints: tuple[Print, ...]


class FlowUp(Event, frozen=True):
    """Book and trades of these symbols are delivered, without a hole, from `exchange_ms` on."""

    symbols: tuple[str, ...]
    exchange_ms: Ms


class FlowDown(Event, frozen=True):
    """Book and trades of these symbols are not delivered any more: what was counted has a hole."""

    symbols: tuple[str, ...]
    reason: str


class InterestLoaded(Event, frozen=True):
    """Open interest of one symbol in its base asset, `(exchange_ms, quantity)`, oldest first."""

    symbol: str
    samples: tuple[tuple[Ms, float], ...]


MarketEvent = (
    QuoteSeen
    | CandlesClosed
    | HistoryLoaded
    | StreamUp
    | StreamDown
    | BookSeen
    | BookLost
    | PrintsSeen
    | FlowUp
    | FlowDown
)


class FetchFailed(Event, frozen=True):
    """A read gave no answer: it changes no belief about orders or positions."""

    what: str
    reason: str


class OrderAccepted(Event, frozen=True):
    """The exchange took the order."""

    order_id: str
    venue_id: str | None = None


class OrderRefused(Event, frozen=True):
    """The exchange refused the order for good."""

    order_id: str
    refusal: Refusal
    detail: str = ""


class OrderUnknown(Event, frozen=True):
    """Sent, no believable answer: it is looked up, never blindly repeated."""

    order_id: str
    detail: str = ""


class OrderGone(Event, frozen=True):
    """The order ended on the exchange; `filled_qty` is what it says was executed, if it says."""

    order_id: str
    state: OrderState
    detail: str = ""
    filled_qty: Decimal | None = None


class OrderMissing(Event, frozen=True):
    """A look-up found the order nowhere: no proof yet, the request may still be on its way."""

    order_id: str


class StopSet(Event, frozen=True):
    """The exchange shows this stop on the position."""

    position_id: int
    price: Decimal
    exchange_ms: Ms = 0  # when the exchange says so; 0 = it does not


class StopRefused(Event, frozen=True):
    """The exchange did not take the stop, for good."""

    position_id: int
    price: Decimal
    detail: str = ""


class StopUnknown(Event, frozen=True):
    """No believable answer about a stop: the account shows whether it stands."""

    position_id: int
    price: Decimal
    detail: str = ""


class FillSeen(Event, frozen=True):
    """An execution of one of our orders or stops."""

    fill: Fill


class AccountPosition(msgspec.Struct, frozen=True):
    """What the exchange shows of one position; `qty` is unsigned, `stop` None when absent."""

    symbol: str
    side: Side
    qty: Decimal
    avg_price: Decimal
    stop: Decimal | None
    updated_ms: Ms = 0  # exchange time of its last change; 0 = unknown


class AccountSeen(Event, frozen=True):
    """One complete and consistent read of the account."""

    balance: Decimal
    positions: tuple[AccountPosition, ...]
    order_ids: tuple[str, ...]  # ours, working
    fills: tuple[Fill, ...]  # recent, any order; known ones are ignored
    funding: tuple[Funding, ...] = ()  # the same


class FundingSeen(Event, frozen=True):
    """A funding settlement of one of our positions."""

    funding: Funding


class TransferSeen(Event, frozen=True):
    """Money came into the account (positive) or left it, by somebody's hand."""

    id: str
    amount: Decimal


class NoticeDelivered(Event, frozen=True):
    """Telegram took the message about a fact."""

    of_seq: int
    chat_id: int
    message_id: int


class ExchangeSeen(Event, frozen=True):
    """The account cannot be reached or lets us do nothing (`problem` says why), or can (None).

    `warnings` are sentences about a key that works and will not for long, or is less than safe.
    """

    problem: str | None
    warnings: tuple[str, ...] = ()


class ClockSeen(Event, frozen=True):
    """How far the host's clock is from the venue's, in ms; positive = the venue is ahead."""

    offset_ms: float


class DiskSeen(Event, frozen=True):
    """The journal could not be written (`problem` says why), or can be again (None)."""

    problem: str | None


class Command(Event, frozen=True, kw_only=True):
    """An input from a person, already authorized by the gate in front of the chat."""

    command_id: str
    by: str


class Pause(Command, frozen=True, kw_only=True):
    """No new entries; exits and protection go on."""

    until_ms: Ms | None = None


class Resume(Command, frozen=True, kw_only=True):
    """Entries on again; after panic or kill switch `reason` is required."""

    reason: str = ""


class Stop(Command, frozen=True, kw_only=True):
    """No new entries until resume; with `close_all` every position is closed as well."""

    close_all: bool = False


class Close(Command, frozen=True, kw_only=True):
    """Exit one position at market, whole or the given share (0 < share <= 1)."""

    position_id: int
    share: Decimal = Decimal(1)


class MoveStop(Command, frozen=True, kw_only=True):
    """Put the stop of one position where a person wants it; it only ever tightens."""

    position_id: int
    price: Decimal


class Panic(Command, frozen=True, kw_only=True):
    """Lock entries, cancel entry orders, exit everything reduce-only, stay locked."""


class Rescan(Command, frozen=True, kw_only=True):
    """Choose the universe anew, now."""


class Ignore(Command, frozen=True, kw_only=True):
    """Leave a position in this symbol alone that is not ours, or (off) count it again."""

    symbol: str
    is_on: bool = True


class Note(Command, frozen=True, kw_only=True):
    """Keep a word of the chat's own under a key, or forget it (empty)."""

    key: str
    value: str


class UsePreset(Command, frozen=True, kw_only=True):
    """Trade by another preset: `settings` is the whole configuration with it in place."""

    name: str
    settings: Settings


class Shutdown(Command, frozen=True, kw_only=True):
    """The process is stopping: no entries; stops stay on the exchange."""
