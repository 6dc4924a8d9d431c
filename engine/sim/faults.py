"""What goes wrong, and how often: a plan drawn from the seed.

It exists so that one number is one run of bad luck that can be lived again. Each kind of fault is
on or off for a whole run, with a rate of its own (a swarm): rare combinations come up that an even
mixture would drown. It must never know what a fault does to the world.
"""

from collections import Counter
from enum import StrEnum
from random import Random

CALM_EVERY = 16  # seeds: one of so many has no faults at all, so that nothing hides behind them
ON = 0.4  # how likely a kind is on
VIGOR = (0.3, 1.0, 2.5)  # multiplies the rate of a kind that is on


class Kind(StrEnum):
    """The kinds of faults; each name is a row in the report."""

    # writes
    LOST_REQUEST = "lost_request"  # never reaches the exchange
    LOST_RESPONSE = "lost_response"  # applied, and no answer in time
    LATE_APPLY = "late_apply"  # no answer in time, applied up to a minute later
    AMBIGUOUS_DONE = "ambiguous_done"  # an error that says nothing, applied
    AMBIGUOUS_NOT = "ambiguous_not"  # the same error, not applied
    REFUSED = "refused"  # a definite refusal
    SLOW = "slow"  # an answer just before its deadline
    OUTAGE = "outage"  # the exchange cannot be reached for a while
    # what the exchange says by itself
    LOST_EVENT = "lost_event"
    LATE_EVENT = "late_event"
    DOUBLE_EVENT = "double_event"
    # reads
    LOST_READ = "lost_read"
    STALE_READ = "stale_read"  # the truth as of up to 30 s ago
    # positions, by somebody else
    STOP_NOT_ATTACHED = "stop_not_attached"
    STOP_REMOVED = "stop_removed"
    STOP_LOOSENED = "stop_loosened"
    STOP_TIGHTENED = "stop_tightened"
    HAND_REDUCED = "hand_reduced"
    HAND_CLOSED = "hand_closed"
    ADL = "adl"
    LIQUIDATION = "liquidation"
    TRANSFER = "transfer"
    # the book
    THIN_BOOK = "thin_book"
    EMPTY_BOOK = "empty_book"
    # market data
    CROSSED_QUOTE = "crossed_quote"
    BROKEN_QUOTE = "broken_quote"  # zero, negative, not a number, infinite
    MUTE = "mute"  # one symbol falls silent
    STREAM_DOWN = "stream_down"
    LOST_BAR = "lost_bar"
    LATE_BAR = "late_bar"
    DOUBLE_BAR = "double_bar"
    CORRECTED_BAR = "corrected_bar"
    BROKEN_BAR = "broken_bar"
    SHRUNK_LIST = "shrunk_list"
    GAP = "gap"  # of the price itself
    SPIKE = "spike"
    MARKET_GAP = "market_gap"  # of all prices together
    # our machine
    CLOCK_AHEAD = "clock_ahead"
    CLOCK_BACK = "clock_back"
    SUSPEND = "suspend"
    DISK_FULL = "disk_full"
    CRASH_BEFORE_APPEND = "crash_before_append"
    CRASH_TORN_APPEND = "crash_torn_append"  # the append is there as a whole, or not at all
    CRASH_AFTER_APPEND = "crash_after_append"
    CRASH_BETWEEN_INTENTS = "crash_between_intents"
    CRASH_IN_FLIGHT = "crash_in_flight"
    CRASH_IN_RECOVERY = "crash_in_recovery"
    # people
    COMMAND = "command"
    COMMAND_AGAIN = "command_again"
    COMMAND_LATE = "command_late"  # for something that is over


