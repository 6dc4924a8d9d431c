"""One verdict for each symbol at each of its bar closes, all symbols of a batch in one pass.

Levels are looked for only where one may matter: the close left its recent range, or the symbol may
be traded. It must never act on a verdict: a signal is a claim about the market, and money is
decided elsewhere.
"""

from collections.abc import Sequence
from itertools import compress

import msgspec
import numpy as np

from engine.core import micro
from engine.core.breaks import Breaks, Memory
from engine.core.checks import BOTH, Row, Sheet, lay_out, merged
from engine.core.claims import Case, order_of, signal_of, verdicts_of
from engine.core.conditions import Scene, clock_rows
from engine.core.confidence import Evidence, of_momentum, of_retest
from engine.core.diagnosis import diagnose, stages
from engine.core.indicators import ATR_N, LOOKBACK, Bools, Floats, atr
from engine.core.levels import find_levels
from engine.core.look import Look, basic_rows, is_ranked, look, watched, watched_alone, window_at
from engine.core.market import Market
from engine.core.points import newest
from engine.core.reading import CLOSE, glance, near_atr, with_rank
from engine.core.retest import retest
from engine.core.settings import Settings
from engine.core.signals import Facing, facing, momentum
from engine.core.values import Level, Ms, Setup, Side, Signal, Verdict

TOO_FEW = "too few markets had the bar before"
NEAR_ATR = 0.5
MEASURED = ("break", "chase", "consolidation")  # from the level that a momentum entry faces
SETS_KEPT = 3  # bars whose watch set is remembered


class Batch(msgspec.Struct, frozen=True):
    """The outcome of one bar close: every verdict, and the signals in the order risk sees them."""

    verdicts: tuple[Verdict, ...]
    signals: tuple[Signal, ...]
    watched: tuple[str, ...] | None = None  # best first; None = too few symbols closed this bar


class Scanner:
    """The strategy that trades: called with the symbols whose bar `open_ms` closed.

    It remembers only what follows from candles (last breaks, the watch sets of the newest bars), so
    a new one decides alike.
    """

    def __init__(self) -> None:
        self._memory = Memory()
        self._sets: dict[Ms, tuple[int, tuple[str, ...]]] = {}  # by bar: out of how many, and who
        self._settings: Settings | None = None

    def __call__(
        self, market: Market, symbols: Sequence[str], open_ms: Ms, at_ms: Ms, settings: Settings
    ) -> Batch:
        """Verdicts of those symbols whose newest closed bar is `open_ms`, and their signals."""
        is_here = market.opens_ms(symbols) == open_ms
        present = tuple(compress(symbols, is_here.tolist()))
        if not present:
            return Batch((), ())
        if settings is not self._settings:
            self._settings = settings
            self._sets.clear()
        scene = Scene(market, settings, present, open_ms, at_ms)
        seen = _whole(look(scene, market.window(present, LOOKBACK)))
        latest = self._memory.latest(present, seen.window, settings)
        case = _case(seen, latest, self._watched(scene, open_ms - market.frame_ms))
        now = self._remember(seen, case.sheet)
        ranks = {symbol: rank for rank, symbol in enumerate(now or (), 1)}
        verdicts = verdicts_of(case, ranks)
        found = [signal_of(case, i, v) for i, v in enumerate(verdicts) if v.outcome == "SIGNAL"]
        found.sort(key=lambda signal: order_of(signal, market))
        return Batch(verdicts, tuple(found), now)

    def _remember(self, seen: Look, sheet: Sheet) -> tuple[str, ...] | None:
        """The watch set of this very bar; from what was just computed, if that was everybody."""
        scene = seen.scene
        if len(scene.symbols) < len(scene.market.universe):
            return self._watched(scene, scene.open_ms)
        return self._keep(scene.open_ms, len(scene.symbols), watched(seen, sheet))

    def _watched(self, scene: Scene, open_ms: Ms) -> tuple[str, ...] | None:
        """The watch set of a bar, anew while symbols are still arriving; None = too few did."""
        market = scene.market
        count, known = self._sets.get(open_ms, (0, None))
        if known is not None and count >= len(market.universe):
            return known
        symbols, window = window_at(market, open_ms)
        if len(symbols) <= count:
            return known
        if not is_ranked(market, symbols):
            return None
        then = msgspec.structs.replace(scene, symbols=symbols, open_ms=open_ms)
        return self._keep(open_ms, len(symbols), watched_alone(look(then, window)))

    def _keep(self, open_ms: Ms, count: int, chosen: tuple[str, ...]) -> tuple[str, ...]:
        self._sets[open_ms] = count, chosen
        for old in sorted(self._sets)[:-SETS_KEPT]:
            del self._sets[old]
        return chosen


