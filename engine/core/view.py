"""The frozen read model that chat, charts and reports render.

It exists so that questions are answered between turns from one consistent copy, in every state,
without passing through the engine. It must never hold a reference to mutable state.
"""

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.core.tape import Pace
from engine.core.values import (
    GateName,
    Level,
    Ms,
    OrderSide,
    PositionState,
    Setup,
    Side,
    StopKind,
    Verdict,
)


class GateView(msgspec.Struct, frozen=True):
    """A closed gate: why entries are off."""

    name: GateName
    since_ms: Ms
    by: str
    why: str
    until_ms: Ms | None
    flatten: bool = False  # it also closes every position


class TargetView(msgspec.Struct, frozen=True):
    """One rung of an open position.

    `state` is waiting, working, filled, taking or taken (early, by hand), or cut (nothing is left).
    """

    r: float
    price: Decimal
    qty: Decimal  # without what it gave up
    state: str
    filled_qty: Decimal = Decimal(0)


class PositionView(msgspec.Struct, frozen=True):
    """An open position as a person reads it; None means not known now."""

    id: int
    symbol: str
    side: Side
    setup: Setup
    state: PositionState
    qty: Decimal
    qty0: Decimal
    entry: Decimal | None  # average fill; None before the first fill
    mark: float | None  # closing side of the book
    stop: Decimal | None  # on the exchange; None = not acknowledged
    stop_kind: StopKind
    breakeven: Decimal | None  # where a stop costs nothing any more; None before it is known
    targets: tuple[TargetView, ...]
    unrealized: Decimal | None
    net_if_closed: Decimal | None  # realized + unrealized - fees paid - exit fee and slippage
    move_r: float | None  # price move in R from the entry
    mfe_r: float | None
    mae_r: float | None
    risk0_usd: Decimal | None
    funding: Decimal  # paid so far
    level_price: float
    opened_ms: Ms
    signal_id: str


class TradeView(msgspec.Struct, frozen=True):
    """A closed position with its result."""

    position_id: int
    symbol: str
    side: Side
    setup: Setup
    rule: str
    qty: Decimal
    entry: Decimal
    gross: Decimal
    fees: Decimal
    net: Decimal
    result_r: float
    mfe_r: float
    mae_r: float
    opened_ms: Ms
    closed_ms: Ms
    funding: Decimal = Decimal(0)
    protected: StopKind = StopKind.INITIAL  # the kind that stood last


class ForeignView(msgspec.Struct, frozen=True):
    """A position the exchange shows that is not ours."""

    symbol: str
    side: Side
    qty: Decimal


class SkippedView(msgspec.Struct, frozen=True):
    """A complete signal that was refused."""

    at_ms: Ms
    signal_id: str
    reason: str


class FunnelView(msgspec.Struct, frozen=True):
    """How far markets came since `since_ms`: distinct symbols, each by its deepest stage.

    `reached[s]` counts those that reached stage s of `checks.STAGES` or a deeper one.
    """

    since_ms: Ms
    reached: tuple[int, ...]
    tightest: int | None  # the stage from 2 on that lost most; None when none lost any


class BarredView(msgspec.Struct, frozen=True):
    """A symbol that is never entered, by a person's word."""

    symbol: str
    by: str
    reason: str
    since_ms: Ms
    until_ms: Ms | None


class WatchedView(msgspec.Struct, frozen=True):
    """What somebody wants to hear of: a price, or (None) the nearest levels."""

    symbol: str
    price: Decimal | None
    by: str
    since_ms: Ms
    told_ms: Ms | None


