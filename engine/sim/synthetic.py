"""An endless invented market: 48 perpetuals that range, test their levels and break out.

It exists so that a newcomer sees breakouts, true and false, within minutes and without a network.
Each symbol lives in cycles of 20 h: a drift, a range whose edges are tested, one attempt to break
out, its aftermath, and a drift to where the next cycle starts. A cycle is a pure function of
(seed, symbol, cycle), so a restart at any time continues the same market. It must never keep state
from which a candle could depend on what was asked before.
"""

from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

import numpy as np

from engine.core.values import Instrument, Ms
from engine.sim.feed import (
    CLOSE,
    COLUMNS,
    DAY_MS,
    HIGH,
    LOW,
    MINUTE_MS,
    OPEN,
    TURNOVER,
    VOLUME,
    Floats,
    decimals_of,
    perpetual,
    typical,
)
from engine.sim.script import BAR_MIN, CYCLE_BARS, Script, draw_script

EPOCH_MS = 1_735_689_600_000  # 2025-01-01T00:00Z, the first bar
HISTORY_MS = 5 * DAY_MS + 8 * 60 * MINUTE_MS  # the clock starts on a Monday at 08:00 UTC

CYCLE = CYCLE_BARS * BAR_MIN  # minutes
SLOT = 25  # minutes between the breaks of two neighbors in the rota: 48 of them fill a cycle
MINUTES_A_DAY = 1440
MINUTE_PER_ATR = 1 / 3.6  # deviation of one minute's return in 5 m ATRs, for a random walk
ANCHOR_ATR = 9.0  # deviation, in 5 m ATRs, of the prices at which cycles meet
CACHED_CYCLES = 512


class _Coin(NamedTuple):
    base: str
    price: float
    decimals: int
    daily_musd: float  # turnover of a day, millions of USD
    atr_pct: float  # typical ATR of 5 minutes
    bond: float  # share of the minute's return taken from the whole market, 0..1


_COINS = tuple(
    _Coin(*row)
    for row in (
        ("BTC", 94800.0, 1, 9200, 0.17, 0.95),
        ("ETH", 3360.0, 2, 5100, 0.24, 0.75),
        ("SOL", 196.0, 2, 2600, 0.38, 0.55),
        ("XRP", 2.31, 4, 1900, 0.40, 0.50),
        ("DOGE", 0.332, 5, 1200, 0.42, 0.50),
        ("BNB", 698.0, 1, 520, 0.30, 0.50),
        ("ADA", 0.912, 4, 460, 0.44, 0.50),
        ("SUI", 4.38, 4, 690, 0.52, 0.45),
        ("AVAX", 37.4, 3, 310, 0.45, 0.50),
        ("LINK", 21.8, 3, 330, 0.45, 0.45),
        ("LTC", 104.2, 2, 240, 0.38, 0.45),
        ("DOT", 7.02, 4, 150, 0.42, 0.50),
        ("TRX", 0.2571, 5, 130, 0.30, 0.35),
        ("NEAR", 5.21, 4, 140, 0.48, 0.45),
        ("APT", 9.37, 4, 120, 0.48, 0.45),
        ("ARB", 0.764, 5, 135, 0.50, 0.50),
        ("OP", 1.88, 4, 110, 0.50, 0.50),
        ("INJ", 21.3, 3, 85, 0.54, 0.45),
        ("TIA", 5.03, 4, 105, 0.60, 0.40),
        ("SEI", 0.432, 5, 80, 0.56, 0.45),
        ("WLD", 2.24, 4, 160, 0.62, 0.40),
        ("FIL", 5.18, 4, 75, 0.46, 0.45),
        ("ATOM", 6.61, 4, 60, 0.42, 0.45),
        ("AAVE", 322.0, 2, 145, 0.50, 0.40),
        ("UNI", 13.6, 3, 95, 0.48, 0.45),
        ("LDO", 1.94, 4, 55, 0.55, 0.45),
        ("CRV", 0.934, 5, 90, 0.62, 0.35),
        ("ENA", 0.987, 5, 210, 0.66, 0.40),
        ("PENDLE", 5.26, 4, 48, 0.62, 0.35),
        ("JUP", 0.861, 5, 70, 0.58, 0.40),
        ("PYTH", 0.383, 5, 34, 0.56, 0.40),
        ("ONDO", 1.42, 4, 120, 0.58, 0.35),
        ("RENDER", 7.31, 4, 66, 0.56, 0.40),
        ("FET", 1.34, 4, 78, 0.60, 0.40),
        ("TAO", 462.0, 2, 88, 0.60, 0.35),
        ("HBAR", 0.281, 5, 260, 0.58, 0.35),
        ("XLM", 0.351, 5, 190, 0.56, 0.35),
        ("ALGO", 0.342, 5, 84, 0.56, 0.40),
        ("GALA", 0.03718, 5, 52, 0.54, 0.45),
        ("SAND", 0.556, 5, 46, 0.52, 0.45),
        ("APE", 1.17, 4, 38, 0.58, 0.40),
        ("DYDX", 1.53, 4, 36, 0.56, 0.40),
        ("WIF", 1.94, 4, 280, 0.74, 0.40),
        ("ORDI", 25.1, 3, 62, 0.66, 0.35),
        ("1000PEPE", 0.02031, 6, 980, 0.66, 0.40),
        ("1000BONK", 0.03124, 6, 170, 0.68, 0.40),
        ("1000FLOKI", 0.1812, 5, 95, 0.66, 0.40),
        ("PNUT", 0.702, 5, 150, 0.86, 0.30),
    )
)


