"""The durable half of the engine's state, as it stands after a fact.

It exists so that what survives a restart is written down in one place. It is bounded, so its size
never grows with age, and it must never be changed by anything but the folds.
"""

from decimal import Decimal

import msgspec

from engine.core.orders import Progress
from engine.core.positions import Position
from engine.core.values import Arm, GateName, Ms, Order, OrderState
from engine.core.view import SkippedView, TradeView


class Gate(msgspec.Struct):
    """A closed gate."""

    since_ms: Ms
    by: str
    why: str
    until_ms: Ms | None = None
    flatten: bool = False


class Answer(msgspec.Struct, frozen=True):
    """What became of a command."""

    is_done: bool
    words: str


class Stray(msgspec.Struct):
    """An order that would have grown a position and was given up: it may be filled all the same."""

    order: Order
    position: Position  # what it would have become: without quantity
    state: OrderState  # how it ended; EXPIRED is a conclusion of ours, not the exchange's word
    ended_ms: Ms


class Barred(msgspec.Struct, frozen=True):
    """Who said that a symbol is never entered, why, and until when."""

    by: str
    reason: str
    since_ms: Ms
    until_ms: Ms | None = None


class Watched(msgspec.Struct):
    """What somebody wants to hear of: a price, or (None) the nearest levels of a symbol."""

    symbol: str
    by: str
    since_ms: Ms
    price: Decimal | None = None
    is_above: bool | None = None  # where the price was when it was asked or told last
    told_ms: Ms | None = None


class State(msgspec.Struct):
    """Everything that survives a restart; bounded, so its size never grows with age."""

    seq: int = 0
    at_ms: Ms = 0
    boot: int = 0
    started_ms: Ms = 0
    began_ms: Ms = 0  # when the account was first funded
    settled: Decimal = Decimal(0)  # balance from deposits and closed positions, exact
    peak: Decimal | None = None
    streak: int = 0  # losing trades in a row, of the day
    day: str = ""
    day_start: Decimal | None = None
    next_position_id: int = 1
    gates: dict[GateName, Gate] = msgspec.field(default_factory=dict)
    orders: dict[str, Progress] = msgspec.field(default_factory=dict)
    positions: dict[int, Position] = msgspec.field(default_factory=dict)
    trades: list[TradeView] = msgspec.field(default_factory=list)
    skipped: list[SkippedView] = msgspec.field(default_factory=list)
    cooling: dict[str, Ms] = msgspec.field(default_factory=dict)  # symbol -> last trade closed
    taken: dict[str, Ms] = msgspec.field(default_factory=dict)  # signals, so that none acts twice
    strays: dict[str, Stray] = msgspec.field(default_factory=dict)
    refused: dict[Ms, dict[str, int]] = msgspec.field(default_factory=dict)  # hour -> check -> n
    crashes: list[Ms] = msgspec.field(default_factory=list)  # starts after an unclean end
    fill_ids: dict[str, Ms] = msgspec.field(default_factory=dict)  # of fundings and transfers too
    commands: dict[str, Answer] = msgspec.field(default_factory=dict)  # so that none acts twice
    preset: str = ""  # chosen by a person; empty = the configured one
    arm: Arm | None = None  # who allowed live orders, and where
    armed_ms: Ms = 0  # since when, on the venue's clock
    account: str = ""  # live: the exchange's name of the account all this is about
    ignored: dict[str, Ms] = msgspec.field(default_factory=dict)  # symbols where others may trade
    notes: dict[str, str] = msgspec.field(default_factory=dict)  # the chat's own memory
    tuned: dict[str, str] = msgspec.field(default_factory=dict)  # key -> TOML, chosen by a person
    limit_held: float | None = None  # daily loss limit that holds until the next day begins
    barred: dict[str, Barred] = msgspec.field(default_factory=dict)  # symbols never entered
    watching: dict[str, Watched] = msgspec.field(default_factory=dict)  # what alerts are for
    alarms: dict[str, Ms] = msgspec.field(default_factory=dict)  # incident's key -> last told


def orders_of(state: State, position_id: int) -> tuple[Progress, ...]:
    """Orders of a position, oldest first."""
    return tuple(o for o in state.orders.values() if o.order.position_id == position_id)
