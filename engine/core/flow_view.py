"""Building the view of one followed market's order flow, for people to read.

It exists so that the chat shows what the checks read, from the same moment. It must never judge.
"""

from engine.core.depth import Depth
from engine.core.flow import Follow
from engine.core.tape import WINDOWS_S
from engine.core.values import Ms, OrderSide
from engine.core.view import FlowView, ReachView, WallView

BANDS_BPS = (5, 30, 50)
ENDED_MS: Ms = 600_000  # an end is told for so long


def flow_view(symbol: str, follow: Follow, at_ms: Ms) -> FlowView:
    """A frozen copy of all there is to tell."""
    depth = follow.depth(at_ms)
    paces = tuple(follow.tape.window(window_s, at_ms) for window_s in WINDOWS_S)
    imbalance = follow.imbalance(at_ms)
    whys = (
        "" if imbalance is not None else follow.why_no_imbalance(at_ms),
        follow.why_no_walls(at_ms),
        follow.why_no_pace(paces[-1]),
    )
    return FlowView(
        symbol=symbol,
        at_ms=at_ms,
        spread_bps=None if depth is None else depth.spread_bps,
        reaches=() if depth is None else tuple(_reach(depth, bps) for bps in BANDS_BPS),
        imbalance=imbalance,
        paces=paces,
        drop_frac=follow.drop(at_ms),
        walls=(*_standing(follow), *_ended(follow, at_ms)),
        whys=tuple(dict.fromkeys(why for why in whys if why)),
    )


def _reach(depth: Depth, bps: float) -> ReachView:
    bids, asks = depth.side(OrderSide.BUY, bps), depth.side(OrderSide.SELL, bps)
    return ReachView(bps, bids.usd, asks.usd, bids.is_least or asks.is_least)


def _standing(follow: Follow) -> tuple[WallView, ...]:
    return tuple(
        WallView(
            side=wall.side,
            price=wall.price,
            usd=wall.size * wall.price * follow.contract,
            at_ms=1000 * (wall.since_s + 1),
            refreshed=wall.refreshed,
        )
        for wall in follow.walls.standing
    )


def _ended(follow: Follow, at_ms: Ms) -> tuple[WallView, ...]:
    ends = (
        WallView(
            side=end.side,
            price=end.price,
            usd=end.peak * end.price * follow.contract,
            at_ms=1000 * (end.at_s + 1),
            end=end.how.value,
        )
        for end in reversed(follow.walls.ended)
    )
    return tuple(end for end in ends if at_ms - end.at_ms < ENDED_MS)
