"""What is known of a batch of symbols at one bar before any level is looked at.

It exists so that a verdict and the watch set of the bar before are computed from the same numbers.
It must never depend on the book or the tape: being watched must not change one's rank.
"""

import msgspec
import numpy as np

from engine.core.checks import Row, lay_out
from engine.core.conditions import Scene, spread_bps, ticker_rows, unfed_rows, volume_24h_usd
from engine.core.indicators import LOOKBACK, Bools, Floats
from engine.core.market import Market, Window
from engine.core.points import Points, newest
from engine.core.quality import data_quality, warmup
from engine.core.reading import Reading, read
from engine.core.score import Outside, btc_corr, scores, watch
from engine.core.values import Ms

REFERENCE = "BTCUSDT"
FIT = ("volume_24h", "oi", "spread", "data_quality", "atr15", "oi_change")  # to be watched
SHARE_MIN = 0.8  # of the universe must have the bar before a ranking means anything


class Look(msgspec.Struct, frozen=True, eq=False):
    """Arrays `(symbols,)`, in the order of the scene's symbols."""

    scene: Scene
    window: Window
    points: Points
    reading: Reading
    outside: Outside
    btc_corr: Floats
    score: Floats


def look(scene: Scene, window: Window) -> Look:
    """Features, what tickers say, and the score, at the last bar of the window."""
    settings, points = scene.settings, newest(window)
    reading = read(window, points, settings)
    outside = Outside(
        volume_24h_usd=volume_24h_usd(scene),
        spread_bps=spread_bps(scene),
        oi_change_pct=np.full(len(points), np.nan),
    )
    market = scene.market
    reference = market.candles(REFERENCE, LOOKBACK + 1) if REFERENCE in market.universe else None
    corr = btc_corr(window, points, reference, market.frame_ms)
    score = scores(window, reading, outside, corr, settings)
    return Look(scene, window, points, reading, outside, corr, score)


def basic_rows(seen: Look) -> tuple[Row, ...]:
    """Rows that need no level: data, tickers, volatility, and what nothing feeds yet."""
    settings, reading = seen.scene.settings, seen.reading
    low, high = settings.universe.atr15_min_pct, settings.universe.atr15_max_pct
    is_in_band = (low <= reading.atr15_pct) & (reading.atr15_pct <= high)
    return (
        warmup(seen.window, seen.points),
        data_quality(seen.window, seen.points, settings),
        *ticker_rows(seen.outside.volume_24h_usd, seen.outside.spread_bps, settings),
        Row("atr15", reading.atr15_pct, (low, high), is_in_band, "needs 15 full quarter hours"),
        *unfed_rows(len(seen.points), settings),
    )


def watched(seen: Look, rows: tuple[Row, ...]) -> tuple[str, ...]:
    """Who may be traded at the next bar, best score first."""
    settings = seen.scene.settings
    sheet = lay_out([row for row in rows if row.name in FIT], settings.checks)
    is_fit: Bools = sheet.lets_pass.all(axis=0)
    turnover = seen.outside.volume_24h_usd
    return watch(seen.scene.symbols, seen.score, turnover, is_fit, settings.universe.watch_max)


def is_ranked(market: Market, symbols: tuple[str, ...]) -> bool:
    """Whether so many of the universe are there that a ranking of them means something."""
    return len(symbols) >= SHARE_MIN * len(market.universe)


def window_at(market: Market, open_ms: Ms) -> tuple[tuple[str, ...], Window]:
    """The 300 bars up to `open_ms` of every symbol that has that bar and at most one newer."""
    wanted = {open_ms: 0, open_ms + market.frame_ms: 1}  # newest bar -> how many to leave out
    last = {s: market.last_open_ms(s) for s in market.universe}
    skips = {s: wanted[at_ms] for s, at_ms in last.items() if at_ms in wanted}
    whole, skip = market.window(tuple(skips), LOOKBACK + 1), np.array([*skips.values()], dtype=int)
    columns = np.arange(LOOKBACK) + 1 - skip[:, None]
    times = np.take_along_axis(whole.open_ms, columns, axis=-1)
    has_it = np.flatnonzero(times[:, -1] == open_ms)
    ohlcv = np.take_along_axis(whole.ohlcv, columns[:, None], axis=-1)[has_it]
    times = times[has_it]
    names = tuple(skips)
    window = Window(times, ohlcv, np.count_nonzero(times >= 0, axis=-1))
    return tuple(names[i] for i in has_it.tolist()), window
