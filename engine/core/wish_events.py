"""Commands about what people want for good: settings, markets never to trade, markets to watch.

They exist apart from the other events for length alone. As every command they are authorized before
they get here, and carry no behavior.
"""

from decimal import Decimal

from engine.core.events import Command
from engine.core.settings import Settings
from engine.core.values import Ms


class Tune(Command, frozen=True, kw_only=True):
    """Trade by other values: `settings` is the whole configuration with these TOML values in it.

    An empty value takes back what was chosen before.
    """

    changes: tuple[tuple[str, str], ...]
    settings: Settings


class BarSymbol(Command, frozen=True, kw_only=True):
    """Enter nothing in this symbol until then, or (off) let it be traded again."""

    symbol: str
    reason: str = ""
    until_ms: Ms | None = None
    is_on: bool = True


class WatchSymbol(Command, frozen=True, kw_only=True):
    """Tell when the price is crossed, or without one when a level is met; (off) no more."""

    symbol: str
    price: Decimal | None = None
    is_on: bool = True


class TakeTarget(Command, frozen=True, kw_only=True):
    """Sell at market now what this rung of the ladder (from 1, the nearest first) is to sell."""

    position_id: int
    rank: int
