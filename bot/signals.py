"""What the chat remembers of signals, taken or not: a small fold over facts.

It exists because "why was that one not traded" is asked after the bar has passed, and the fact that
answers it carries the signal with all its rows. It must never judge a signal again.
"""

from collections import OrderedDict

import msgspec

from engine.core.facts import Record, SignalSkipped, SignalTaken
from engine.core.values import Ms, Signal

KEPT = 100  # signals remembered, the oldest go first


class Heard(msgspec.Struct, frozen=True):
    """One signal and what became of it; `seq` is its place in the journal, and its name here."""

    seq: int
    at_ms: Ms
    fact: SignalTaken | SignalSkipped

    @property
    def signal(self) -> Signal:
        """The claim."""
        return self.fact.signal


class Page(msgspec.Struct, frozen=True):
    """Some of the signals, newest first; `older` names where the next page goes on, if it does."""

    rows: tuple[Heard, ...]
    older: int | None


class SignalBook:
    """The last signals, by the sequence numbers of their records."""

    def __init__(self) -> None:
        self._heard: OrderedDict[int, Heard] = OrderedDict()

    def fold(self, record: Record) -> None:
        """Take one record in; records come in order, each once."""
        fact = record.fact
        if isinstance(fact, SignalTaken | SignalSkipped):
            self._heard[record.seq] = Heard(record.seq, record.at_ms, fact)
            if len(self._heard) > KEPT:
                self._heard.popitem(last=False)

    def get(self, seq: int) -> Heard | None:
        """The signal of this number; None when it is not remembered."""
        return self._heard.get(seq)

    @property
    def symbols(self) -> set[str]:
        """Markets that had one."""
        return {heard.signal.symbol for heard in self._heard.values()}

    def page(self, count: int, symbol: str | None = None, before: int | None = None) -> Page:
        """At most `count` signals, of one market and older than one if asked for."""
        found = [
            heard
            for heard in reversed(self._heard.values())
            if symbol in (None, heard.signal.symbol) and (before is None or heard.seq < before)
        ]
        rows = tuple(found[:count])
        return Page(rows, rows[-1].seq if len(found) > count else None)
