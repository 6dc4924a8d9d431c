"""Alerts: whether what somebody watches for has happened, judged at ticks and closed bars.

It exists so that a market can be watched without being traded. An alert is a change: a price that
is crossed, a level that price comes near or closes beyond, each at most once in a while. It must
never lead to an order, and looks only at what is watched, so that it costs nothing else.
"""

from collections.abc import Sequence

import numpy as np

from engine.core.indicators import ATR_N, atr
from engine.core.scan import NEAR_ATR, levels_of
from engine.core.state import Watched
from engine.core.turn import Turn
from engine.core.values import Bar, Ms, exact
from engine.core.wish_facts import AlertRaised

AGAIN_MS: Ms = 900_000  # what was told is not told again before
PRICE, NEAR, BROKEN = "price", "near", "broken"


def look(turn: Turn) -> None:
    """At a tick: prices that were crossed."""
    for watched in turn.ledger.state.watching.values():
        quote = turn.market.quote(watched.symbol)
        if watched.price is None or quote is None or not _may_tell(turn, watched):
            continue
        if not turn.market.is_stale(watched.symbol, turn.at_ms):
            _cross(turn, watched, quote.last)


def look_at(turn: Turn, bars: Sequence[Bar]) -> None:
    """At closed bars: prices crossed in between, levels met."""
    if not turn.ledger.state.watching:
        return
    by_symbol = {bar.symbol: bar for bar in bars}
    for watched in turn.ledger.state.watching.values():
        bar = by_symbol.get(watched.symbol)
        if bar is None or not _may_tell(turn, watched):
            continue
        if watched.price is None:
            _meet(turn, bar)
        elif bar.open_ms >= max(watched.since_ms, watched.told_ms or 0):
            _cross(turn, watched, bar.low if watched.is_above else bar.high)


def _may_tell(turn: Turn, watched: Watched) -> bool:
    return watched.told_ms is None or turn.at_ms - watched.told_ms >= AGAIN_MS


def _cross(turn: Turn, watched: Watched, last: float) -> None:
    """Told when the price is on the other side than it was when it was asked, or told last."""
    assert watched.price is not None
    is_above = exact(last) >= watched.price
    if is_above is not watched.is_above:
        turn.tell(AlertRaised(watched.symbol, PRICE, float(watched.price), last, watched.price))


def _meet(turn: Turn, bar: Bar) -> None:
    """A level the bar closed beyond, or else the nearest it came near to, the bar before not."""
    _, ohlcv = turn.market.candles(bar.symbol, ATR_N + 1)
    a = float(atr(*ohlcv[:, 1:4].T)[-1]) if len(ohlcv) > ATR_N else np.nan
    if not a > 0:  # NaN is not
        return
    before, levels = float(ohlcv[-2, 3]), levels_of(turn.market, bar.symbol, turn.settings)
    broken = [x.price for x in levels if (x.price - before) * (x.price - bar.close) < 0]
    reach = NEAR_ATR * a
    near = [x.price for x in levels if abs(x.price - bar.close) <= reach < abs(x.price - before)]
    for kind, prices in ((BROKEN, broken), (NEAR, near)):
        if prices:
            turn.tell(AlertRaised(bar.symbol, kind, prices[0], bar.close))
            return
