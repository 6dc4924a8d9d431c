"""Which positions are one bet: markets that move together count as one.

It exists so that three longs in twins do not pass for three trades. Only pairs with something open
or pending are computed, never the whole universe; what is unknown counts as the same bet.
"""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from engine.core.exposure import risk_of
from engine.core.indicators import CORR_N, LOOKBACK, Floats, pair_corr
from engine.core.market import Market
from engine.core.turn import Turn
from engine.core.values import Ms, Side


def bet_risk(turn: Turn, symbol: str, side: Side, open_ms: Ms) -> Decimal:
    """Open risk of all positions and pending entries that are the same bet, as of that bar."""
    ledger, market = turn.ledger, turn.market
    most = turn.settings.risk.pair_corr_max_frac
    held = ledger.positions
    known = correlations(market, symbol, [p.symbol for p in held], open_ms)
    same = (p for p in held if is_same_bet((side, p.side), known[p.symbol], most))
    return sum((risk_of(ledger, market, p) for p in same), Decimal(0))


def is_same_bet(sides: tuple[Side, Side], corr: float | None, most: float) -> bool:
    """Whether `d1*d2*corr` exceeds `most`: a long and a short in twins offset each other."""
    return corr is None or sides[0].sign * sides[1].sign * corr > most


def correlations(
    market: Market, symbol: str, others: Sequence[str], end_ms: Ms
) -> dict[str, float | None]:
    """Correlation of a symbol with each of the others at the bar of `end_ms`; None if unknown."""
    if not others:
        return {}
    theirs = np.stack([_closes(market, other, end_ms) for other in others])
    found = pair_corr(_closes(market, symbol, end_ms), theirs).tolist()
    return {s: None if np.isnan(x) else x for s, x in zip(others, found, strict=True)}


def _closes(market: Market, symbol: str, end_ms: Ms) -> Floats:
    """Closes of the frame slots up to `end_ms`, `(241,)` oldest first, NaN where none is known."""
    open_ms, ohlcv = market.candles(symbol, LOOKBACK)
    slot = CORR_N - (end_ms - open_ms) // market.frame_ms
    is_inside = (slot >= 0) & (slot <= CORR_N)
    closes = np.full(CORR_N + 1, np.nan)
    closes[slot[is_inside]] = ohlcv[is_inside, 3]
    return closes
