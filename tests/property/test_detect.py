"""One kernel, two directions: a whole history, its last 300 bars and the live scanner agree."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from builders import NO_FLOW
from engine.core import indicators as ind
from engine.core.breaks import Breaks, Memory, find_breaks, gated
from engine.core.detect import Detection, detect
from engine.core.indicators import LOOKBACK, Floats, Times
from engine.core.levels import find_zones
from engine.core.market import Window
from engine.core.scan import Scanner
from engine.core.settings import Checks, Data, Levels, Settings, Signals, Universe
from engine.core.values import Side, Signal
from series import FRAME_MS, g, market_of, mirror, recorded, walk

BARS = 700
seeds = st.integers(0, 2**32)
# Random walks break few levels on volume: thresholds stand where many breaks become signals.
LOOSE = Settings(
    data=Data(max_missing_bars=30, teleport_max_bars=300),
    checks=Checks(excluded=("late_bar", "watched", "volume_24h", "spread", *NO_FLOW)),
    universe=Universe(atr15_min_pct=0.01, atr15_max_pct=50, bb_rank_max_pct=100),
    levels=Levels(round_tolerance_bps=0),
    signals=Signals(
        break_eps_bps=0,
        break_eps_atr=0.125,
        volume_min_mult=1.0,
        surge_1h_min_mult=0.5,
        body_min_frac=0,
        slope_max_pct=20,
        chase_max_atr=10,
        retest_depart_atr=0.5,
        retest_tolerance_bps=10,
        retest_pierce_atr=2,
        retest_activity_min_mult=0.3,
    ),
)


def window_of(times: Times, *histories: Floats) -> Window:
    rows = np.stack(histories)
    shape = len(rows), rows.shape[-1]
    return Window(np.broadcast_to(times, shape).copy(), rows, np.full(shape[0], shape[1]))


def cut(window: Window, first: int, last: int) -> Window:
    """Its bars from `first` up to, not including, `last`."""
    return Window(
        window.open_ms[:, first:last],
        window.ohlcv[..., first:last],
        np.full(len(window.open_ms), last - first),
    )


def walked(seed: int, symbols: int = 1, bars: int = BARS) -> Window:
    return window_of(1_749_999_600_000 + FRAME_MS * np.arange(bars), *walk(seed, symbols, bars))


def at_bar(found: Detection | Breaks, bar: int) -> list[tuple[object, ...]]:
    """Everything found at a bar, but where it stands."""
    skipped = ("bar", "break_bar", "breaks")
    names = [name for name in found.__struct_fields__ if name not in skipped]
    picks = np.flatnonzero(found.bar == bar).tolist()
    ages = [0 if isinstance(found, Breaks) else bar - int(found.break_bar[i]) for i in picks]
    return [
        (age, *(getattr(found, name)[i].item() for name in names))
        for i, age in zip(picks, ages, strict=True)
    ]


def samples(seed: int, found: Detection) -> list[int]:
    """A few bars with a signal, and a few others."""
    rng = np.random.default_rng(seed)
    late = np.unique(found.bar[found.bar >= LOOKBACK - 1])
    picks = rng.choice(late, min(3, len(late)), replace=False).tolist() if len(late) else []
    return [*picks, *rng.integers(LOOKBACK - 1, BARS, 2).tolist()]


@effort(max_examples=5, deadline=None)
@given(seed=seeds)
def test_what_a_bar_says_follows_from_its_last_300(seed: int) -> None:
    window = walked(seed, symbols=3)
    whole = detect(window, LOOSE)
    for t in samples(seed, whole):
        prefix = detect(cut(window, 0, t + 1), LOOSE)
        alone = detect(cut(window, t - LOOKBACK + 1, t + 1), LOOSE)
        assert at_bar(prefix, t) == at_bar(whole, t)
        assert at_bar(alone, LOOKBACK - 1) == at_bar(whole, t)
        assert at_bar(prefix.breaks, t) == at_bar(whole.breaks, t)


@effort(max_examples=8, deadline=None)
@given(seed=seeds)
def test_the_future_and_the_far_past_change_nothing(seed: int) -> None:
    window = walked(seed)
    whole = detect(window, LOOSE)
    for t in samples(seed, whole)[:3]:
        other = walked(seed + 1).ohlcv.copy()
        other[..., t - LOOKBACK + 1 : t + 1] = window.ohlcv[..., t - LOOKBACK + 1 : t + 1]
        strange = msgspec.structs.replace(window, ohlcv=other)
        assert at_bar(detect(strange, LOOSE), t) == at_bar(whole, t)


@effort(max_examples=6, deadline=None)
@given(seed=seeds)
def test_gate_0_hides_no_break(seed: int) -> None:
    """Levels clustered at every bar, each rule written out."""
    window = walked(seed, bars=330)
    found = find_breaks(window, LOOSE)
    every = [b for t in range(200, 330) for b in _breaks_at(window, t)]
    names = ("bar", "sign", "price", "trigger", "strength", "touches", "first_ms", "last_ms")
    assert [
        tuple(getattr(found, name)[i].item() for name in names) for i in range(len(found))
    ] == every


def _breaks_at(window: Window, t: int) -> list[tuple[object, ...]]:
    s, o = LOOSE.signals, window.ohlcv[0]
    a = ind.atr(o[1], o[2], o[3])[t - 1]
    loud = ind.volume_mult(o[4])[t] >= s.volume_min_mult
    surges = ind.surge_1h_mult(o[4], 12)[t] >= s.surge_1h_min_mult
    if not (loud and surges and a > 0):
        return []
    before = slice(t - LOOSE.levels.window_bars, t)
    candles = window.open_ms[:, before], window.ohlcv[..., before]
    crossed = []
    for side in Side:
        d = side.sign
        zones = find_zones(side, *candles, np.array([a]), LOOSE.levels)
        for i, price in enumerate(zones.price.tolist()):
            trigger = d * price + max(s.break_eps_bps * 1e-4 * price, s.break_eps_atr * a)
            fresh = (d * o[3, t - s.fresh_bars : t] <= trigger).all()
            if d * o[3, t] > trigger and fresh:
                facts = zones.strength, zones.touches, zones.first_ms, zones.last_ms
                told = (t, d, price, trigger, *(x[i].item() for x in facts))
                crossed.append((d * price, told))
    return [max(crossed)[1]] if crossed else []


@effort(max_examples=5, deadline=None)
@given(seed=seeds)
def test_one_break_one_trade_in_its_direction(seed: int) -> None:
    window = walked(seed, symbols=4)
    found = detect(window, LOOSE)
    places = list(zip(found.row.tolist(), found.bar.tolist(), strict=True))
    assert len(set(places)) == len(places)
    origins = list(
        zip(found.row.tolist(), found.break_bar.tolist(), found.setup.tolist(), strict=True)
    )
    assert len(set(origins)) == len(origins)
    age = found.bar - found.break_bar
    is_retest = found.setup == 1
    assert (age[~is_retest] == 0).all()
    s = LOOSE.signals
    assert ((age >= s.retest_min_bars) & (age <= s.retest_max_bars))[is_retest].all()
    assert (found.sign * (found.entry - found.price) > 0).all()
    assert (found.sign * (found.entry - found.stop) > 0).all()
    breaks = found.breaks
    assert (breaks.sign * window.ohlcv[breaks.row, 3, breaks.bar] > breaks.trigger).all()


@effort(max_examples=8, deadline=None)
@given(seed=seeds)
def test_a_further_break_of_a_side_needs_a_farther_trigger(seed: int) -> None:
    window = walked(seed, symbols=2)
    b = find_breaks(window, LOOSE)
    close = b.sign * window.ohlcv[b.row, 3, b.bar]
    for i in range(len(b)):
        later = (b.row == b.row[i]) & (b.sign == b.sign[i])
        later &= (b.bar > b.bar[i]) & (b.bar <= b.bar[i] + LOOSE.signals.fresh_bars)
        assert (b.trigger[later] >= close[i]).all()


@effort(max_examples=6, deadline=None)
@given(seed=seeds)
def test_each_symbol_is_looked_at_as_if_it_were_alone(seed: int) -> None:
    window = walked(seed, symbols=3)
    together = detect(window, LOOSE)
    for row in range(3):
        one = Window(window.open_ms[row : row + 1], window.ohlcv[row : row + 1], np.array([BARS]))
        alone = detect(one, LOOSE)
        mine = np.flatnonzero(together.row == row)
        for name in ("bar", "setup", "sign", "price", "entry", "stop", "strength", "break_bar"):
            assert getattr(together, name)[mine].tolist() == getattr(alone, name).tolist()


@effort(max_examples=6, deadline=None)
@given(seed=seeds, power=st.integers(-3, 3))
def test_prices_and_volumes_have_no_scale(seed: int, power: int) -> None:
    window = walked(seed)
    scale = np.array([2.0**power] * 4 + [2.0 ** (2 * power)])[:, None]
    plain = detect(window, LOOSE)
    scaled = detect(msgspec.structs.replace(window, ohlcv=window.ohlcv * scale), LOOSE)
    for name in ("bar", "setup", "sign", "strength", "touches", "break_bar"):
        assert getattr(plain, name).tolist() == getattr(scaled, name).tolist()
    for name in ("price", "entry", "stop"):
        assert (getattr(plain, name) * 2.0**power).tolist() == getattr(scaled, name).tolist()


# A tolerance in bps of the price is not the same upside down.
EVEN = msgspec.structs.replace(
    LOOSE, signals=msgspec.structs.replace(LOOSE.signals, retest_tolerance_bps=0)
)


@effort(max_examples=6, deadline=None)
@given(seed=seeds)
def test_upside_down_every_side_flips_and_nothing_else(seed: int) -> None:
    window = walked(seed)
    turned = mirror(window.ohlcv[0], 2048.0)[None]
    plain, flipped = (
        detect(w, EVEN) for w in (window, msgspec.structs.replace(window, ohlcv=turned))
    )
    for name in ("bar", "setup", "strength", "touches", "break_bar"):
        assert getattr(plain, name).tolist() == getattr(flipped, name).tolist()
    assert (plain.sign == -flipped.sign).all()
    assert (plain.price + flipped.price == 2048).all()


@effort(max_examples=2, deadline=None)
@given(seed=seeds)
def test_the_live_scanner_finds_what_a_history_shows(seed: int) -> None:
    window = walked(seed, symbols=2, bars=460)
    names = ("AUSDT", "BUSDT")
    first, scanner = LOOKBACK + 100, Scanner()
    histories = {
        s: (window.open_ms[i, :first], window.ohlcv[i, :, :first]) for i, s in enumerate(names)
    }
    market = market_of(histories, LOOSE)
    live: list[Signal] = []
    for t in range(first, 460):
        for i, s in enumerate(names):
            market.load_history(s, window.open_ms[i, t : t + 1], window.ohlcv[i, :, t : t + 1].T)
        now = int(window.open_ms[0, t])
        live += scanner(market, names, now, now + FRAME_MS, LOOSE).signals
    found = detect(window, LOOSE)
    late = np.flatnonzero(found.bar >= first).tolist()
    setups, sides = ("MOMENTUM", "RETEST"), {1: "LONG", -1: "SHORT"}
    expected = {
        f"{names[found.row[i]]}:{window.open_ms[0, found.bar[i]]}:"
        f"{setups[found.setup[i]]}:{sides[int(found.sign[i])]}": (
            found.price[i],
            found.entry[i],
            found.stop[i],
            found.strength[i],
            window.open_ms[0, found.break_bar[i]],
        )
        for i in late
    }
    told = {s.id: (s.level.price, s.price, s.stop, s.level.strength, s.break_ms) for s in live}
    assert told == expected


def test_random_markets_have_signals_of_both_setups_and_sides() -> None:
    """Without this the properties above could hold of nothing."""
    found = detect(walked(7, symbols=12), LOOSE)
    kinds = set(zip(found.setup.tolist(), found.sign.tolist(), strict=True))
    assert kinds == {(0, 1), (0, -1), (1, 1), (1, -1)}


@effort(max_examples=6, deadline=None)
@given(seed=seeds)
def test_memory_knows_the_last_break_of_a_history(seed: int) -> None:
    window = walked(seed, symbols=2, bars=380)
    names, memory = ("AUSDT", "BUSDT"), Memory()
    every = find_breaks(window, LOOSE)
    for t in range(LOOKBACK, 380, 7):
        newest = cut(window, t - LOOKBACK, t)
        latest = memory.latest(names, newest, LOOSE)
        oldest = t - 1 - LOOSE.signals.retest_max_bars
        for row in range(2):
            mine = np.flatnonzero((every.row == row) & (every.bar < t) & (every.bar >= oldest))
            known = np.flatnonzero(latest.row == row)
            assert len(known) == min(len(mine), 1)
            for i, j in zip(mine[-1:].tolist(), known.tolist(), strict=False):
                assert at_bar(every.take(np.array([i])), int(every.bar[i])) == at_bar(
                    latest.take(np.array([j])), int(every.bar[i]) - t + LOOKBACK
                )


def test_the_crash_of_a_recorded_autumn_reads_the_same_both_ways() -> None:
    times, ohlcv = recorded("bybit_linear_5m_8x99d.npz")
    crash = slice(4400, 5400)  # eight perpetuals fall by half and come back
    window = window_of(times[crash], *ohlcv[:2, :, crash])
    whole = detect(window, LOOSE)
    assert len(whole)
    for t in np.unique(whole.bar[whole.bar >= LOOKBACK])[::6].tolist():
        part = detect(cut(window, t - LOOKBACK + 1, t + 1), LOOSE)
        assert at_bar(part, LOOKBACK - 1) == at_bar(whole, t)


@pytest.mark.parametrize("bars", [1, 20, 199, 200])
def test_a_short_history_has_no_breaks(bars: int) -> None:
    times, ohlcv = g(bars)
    window = window_of(times, ohlcv)
    assert len(find_breaks(window, LOOSE)) == 0
    assert len(detect(window, LOOSE)) == 0
    assert len(gated(window, LOOSE).points) <= bars
