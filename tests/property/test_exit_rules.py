"""What no sequence of bars may do to a trade: loosen its stop, change its R, sell what it lacks."""

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from builders import INSTRUMENT, D
from engine.core.exits import (
    Entered,
    Leave,
    Protection,
    Snapshot,
    addon_qty,
    exit_rule,
    ladder,
    protect,
    wants_addon,
)
from engine.core.terms import Exits
from engine.core.values import Instrument, Side, StopKind

GRID = 8  # prices are eighths around 1024: exact as floats, exact upside down
ABOUT = 2048
BINARY = msgspec.structs.replace(
    INSTRUMENT, tick=D("0.125"), notional_min=D(0), taker_bps=D(0), maker_bps=D(0)
)
sides = st.sampled_from(Side)
ticks = st.integers(-400, 400)
atrs = st.one_of(st.none(), st.integers(1, 80).map(lambda n: n / 16))


def priced(n: int) -> float:
    return ABOUT / 2 + n / GRID


@st.composite
def exit_terms(draw: st.DrawFn) -> Exits:
    """Exits with every rule on somewhere; breakeven at the entry itself, so that it mirrors."""
    eighths = st.integers(0, 40).map(lambda n: n / GRID)
    shares = draw(st.lists(st.integers(1, 20), min_size=1, max_size=6))
    of = draw(st.sampled_from((sum(shares), sum(shares) + 7)))
    start = draw(eighths)
    return Exits(
        targets=tuple(((k + 1) / 2, share / of) for k, share in enumerate(shares)),
        be_after_targets=draw(st.integers(0, 3)),
        be_trigger_r=draw(eighths),
        be_buffer_bps=0,
        trail_from_r=start,
        trail_atr=draw(st.integers(6, 30)) / GRID,
        trail_tight_from_r=draw(st.sampled_from((0.0, start + 1))),
        trail_tight_atr=draw(st.integers(3, 6)) / GRID,
        trail_step_min_atr=draw(st.integers(0, 8)) / GRID,
        failed_break_bars=draw(st.integers(0, 9)),
        failed_break_atr=draw(st.integers(0, 16)) / GRID,
        activity_bars=draw(st.integers(0, 9)),
        weak_impulse_bars=draw(st.integers(0, 9)),
        no_progress_s=draw(st.sampled_from((0, 900, 2400))),
        time_stop_s=draw(st.sampled_from((0, 900, 2400))),
        max_hold_s=draw(st.sampled_from((1200, 72_000))),
        addon_enabled=True,
        addon_frac=draw(st.integers(1, 8)) / GRID,
    )


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    side, entry = draw(sides), priced(draw(ticks))
    dist = draw(st.integers(0, 80)) / GRID
    qty = draw(st.integers(1, 400)) * INSTRUMENT.lot
    extreme = st.one_of(st.none(), st.integers(0, 400).map(lambda n: n / GRID))
    best, worst = draw(extreme), draw(extreme)
    return Snapshot(
        side=side,
        entry=D(str(entry)),
        avg=D(str(entry)),
        qty0=qty,
        qty=qty,
        dist0=D(str(dist)),
        level_price=entry - side.sign * draw(st.integers(0, 16)) / GRID,
        atr0=draw(atrs),
        vol0=None,
        stop=D(str(entry - side.sign * dist)),
        stop_kind=StopKind.INITIAL,
        targets_filled=draw(st.integers(0, 3)),
        bars_held=draw(st.integers(1, 12)),
        best=None if best is None else entry + side.sign * best,
        worst=None if worst is None else entry - side.sign * worst,
        addon_done=draw(st.booleans()),
    )


def turned(seen: Snapshot) -> Snapshot:
    """The same trade upside down."""

    def flip(x: float | None) -> float | None:
        return None if x is None else ABOUT - x

    return msgspec.structs.replace(
        seen,
        side=Side.SHORT if seen.side is Side.LONG else Side.LONG,
        entry=ABOUT - seen.entry,
        avg=ABOUT - seen.avg,
        stop=ABOUT - seen.stop,
        level_price=ABOUT - seen.level_price,
        best=flip(seen.best),
        worst=flip(seen.worst),
    )


bars = st.lists(st.tuples(ticks, atrs, st.integers(0, 1), st.booleans()), min_size=1, max_size=25)


@effort(max_examples=20)
@given(seen=snapshots(), steps=bars, exits=exit_terms(), buffer_bps=st.integers(0, 100))
def test_a_stop_only_tightens_and_is_asked_for_once(
    seen: Snapshot, steps: list[tuple[int, float | None, int, bool]], exits: Exits, buffer_bps: int
) -> None:
    terms = INSTRUMENT, msgspec.structs.replace(exits, be_buffer_bps=buffer_bps)
    d, fixed = seen.side.sign, (seen.entry, seen.dist0, seen.qty0)
    for n, atr, filled, is_close in steps:
        close = priced(n)
        extreme = close if seen.best is None else d * max(d * close, d * seen.best)
        seen = msgspec.structs.replace(
            seen, best=extreme, targets_filled=seen.targets_filled + filled
        )
        price = close if is_close else None
        wanted = protect(seen, atr, price, terms)
        assert wanted == protect(seen, atr, price, terms)
        if isinstance(wanted, Leave):
            assert price is not None
            break
        if wanted is None:
            continue
        assert d * (wanted.stop - seen.stop) >= INSTRUMENT.tick
        assert wanted.stop == INSTRUMENT.price_down(wanted.stop)
        assert price is None or d * (D(str(price)) - wanted.stop) > 0
        seen = msgspec.structs.replace(seen, stop=wanted.stop, stop_kind=wanted.kind)
        assert protect(seen, atr, price, terms) is None
        assert (seen.entry, seen.dist0, seen.qty0) == fixed


