"""When and how a position ends: each rule a pure function of a snapshot and a closed bar.

It exists so that live, paper and history share one set of exits. A rule must never
see the time, the market or an order: only its snapshot, the close and the parameters.
"""

from decimal import Decimal

import msgspec

from engine.core.settings import Exits
from engine.core.values import Instrument, Side, StopKind, Target, exact


class Snapshot(msgspec.Struct, frozen=True):
    """What the rules may know of a position."""

    side: Side
    entry: Decimal
    avg: Decimal
    stop: Decimal
    targets_filled: int
    bars_held: int


class Protection(msgspec.Struct, frozen=True):
    """Where the stop shall stand."""

    stop: Decimal
    kind: StopKind


def exit_rule(seen: Snapshot, close: float, frame_s: int, exits: Exits) -> str | None:
    """The first rule that ends the trade at this bar close, in precedence order (12.2)."""
    age_s = seen.bars_held * frame_s
    losing = seen.side.sign * (close - float(seen.entry)) < 0
    if 0 < exits.time_stop_s <= age_s and losing:
        return "time_stop"
    if age_s >= exits.max_hold_s:
        return "max_hold"
    return None


def protection(seen: Snapshot, instrument: Instrument, exits: Exits) -> Protection | None:
    """The stop that shall replace the current one; None keeps it. A stop only tightens (12.3)."""
    if not 0 < exits.be_after_targets <= seen.targets_filled:
        return None
    wanted = _rounded(seen.side, _breakeven(seen, instrument, exits), instrument)
    gain = seen.side.sign * (wanted - seen.stop)
    return Protection(wanted, StopKind.BREAKEVEN) if gain >= instrument.tick else None


def _breakeven(seen: Snapshot, instrument: Instrument, exits: Exits) -> Decimal:
    buffer_bps = max(exact(exits.be_buffer_bps), 2 * instrument.taker_bps)
    return seen.avg * (1 + seen.side.sign * buffer_bps / 10_000)


def _rounded(side: Side, price: Decimal, instrument: Instrument) -> Decimal:
    """Never tighter than computed: down for a long, up for a short (9.1)."""
    return instrument.price_down(price) if side is Side.LONG else instrument.price_up(price)


def ladder(
    side: Side,
    entry: Decimal,
    dist0: Decimal,
    qty0: Decimal,
    terms: tuple[Instrument, Exits],
) -> tuple[Target, ...]:
    """The take-profit rungs of a filled entry (9.4).

    A rung below the exchange's minima is added to the next; a last one too small joins the runner.
    """
    instrument, exits = terms
    rungs: list[Target] = []
    carried = Decimal(0)
    for r, share in exits.targets:
        price = entry + side.sign * exact(r) * dist0
        # toward the entry: reachable, never flattering
        legal = instrument.price_down(price) if side is Side.LONG else instrument.price_up(price)
        qty = carried + instrument.qty(exact(share) * qty0)
        if qty < instrument.qty_min or instrument.notional(legal, qty) < instrument.notional_min:
            carried = qty
            continue
        rungs.append(Target(r, legal, qty))
        carried = Decimal(0)
    return tuple(rungs)
