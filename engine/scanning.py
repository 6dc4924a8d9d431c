"""The scan of candle files: the kernel that trades live, at one closed bar of a recording.

It exists so that "what would it have said there" has the answer the bot would have given. Nothing
is judged here but by that kernel; what candles cannot tell is excluded and named. It must never
ask for risk: nobody's money is known.
"""

from collections.abc import Iterator, Mapping

import msgspec

from engine.candles import Histories, has_day, market_at, when
from engine.core.checks import CANDLE_ONLY, CONFIRMED, STAGES
from engine.core.funnel import Funnel
from engine.core.scan import Scanner, completed, levels_of
from engine.core.settings import Settings
from engine.core.values import Level, Ms, Signal, Verdict
from engine.core.view import ranked
from engine.setups import Found, setups


class Unjudged(msgspec.Struct, frozen=True):
    """A symbol of the data without a verdict at that bar."""

    symbol: str
    reason: str


class Stage(msgspec.Struct, frozen=True):
    """How many symbols came as far as this stage or farther."""

    stage: str
    left: int


class Scan(msgspec.Struct, frozen=True):
    """What the kernel said of one bar, best market first."""

    settings: Settings  # as judged by
    open_ms: Ms
    at_ms: Ms  # its close, at which it is judged
    verdicts: tuple[Verdict, ...]
    signals: Mapping[str, Signal]
    levels: Mapping[str, tuple[Level, ...]]  # what the next bar is tested against, nearest first
    funnel: tuple[Stage, ...]  # up to "confirmed": what follows is asked of risk
    unjudged: tuple[Unjudged, ...]
    setups: tuple[Found, ...]  # of the candles up to that bar, whoever was watched; oldest first


def without_books(settings: Settings) -> Settings:
    """The same settings, with every check excluded that these candles can never answer."""
    checks, frame_ms = settings.checks, 1000 * settings.market.frame_s
    blind = CANDLE_ONLY if has_day(frame_ms) else (*CANDLE_ONLY, "volume_24h")
    excluded = tuple(dict.fromkeys((*checks.excluded, *blind)))
    return msgspec.structs.replace(
        settings, checks=msgspec.structs.replace(checks, excluded=excluded)
    )


def scan(histories: Histories, settings: Settings, at_ms: Ms | None = None) -> Scan:
    """Judge the newest bar closed at or before `at_ms`; raises `DataError` where there is none."""
    settings, bar = without_books(settings), histories.bar(at_ms)
    close_ms = histories.close_ms(bar)
    open_ms = close_ms - histories.frame_ms
    market = market_at(histories, bar, settings)
    batch = Scanner()(market, market.universe, open_ms, close_ms, settings)
    verdicts = ranked(completed(market, verdict, settings) for verdict in batch.verdicts)
    return Scan(
        settings=settings,
        open_ms=open_ms,
        at_ms=close_ms,
        verdicts=verdicts,
        signals={signal.symbol: signal for signal in batch.signals},
        levels={v.symbol: levels_of(market, v.symbol, settings) for v in verdicts},
        funnel=_funnel(verdicts, close_ms),
        unjudged=tuple(_unjudged(histories, bar, {v.symbol for v in verdicts})),
        setups=setups(histories, bar, settings),
    )


def _funnel(verdicts: tuple[Verdict, ...], at_ms: Ms) -> tuple[Stage, ...]:
    funnel = Funnel()
    funnel.note(at_ms, ((v.symbol, v.stage) for v in verdicts))
    reached = funnel.view(at_ms).reached[: CONFIRMED + 1]
    return tuple(map(Stage, STAGES, reached))


def _unjudged(histories: Histories, bar: int, judged: set[str]) -> Iterator[Unjudged]:
    for row, instrument in enumerate(histories.instruments):
        if instrument.symbol not in judged:
            yield Unjudged(instrument.symbol, _why_not(histories, row, bar))
    for symbol in histories.silent:
        yield Unjudged(symbol, "no candle in the data")


def _why_not(histories: Histories, row: int, bar: int) -> str:
    if histories.present[row, bar]:
        return "not chosen for the universe"
    open_ms, _ = histories.history(row, bar)
    if not len(open_ms):
        return "no whole bar yet"
    return (
        f"no whole bar here, the newest before closed {when(int(open_ms[-1]) + histories.frame_ms)}"
    )