@effort(max_examples=40)
@given(
    seen=snapshots(),
    exits=exit_terms(),
    close=ticks.map(priced),
    atr=atrs,
    pace=st.one_of(st.none(), st.floats(0, 2)),
)
def test_an_upside_down_trade_ends_the_same_way(
    seen: Snapshot, exits: Exits, close: float, atr: float | None, pace: float | None
) -> None:
    other, beyond = turned(seen), ABOUT - close
    assert exit_rule(seen, close, pace, 300, exits) == exit_rule(other, beyond, pace, 300, exits)
    here = protect(seen, atr, close, (BINARY, exits))
    there = protect(other, atr, beyond, (BINARY, exits))
    if isinstance(here, Protection):
        assert there == Protection(ABOUT - here.stop, here.kind)
    else:
        assert there == here
    assert addon_qty(seen, close, BINARY, exits) == addon_qty(other, beyond, BINARY, exits)
    agreed = [
        wants_addon(at, x, x, at.side.sign * 5.0, exits)
        for at, x in ((seen, close), (other, beyond))
    ]
    assert agreed[0] == agreed[1]


@effort(max_examples=40)
@given(seen=snapshots(), exits=exit_terms())
def test_an_upside_down_ladder_has_the_same_rungs(seen: Snapshot, exits: Exits) -> None:
    other = turned(seen)
    here, there = (
        ladder(Entered(at.side, at.entry, at.dist0, at.qty0, ()), BINARY, exits)
        for at in (seen, other)
    )
    assert [(t.r, ABOUT - t.price, t.qty) for t in here] == [(t.r, t.price, t.qty) for t in there]


decimals = st.integers(1, 10**7)


@st.composite
def instruments(draw: st.DrawFn) -> Instrument:
    step = st.integers(-4, 1).map(lambda n: Decimal(1).scaleb(n))
    return msgspec.structs.replace(
        INSTRUMENT,
        tick=draw(step),
        lot=draw(step),
        qty_min=draw(step),
        notional_min=D(draw(st.integers(0, 200))),
    )


@effort(max_examples=40)
@given(
    exits=exit_terms(),
    instrument=instruments(),
    side=sides,
    numbers=st.tuples(decimals, st.integers(1, 1000), st.integers(1, 5000)),
    levels=st.lists(st.floats(0.01, 2000), max_size=5),
    reach_bps=st.sampled_from((0, 5, 60, 100)),
)
def test_a_ladder_is_legal_ordered_and_sells_no_more_than_there_is(  # noqa: PLR0913 -- what hypothesis draws
    *,
    exits: Exits,
    instrument: Instrument,
    side: Side,
    numbers: tuple[int, int, int],
    levels: list[float],
    reach_bps: int,
) -> None:
    entry, dist0 = D(numbers[0]) / 10_000, D(numbers[0]) * numbers[1] / 10**7
    qty0 = numbers[2] * instrument.lot
    terms = msgspec.structs.replace(exits, target_adjust_max_bps=reach_bps)
    made = ladder(Entered(side, entry, dist0, qty0, tuple(levels)), instrument, terms)
    assert sum(t.qty for t in made) <= qty0
    ways = [side.sign * (t.price - entry) for t in made]
    assert all(a < b for a, b in zip([D(0), *ways], ways, strict=False))
    for t, way in zip(made, ways, strict=True):
        assert way <= D(str(t.r)) * dist0  # reachable: never beyond what was asked
        assert t.price == instrument.price_down(t.price) > 0
        assert t.qty == instrument.qty(t.qty) >= instrument.qty_min
        assert instrument.notional(t.price, t.qty) >= instrument.notional_min


@effort(max_examples=40)
@given(qty=st.integers(1, 5000), shares=st.lists(st.integers(1, 20), min_size=1, max_size=6))
def test_shares_of_one_leave_nothing(qty: int, shares: list[int]) -> None:
    exits = Exits(targets=tuple((k + 1.0, s / sum(shares)) for k, s in enumerate(shares)))
    qty0 = qty * INSTRUMENT.lot
    made = ladder(Entered(Side.LONG, D(100), D(2), qty0, ()), INSTRUMENT, exits)
    assert sum(t.qty for t in made) == qty0  # one lot is legal here, however small a share


@effort(max_examples=40)
@given(seen=snapshots(), exits=exit_terms(), won=st.integers(-8, 400), raised=st.integers(0, 200))
def test_an_addon_keeps_the_loss_at_the_stop_within_the_start(
    seen: Snapshot, exits: Exits, won: int, raised: int
) -> None:
    d = seen.side.sign
    price, stop = seen.entry + d * D(won) / GRID, seen.stop + d * D(raised) / GRID
    at = msgspec.structs.replace(seen, stop=stop)
    qty = addon_qty(at, float(price), INSTRUMENT, exits)
    loss = d * (at.qty * (at.avg - stop) + qty * (price - stop))
    most = max(at.qty0 * at.dist0, d * at.qty * (at.avg - stop))
    assert loss <= most * (1 + D("1e-20"))
    assert qty == INSTRUMENT.qty(qty) <= D(str(exits.addon_frac)) * at.qty0
    assert qty == 0 or d * (price - stop) > 0
