"""Whose book and trades are asked for, and whose open interest of the past.

It exists so that only markets that may be traded soon, or are, cost a deep subscription. It must
never decide anything: who is not followed merely has no order flow to show.
"""

from collections.abc import Sequence

from engine.core import events as e
from engine.core.checks import KINDS
from engine.core.intents import FetchInterest, Subscribe
from engine.core.interest import DAY_MS, HOUR_MS
from engine.core.settings import Settings
from engine.core.turn import Turn
from engine.core.values import Ms

LINGER_MS: Ms = 600_000  # a market that left the watch set is followed on, to limit churn
INTEREST_AT_ONCE = 5  # histories asked for in one turn
INTEREST_AGAIN_MS: Ms = 300_000
_INTEREST = "interest "


class Following:
    """The deep part of the subscription, and the open interest on its way."""

    def __init__(self) -> None:
        self._wanted_ms: dict[str, Ms] = {}  # when a market was last wanted
        self._asked_ms: dict[str, Ms] = {}  # when its open interest was asked for
        self._loaded: set[str] = set()

    def look(self, turn: Turn, watched: Sequence[str]) -> None:
        """Follow who is watched or held, or was until a moment ago; ask when that changed.

        Nobody is followed while every check that would read it is excluded.
        """
        market, at_ms = turn.market, turn.at_ms
        held = list(turn.ledger.positions)
        if not _needs_flow(turn.settings):
            watched = ()
            held = [p for p in held if p.exits.activity_source == "tape"]
        for symbol in (*watched, *(p.symbol for p in held)):
            self._wanted_ms[symbol] = at_ms
        self._wanted_ms = {
            s: ms
            for s in market.universe
            if (ms := self._wanted_ms.get(s)) is not None and at_ms - ms < LINGER_MS
        }
        known = [i for s in self._wanted_ms if (i := market.instrument(s)) is not None]
        deep = tuple(i.symbol for i in known)
        if deep != market.flow.symbols:
            market.flow.follow(known)
            turn.ask(Subscribe(market.universe, deep))

    def recall(self, turn: Turn) -> None:
        """Ask for the open interest of a day ago, a few markets at a time, while anybody needs it.

        Where the tickers show none there is nothing to compare.
        """
        if not _needs_interest(turn.settings):
            return
        market, at_ms = turn.market, turn.at_ms
        oldest = at_ms - INTEREST_AGAIN_MS
        missing = (
            symbol
            for symbol in market.universe
            if symbol not in self._loaded
            and self._asked_ms.get(symbol, oldest) <= oldest
            and (ticker := market.ticker(symbol)) is not None
            and ticker.open_interest is not None
        )
        for symbol, _ in zip(missing, range(INTEREST_AT_ONCE), strict=False):
            self._asked_ms[symbol] = at_ms
            turn.ask(FetchInterest(symbol, at_ms - DAY_MS - HOUR_MS))

    def loaded(self, turn: Turn, event: e.InterestLoaded) -> None:
        """The past of one market arrived."""
        self._asked_ms.pop(event.symbol, None)
        self._loaded.add(event.symbol)
        turn.market.load_interest(event)

    def failed(self, turn: Turn, event: e.FetchFailed) -> None:
        """It did not come: asked again later."""
        symbol = event.what.removeprefix(_INTEREST)
        if symbol != event.what and symbol in self._asked_ms:
            self._asked_ms[symbol] = turn.at_ms


def _needs_flow(settings: Settings) -> bool:
    return any(
        kind.group == "micro" and name not in settings.checks.excluded
        for name, kind in KINDS.items()
    )


def _needs_interest(settings: Settings) -> bool:
    is_checked = settings.universe.oi_change_min_pct > 0
    is_excluded = "oi_change" in settings.checks.excluded
    return (is_checked and not is_excluded) or settings.score.w_oi_change != 0
