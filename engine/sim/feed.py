"""The shape of a market made of candles, and what every source of them shares.

A feed is where a simulated world takes its prices from: seeded and invented, or recorded. It exists
so that the venue does not know which. A feed has no clock and no state a caller could see: the same
question always gets the same answer, whoever asks and whenever the process was started.
"""

from collections.abc import Sequence
from decimal import Decimal
from functools import reduce
from math import ceil, log10
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.core.values import Instrument, Ms

Floats = NDArray[np.float64]

OPEN, HIGH, LOW, CLOSE, VOLUME, TURNOVER = range(6)  # columns of a candle row
COLUMNS = 6

SECOND_MS = 1000
MINUTE_MS = 60_000
DAY_MS = 86_400_000

NOTIONAL_MIN = Decimal(5)
TAKER_BPS = Decimal("5.5")
MAKER_BPS = Decimal(2)


class Feed(Protocol):
    """Candles of a fixed set of symbols on a regular grid; a missing candle is a row of NaN."""

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """The symbols; their position here is the row everywhere else."""
        ...

    @property
    def seed(self) -> int:
        """What everything invented beside the candles is drawn from."""
        ...

    @property
    def step_ms(self) -> int:
        """Length of a base bar."""
        ...

    @property
    def start_ms(self) -> Ms:
        """Open of the first bar."""
        ...

    @property
    def begin_ms(self) -> Ms:
        """Where a market clock should start, so that history lies behind it."""
        ...

    @property
    def end_ms(self) -> Ms | None:
        """Close of the last bar; None where the market never ends."""
        ...

    @property
    def daily_usd(self) -> Floats:
        """Typical turnover of a day by symbol, `(symbols,)`."""
        ...

    def bars(self, first_ms: Ms, count: int) -> Floats:
        """Candles `(symbols, count, 6)` from the bar opening at `first_ms` on."""
        ...

    def series(self, row: int, first_ms: Ms, count: int) -> Floats:
        """Candles `(count, 6)` of one symbol."""
        ...


def aggregate(candles: Floats, size: int) -> Floats:
    """Merge each `size` neighbors of `(..., bars, 6)`; a candle is missing if all of them are."""
    if size == 1:
        return candles
    shape = (*candles.shape[:-2], candles.shape[-2] // size, size, COLUMNS)
    groups = candles.reshape(shape)
    known = ~np.isnan(groups[..., OPEN])
    first = known.argmax(axis=-1)[..., None]
    last = size - 1 - known[..., ::-1].argmax(axis=-1)[..., None]
    merged = np.empty((*shape[:-2], COLUMNS))
    merged[..., OPEN] = np.take_along_axis(groups[..., OPEN], first, axis=-1)[..., 0]
    merged[..., HIGH] = np.fmax.reduce(groups[..., HIGH], axis=-1)
    merged[..., LOW] = np.fmin.reduce(groups[..., LOW], axis=-1)
    merged[..., CLOSE] = np.take_along_axis(groups[..., CLOSE], last, axis=-1)[..., 0]
    merged[..., VOLUME] = np.nansum(groups[..., VOLUME], axis=-1)
    merged[..., TURNOVER] = np.nansum(groups[..., TURNOVER], axis=-1)
    merged[~known.any(axis=-1)] = np.nan
    return merged


def merge_whole(candles: Floats, size: int) -> Floats:
    """Merge as `aggregate` does what is closed: a candle is missing if any of its members is."""
    if size == 1:
        return candles
    shape = (*candles.shape[:-2], candles.shape[-2] // size, size, COLUMNS)
    groups = candles.reshape(shape)
    merged = np.empty((*shape[:-2], COLUMNS))
    merged[..., OPEN] = groups[..., 0, OPEN]
    merged[..., HIGH] = groups[..., HIGH].max(axis=-1)
    merged[..., LOW] = groups[..., LOW].min(axis=-1)
    merged[..., CLOSE] = groups[..., -1, CLOSE]
    # Oldest first, so that a sum is the same float whatever it was cut from.
    members = np.moveaxis(groups[..., [VOLUME, TURNOVER]], -2, 0)
    merged[..., [VOLUME, TURNOVER]] = reduce(np.add, members)
    merged[np.isnan(merged[..., HIGH])] = np.nan
    return merged


def typical(candles: Floats) -> Floats:
    """Typical price `(high + low + close) / 3`: converts turnover to volume and back."""
    total: Floats = candles[..., HIGH] + candles[..., LOW] + candles[..., CLOSE]
    return total / 3


def perpetual(symbol: str, decimals: int, price: float) -> Instrument:
    """A USDT perpetual whose rules follow from its price: lot = power of ten just under 1 USDT."""
    lot = Decimal(1).scaleb(ceil(-log10(price)) - 1)
    return Instrument(
        symbol=symbol,
        base=symbol.removesuffix("USDT"),
        quote="USDT",
        tick=Decimal(1).scaleb(-decimals),
        lot=lot,
        qty_min=lot,
        notional_min=NOTIONAL_MIN,
        taker_bps=TAKER_BPS,
        maker_bps=MAKER_BPS,
    )


def decimals_of(steps: Sequence[Decimal]) -> list[int]:
    """Digits after the point of each step: 0.001 has 3, 100 has 0."""
    return [max(0, -int(step.as_tuple().exponent)) for step in steps]
