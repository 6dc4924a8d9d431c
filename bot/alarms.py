"""Matters of safety that nobody has seen yet: told again and again, until one has.

It exists because a phone that rang once at night was slept through. It must never repeat what is
over, and what was seen stays seen.
"""

import msgspec

from bot.notices import Notice

AGAIN_S = 300.0


class _Alarm(msgspec.Struct):
    notice: Notice
    rang_s: float
    seqs: set[int]  # records whose messages carry the button


class Alarms:
    """What still rings, by the name of its condition."""

    def __init__(self) -> None:
        self._ringing: dict[str, _Alarm] = {}

    def hear(self, notice: Notice, now_s: float) -> None:
        """A notice that begins an alarm, changes its words, or ends some."""
        for name in notice.over:
            self._ringing.pop(name, None)
        known = self._ringing.get(notice.alarm)
        if known is not None:
            known.notice = notice
            known.seqs.update(notice.seqs)
        elif notice.alarm and notice.amends is None:
            self._ringing[notice.alarm] = _Alarm(notice, now_s, set(notice.seqs))

    def see(self, seq: int | None) -> tuple[str, ...]:
        """A person saw the message of this record, or all of them; the names of what stopped."""
        seen = tuple(n for n, a in self._ringing.items() if seq is None or seq in a.seqs)
        for name in seen:
            del self._ringing[name]
        return seen

    def due(self, now_s: float) -> list[Notice]:
        """Alarms to repeat now."""
        due = [alarm for alarm in self._ringing.values() if now_s - alarm.rang_s >= AGAIN_S]
        for alarm in due:
            alarm.rang_s = now_s
        return [_again(alarm.notice) for alarm in due]


def _again(notice: Notice) -> Notice:
    """The same words, telling no record anew; a repeat that still waits is replaced."""
    return msgspec.structs.replace(
        notice, seqs=(), key=f"alarm:{notice.alarm}", amends=None, over=(), is_repeat=True
    )
