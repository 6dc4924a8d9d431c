"""Button taps that wait for the bot's answer.

It exists because a callback query must be answered soon or it is too old, and because the page
spins until then. Taps are bounded in number and age; an answered one must never change its answer.
"""

from collections.abc import Callable

import msgspec

from bot.sandbox.wire import bad_request

TAPS_MAX = 200
TAP_OLD_S = 15.0


class Tap(msgspec.Struct):
    """One tap; `answer` is None until the bot answers."""

    id: str
    at_s: float
    answer: str | None = None
    is_alert: bool = False


class Taps:
    """The latest taps by query id."""

    def __init__(self, first_id: int, clock: Callable[[], float], ring: Callable[[], None]) -> None:
        self._ring = ring
        self._next_id = first_id
        self._clock = clock
        self._taps: dict[str, Tap] = {}

    def open(self) -> Tap:
        """A new tap, now."""
        tap = Tap(str(self._next_id), self._clock())
        self._next_id += 1
        self._taps[tap.id] = tap
        if len(self._taps) > TAPS_MAX:
            del self._taps[next(iter(self._taps))]
        return tap

    def answer(self, tap_id: str, text: str, *, is_alert: bool) -> None:
        """Answer a tap once; raises `Refused` 400 for an unknown or old one."""
        tap = self._taps.get(tap_id)
        if tap is None or self._clock() - tap.at_s > TAP_OLD_S:
            raise bad_request(
                "query is too old and response timeout expired or query ID is invalid"
            )
        if tap.answer is None:
            tap.answer, tap.is_alert = text, is_alert
            self._ring()
