"""Rows that neither candles nor order flow answer: tickers, quotes, open interest, the clock.

It exists so that everything from outside the candles enters a verdict through one door, fresh or
not at all. It must never take an old value for a new one.
"""

import msgspec
import numpy as np

from engine.core.checks import Row
from engine.core.indicators import Floats
from engine.core.market import Market
from engine.core.settings import Settings
from engine.core.values import Ms, Ticker
from engine.core.view import Quote

DAY_MIN = 24 * 60


class Scene(msgspec.Struct, frozen=True, eq=False):
    """The moment of a verdict: these symbols at their bar `open_ms`, decided at `at_ms`."""

    market: Market
    settings: Settings
    symbols: tuple[str, ...]
    open_ms: Ms
    at_ms: Ms

    @property
    def close_ms(self) -> Ms:
        """When the bar closed."""
        return self.open_ms + self.market.frame_ms


def volume_24h_usd(scene: Scene) -> Floats:
    """24 h turnover of recent tickers, `(symbols,)`; NaN = unknown."""
    known = [t.volume_24h_usd if t is not None else None for t in _tickers(scene)]
    return np.array(known, dtype=np.float64)  # None becomes NaN


def spread_bps(scene: Scene) -> Floats:
    """Spread of each fresh quote, else of a recent ticker, `(symbols,)`; NaN = unknown."""
    oldest = scene.at_ms - 1000 * scene.settings.market.stale_after_s
    known: list[float | None] = []
    for symbol, ticker in zip(scene.symbols, _tickers(scene), strict=True):
        quote = scene.market.quote(symbol)
        is_fresh = quote is not None and quote.at_ms >= oldest
        known.append(_spread_bps(quote if is_fresh else ticker))
    return np.array(known, dtype=np.float64)


def _tickers(scene: Scene) -> list[Ticker | None]:
    """The ticker of each symbol; none when they are older than two refreshes of the universe."""
    read_ms = scene.market.tickers_ms
    oldest = scene.at_ms - 2000 * scene.settings.universe.refresh_s
    if read_ms is None or read_ms < oldest:
        return [None] * len(scene.symbols)
    return [scene.market.ticker(s) for s in scene.symbols]


def _spread_bps(of: Quote | Ticker | None) -> float | None:
    if of is None or of.bid is None or of.ask is None or not 0 < of.bid <= of.ask:
        return None
    return (of.ask - of.bid) / ((of.ask + of.bid) / 2) * 1e4


def oi_usd(scene: Scene) -> Floats:
    """Open interest of recent tickers in USD, `(symbols,)`; NaN = unknown."""
    known = [t.open_interest_usd if t is not None else None for t in _tickers(scene)]
    return np.array(known, dtype=np.float64)


def oi_change_pct(scene: Scene) -> Floats:
    """Change of open interest over 24 h as of recent tickers, `(symbols,)`; NaN = unknown."""
    interest = scene.market.interest
    of = zip(scene.symbols, _tickers(scene), strict=True)
    known = [interest.change_pct(s) if t is not None else None for s, t in of]
    return np.array(known, dtype=np.float64)


def interest_rows(oi: Floats, change: Floats, settings: Settings) -> tuple[Row, ...]:
    """Open interest and the size of its change, each while its parameter is not 0."""
    change = np.abs(change)
    least, moved = settings.universe.oi_min_usd, settings.universe.oi_change_min_pct
    rows = (
        Row("oi", oi, least, oi >= least, "no recent ticker tells it"),
        Row("oi_change", change, moved, change >= moved, "none known of a day ago"),
    )
    return tuple(row for row in rows if row.need)


def ticker_rows(volume_24h: Floats, spread: Floats, settings: Settings) -> tuple[Row, ...]:
    """Turnover and spread against their limits."""
    least, most = settings.universe.volume_24h_min_usd, settings.universe.spread_max_bps
    return (
        Row("volume_24h", volume_24h, least, volume_24h >= least, "no recent ticker"),
        Row("spread", spread, most, spread <= most, "no fresh quote, no recent ticker"),
    )


def clock_rows(scene: Scene) -> tuple[Row, ...]:
    """The bar's age, and whether its close lies in a window without entries."""
    count = len(scene.symbols)
    age_s = (scene.at_ms - scene.close_ms) / 1000
    most = scene.settings.data.decision_age_max_s
    late = Row("late_bar", np.full(count, age_s), most, np.full(count, age_s <= most))
    windows = scene.settings.signals.blackouts_utc
    if not windows:
        return (late,)
    inside = next((w for w in windows if is_inside(scene.close_ms, w)), None)
    blackout = Row(
        name="blackout",
        value=np.full(count, np.nan),
        need=None,
        ok=np.full(count, inside is None),
        words=(f"no entries {inside} UTC" if inside else f"outside {', '.join(windows)} UTC",)
        * count,
        known=np.ones(count, dtype=np.bool_),
    )
    return late, blackout


def is_inside(at_ms: Ms, window: str) -> bool:
    """Whether an instant lies in `HH:MM-HH:MM` UTC, the end not included; it may wrap midnight."""
    start, end = (60 * int(t[:2]) + int(t[3:]) for t in window.split("-"))
    minute = at_ms // 60_000 % DAY_MIN
    return start <= minute < end if start < end else minute >= start or minute < end
