"""The nouns of trading as frozen values: instrument, order, fill, level, check, signal, plan.

They exist so that messages, state and views speak of the same things in the same shape. Floats
describe the market, Decimals describe our money; `Instrument` alone converts between the two and
always says in which direction it rounds. Nothing here may hold state, do I/O or know the time.
"""

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from enum import StrEnum
from typing import Final

import msgspec

Ms = int  # epoch milliseconds, UTC: the only time type of the core

_FINEST = Decimal("1e-16")
_WIDE = Context(prec=60)


PAPER: Final = "paper"  # whose money it is
LIVE: Final = "live"
DAY_MS: Ms = 86_400_000


class Side(StrEnum):
    """Side of a position."""

    LONG = "LONG"
    SHORT = "SHORT"

    @property
    def sign(self) -> int:
        """+1 for LONG, -1 for SHORT: the `d` of the strategy's formulas."""
        return 1 if self is Side.LONG else -1

    @property
    def entry(self) -> "OrderSide":
        """The order side that opens such a position."""
        return OrderSide.BUY if self is Side.LONG else OrderSide.SELL

    @property
    def exit(self) -> "OrderSide":
        """The order side that closes such a position."""
        return OrderSide.SELL if self is Side.LONG else OrderSide.BUY


class OrderSide(StrEnum):
    """Side of an order or a fill."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """+1 for BUY, -1 for SELL."""
        return 1 if self is OrderSide.BUY else -1


class Purpose(StrEnum):
    """Why an order exists."""

    ENTRY = "ENTRY"
    ADDON = "ADDON"
    STOP = "STOP"
    TARGET = "TARGET"
    EXIT = "EXIT"

    @property
    def is_growing(self) -> bool:
        """Whether its fills add to the position; all others are reduce-only."""
        return self in (Purpose.ENTRY, Purpose.ADDON)


class OrderKind(StrEnum):
    """How an order meets the book: IOC is a limit whose rest is canceled at once."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    IOC = "IOC"


class OrderState(StrEnum):
    """Where an order stands; a partial fill is a number beside the state, not a state."""

    PLACED = "PLACED"
    OPEN = "OPEN"
    CANCELING = "CANCELING"
    UNKNOWN = "UNKNOWN"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REFUSED = "REFUSED"
    EXPIRED = "EXPIRED"


class PositionState(StrEnum):
    """Where a position stands; EXPOSED holds quantity without an acknowledged stop."""

    ENTERING = "ENTERING"
    EXPOSED = "EXPOSED"
    PROTECTED = "PROTECTED"
    EXITING = "EXITING"
    CLOSED = "CLOSED"


class StopKind(StrEnum):
    """Which rule set the stop that stands."""

    INITIAL = "INITIAL"
    BREAKEVEN = "BREAKEVEN"
    TRAILING = "TRAILING"
    MANUAL = "MANUAL"


class Setup(StrEnum):
    """Which pattern a signal claims."""

    MOMENTUM = "MOMENTUM"  # the bar that breaks a level
    RETEST = "RETEST"  # the first orderly return to a level that broke


class GateName(StrEnum):
    """A named reason why entries are off, in the order refusals name them."""

    DAILY_LOSS = "daily_loss"
    LOSING_STREAK = "losing_streak"
    KILL_SWITCH = "kill_switch"
    OPERATOR = "operator"
    STALE_DATA = "stale_data"
    EXCHANGE_DOWN = "exchange_down"
    UNRECONCILED = "unreconciled"
    CLOCK_BAD = "clock_bad"
    DISK_BAD = "disk_bad"
    SHUTTING_DOWN = "shutting_down"


class CheckStatus(StrEnum):
    """Outcome of one check; UNKNOWN means an input is missing, stale or undefined."""

    PASS = "pass"
    FAIL = "fail"
    UNKNOWN = "unknown"
    EXCLUDED = "excluded"


