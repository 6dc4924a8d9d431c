"""A recorded market judged bar by bar by the live scanner, as if it had been there all along."""

from collections import Counter
from collections.abc import Iterator

import msgspec
import numpy as np

from engine.candles import Histories, market_at, tickers_at
from engine.core.checks import APPROVED, STAGES
from engine.core.indicators import LOOKBACK
from engine.core.market import Market
from engine.core.scan import Batch, Scanner
from engine.core.settings import Settings
from engine.core.universe import choose_universe
from engine.core.values import Signal


class Count(msgspec.Struct):
    """What came of a history: signals in order, and how many bars of markets got how far."""

    stages: Counter[int] = msgspec.field(default_factory=Counter)
    blocked: Counter[str] = msgspec.field(default_factory=Counter)  # of those that broke a level
    signals: list[Signal] = msgspec.field(default_factory=list)

    def add(self, batch: Batch) -> None:
        """One more bar close."""
        self.stages.update(v.stage for v in batch.verdicts)
        broke = (v for v in batch.verdicts if STAGES[v.stage] == "broke")
        self.blocked.update(v.blocked_by or "nothing" for v in broke)
        self.signals += batch.signals

    def reached(self) -> list[int]:
        """Bars of markets that came to each stage or deeper."""
        return [sum(n for s, n in self.stages.items() if s >= stage) for stage in range(APPROVED)]


def judged(histories: Histories, settings: Settings) -> Iterator[Batch]:
    """Each bar close in turn, with the universe chosen anew as often as live."""
    scanner = Scanner()
    market = market_at(histories, LOOKBACK, settings)
    for bar in range(LOOKBACK, histories.ohlcv.shape[1]):
        close_ms = histories.close_ms(bar)
        if close_ms % (1000 * settings.universe.refresh_s) == 0:
            tickers = tickers_at(histories, bar)
            market.set_tickers(tickers, close_ms)
            chosen = choose_universe(tickers, histories.instruments, settings.universe)
            market.set_universe(chosen)
        _load(histories, bar, market)
        open_ms = close_ms - histories.frame_ms
        yield scanner(market, market.universe, open_ms, close_ms, settings)


def _load(histories: Histories, bar: int, market: Market) -> None:
    """The bars each market lacks: the newest, or all that a start would ask for."""
    open_ms = np.array([histories.close_ms(bar) - histories.frame_ms])
    rows = {instrument.symbol: row for row, instrument in enumerate(histories.instruments)}
    for symbol in market.universe:
        if market.last_open_ms(symbol) is None:
            market.load_history(symbol, *histories.history(rows[symbol], bar))
        else:  # a bar that is not there is NaN, and no candle
            market.load_history(symbol, open_ms, histories.ohlcv[rows[symbol], bar : bar + 1])
