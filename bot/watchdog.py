"""Whether anybody can still steer: how long Telegram was not heard, and who else listens.

It exists because polling dies without a word, and a stolen token looks like a small nuisance. It
must never act: it says what is the matter, once, now and then again, and when it is over.
"""

from collections.abc import Callable
from enum import Enum

import msgspec

from bot.ear import CONFLICT, REFUSED, WEBHOOK, Ear

DEAF_S = 90.0  # without an answered poll for this long, polling starts anew
LOST_S = 300.0  # and for this long it is a matter for a person
CONTESTED_S = 120.0  # an old container needs so long to end; a thief stays
REFUSED_S = 10.0
TIDY_WEBHOOK_S = 30.0  # how often a webhook is removed: starting the poll does it
AGAIN_S = 1800.0


class Alarm(Enum):
    """What is the matter, as health tells it."""

    DEAF = "Telegram was not heard for more than five minutes"
    CONTESTED = CONFLICT
    WEBHOOK = WEBHOOK
    REFUSED = REFUSED


class News(msgspec.Struct, frozen=True):
    """An alarm that is raised, or over."""

    alarm: Alarm
    since_s: float
    is_over: bool = False


class Watchdog:
    """Looks at the ear."""

    def __init__(self, ear: Ear, now: Callable[[], float]) -> None:
        self._ear = ear
        self._now = now
        self._began_s = now()
        self._restarted_s = now()
        self._raised: dict[Alarm, tuple[float, float]] = {}  # since when, and when last told

    @property
    def deaf_s(self) -> float:
        """How long nothing was heard; before the first poll, since the beginning."""
        heard = self._ear.heard_s
        return self._now() - (self._began_s if heard is None else heard)

    @property
    def raised(self) -> tuple[Alarm, ...]:
        """What is the matter now."""
        return tuple(self._raised)

    def wants_restart(self) -> bool:
        """Whether polling shall start anew; asked once, it waits for the effect."""
        is_hooked = self._ear.trouble == WEBHOOK
        limit_s = TIDY_WEBHOOK_S if is_hooked else DEAF_S
        is_due = self._now() - self._restarted_s > limit_s
        if not is_due or not (is_hooked or self.deaf_s > DEAF_S):
            return False
        self._restarted_s = self._now()
        return True

    def look(self) -> list[News]:
        """What began, what goes on for long, and what is over since the last look."""
        now, found = self._now(), self._found()
        news = [News(a, s, is_over=True) for a, (s, _) in self._raised.items() if a not in found]
        for alarm, since_s in found.items():
            kept = self._raised.get(alarm)
            if kept is None or now - kept[1] >= AGAIN_S:
                news.append(News(alarm, since_s))
                kept = (since_s, now)
            found[alarm] = kept[0]
            self._raised[alarm] = kept
        self._raised = {a: kept for a, kept in self._raised.items() if a in found}
        return news

    @property
    def _has_webhook(self) -> bool:
        return self._ear.contested_s is not None and self._ear.has_webhook

    def _found(self) -> dict[Alarm, float]:
        """What is the matter now, since when."""
        ear, now = self._ear, self._now()
        found: dict[Alarm, float] = {}
        if self.deaf_s > LOST_S:
            found[Alarm.DEAF] = now - self.deaf_s
        if ear.refused_s is not None and now - ear.refused_s >= REFUSED_S:
            found[Alarm.REFUSED] = ear.refused_s
        if self._has_webhook:
            found[Alarm.WEBHOOK] = ear.contested_s or now
        elif ear.contested_s is not None and now - ear.contested_s > CONTESTED_S:
            found[Alarm.CONTESTED] = ear.contested_s
        return found
