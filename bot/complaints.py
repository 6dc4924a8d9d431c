"""Incidents that repeat: one piece of news, counted, until it is over or was long quiet.

It exists because the same error told three hundred times hides the next one. Pure: what it says of
a record depends on earlier records alone. It must never merge what stands for different things: an
exit that is refused must not hide behind an entry.
"""

import msgspec

from engine.core.facts import Incident
from engine.core.values import Ms, Purpose

WINDOW_MS: Ms = 600_000  # quiet for longer than this, it is news again
ORDER, STOP, BARE, MISMATCH = "order_refused", "stop_refused", "unprotected", "position_mismatch"
OUTSIDE, DELISTED = "outside_fill", "delisted"
CLOCK = "clock_off"
COUNTED = frozenset({ORDER, STOP, CLOCK, "preset_refused", "balance_off", "key_warning"})
KEPT = 200

Key = tuple[str, str | None, str]  # code, symbol, what was refused


class Complaint(msgspec.Struct, frozen=True):
    """One piece of news: its first record, and how often it was seen."""

    seq: int
    since_ms: Ms
    last_ms: Ms
    count: int
    fact: Incident

    @property
    def name(self) -> str:
        """What its messages have in common."""
        return f"incident:{self.seq}"

    @property
    def alarm(self) -> str:
        """The condition it shows: there may be newer news of the same."""
        return " ".join(part or "-" for part in _key(self.fact))


class Complaints:
    """Those that are not over, by what they are about."""

    def __init__(self) -> None:
        self._open: dict[Key, Complaint] = {}

    def take(self, seq: int, at_ms: Ms, fact: Incident) -> Complaint:
        """The news this incident is, or belongs to."""
        key = _key(fact)
        known = self._open.pop(key, None)
        if fact.code in COUNTED and known is not None and at_ms - known.last_ms < WINDOW_MS:
            newer = Complaint(known.seq, known.since_ms, at_ms, known.count + 1, fact)
        else:
            newer = Complaint(seq, at_ms, at_ms, 1, fact)
        self._open[key] = newer
        if len(self._open) > KEPT:
            self._open.pop(next(iter(self._open)))
        return newer

    def order_went(self, symbol: str, purpose: Purpose) -> list[Complaint]:
        """The exchange took an order of this kind."""
        return self._end([(ORDER, symbol, purpose)])

    def stop_stands(self, symbol: str) -> list[Complaint]:
        """The exchange shows the stop."""
        return self._end([(STOP, symbol, ""), (BARE, symbol, "")])

    def position_closed(self, symbol: str) -> list[Complaint]:
        """Nothing is left to protect or to sell."""
        refused = [(ORDER, symbol, purpose) for purpose in Purpose if purpose is not Purpose.ENTRY]
        others = [(code, symbol, "") for code in (STOP, BARE, OUTSIDE, DELISTED)]
        return self._end([*others, *refused])

    def agreed(self) -> list[Complaint]:
        """Ledger and exchange agree again."""
        return self._end([(MISMATCH, None, "")])

    def clock_is_right(self) -> list[Complaint]:
        """The clock may be trusted again."""
        return self._end([key for key in self._open if key[0] == CLOCK])

    def _end(self, keys: list[Key]) -> list[Complaint]:
        found = (self._open.pop(key, None) for key in keys)
        return [complaint for complaint in found if complaint is not None]


def _key(fact: Incident) -> Key:
    """An order's refusal begins with its purpose; of the others the code says it all."""
    what = fact.detail.partition(" ")[0] if fact.code == ORDER else ""
    return fact.code, fact.symbol, what