def _whole(seen: Look) -> Look:
    """The same with the one feature that only verdicts need."""
    reading = with_rank(seen.reading, seen.window, seen.points)
    return msgspec.structs.replace(seen, reading=reading)


def _case(seen: Look, latest: Breaks, before: tuple[str, ...] | None) -> Case:
    settings, reading = seen.scene.settings, seen.reading
    is_out = (reading.close > reading.close_high) | (reading.close < reading.close_low)
    is_watched = np.isin(seen.scene.symbols, before or ())
    faced = facing(seen.window, seen.points, reading, settings, is_out | is_watched)
    first = momentum(seen.window, seen.points, reading, faced, settings)
    second = retest(seen.window, latest, settings)
    sight = micro.see(seen.scene)
    shared = [
        *(micro.spread_row(r, sight) if r.name == "spread" else r for r in basic_rows(seen)),
        *micro.micro_rows(sight, settings),
        *clock_rows(seen.scene),
        *(row for row in (*first, *second) if row.name != "chase"),
        _near(seen, latest),
        _watched_row(is_watched, is_known=before is not None),
        Row("btc_corr", seen.btc_corr, None, np.isfinite(seen.btc_corr), "no common history"),
    ]
    signs = np.stack([faced.sign, _broken_side(latest, len(faced.sign))])
    confidence = _confidence(seen, latest, faced, [micro.sided(sight, sign) for sign in signs])
    chase = [next(row for row in rows if row.name == "chase") for rows in (first, second)]
    own = [
        [
            chase[i],
            *micro.sided_rows(sight, signs[i], reading.close, settings),
            *_confidence_row(confidence[i], settings),
        ]
        for i in range(len(BOTH))
    ]
    return _diagnosed(seen, (latest, faced), (shared, own), confidence)


def _diagnosed(
    seen: Look,
    levels: tuple[Breaks, Facing],
    rows: tuple[list[Row], list[list[Row]]],
    confidence: Floats,
) -> Case:
    """Each setup is judged by its own rows; the sheet shows those of the one that came farthest."""
    policy, (shared, own) = seen.scene.settings.checks, rows
    setups = tuple(Setup[name] for name in seen.scene.settings.signals.setups)
    order = [BOTH.index(setup) for setup in setups]
    depth = np.stack([stages(lay_out([*shared, *own[i]], policy), BOTH[i]) for i in order])
    which = np.array(order)[depth.argmax(axis=0)]
    both = [merged(pair, which == 1) for pair in zip(*own, strict=True)]
    sheet = lay_out([*shared, *both], policy)
    found = diagnose(sheet, setups, depth)
    chosen = confidence[which, np.arange(len(which))]
    return Case(seen, *levels, sheet, found, chosen, setups)


def _broken_side(latest: Breaks, size: int) -> Floats:
    """The side of each symbol's last break of legal age, 0 without one."""
    sign = np.zeros(size)
    sign[latest.row] = latest.sign
    return sign


