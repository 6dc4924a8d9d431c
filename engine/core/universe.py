"""Which perpetuals are watched at all: filters and ranks over one read of all tickers.

It exists so that the choice is one pure function of tickers and trading rules. It must never look
at a candle, and gives nobody a right to trade: checks do.
"""

import math
from collections.abc import Sequence

from engine.core import settings as keys
from engine.core.values import Instrument, Ticker


def choose_universe(
    tickers: Sequence[Ticker], instruments: Sequence[Instrument], settings: keys.Universe
) -> tuple[str, ...]:
    """Tradable symbols by 24 h turnover, largest first; an unknown turnover ranks last."""
    tradable = {i.symbol: i for i in instruments}
    chosen = [t for t in tickers if t.symbol in tradable and _fits(tradable[t.symbol], settings)]
    chosen = _movers(chosen, settings)
    chosen.sort(key=lambda t: (-turnover(t), t.symbol))
    return tuple(t.symbol for t in chosen[: settings.top_n])


def _fits(instrument: Instrument, settings: keys.Universe) -> bool:
    if _is_listed(instrument, settings.blacklist):
        return False
    return not settings.whitelist or _is_listed(instrument, settings.whitelist)


def _is_listed(instrument: Instrument, names: Sequence[str]) -> bool:
    return instrument.symbol in names or f"{instrument.base}*" in names


def _movers(tickers: list[Ticker], settings: keys.Universe) -> list[Ticker]:
    """Gainers or losers of the last 24 h, the largest move first; an unknown move is none."""
    if settings.movers == "all":
        return tickers
    is_up = settings.movers == "gainers"
    least = settings.gain_min_pct if is_up else settings.loss_min_pct

    def move(ticker: Ticker) -> float:
        change = ticker.change_24h_pct
        if change is None or math.isnan(change):
            return -math.inf
        return change if is_up else -change

    fit = [t for t in tickers if turnover(t) >= settings.volume_24h_min_usd and move(t) >= least]
    fit.sort(key=lambda t: (-move(t), t.symbol))
    return fit[: settings.movers_max]


def turnover(ticker: Ticker | None) -> float:
    """24 h turnover for ranking, quote currency; unknown is below everything."""
    known = ticker.volume_24h_usd if ticker is not None else None
    return -math.inf if known is None or math.isnan(known) else known