class SyntheticFeed:
    """The invented market of one seed: 1-minute bars from 2025 on, without end."""

    step_ms = MINUTE_MS
    start_ms = EPOCH_MS
    begin_ms = EPOCH_MS + HISTORY_MS
    end_ms: Ms | None = None

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.instruments: tuple[Instrument, ...] = tuple(
            perpetual(f"{coin.base}USDT", coin.decimals, coin.price) for coin in _COINS
        )
        self.daily_usd: Floats = np.array([coin.daily_musd * 1e6 for coin in _COINS])
        self._lot_decimals = decimals_of([i.lot for i in self.instruments])
        # The break of a symbol comes 12 h into its cycle; the rota spreads them over the market.
        self._rota = np.random.default_rng([seed, 1]).permutation(len(_COINS)) * SLOT
        self._cycle = lru_cache(CACHED_CYCLES)(self._draw_cycle)
        self._tide = lru_cache(16)(self._draw_tide)

    def bars(self, first_ms: Ms, count: int) -> Floats:
        """Candles `(symbols, count, 6)`; NaN before the market's first bar."""
        return np.stack([self.series(row, first_ms, count) for row in range(len(_COINS))])

    def series(self, row: int, first_ms: Ms, count: int) -> Floats:
        """Candles `(count, 6)` of one symbol."""
        out = np.full((count, COLUMNS), np.nan)
        first = (first_ms - EPOCH_MS) // MINUTE_MS
        minute, stop = max(first, 0), first + count
        while minute < stop:
            cycle, offset = divmod(minute + int(self._rota[row]), CYCLE)
            taken = min(CYCLE - offset, stop - minute)
            at = minute - first
            out[at : at + taken] = self._cycle(row, cycle)[offset : offset + taken]
            minute += taken
        return out

    def _draw_cycle(self, row: int, cycle: int) -> Floats:
        coin = _COINS[row]
        rng = self._rng(coin, 2, cycle)
        atr = coin.atr_pct / 100
        ends = (self._anchor(coin, cycle), self._anchor(coin, cycle + 1))
        script = draw_script(rng, (ends[1] - ends[0]) / atr)
        minute = cycle * CYCLE - int(self._rota[row])
        path = ends[0] + atr * self._walk(rng, coin, script, minute)
        closes = np.round(np.exp(path), coin.decimals)
        candles = np.empty((CYCLE, COLUMNS))
        candles[:, OPEN] = np.concatenate(
            [[np.round(np.exp(ends[0]), coin.decimals)], closes[:-1]],
        )
        candles[:, CLOSE] = closes
        self._add_wicks(rng, coin, script, candles)
        self._add_volume(rng, row, script, candles, minute)
        return candles

    def _walk(self, rng: np.random.Generator, coin: _Coin, script: Script, minute: int) -> Floats:
        """Path in ATRs from the cycle's first price: noise pinned to the script's knots."""
        own = rng.standard_t(4, CYCLE) / np.sqrt(2)
        tide = self._tides(minute, CYCLE)
        noise = np.sqrt(1 - coin.bond**2) * own + coin.bond * tide
        calm = np.exp(_ripple(rng, 0.18)) * _season(minute, 0.12)
        walk = np.cumsum(np.clip(noise, -5, 5) * script.vol * calm * MINUTE_PER_ATR)
        walk = np.concatenate([[0.0], walk])
        pinned = walk + np.interp(
            np.arange(CYCLE + 1), script.minutes, script.heights - walk[script.minutes]
        )
        return script.fold(pinned)[1:]

    def _add_wicks(
        self, rng: np.random.Generator, coin: _Coin, script: Script, candles: Floats
    ) -> None:
        top = candles[:, [OPEN, CLOSE]].max(axis=1)
        bottom = candles[:, [OPEN, CLOSE]].min(axis=1)
        reach = script.wick * MINUTE_PER_ATR * coin.atr_pct / 100
        wicks = np.abs(rng.standard_normal((CYCLE, 2))) * reach[:, None]
        candles[:, HIGH] = np.round(top * (1 + wicks[:, 0]), coin.decimals)
        candles[:, LOW] = np.round(bottom * (1 - wicks[:, 1]), coin.decimals)

    def _add_volume(
        self, rng: np.random.Generator, row: int, script: Script, candles: Floats, minute: int
    ) -> None:
        price = typical(candles)
        ranges = (candles[:, HIGH] - candles[:, LOW]) / price * 100 / _COINS[row].atr_pct
        mood = np.exp(_ripple(rng, 0.12) + 0.3 * rng.standard_normal(CYCLE))
        usd = self.daily_usd[row] / MINUTES_A_DAY * _season(minute, 0.3) * mood
        usd *= script.volume * (0.75 + 0.5 * np.minimum(ranges, 4))
        candles[:, VOLUME] = np.round(usd / price, self._lot_decimals[row])
        candles[:, TURNOVER] = candles[:, VOLUME] * price

    def _anchor(self, coin: _Coin, cycle: int) -> float:
        """Logarithm of the price where `cycle` starts: near the coin's own, forever."""
        drawn = self._rng(coin, 3, cycle).standard_normal()
        shift = ANCHOR_ATR * coin.atr_pct / 100 * float(np.clip(drawn, -2.5, 2.5))
        return float(np.log(coin.price)) + shift

    def _tides(self, minute: int, count: int) -> Floats:
        """The market's common noise, `(count,)`, from an absolute minute on."""
        first, offset = divmod(minute + CYCLE, MINUTES_A_DAY)
        days = (offset + count - 1) // MINUTES_A_DAY + 1
        drawn = np.concatenate([self._tide(first + i) for i in range(days)])
        return drawn[offset : offset + count]

    def _draw_tide(self, day: int) -> Floats:
        drawn = np.random.default_rng([self.seed, 4, day]).standard_t(5, MINUTES_A_DAY)
        return np.asarray(drawn / np.sqrt(5 / 3), dtype=np.float64)

    def _rng(self, coin: _Coin, topic: int, cycle: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, topic, crc32(coin.base.encode()), cycle])


def _ripple(rng: np.random.Generator, scale: float) -> Floats:
    """Slow noise `(CYCLE,)`: clusters of busy and calm stretches, an hour or two long."""
    knots = rng.standard_normal(CYCLE // 40 + 2) * scale
    return np.interp(np.arange(CYCLE), np.arange(len(knots)) * 40, knots)


def _season(minute: int, depth: float) -> Floats:
    """The day's shape `(CYCLE,)`, busiest in the afternoon (UTC)."""
    of_day = (minute + np.arange(CYCLE)) % MINUTES_A_DAY / MINUTES_A_DAY
    return np.asarray(1 + depth * np.sin(2 * np.pi * (of_day - 0.375)), dtype=np.float64)