def _near(seen: Look, latest: Breaks) -> Row:
    """Close to its recent extreme close, or with a break it may return to."""
    near = near_atr(seen.reading)
    ok = near <= NEAR_ATR
    is_old_enough = LOOKBACK - 1 - latest.bar >= seen.scene.settings.signals.retest_min_bars
    broke = latest.row[is_old_enough]
    ok[broke] = True
    words = np.full(len(near), "", dtype=object)
    words[broke] = "broke a level lately"
    return Row("near", near, NEAR_ATR, ok, words=tuple(words.tolist()))


def _watched_row(is_watched: Bools, *, is_known: bool) -> Row:
    """Whether the symbol was among the best at the bar before."""
    nothing = np.full(len(is_watched), np.nan)
    words = np.where(is_watched, "", "not among the best scores" if is_known else TOO_FEW)
    known = np.full(len(is_watched), is_known)
    return Row("watched", nothing, None, is_watched, words=tuple(words.tolist()), known=known)


def _confidence(seen: Look, latest: Breaks, faced: Facing, imbalance: Sequence[Floats]) -> Floats:
    """What speaks for each setup, `(2, symbols)`; `imbalance` is toward the side of each."""
    settings, size = seen.scene.settings.signals, len(seen.points)
    strength, age = (np.full(size, np.nan) for _ in range(2))
    strength[latest.row] = latest.strength
    age[latest.row] = LOOKBACK - 1 - latest.bar
    first = Evidence(seen.score, imbalance[0], faced.strength)
    second = Evidence(seen.score, imbalance[1], strength)
    return np.stack(
        [
            of_momentum(seen.reading, first, settings),
            of_retest(seen.reading, second, age, settings),
        ]
    )


def _confidence_row(confidence: Floats, settings: Settings) -> tuple[Row, ...]:
    least = settings.signals.confidence_min_frac
    if least == 0:
        return ()
    return (Row("confidence", confidence, least, confidence >= least, "nothing known to weigh"),)


def levels_of(market: Market, symbol: str, settings: Settings) -> tuple[Level, ...]:
    """Levels the symbol's next bar will be tested against, both sides, nearest first."""
    bars = settings.levels.window_bars
    window = market.window((symbol,), max(bars, ATR_N + 1))
    ohlcv = window.ohlcv[0]
    a = float(atr(*ohlcv[1:4])[-1])
    both = [
        level
        for side in Side
        for level in find_levels(
            side, window.open_ms[0, -bars:], ohlcv[:, -bars:], a, settings.levels
        )
    ]
    return tuple(sorted(both, key=lambda x: abs(x.price - ohlcv[CLOSE, -1])))


def completed(market: Market, verdict: Verdict, settings: Settings) -> Verdict:
    """The verdict with the level it faced, where that did not matter when it was made.

    Only candles are looked at, and only while its bar is the newest: what decided stays.
    """
    if verdict.level is not None or market.last_open_ms(verdict.symbol) != verdict.open_ms:
        return verdict
    window = market.window((verdict.symbol,), LOOKBACK)
    points = newest(window)
    reading = glance(window, points, settings)
    faced = facing(window, points, reading, settings, np.ones(1, dtype=np.bool_))
    rows = momentum(window, points, reading, faced, settings)
    is_same = verdict.setup is Setup.MOMENTUM
    measured = MEASURED if is_same else MEASURED[:1]  # the chase of a retest is its own
    told = {c.name: c for c in lay_out(rows, settings.checks).checks(0) if c.name in measured}
    gap = float(faced.trigger[0] - faced.sign[0] * reading.close[0])
    has_level = faced.levels[0] is not None
    return msgspec.structs.replace(
        verdict,
        checks=tuple(told.get(c.name, c) for c in verdict.checks),
        level=faced.levels[0] if is_same else None,
        distance_pct=100 * gap / verdict.price if is_same and has_level else None,
        distance_atr=gap / float(reading.atr[0]) if is_same and has_level else None,
    )