# How often a kind strikes where it can, while it is on and of middling vigor.
RATES: dict[Kind, float] = {
    Kind.LOST_REQUEST: 0.06,
    Kind.LOST_RESPONSE: 0.06,
    Kind.LATE_APPLY: 0.04,
    Kind.AMBIGUOUS_DONE: 0.05,
    Kind.AMBIGUOUS_NOT: 0.05,
    Kind.REFUSED: 0.04,
    Kind.SLOW: 0.08,
    Kind.OUTAGE: 0.004,
    Kind.LOST_EVENT: 0.1,
    Kind.LATE_EVENT: 0.12,
    Kind.DOUBLE_EVENT: 0.1,
    Kind.LOST_READ: 0.12,
    Kind.STALE_READ: 0.2,
    Kind.STOP_NOT_ATTACHED: 0.25,
    Kind.STOP_REMOVED: 0.008,
    Kind.STOP_LOOSENED: 0.008,
    Kind.STOP_TIGHTENED: 0.008,
    Kind.HAND_REDUCED: 0.006,
    Kind.HAND_CLOSED: 0.004,
    Kind.ADL: 0.004,
    Kind.LIQUIDATION: 0.003,
    Kind.TRANSFER: 0.004,
    Kind.THIN_BOOK: 0.25,
    Kind.EMPTY_BOOK: 0.08,
    Kind.CROSSED_QUOTE: 0.03,
    Kind.BROKEN_QUOTE: 0.03,
    Kind.MUTE: 0.004,
    Kind.STREAM_DOWN: 0.006,
    Kind.LOST_BAR: 0.05,
    Kind.LATE_BAR: 0.08,
    Kind.DOUBLE_BAR: 0.08,
    Kind.CORRECTED_BAR: 0.05,
    Kind.BROKEN_BAR: 0.04,
    Kind.SHRUNK_LIST: 0.006,
    Kind.GAP: 0.01,
    Kind.SPIKE: 0.01,
    Kind.MARKET_GAP: 0.01,
    Kind.CLOCK_AHEAD: 0.004,
    Kind.CLOCK_BACK: 0.004,
    Kind.SUSPEND: 0.003,
    Kind.DISK_FULL: 0.006,
    Kind.CRASH_BEFORE_APPEND: 0.008,
    Kind.CRASH_TORN_APPEND: 0.008,
    Kind.CRASH_AFTER_APPEND: 0.008,
    Kind.CRASH_BETWEEN_INTENTS: 0.02,
    Kind.CRASH_IN_FLIGHT: 0.003,
    Kind.CRASH_IN_RECOVERY: 0.15,
    Kind.COMMAND: 0.04,
    Kind.COMMAND_AGAIN: 0.2,
    Kind.COMMAND_LATE: 0.1,
}


def happens(dice: Random, share: float) -> bool:
    """True in this share of all throws."""
    return dice.random() < share


class Faults:
    """The plan of one seed, its dice, and what really struck."""

    def __init__(self, seed: int) -> None:
        self.dice = Random(f"faults {seed}")  # noqa: S311 -- a seed that can be lived again
        self.is_on = True
        self.struck: Counter[Kind] = Counter()
        self.clock_off_until = 0  # our clock was ahead or behind up to then
        self._excused: dict[str, int] = {}  # symbol, or "" for all -> until when
        is_calm = seed % CALM_EVERY == 0
        self.rates = {kind: 0.0 if is_calm else self._draw(rate) for kind, rate in RATES.items()}

    def _draw(self, rate: float) -> float:
        return rate * self.dice.choice(VIGOR) if happens(self.dice, ON) else 0.0

    def hits(self, kind: Kind) -> bool:
        """Whether this fault strikes now; counted if so."""
        rate = self.rates[kind]
        if not (self.is_on and rate) or not happens(self.dice, rate):
            return False
        self.struck[kind] += 1
        return True

    def between(self, low: int, high: int) -> int:
        """A drawn whole number, both ends included."""
        return self.dice.randint(low, high)

    def excuse(self, symbol: str, until_ms: int) -> None:
        """A fault hampers this symbol until then (empty: all): nobody may be asked to be quick."""
        self._excused[symbol] = max(until_ms, self._excused.get(symbol, 0))

    def excused_until(self, symbol: str) -> int:
        """Until when faults hampered this symbol."""
        return max(self._excused.get(symbol, 0), self._excused.get("", 0))
