"""A strategy that guesses: signals drawn from (seed, symbol, bar), to drive everything after them.

It exists because the real strategy is rightly picky, and orders, exits and limits need thousands of
trades to be tried. What it says of a bar depends on nothing else, so a restart decides alike. It
must never see the account.
"""

from collections.abc import Sequence
from random import Random

from engine.core.market import Market
from engine.core.scan import Batch
from engine.core.settings import Settings
from engine.core.values import Level, Ms, Setup, Side, Signal, Verdict

STOPS_PCT = (0.4, 0.7, 1.2, 2.0)
ATR_PCT = (0.1, 0.25)


class Guess:
    """The judge of the random family; `ends_ms` is when it falls silent."""

    def __init__(self, seed: int, eagerness: float, ends_ms: Ms) -> None:
        self._seed = seed
        self._eagerness = eagerness
        self._ends_ms = ends_ms

    def __call__(
        self, market: Market, symbols: Sequence[str], open_ms: Ms, at_ms: Ms, settings: Settings
    ) -> Batch:
        """Verdicts of those symbols whose newest bar is `open_ms`, and the signals among them."""
        is_fresh = at_ms - open_ms - market.frame_ms <= 1000 * settings.data.decision_age_max_s
        signals: list[Signal] = []
        verdicts: list[Verdict] = []
        for symbol in symbols:
            if market.last_open_ms(symbol) != open_ms:
                continue
            signal = self._guess(market, symbol, open_ms, settings) if is_fresh else None
            if signal is not None:
                signals.append(signal)
            price = float(market.candles(symbol, 1)[1][-1, 3])
            outcome = "QUIET" if signal is None else "SIGNAL"
            blocked = "break" if signal is None else None
            verdicts.append(Verdict(symbol, open_ms, price, (), outcome, blocked, None, None, None))
        return Batch(tuple(verdicts), tuple(signals))

    def _guess(self, market: Market, symbol: str, open_ms: Ms, settings: Settings) -> Signal | None:
        dice = Random(f"guess {self._seed} {symbol} {open_ms}")  # noqa: S311 -- as drawn by a seed
        if open_ms + market.frame_ms >= self._ends_ms or dice.random() >= self._eagerness:
            return None
        wanted = settings.signals.sides
        side = dice.choice(tuple(Side)) if wanted == "both" else Side[wanted.upper()]
        _, ohlcv = market.candles(symbol, 20)
        price, d = float(ohlcv[-1, 3]), side.sign
        stop = price * (1 - d * dice.choice(STOPS_PCT) / 100)
        level = Level(
            side, price * (1 - d * 0.0003), 3, open_ms - 10 * market.frame_ms, open_ms, 10, 0.9
        )
        return Signal(
            id=f"{symbol}:{open_ms}:{Setup.MOMENTUM}:{side}",
            symbol=symbol,
            side=side,
            setup=Setup.MOMENTUM,
            open_ms=open_ms,
            level=level,
            trigger=level.price,
            price=price,
            stop=stop,
            atr=price * dice.choice(ATR_PCT) / 100,
            expires_ms=open_ms + market.frame_ms + 1000 * settings.signals.expiry_s,
            checks=(),
            vol0=float(ohlcv[:, 4].mean()),
            obstacles=(price * (1 + d * 0.004),),
        )