class Refusal(StrEnum):
    """Why the exchange refused a write, for good."""

    FUNDS = "FUNDS"
    MIN_NOTIONAL = "MIN_NOTIONAL"
    PRICE_BAND = "PRICE_BAND"
    REDUCE_ONLY = "REDUCE_ONLY"
    SYMBOL = "SYMBOL"
    STOP_SIDE = "STOP_SIDE"
    OTHER = "OTHER"


class Arm(msgspec.Struct, frozen=True):
    """A person's word that real orders may go to one venue."""

    by: str
    venue: str  # its REST base address
    at_ms: Ms  # real time when it was given: which word it was


class Instrument(msgspec.Struct, frozen=True):
    """A USDT perpetual and its trading rules; `tick`, `lot` and minima are exact."""

    symbol: str  # canonical id, BASEQUOTE upper case
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    qty_min: Decimal
    notional_min: Decimal
    taker_bps: Decimal
    maker_bps: Decimal
    contract_size: Decimal = Decimal(1)

    def price_down(self, price: float | Decimal) -> Decimal:
        """The largest legal price at or below `price`."""
        return _step(price, self.tick, ROUND_FLOOR)

    def price_up(self, price: float | Decimal) -> Decimal:
        """The smallest legal price at or above `price`."""
        return _step(price, self.tick, ROUND_CEILING)

    def qty(self, qty: float | Decimal) -> Decimal:
        """The largest legal quantity at or below `qty`; never bumped up to a minimum."""
        return _step(qty, self.lot, ROUND_FLOOR)

    def notional(self, price: Decimal, qty: Decimal) -> Decimal:
        """Value of `qty` at `price`, in quote currency."""
        return price * qty * self.contract_size


def exact(x: float | Decimal) -> Decimal:
    """The decimal a person reads when the float is printed (repr), not its binary expansion."""
    return x if isinstance(x, Decimal) else Decimal(repr(float(x)))


def settled(amount: Decimal) -> Decimal:
    """Money below 1e-16 is rounded once, so that every later sum is exact."""
    rounded = amount.quantize(_FINEST, context=_WIDE)
    return amount if amount == rounded else rounded


def _step(x: float | Decimal, step: Decimal, rounding: str) -> Decimal:
    return ((exact(x) / step).to_integral_value(rounding) * step).quantize(step)


class Bar(msgspec.Struct, frozen=True):
    """One closed candle of the base frame, named by its open time."""

    symbol: str
    open_ms: Ms
    open: float
    high: float
    low: float
    close: float
    volume: float  # base asset


class Ticker(msgspec.Struct, frozen=True):
    """24 h statistics of a symbol; an unknown value is None."""

    symbol: str
    last: float | None
    bid: float | None
    ask: float | None
    volume_24h_usd: float | None
    change_24h_pct: float | None
    open_interest: float | None = None  # base asset
    open_interest_usd: float | None = None


class Print(msgspec.Struct, frozen=True, gc=False):
    """One trade of the market; `side` is the aggressor's."""

    exchange_ms: Ms
    price: float
    qty: float  # base asset
    side: OrderSide


class Book(msgspec.Struct, frozen=True):
    """An order book snapshot: `(price, base quantity)` pairs, best first."""

    symbol: str
    bids: tuple[tuple[float, float], ...]
    asks: tuple[tuple[float, float], ...]
    exchange_ms: Ms


class Level(msgspec.Struct, frozen=True):
    """A price that several separate extremes respected; `side` is the side that breaks it."""

    side: Side  # LONG breaks a resistance, SHORT breaks a support
    price: float
    touches: int
    first_ms: Ms
    last_ms: Ms
    span_bars: int
    strength: float  # 0..1


