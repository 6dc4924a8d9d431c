"""Open interest of every market over the last day: how much it changed.

It exists so that a change over 24 hours survives without a file: samples of our own tickers, and
what the exchange remembers from before. It must never compare with a sample from another hour.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from engine.core.values import Ms, Ticker

HOUR_MS: Ms = 3_600_000
DAY_MS = 24 * HOUR_MS
NEAR_MS = HOUR_MS  # how far from 24 h ago a sample may be
KEPT_MS = DAY_MS + 2 * HOUR_MS
APART_MS: Ms = 300_000  # samples nearer to the one before are not kept


class Interest:
    """Samples in base asset, by symbol, oldest first; about a day of them."""

    def __init__(self) -> None:
        self._times: dict[str, list[Ms]] = {}
        self._values: dict[str, list[float]] = {}
        self._changes: dict[str, float] = {}  # as of the newest tickers

    def see(self, tickers: Sequence[Ticker], at_ms: Ms) -> None:
        """One sample of each market; those that are not listed any more are forgotten."""
        listed = {t.symbol for t in tickers}
        for symbol in [s for s in self._times if s not in listed]:
            del self._times[symbol], self._values[symbol]
        self._changes = {}
        for ticker in tickers:
            now = ticker.open_interest
            if now is None or not 0 < now < math.inf:
                continue
            self._compare(ticker.symbol, now, at_ms)
            times = self._times.setdefault(ticker.symbol, [])
            values = self._values.setdefault(ticker.symbol, [])
            if times and at_ms - times[-1] < APART_MS:
                continue
            times.append(at_ms)
            values.append(now)
            while times[0] <= at_ms - KEPT_MS:
                del times[0], values[0]

    def load(self, symbol: str, samples: Iterable[tuple[Ms, float]], now: tuple[Ms, float]) -> None:
        """What the exchange remembers; `now` is when the newest tickers were read, and its value.

        What we saw ourselves stands.
        """
        at_ms, value = now
        every = {at: x for at, x in samples if 0 < x < math.inf} | dict(self.samples(symbol))
        kept = sorted((at, x) for at, x in every.items() if at_ms - KEPT_MS < at <= at_ms)
        self._times[symbol] = [at for at, _ in kept]
        self._values[symbol] = [x for _, x in kept]
        self._compare(symbol, value, at_ms)

    def change_pct(self, symbol: str) -> float | None:
        """Percent since 24 h before the newest tickers; None while unknown."""
        return self._changes.get(symbol)

    def samples(self, symbol: str) -> tuple[tuple[Ms, float], ...]:
        """What is kept of a market, oldest first."""
        pairs = zip(self._times.get(symbol, ()), self._values.get(symbol, ()), strict=True)
        return tuple(pairs)

    def _compare(self, symbol: str, now: float, at_ms: Ms) -> None:
        then = self._then(symbol, at_ms)
        if then is not None:
            self._changes[symbol] = 100 * (now / then - 1)

    def _then(self, symbol: str, at_ms: Ms) -> float | None:
        """The sample nearest to 24 h ago."""
        times, wanted = self._times.get(symbol, []), at_ms - DAY_MS
        after = bisect_left(times, wanted)
        near = [i for i in (after - 1, after) if 0 <= i < len(times)]
        best = min(near, key=lambda i: abs(times[i] - wanted), default=None)
        if best is None or abs(times[best] - wanted) > NEAR_MS:
            return None
        return self._values[symbol][best]