class View(msgspec.Struct, frozen=True):
    """Everything the chat may show, as of `at_ms`."""

    at_ms: Ms
    mode: str  # paper
    instance: str
    started_ms: Ms
    boot: int
    frame_s: int
    gates: tuple[GateView, ...]
    balance: Decimal
    equity: Decimal | None  # None while an open position has no mark
    day_start_equity: Decimal | None
    open_risk_usd: Decimal
    risk_unit_usd: Decimal | None  # equity * risk_per_trade_pct
    max_positions: int
    day_loss_pct: float | None  # fall of equity since the day began; negative = a gain
    drawdown_pct: float | None  # fall of equity from its peak
    losing_streak: int
    risk_mult: float  # of the risk per trade: 1, or less while it is reduced
    risk_reduced_why: str  # empty while it is not
    refused: Mapping[str, int]  # signals refused in the last 24 h, by check
    positions: tuple[PositionView, ...]
    trades: tuple[TradeView, ...]  # newest last, the last 500
    skipped: tuple[SkippedView, ...]  # newest last, the last 50
    universe: tuple[str, ...]
    verdicts: Mapping[str, Verdict]
    last_batch_ms: Ms | None  # open time of the newest judged bar
    newest_quote_ms: Ms | None
    stale_symbols: tuple[str, ...]
    funnel: FunnelView = FunnelView(0, (0,) * 8, None)  # of the last 24 h, or since the start
    foreign: tuple[ForeignView, ...] = ()  # of the last read of the account
    ignored: tuple[str, ...] = ()  # symbols where a person lets others trade
    notes: Mapping[str, str] = MappingProxyType({})  # what the chat keeps for itself
    tuned: Mapping[str, str] = MappingProxyType({})  # key -> TOML, chosen in the chat
    next_day: Mapping[str, float] = MappingProxyType({})  # keys that are looser from then on
    barred: tuple[BarredView, ...] = ()  # never entered, by a person's word
    alerts: tuple[WatchedView, ...] = ()  # what somebody wants to hear of
    watched: tuple[str, ...] = ()  # may be traded at the next bar, best score first
    preset: str = ""  # in force
    next_preset: str = ""  # chosen, in force from the next start on; empty = the same

    def position(self, position_id: int) -> PositionView | None:
        """The open position with this id."""
        return next((p for p in self.positions if p.id == position_id), None)


def ranked(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Best first: who may be traded at the next bar in that order, then by score, then name."""

    def key(verdict: Verdict) -> tuple[float, float, str]:
        rank = math.inf if verdict.rank is None else verdict.rank
        return rank, math.inf if verdict.score is None else -verdict.score, verdict.symbol

    return tuple(sorted(verdicts, key=key))


class CandlesView(msgspec.Struct, frozen=True, eq=False):
    """A copy of a symbol's last closed candles: `ohlcv` is `(bars, 5)` float64, oldest first."""

    symbol: str
    frame_s: int
    open_ms: NDArray[np.int64]
    ohlcv: NDArray[np.float64]
    levels: tuple[Level, ...]  # both sides, nearest first


class ReachView(msgspec.Struct, frozen=True):
    """What rests within `bps` of the middle, USD by side; `is_least`: there may be more."""

    bps: float
    bids_usd: float
    asks_usd: float
    is_least: bool


class WallView(msgspec.Struct, frozen=True):
    """A wall that stands (`end` is empty), or how it ended; `at_ms` is when that began."""

    side: OrderSide  # of the resting orders
    price: float
    usd: float
    at_ms: Ms
    refreshed: int = 0
    end: str = ""


class FlowView(msgspec.Struct, frozen=True):
    """Order flow of a followed market as of `at_ms`; None means unknown, `whys` say why."""

    symbol: str
    at_ms: Ms
    spread_bps: float | None
    reaches: tuple[ReachView, ...]
    imbalance: float | None  # -1..1, positive = bids heavier
    paces: tuple[Pace, ...]  # over 10, 60 and 300 s
    drop_frac: float | None  # how much less is traded over 60 s than over 300 s
    walls: tuple[WallView, ...]  # those that stand, then those that ended, the newest first
    whys: tuple[str, ...]


class Quote(msgspec.Struct, frozen=True):
    """Best prices and last trade, with their age stamp."""

    bid: float
    ask: float
    last: float
    at_ms: Ms
