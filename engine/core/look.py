"""What is known of a batch of symbols at one bar before any level is looked at.

It exists so that a verdict and the watch set of the bar before are computed from the same numbers.
It must never depend on the book or the tape: being watched must not change one's rank.
"""

from itertools import compress

import msgspec
import numpy as np

from engine.core.checks import Row, Sheet, lay_out
from engine.core.conditions import (
    Scene,
    interest_rows,
    oi_change_pct,
    oi_usd,
    spread_bps,
    ticker_rows,
    volume_24h_usd,
)
from engine.core.indicators import LOOKBACK, Bools, Floats
from engine.core.market import Market, Window
from engine.core.points import Points, newest
from engine.core.quality import atr15, data_quality, warmup
from engine.core.reading import CLOSE, Reading, glance, with_atr15
from engine.core.score import Outside, btc_corr, ranking, raw_of, scores
from engine.core.values import Ms

REFERENCE = "BTCUSDT"
FIT = ("volume_24h", "oi", "spread", "data_quality", "atr15", "oi_change")  # to be watched
UNSEEN = tuple(name for name in FIT if name != "spread")  # the same without what a book shows
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
    """Features, what tickers say, and the score, at the last bar of the window.

    The percentile of the band stays unknown: no ranking needs it.
    """
    settings, points = scene.settings, newest(window)
    reading = with_atr15(glance(window, points, settings), window, points, settings)
    outside = Outside(
        volume_24h_usd=volume_24h_usd(scene),
        spread_bps=spread_bps(scene),
        oi_change_pct=oi_change_pct(scene),
    )
    times, candles = scene.market.candles(REFERENCE, LOOKBACK + 1)
    reference = times, candles[:, CLOSE]
    corr = btc_corr(window, points, reference, scene.market.frame_ms)
    raw = raw_of(window, points, reading, outside, settings)
    score = scores(msgspec.structs.replace(raw, btc_corr=corr), settings.score)
    return Look(scene, window, points, reading, outside, corr, score)


def basic_rows(seen: Look) -> tuple[Row, ...]:
    """Rows that need neither level nor order flow: data, tickers, volatility, open interest."""
    quality = data_quality(seen.window, seen.points, seen.scene.settings)
    return (warmup(seen.window, seen.points), quality, *_outer_rows(seen))


def _outer_rows(seen: Look) -> tuple[Row, ...]:
    """Those that do not ask whether the candles themselves are sound."""
    settings = seen.scene.settings
    return (
        *ticker_rows(seen.outside.volume_24h_usd, seen.outside.spread_bps, settings),
        atr15(seen.reading.atr15_pct, settings),
        *interest_rows(oi_usd(seen.scene), seen.outside.oi_change_pct, settings),
    )


def watched(seen: Look, sheet: Sheet) -> tuple[str, ...]:
    """Who may be traded at the next bar, best first; `sheet` holds at least the basic rows.

    Of a followed market the sheet shows the spread of its book, which ranks nobody.
    """
    outside, settings = seen.outside, seen.scene.settings
    told = ticker_rows(outside.volume_24h_usd, outside.spread_bps, settings)
    is_fit = _is_fit(sheet, UNSEEN) & _is_fit(lay_out(told, settings.checks))
    best = _ranked(seen, is_fit)[: seen.scene.settings.universe.watch_max]
    return tuple(seen.scene.symbols[i] for i in best)


def watched_alone(seen: Look) -> tuple[str, ...]:
    """The same where nobody needs the rows: data are looked at from the best market down."""
    settings, most = seen.scene.settings, seen.scene.settings.universe.watch_max
    left = _ranked(seen, _is_fit(lay_out(_outer_rows(seen), settings.checks)))
    chosen: list[int] = []
    while left and len(chosen) < most:
        some, left = left[: 2 * most], left[2 * most :]
        part = seen.window.take(np.array(some))
        quality = data_quality(part, newest(part), settings)
        is_clean = _is_fit(lay_out((quality,), settings.checks))
        chosen += compress(some, is_clean.tolist())
    return tuple(seen.scene.symbols[i] for i in chosen[:most])


def _ranked(seen: Look, is_fit: Bools) -> list[int]:
    return ranking(seen.scene.symbols, seen.score, seen.outside.volume_24h_usd, is_fit)


def _is_fit(sheet: Sheet, names: tuple[str, ...] = FIT) -> Bools:
    """Who passes those rows of a sheet that the watch set asks for."""
    rows = [i for i, row in enumerate(sheet.rows) if row.name in names]
    out: Bools = np.logical_and.reduce(sheet.lets_pass[rows])
    return out


def is_ranked(market: Market, symbols: tuple[str, ...]) -> bool:
    """Whether so many of the universe are there that a ranking of them means something."""
    return len(symbols) >= SHARE_MIN * len(market.universe)


def window_at(market: Market, open_ms: Ms) -> tuple[tuple[str, ...], Window]:
    """The 300 bars up to `open_ms` of every symbol that has that bar and at most one newer."""
    every = market.universe
    is_newest = market.opens_ms(every) == open_ms
    is_before = (market.opens_ms(every, skip=1) == open_ms) & (
        market.opens_ms(every) == open_ms + market.frame_ms
    )
    which = np.flatnonzero(is_newest | is_before)
    names = tuple(every[i] for i in which.tolist())
    return names, market.window(names, LOOKBACK, is_before[which].astype(np.int64))
