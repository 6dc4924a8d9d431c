"""RETEST: the first orderly return to a level that broke, in the direction of the break.

Every break is followed bar by bar until a newer one replaces it or it is too old; the newest bar of
a live symbol and a whole history read the same follow-up. It must never trade against the break.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.core.breaks import Breaks
from engine.core.checks import Row
from engine.core.indicators import (
    ACTIVITY_BASE,
    ACTIVITY_SHORT,
    Bools,
    Floats,
    Indices,
    activity_mult,
    places,
)
from engine.core.market import Window
from engine.core.points import Points, tails
from engine.core.reading import CLOSE, HIGH, LOW, OPEN, VOLUME, atr_before
from engine.core.settings import Settings, Signals

NO_BREAK = "no recent break"
NOT_AWAY = "not away from the level yet"
NOT_BACK = "not back at the level yet"
SPENT = "it returned already"
OTHER_SIDE = "this side is off"
CHUNK = 1024  # breaks followed at once: 25 arrays of half a megabyte


class Follow(msgspec.Struct, frozen=True, eq=False):
    """What followed each break: arrays `(breaks, retest_max_bars + 1)`, column = age in bars."""

    close: Floats  # d*(C - P)
    body: Floats  # d*(C - O)
    lowest_close: Floats  # worst d*(C - P) since the bar after the break
    deepest: Floats  # worst d*(adv - P) since the first touch; NaN before it
    is_away: Bools  # price had left the level before this bar
    touched: Indices  # age of the first touch, -1 = not yet
    is_there: Bools  # the bar exists, and no newer break replaced this one


class Rows(msgspec.Struct, frozen=True, eq=False):
    """Which rule each age meets: arrays like those of `Follow`."""

    record: Bools
    pullback: Bools
    hold: Bools
    pierce: Bools
    ahead: Bools  # the half of `chase` that needs no ATR
    reaction: Bools

    @property
    def all(self) -> Bools:
        """All of them."""
        out: Bools = np.logical_and.reduce([getattr(self, n) for n in self.__struct_fields__])
        return out


class Effort(msgspec.Struct, frozen=True, eq=False):
    """What costs most, so asked only of the bars that meet the other rules: arrays `(bars,)`."""

    atr: Floats  # ATR14 of the bar before
    activity: Floats
    chase: Bools  # not too far from the level
    is_active: Bools


def follow(window: Window, breaks: Breaks, until: Indices, settings: Settings) -> Follow:
    """Everything after each break, and before its bar `until`, that its return is judged by."""
    most = settings.signals.retest_max_bars
    opened, high, low, close = _after(window, breaks, most + 1)
    d, price = breaks.sign[:, None], breaks.price[:, None]
    fav, adv = np.where(d > 0, high, -low), np.where(d > 0, low, -high)
    from_close, from_adv = d * (close - price), adv - d * price
    departed = _since(fav - d * price >= settings.signals.retest_depart_atr * breaks.atr[:, None])
    is_away = np.zeros_like(departed)
    is_away[:, 1:] = departed[:, :-1]
    zone = settings.signals.retest_tolerance_bps * 1e-4 * price
    is_back = _since(is_away & (from_adv <= zone))
    touched = np.where(is_back, is_back.argmax(axis=-1)[:, None], -1)
    later = from_close.copy()
    later[:, 0] = np.inf  # the break bar itself does not count
    return Follow(
        close=from_close,
        body=d * (close - opened),
        lowest_close=np.minimum.accumulate(later, axis=-1),
        deepest=_deepest(from_adv, is_back),
        is_away=is_away,
        touched=touched,
        is_there=np.arange(most + 1) < (until - breaks.bar)[:, None],
    )


def _since(event: Bools) -> Bools:
    """True from the first time on."""
    return np.logical_or.accumulate(event, axis=-1)


def _deepest(depth: Floats, is_back: Bools) -> Floats:
    worst = np.minimum.accumulate(np.where(is_back, depth, np.inf), axis=-1)
    return np.where(is_back, worst, np.nan)


def _replaced(window: Window, breaks: Breaks) -> Indices:
    """Bar at which a newer break of the symbol takes over, of either side, or no bar is left."""
    end = window.open_ms.shape[-1]
    is_same = np.diff(breaks.row, append=-1) == 0
    return np.where(is_same, np.append(breaks.bar[1:], end), end)


def _after(window: Window, breaks: Breaks, n: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Open, high, low and close of the `n` bars from each break on; the last one, repeated."""
    fields, bars = window.ohlcv.shape[1:]
    columns = np.minimum(breaks.bar[:, None] + np.arange(n), bars - 1)
    at = (breaks.row * fields * bars)[:, None] + columns
    flat = window.ohlcv.reshape(-1)  # taking by one index is twice as fast as by two
    opened, high, low, close = (np.take(flat, at + i * bars) for i in (OPEN, HIGH, LOW, CLOSE))
    return opened, high, low, close


def judge(seen: Follow, breaks: Breaks, settings: Signals) -> Rows:
    """Each rule at each age."""
    ages = np.arange(seen.close.shape[-1])
    zone = (settings.retest_tolerance_bps * 1e-4 * breaks.price)[:, None]
    is_legal = (settings.retest_min_bars <= ages) & (ages <= settings.retest_max_bars)
    return Rows(
        record=is_legal & is_allowed(breaks.sign, settings)[:, None] & seen.is_there,
        pullback=(seen.touched >= 0) & (ages <= seen.touched + settings.retest_confirm_bars),
        hold=seen.lowest_close >= -zone,
        pierce=seen.deepest >= -settings.retest_pierce_atr * breaks.atr[:, None],
        ahead=seen.close > 0,
        reaction=seen.body > 0,
    )