class Check(msgspec.Struct, frozen=True):
    """One row of `/why`: a value against its need."""

    name: str
    group: str  # data, ticker, oi, candle, scan, micro, clock, risk
    status: CheckStatus
    value: float | None = None
    need: float | tuple[float, float] | None = None
    reason: str = ""  # why UNKNOWN, or words where numbers do not fit
    is_advisory: bool = False  # shown, never blocks

    @property
    def blocks(self) -> bool:
        """Whether this row stands between the symbol and a trade."""
        bad = self.status in (CheckStatus.FAIL, CheckStatus.UNKNOWN)
        return bad and not self.is_advisory


class Signal(msgspec.Struct, frozen=True):
    """A claim about the market, without a size."""

    id: str  # SYMBOL:open_ms:SETUP:SIDE
    symbol: str
    side: Side
    setup: Setup
    open_ms: Ms  # the bar that decided
    level: Level
    trigger: float  # price the close had to clear
    price: float  # decision price: that bar's close
    stop: float
    atr: float  # ATR14 of the bar before the one that decided
    expires_ms: Ms
    checks: tuple[Check, ...]
    vol0: float | None = None  # mean volume of the 20 bars before the one that decided
    obstacles: tuple[float, ...] = ()  # kept levels of the blocking kind, the broken one aside
    confidence: float | None = None  # 0..1; None = no term of it is known
    score: float | None = None  # of the symbol at that bar, -3..3
    break_ms: Ms | None = None  # the bar that broke the level; None = it was not recorded yet


class Verdict(msgspec.Struct, frozen=True):
    """One evaluation of a symbol at one of its bar closes: the data behind `/why` and `/scan`."""

    symbol: str
    open_ms: Ms
    price: float
    checks: Sequence[Check]  # in display order; built when first read
    outcome: str  # QUIET, FAILED, SIGNAL, REFUSED, EXPIRED, TAKEN
    blocked_by: str | None  # first blocking check of the setup that came farthest
    level: Level | None  # the broken one, or the nearest fresh one where it was looked for
    distance_pct: float | None  # from price to that level's trigger; negative when beyond
    distance_atr: float | None
    setup: Setup | None = None  # the one that came farthest; None before any was tried
    stage: int = 0  # how far it came: a stage of the funnel
    score: float | None = None  # -3..3; None = too little of it is known
    rank: int | None = None  # 1 = best score of those that may be traded at the next bar


class Target(msgspec.Struct, frozen=True):
    """One rung of the take-profit ladder."""

    r: float
    price: Decimal
    qty: Decimal

    @property
    def name(self) -> str:
        """What every order of it says as its reason."""
        return f"target at {self.r:g}R"


class Plan(msgspec.Struct, frozen=True):
    """A claim about money: every number is legal on the exchange."""

    signal_id: str
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal  # decision price
    limit: Decimal  # worst entry price
    stop: Decimal
    risk_usd: Decimal  # qty * loss per unit, costs included
    bound_by: str  # which cap set the quantity


class Order(msgspec.Struct, frozen=True):
    """An instruction to the exchange under our own id; its progress lives in the ledger."""

    id: str
    position_id: int
    symbol: str
    purpose: Purpose
    side: OrderSide
    kind: OrderKind
    qty: Decimal
    reduce_only: bool
    reason: str  # signal id for entries, rule name for exits
    price: Decimal | None = None  # limit price
    stop: Decimal | None = None  # attached to the position on the exchange with the entry


class Fill(msgspec.Struct, frozen=True):
    """One execution; deduplicated by `id`."""

    id: str
    order_id: str  # ours, or the exchange's own for a triggered stop
    symbol: str
    purpose: Purpose
    side: OrderSide
    qty: Decimal
    price: Decimal
    fee: Decimal  # quote currency, positive = paid
    is_maker: bool
    exchange_ms: Ms
    cause: str = ""  # why the exchange or a stranger did it, where it was not us: adl, by hand


class Funding(msgspec.Struct, frozen=True):
    """A funding settlement of a position; deduplicated by `id`."""

    id: str
    symbol: str
    amount: Decimal  # quote currency, positive = paid by us
    exchange_ms: Ms
