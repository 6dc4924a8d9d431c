"""When the next message may leave: per chat, over all, and after Telegram said to wait.

It exists because Telegram answers haste with minutes of silence. It must never sleep: it says how
long to wait, the outbox does the waiting.
"""

from collections.abc import Callable

import msgspec

from bot.notices import Urgency

OVERALL_PER_S = 25.0  # Telegram's whole-bot limit is about 30
PRIVATE_PER_S, PRIVATE_BURST = 1.0, 3
ALMOST = 1e-3  # of a token: less than epoch seconds can tell apart
GROUP_PER_S, GROUP_BURST = 18 / 60, 3  # 20 a minute is the limit
RESERVE = 1  # messages of a burst that are kept for answers and alarms
DEBT = 2  # messages beyond a burst for answers that protect money; paid back by what comes later


class Bucket(msgspec.Struct):
    """Tokens that refill with time."""

    per_s: float
    burst: float
    tokens: float
    at_s: float

    def wait_s(self, now: float, reserve: int = 0) -> float:
        """Seconds until a token more than the reserve is there; 0 = now."""
        missing = 1 + reserve - self._filled(now)
        return 0.0 if missing < ALMOST else missing / self.per_s

    def spend(self, now: float) -> None:
        """Take one; may go below zero, which is paid back later."""
        self.tokens = self._filled(now) - 1
        self.at_s = now

    def _filled(self, now: float) -> float:
        return min(self.burst, self.tokens + (now - self.at_s) * self.per_s)


class Pacer:
    """Buckets per chat and one for all, and a freeze over them."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._all = Bucket(OVERALL_PER_S, OVERALL_PER_S, OVERALL_PER_S, now())
        self._chats: dict[int, Bucket] = {}
        self._frozen_until = 0.0

    def wait_s(self, chat_id: int, urgency: Urgency = Urgency.ANSWER) -> float:
        """Seconds until this chat may get a message; 0 = now. What can wait leaves a reserve."""
        now = self._now()
        reserve = -DEBT if urgency is Urgency.NOW else RESERVE * (urgency > Urgency.ANSWER)
        frozen = max(0.0, self._frozen_until - now)
        return max(frozen, self._all.wait_s(now), self._bucket(chat_id).wait_s(now, reserve))

    def spend(self, chat_id: int) -> None:
        """A message left for this chat."""
        self._all.spend(self._now())
        self._bucket(chat_id).spend(self._now())

    def freeze(self, seconds: float) -> None:
        """Nothing leaves for a while."""
        self._frozen_until = max(self._frozen_until, self._now() + seconds)

    def _bucket(self, chat_id: int) -> Bucket:
        if chat_id not in self._chats:
            rate, burst = (
                (GROUP_PER_S, GROUP_BURST) if chat_id < 0 else (PRIVATE_PER_S, PRIVATE_BURST)
            )
            self._chats[chat_id] = Bucket(rate, burst, burst, self._now())
        return self._chats[chat_id]
