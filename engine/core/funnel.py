"""Where markets drop out: how far each came within a day, as counts that never rise.

It exists so that "why so few trades" has one answer, from the same verdicts that decided. It must
never decide anything, and forgets what is older than a day.
"""

from collections.abc import Iterable

from engine.core.checks import IN_BAND, STAGES
from engine.core.values import Ms
from engine.core.view import FunnelView

HOUR_MS: Ms = 3_600_000
HOURS = 24


class Funnel:
    """The deepest stage of each symbol, by hour."""

    def __init__(self) -> None:
        self._hours: dict[Ms, dict[str, int]] = {}
        self._since_ms: Ms | None = None

    def note(self, at_ms: Ms, reached: Iterable[tuple[str, int]]) -> None:
        """Symbols came that far now."""
        if self._since_ms is None:
            self._since_ms = at_ms
        hour = at_ms // HOUR_MS * HOUR_MS
        if hour not in self._hours:
            oldest = hour - HOURS * HOUR_MS
            self._hours = {h: seen for h, seen in self._hours.items() if h > oldest}
        deepest = self._hours.setdefault(hour, {})
        for symbol, stage in reached:
            deepest[symbol] = max(stage, deepest.get(symbol, 0))

    def view(self, at_ms: Ms) -> FunnelView:
        """The last 24 hours, in whole hours, or all since the first note."""
        oldest = at_ms // HOUR_MS * HOUR_MS - (HOURS - 1) * HOUR_MS
        deepest: dict[str, int] = {}
        for hour, seen in self._hours.items():
            if hour >= oldest:
                for symbol, stage in seen.items():
                    deepest[symbol] = max(stage, deepest.get(symbol, 0))
        reached = tuple(sum(d >= s for d in deepest.values()) for s in range(len(STAGES)))
        return FunnelView(max(self._since_ms or 0, oldest), reached, tightest(reached))


def tightest(reached: tuple[int, ...]) -> int | None:
    """The stage from "in band" on that lost most, the earlier of equals; None without a loss."""
    losses = {s: reached[s - 1] - reached[s] for s in range(IN_BAND, len(reached))}
    worst = max(losses, key=lambda s: (losses[s], -s))
    return worst if losses[worst] else None
