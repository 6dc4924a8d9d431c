"""Order flow in rows: spread, depth, pace of trading, walls.

It exists so that what the checks on book and tape read can be looked at. A value is rounded here
and never judged; an unknown one is a dash.
"""

from bot.views.layout import NONE, compact, fixed, pre, row, short, span, when
from engine.core.tape import Pace
from engine.core.values import OrderSide
from engine.core.view import FlowView, ReachView, WallView

WALLS = 5
NOT_FOLLOWED = "Order flow: not followed. Watched markets are, and those with a position."
_ENDS = {"EATEN": "eaten", "PULLED": "pulled"}


def section(flow: FlowView | None, last: float) -> str:
    """The order flow of a market whose last close is `last`."""
    if flow is None:
        return f"<i>{NOT_FOLLOWED}</i>"
    lean = flow.imbalance
    spread = NONE if flow.spread_bps is None else f"{fixed(flow.spread_bps, 1)} bps"
    bids = NONE if lean is None else f"{fixed(50 * (1 + lean), 0)}%"
    drop = NONE if flow.drop_frac is None else f"{fixed(100 * flow.drop_frac, 0)}%"
    table = [
        row(("spread", 9), (spread, 8), ("bid share", 9), (bids, 5)),
        row(("USD within", 13), ("bids", -9), ("asks", -9)),
        *(_reach_row(reach) for reach in flow.reaches),
        row(("over", 13), *((span(p.window_s), -6) for p in flow.paces)),
        row(("trades/min", 13), *((compact(p.tpm), -6) for p in flow.paces)),
        row(("bought-sold", 13), *((_delta(p), -6) for p in flow.paces)),
        row(("pace dropped", 13), (drop, -6)),
    ]
    table += _walls(flow, last)
    whys = "".join(f"\n<i>{short(why, 120)}</i>" for why in flow.whys)
    return f"<b>Order flow</b> · {when(flow.at_ms, 'T')}\n{pre(table)}{whys}"


def _reach_row(reach: ReachView) -> str:
    least = ">" if reach.is_least else ""
    within = f"{fixed(reach.bps / 100, 2)}%"
    sides = ((least + compact(usd), -9) for usd in (reach.bids_usd, reach.asks_usd))
    return row((within, 13), *sides)


def _delta(pace: Pace) -> str:
    """Signed turnover, thousands as k."""
    delta = pace.delta_usd
    if delta is None:
        return NONE
    return f"{'+' if delta > 0 else ''}{compact(delta)}"


def _walls(flow: FlowView, last: float) -> list[str]:
    """Nearest first while they stand, then how others ended."""
    if not flow.walls:
        return ["no walls"]
    standing = [w for w in flow.walls if not w.end]
    standing.sort(key=lambda w: abs(w.price - last))
    shown = [*standing, *(w for w in flow.walls if w.end)][:WALLS]
    head = row(("wall", 4), ("dist%", -6), ("USD", -6), ("age", -4), ("", 10))
    return [head, *(_wall_row(wall, last, flow.at_ms) for wall in shown)]


def _wall_row(wall: WallView, last: float, at_ms: int) -> str:
    again = f"back {wall.refreshed}x" if wall.refreshed else "stands"
    return row(
        ("bid" if wall.side is OrderSide.BUY else "ask", 4),
        (f"{100 * (wall.price - last) / last:+.2f}", -6),
        (compact(wall.usd), -6),
        (span((at_ms - wall.at_ms) / 1000), -4),
        (_ENDS.get(wall.end, wall.end.lower()) if wall.end else again, 10),
    )
