"""Whether exchange and clock can be relied on: two conditions, from what the shell reports.

It exists so that nothing is entered while orders might not get through or be stamped wrongly. It
must never touch an exit or a stop: those are tried all the more.
"""

from engine.core import events as e
from engine.core import gates
from engine.core.facts import GateClosed, Incident
from engine.core.turn import Turn
from engine.core.values import GateName, Ms

ACCOUNT = "account"  # how a failed read of it is named
UNREAD_MS: Ms = 60_000  # an account not read for longer is not known
UNREAD = "the account could not be read for "
CLOCK_TOLD_MS = 500  # off by more: a person is told
CLOCK_BAD_MS = 1000  # off by more: the exchange may refuse what we sign


class Reach:
    """What was last heard of exchange and clock; judged anew at every start."""

    def __init__(self) -> None:
        self._failed_ms: Ms | None = None  # the first read that failed since a good one
        self._failure = ""
        self._is_clock_told = False

    def failed(self, turn: Turn, event: e.FetchFailed) -> None:
        """A read of the account gave no answer: nothing yet, unless it goes on."""
        if event.what == ACCOUNT:
            self._failed_ms = turn.at_ms if self._failed_ms is None else self._failed_ms
            self._failure = event.reason

    def read(self, turn: Turn) -> None:
        """The account was read: that much works again."""
        self._failed_ms = None
        gate = turn.ledger.state.gates.get(GateName.EXCHANGE_DOWN)
        if gate is not None and gate.why.startswith(UNREAD):
            gates.reopen(turn, GateName.EXCHANGE_DOWN, "the account is read again")

    def judge(self, turn: Turn) -> None:
        """Time passed."""
        if self._failed_ms is not None and turn.at_ms - self._failed_ms > UNREAD_MS:
            why = f"{UNREAD}{UNREAD_MS // 1000} s: {self._failure}"
            gates.close(turn, GateName.EXCHANGE_DOWN, why)

    def seen(self, turn: Turn, event: e.ExchangeSeen) -> None:
        """The shell knows that we may not trade there, or that we may again."""
        if event.warnings:  # as one: they are about one key
            turn.alarm(Incident("key_warning", "; ".join(event.warnings)))
        if event.problem is None:
            gates.reopen(turn, GateName.EXCHANGE_DOWN, "the exchange lets us trade")
            return
        gate = turn.ledger.state.gates.get(GateName.EXCHANGE_DOWN)
        if gate is None or gate.why != event.problem:
            turn.tell(GateClosed(GateName.EXCHANGE_DOWN, gates.ENGINE, event.problem))

    def clock(self, turn: Turn, event: e.ClockSeen) -> None:
        """How far our clock and the venue's are apart."""
        off_ms = abs(event.offset_ms)
        way = "behind" if event.offset_ms > 0 else "ahead of"
        words = f"our clock is {off_ms:.0f} ms {way} the exchange's"
        if off_ms <= CLOCK_TOLD_MS:
            self._is_clock_told = False
            gates.reopen(turn, GateName.CLOCK_BAD, "the clocks agree again")
        elif not self._is_clock_told:
            self._is_clock_told = True
            turn.alarm(Incident("clock_off", words, cause="clock"))
        if off_ms > CLOCK_BAD_MS:
            gates.close(turn, GateName.CLOCK_BAD, words)
