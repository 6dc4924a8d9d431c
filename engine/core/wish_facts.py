"""Facts about what people want for good: settings, markets never to trade, markets to watch.

They exist so that a wish of the chat outlives the process. They hold what was asked, in the words
of the configuration file; what is in force is worked out from them, never written here.
"""

from decimal import Decimal

from engine.core.fact import Fact
from engine.core.values import Ms


class Tuned(Fact, frozen=True, tag=True):
    """A person chose values, as TOML, above the configured ones; an empty value takes one back."""

    changes: tuple[tuple[str, str], ...]
    by: str


class LimitHeld(Fact, frozen=True, tag=True):
    """The daily loss limit was loosened: the tighter one holds until the next day begins."""

    limit_pct: float
    by: str


class SymbolBarred(Fact, frozen=True, tag=True):
    """Nothing is entered in this symbol, or again (off); what is open there stays managed."""

    symbol: str
    by: str
    reason: str = ""
    until_ms: Ms | None = None  # None = for good
    is_on: bool = True


class SymbolWatched(Fact, frozen=True, tag=True):
    """A person wants to hear of a price, or of the nearest levels (no price), or no more (off)."""

    symbol: str
    by: str
    price: Decimal | None = None
    last: float | None = None  # what was paid when it was asked
    is_on: bool = True


class AlertRaised(Fact, frozen=True, tag=True):
    """What somebody watches for happened: `kind` is price, near or broken."""

    symbol: str
    kind: str
    price: float  # of the level, or the one that was given
    last: float
    asked: Decimal | None = None  # the price that was given


class TargetTaken(Fact, frozen=True, tag=True):
    """A person takes this rung of the ladder early: its order ends, the rest goes at market."""

    position_id: int
    rank: int  # from 1, the nearest first
    by: str


class TargetCut(Fact, frozen=True, tag=True):
    """A rung gave up this much: it was sold by hand, or the exchange does not take so little."""

    position_id: int
    rank: int
    qty: Decimal