def effort(window: Window, points: Points, close: Floats, settings: Signals) -> Effort:
    """The two rules that are left, at these bars; `close` is how far beyond the level they end."""
    volume = tails(window.ohlcv[:, VOLUME], points, ACTIVITY_SHORT + ACTIVITY_BASE)
    activity, atr = activity_mult(volume)[:, -1], atr_before(window, points)
    return Effort(
        atr=atr,
        activity=activity,
        chase=close <= settings.chase_max_atr * atr,
        is_active=activity >= settings.retest_activity_min_mult,
    )


def _fits(
    window: Window, breaks: Breaks, followed: tuple[Follow, Rows], settings: Signals
) -> Bools:
    """Bars that meet every rule: like an array of `Follow`."""
    seen, rules = followed
    fits = rules.all
    which, age = places(fits)
    points = Points(breaks.row[which], breaks.bar[which] + age)
    rest = effort(window, points, seen.close[which, age], settings)
    fits[which, age] = rest.chase & rest.is_active
    return fits


def is_allowed(sign: NDArray[np.int64], settings: Signals) -> Bools:
    """Whether the side of a break may be traded."""
    if settings.sides == "both":
        return np.ones(len(sign), dtype=np.bool_)
    out: Bools = sign == (1 if settings.sides == "long" else -1)
    return out


def find_retests(window: Window, breaks: Breaks, settings: Settings) -> Indices:
    """Bar of each break's one signal, -1 where it has none; `breaks` are all of the window."""
    out, until = np.full(len(breaks), -1), _replaced(window, breaks)
    for start in range(0, len(breaks), CHUNK):
        part = slice(start, start + CHUNK)
        some = breaks.take(np.arange(len(breaks))[part])
        seen = follow(window, some, until[part], settings)
        fits = _fits(window, some, (seen, judge(seen, some, settings.signals)), settings.signals)
        out[part] = np.where(fits.any(axis=-1), some.bar + fits.argmax(axis=-1), -1)
    return out


def retest(window: Window, latest: Breaks, settings: Settings) -> tuple[Row, ...]:
    """The rows of a retest entry at the newest bar of every symbol of the window.

    `latest` holds the last break of those symbols that have one of no more than the oldest age.
    """
    s = settings.signals
    seen = follow(window, latest, _replaced(window, latest), settings)
    rules = judge(seen, latest, s)
    age = window.open_ms.shape[-1] - 1 - latest.bar
    now = np.arange(len(latest)), age
    told = _Told(latest.row, len(window.open_ms))
    fits = _fits(window, latest, (seen, rules), s)
    is_spent = _since(fits)[now[0], np.maximum(age - 1, 0)] & (age > 0)
    rest = effort(window, Points(latest.row, latest.bar + age), seen.close[now], s)
    atr = np.where(rest.atr > 0, rest.atr, np.nan)  # a market may have stopped since
    since = np.where(seen.touched[now] >= 0, age - seen.touched[now], np.nan)
    returned = rules.pullback[now] & ~is_spent
    by_level, by_atr = 1e4 / latest.price, 1 / latest.atr
    ages = (float(s.retest_min_bars), float(s.retest_max_bars))
    return (
        told.row("break_record", age, ages, rules.record[now], _sides(latest, s)),
        told.row("pullback", since, s.retest_confirm_bars, returned, _why(seen, now, is_spent)),
        told.row(
            "hold", seen.lowest_close[now] * by_level, -s.retest_tolerance_bps, rules.hold[now]
        ),
        told.row("pierce", seen.deepest[now] * by_atr, -s.retest_pierce_atr, rules.pierce[now]),
        told.row("reaction", seen.body[now] / atr, 0, rules.reaction[now]),
        told.row("activity", rest.activity, s.retest_activity_min_mult, rest.is_active),
        told.row("chase", seen.close[now] / atr, s.chase_max_atr, rules.ahead[now] & rest.chase),
    )


def _sides(latest: Breaks, settings: Signals) -> list[str]:
    return ["" if fits else OTHER_SIDE for fits in is_allowed(latest.sign, settings).tolist()]


def _why(seen: Follow, now: tuple[Indices, Indices], is_spent: Bools) -> list[str]:
    """What a number does not tell about the return."""
    is_back = seen.touched[now] >= 0
    cases = [is_spent, ~is_back & ~seen.is_away[now], ~is_back]
    told: list[str] = np.select(cases, [SPENT, NOT_AWAY, NOT_BACK], default="").tolist()
    return told


class _Told(msgspec.Struct, frozen=True, eq=False):
    """Spreads what is known of the symbols with a break over all of them."""

    of: Indices  # their positions
    size: int

    def row(
        self,
        name: str,
        value: Floats | Indices,
        need: float | tuple[float, float],
        ok: Bools,
        words: Sequence[str] = (),
    ) -> Row:
        values, passes = np.full(self.size, np.nan), np.zeros(self.size, dtype=np.bool_)
        values[self.of], passes[self.of] = value, ok
        told, known = [NO_BREAK] * self.size, np.zeros(self.size, dtype=np.bool_)
        known[self.of] = True if words else np.isfinite(value)
        for i, word in zip(self.of.tolist(), words or [""] * len(self.of), strict=True):
            told[i] = word
        if name == "break_record":
            known[:] = True  # having none is an answer
        return Row(name, values, need, passes, NOT_BACK, tuple(told), known)
