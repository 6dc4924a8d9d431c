"""What the engine asks of the shell, and the outcome of one step.

Intents leave only after the facts of the same step are durable. They must never be acted on by the
core itself.
"""

from decimal import Decimal

import msgspec

from engine.core.facts import Record
from engine.core.values import Ms, Order, Side


class Intent(msgspec.Struct, frozen=True):
    """A request to the shell; each ends in exactly one event, including on timeout."""


class PlaceOrder(Intent, frozen=True):
    """Send this order, once."""

    order: Order


class CancelOrder(Intent, frozen=True):
    """Cancel this order."""

    order: Order


class SetStop(Intent, frozen=True):
    """Amend the position's stop in place."""

    position_id: int
    symbol: str
    side: Side
    price: Decimal


class FindOrder(Intent, frozen=True):
    """Look an order up by our id in every place it could be."""

    order: Order


class FetchAccount(Intent, frozen=True):
    """Read positions, working orders and recent fills."""


class FetchTickers(Intent, frozen=True):
    """Read all tickers with one call."""


class FetchInstruments(Intent, frozen=True):
    """Read the list of instruments."""


class FetchHistory(Intent, frozen=True):
    """Read closed candles from `since_ms` (inclusive) to now."""

    symbol: str
    since_ms: Ms


class FetchInterest(Intent, frozen=True):
    """Read open interest from `since_ms` to now."""

    symbol: str
    since_ms: Ms


class Subscribe(Intent, frozen=True):
    """The complete set of symbols to stream; the stream works out the difference.

    All get candles and best prices, those in `deep` order book and trades as well.
    """

    symbols: tuple[str, ...]
    deep: tuple[str, ...] = ()


class Outcome(msgspec.Struct, frozen=True):
    """What one step decided: records to make durable first, then intents to carry out."""

    records: tuple[Record, ...]
    intents: tuple[Intent, ...]
