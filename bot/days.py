"""What the chat remembers of the last days for its reports: a small fold over facts.

It exists because the read model counts refusals of one day only and no limit that opened again. It
is bounded, and must never be asked for money: trades say that themselves.
"""

from collections import Counter, deque

from engine.core.facts import Booted, GateClosed, Record, SignalSkipped
from engine.core.values import GateName, Ms

KEPT_MS: Ms = 9 * 86_400_000  # a week, and a late report of it
MOST = 20_000  # refusals remembered
LIMITS = frozenset({GateName.DAILY_LOSS, GateName.LOSING_STREAK, GateName.KILL_SWITCH})


class DayBook:
    """Starts, limits that were hit and refusals, with their times."""

    def __init__(self) -> None:
        self.first_ms: Ms | None = None  # of the oldest record there is
        self._starts: deque[Ms] = deque(maxlen=MOST)
        self._limits: deque[tuple[Ms, GateName]] = deque(maxlen=MOST)
        self._skipped: deque[tuple[Ms, str]] = deque(maxlen=MOST)

    def fold(self, record: Record) -> None:
        """Take one record in; records come in order, each once."""
        at_ms = record.at_ms
        if self.first_ms is None:
            self.first_ms = at_ms
        match record.fact:
            case Booted():
                self._starts.append(at_ms)
            case GateClosed(gate=gate) if gate in LIMITS:
                self._limits.append((at_ms, gate))
            case SignalSkipped() as fact:
                self._skipped.append((at_ms, fact.check or fact.reason.partition(":")[0]))
                while self._skipped[0][0] < at_ms - KEPT_MS:
                    self._skipped.popleft()

    def starts(self, begin_ms: Ms, end_ms: Ms) -> int:
        """How often the process began within that time."""
        return sum(begin_ms <= at_ms < end_ms for at_ms in self._starts)

    def limits(self, begin_ms: Ms, end_ms: Ms) -> tuple[GateName, ...]:
        """Limits of loss that were hit within that time, each once."""
        found = (gate for at_ms, gate in self._limits if begin_ms <= at_ms < end_ms)
        return tuple(dict.fromkeys(found))

    def skipped(self, begin_ms: Ms, end_ms: Ms) -> Counter[str]:
        """Complete signals that were refused within that time, by check."""
        return Counter(check for at_ms, check in self._skipped if begin_ms <= at_ms < end_ms)
