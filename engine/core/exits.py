"""When and how a position ends: pure functions of a snapshot and a closed bar.

They exist so that live, paper and history share one set of exits: the rules that leave, the stop
that only tightens, the ladder of targets, the add-on. Prices become exact before they are compared,
so a price on a threshold is on it. A rule must never see the time, the market or an order.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec
import numpy as np

from engine.core.indicators import osum
from engine.core.terms import Exits
from engine.core.values import Instrument, Side, StopKind, Target, exact

BPS = Decimal("0.0001")
SHARE_SLACK = Decimal("1e-9")  # shares this close to 1 leave no runner


class Snapshot(msgspec.Struct, frozen=True):
    """What the rules may know of a position; `entry`, `dist0` and `qty0` never change."""

    side: Side
    entry: Decimal
    avg: Decimal
    qty0: Decimal
    qty: Decimal
    dist0: Decimal  # distance of the initial stop from the entry: one R of price
    level_price: float  # the level whose break was traded
    atr0: float | None  # ATR14 of the bar before the one that decided
    vol0: float | None  # mean volume of the 20 bars before the one that decided
    stop: Decimal
    stop_kind: StopKind
    targets_filled: int
    bars_held: int  # closed bars since the entry, the entry bar included
    best: float | None  # extreme in favor over the closed bars held
    worst: float | None  # extreme against
    addon_done: bool


class Protection(msgspec.Struct, frozen=True):
    """Where the stop shall stand."""

    stop: Decimal
    kind: StopKind


class Leave(msgspec.Struct, frozen=True):
    """The stop that is due cannot rest any more: exit all at market, under its kind."""

    rule: str


class Entered(msgspec.Struct, frozen=True):
    """What an ended entry order fixed, as far as the ladder needs it."""

    side: Side
    entry: Decimal
    dist0: Decimal
    qty0: Decimal
    obstacles: tuple[float, ...]  # kept levels of the blocking kind, the broken one aside


def move_r(seen: Snapshot, price: float | None) -> Decimal | None:
    """How far `price` is in favor of the entry, in R; None where either is unknown."""
    if price is None or not seen.dist0:
        return None
    return seen.side.sign * (exact(price) - seen.entry) / seen.dist0


def _is_below(move: Decimal | None, r: float) -> bool:
    return move is not None and move < exact(r)


def _reaches(move: Decimal | None, r: float) -> bool:
    return move is not None and move >= exact(r)


def activity(volumes: Sequence[float], vol0: float | None) -> float | None:
    """Mean of `volumes` (oldest first) over `vol0`; None when that says nothing."""
    if not len(volumes) or not vol0:
        return None
    last = osum(np.asarray(volumes, dtype=np.float64), len(volumes))[-1]
    return None if np.isnan(last) else float(last) / len(volumes) / vol0


def exit_rule(
    seen: Snapshot, close: float, activity: float | None, frame_s: int, exits: Exits
) -> str | None:
    """The rule that ends the trade at this bar close, None to stay.

    The order of the table is the precedence. An unknown input never fires a rule.
    """
    age_s = seen.bars_held * frame_s
    move = move_r(seen, close)
    is_young = seen.targets_filled == 0
    fires = {
        "failed_breakout": is_young and _is_back_through(seen, close, exits),
        "activity_drop": is_young and _is_quiet(seen, activity, exits),
        "weak_impulse": is_young
        and 0 < exits.weak_impulse_bars <= seen.bars_held
        and _is_below(move_r(seen, seen.best), exits.weak_impulse_min_r),
        "no_progress": is_young
        and 0 < exits.no_progress_s <= age_s
        and _is_below(move, exits.no_progress_min_r),
        "time_stop": 0 < exits.time_stop_s <= age_s and _is_below(move, 0),
        "max_hold": age_s >= exits.max_hold_s,
    }
    return next((rule for rule, is_due in fires.items() if is_due), None)


def _is_back_through(seen: Snapshot, close: float, exits: Exits) -> bool:
    """`d*(C - P) < -failed_break_atr*atr0` within the first bars."""
    is_early = exits.failed_break_bars > 0 and seen.bars_held <= exits.failed_break_bars
    if not is_early or seen.atr0 is None:
        return False
    beyond = seen.side.sign * (exact(close) - exact(seen.level_price))
    return beyond < -exact(exits.failed_break_atr) * exact(seen.atr0)


def _is_quiet(seen: Snapshot, activity: float | None, exits: Exits) -> bool:
    is_judged = 0 < exits.activity_bars <= seen.bars_held
    return is_judged and activity is not None and activity < exits.activity_min_mult


def protect(
    seen: Snapshot, atr: float | None, price: float | None, terms: tuple[Instrument, Exits]
) -> Protection | Leave | None:
    """The stop that shall replace the current one; None keeps it. A stop only tightens.

    `atr` is ATR14 at the last close; without it the trailing stop is not armed. `price` is the
    close of a bar that just closed; without it only the exchange knows whether a stop can rest.
    """
    d = seen.side.sign
    due = [new for new, step in _armed(seen, atr, terms) if d * (new.stop - seen.stop) >= step]
    if not due:
        return None
    wanted = max(due, key=lambda new: d * new.stop)
    if price is not None and d * (wanted.stop - exact(price)) >= 0:
        return Leave(wanted.kind.value)
    return wanted


def _armed(
    seen: Snapshot, atr: float | None, terms: tuple[Instrument, Exits]
) -> Iterator[tuple[Protection, Decimal]]:
    """Each armed stop with the smallest step for which it replaces another.

    A trailing stop not worth an order must not keep breakeven from being set, hence a step each.
    """
    instrument, exits = terms
    move = move_r(seen, seen.best)
    is_far = exits.be_trigger_r > 0 and _reaches(move, exits.be_trigger_r)
    if is_far or 0 < exits.be_after_targets <= seen.targets_filled:
        at = breakeven(seen.side, seen.avg, instrument, exits)
        yield Protection(at, StopKind.BREAKEVEN), instrument.tick
    if atr is not None and seen.best is not None and _reaches(move, exits.trail_from_r):
        is_tight = exits.trail_tight_from_r > 0 and _reaches(move, exits.trail_tight_from_r)
        k = exits.trail_tight_atr if is_tight else exits.trail_atr
        raw = exact(seen.best) - seen.side.sign * exact(k) * exact(atr)
        step = max(instrument.tick, exact(exits.trail_step_min_atr) * exact(atr))
        yield Protection(_legal(seen.side, raw, instrument), StopKind.TRAILING), step


def breakeven(side: Side, avg: Decimal, instrument: Instrument, exits: Exits) -> Decimal:
    """Where a stop costs nothing any more, on the tick and never tighter than computed."""
    return _legal(side, _beyond_costs(side, avg, instrument, exits), instrument)


def _beyond_costs(side: Side, avg: Decimal, instrument: Instrument, exits: Exits) -> Decimal:
    """`avg*(1 + d*b*1e-4)`: beyond the entry by the buffer, two taker fees at least."""
    return avg * (1 + side.sign * max(exact(exits.be_buffer_bps), 2 * instrument.taker_bps) * BPS)


def _legal(side: Side, price: Decimal, instrument: Instrument) -> Decimal:
    """Down for a long, up for a short: a stop never tighter, a target never farther."""
    return instrument.price_down(price) if side is Side.LONG else instrument.price_up(price)


def ladder(entered: Entered, instrument: Instrument, exits: Exits) -> tuple[Target, ...]:
    """The take-profit rungs of a filled entry, nearest first; what they leave is the runner.

    A rung that cannot stand is added to the next one, rungs at one price are one rung, and the
    last one takes all that is left where the shares sum to 1.
    """
    shares = sum((exact(share) for _, share in exits.targets), Decimal(0))
    is_whole = abs(shares - 1) <= SHARE_SLACK
    rungs: list[Target] = []
    carried = Decimal(0)
    for k, (r, share) in enumerate(exits.targets, 1):
        before = rungs[-1].price if rungs else entered.entry
        price = _target_price(entered, r, before, (instrument, exits))
        twin = rungs.pop() if rungs and price == before else None
        left = entered.qty0 - sum(rung.qty for rung in rungs)
        carried += instrument.qty(exact(share) * entered.qty0) + (twin.qty if twin else 0)
        is_rest = is_whole and k == len(exits.targets)
        rung = Target(
            twin.r if twin else r, price, instrument.qty(left if is_rest else min(carried, left))
        )
        if _can_stand(rung, entered, instrument):
            rungs.append(rung)
            carried = Decimal(0)
    return tuple(rungs)


def _can_stand(rung: Target, entered: Entered, instrument: Instrument) -> bool:
    """Whether the exchange would take the rung, and it would be a gain."""
    is_enough = rung.qty >= instrument.qty_min
    is_worth = instrument.notional(rung.price, rung.qty) >= instrument.notional_min
    is_gain = entered.side.sign * (rung.price - entered.entry) > 0
    return is_enough and is_worth and is_gain and rung.price > 0


def _target_price(
    entered: Entered, r: float, before: Decimal, terms: tuple[Instrument, Exits]
) -> Decimal:
    """`entry + d*r*dist0`, or just in front of an obstacle that stands about there.

    In front of it must be nearer than the raw target, by no more than the same share of price, and
    beyond the rung `before` and breakeven.
    """
    instrument, exits = terms
    side, d = entered.side, entered.side.sign
    raw = entered.entry + d * exact(r) * entered.dist0
    reach = raw * exact(exits.target_adjust_max_bps) * BPS
    near = [q for q in map(exact, entered.obstacles) if abs(q - raw) <= reach]
    if near:
        obstacle = min(near, key=lambda q: abs(q - entered.entry))
        pulled = obstacle * (1 - d * exact(exits.target_buffer_bps) * BPS)
        price = _legal(side, pulled, instrument)
        least = max(d * before, d * _beyond_costs(side, entered.entry, instrument, exits))
        if 0 < d * (raw - pulled) <= reach and d * price > least:
            return price
    return _legal(side, raw, instrument)


def wants_addon(
    seen: Snapshot, close: float, ema9: float | None, obv12: float | None, exits: Exits
) -> bool:
    """Whether a bar close asks for the one add-on: in profit, near its average, volume agreeing."""
    if not exits.addon_enabled or seen.addon_done or ema9 is None or obv12 is None:
        return False
    is_near = abs(close - ema9) / close * 1e4 <= exits.addon_ema_bps
    is_winning = _reaches(move_r(seen, close), exits.addon_min_r)
    return is_winning and is_near and seen.side.sign * obv12 > 0


def addon_qty(seen: Snapshot, close: float, instrument: Instrument, exits: Exits) -> Decimal:
    """Quantity of the add-on; 0 when there is no room for a legal one.

    At most what keeps the price risk to the stop within the original `qty0*dist0`.
    """
    d = seen.side.sign
    price = exact(close)
    risk = d * (price - seen.stop)
    room = seen.qty0 * seen.dist0 - seen.qty * d * (seen.avg - seen.stop)
    if risk <= 0 or room <= 0:
        return Decimal(0)
    qty = instrument.qty(min(exact(exits.addon_frac) * seen.qty0, room / risk))
    is_worth = instrument.notional(price, qty) >= instrument.notional_min
    return qty if is_worth and qty >= instrument.qty_min else Decimal(0)
