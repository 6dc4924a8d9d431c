"""The request object of getUpdates: notes when Telegram last answered, and what was wrong since.

It exists because the library tells its callback of some failures, nobody of others, and dies of
one. It must never swallow an answer, and never log one: the token is in each address.
"""

import email.utils
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Protocol

from telegram.error import NetworkError, TelegramError
from telegram.request import BaseRequest

SMALL_S = 2.0  # of a date in whole seconds
CALM_S = 60.0  # two pollers take turns: one answered poll does not say that the other is gone
REFUSED = "Telegram refused the token; take the current one from BotFather"
CONFLICT = "another program reads these commands; if it is not yours, revoke the token in BotFather"
WEBHOOK = "a webhook receives these commands; if it is not yours, revoke the token in BotFather"


class Ear(BaseRequest):
    """Polls, passed on and taken note of.

    A refused token is passed on as a network error: PTB's poll loop dies of the real one, while a
    token can be refused for a moment and must never make the bot deaf for good.
    """

    def __init__(self, inner: BaseRequest, now: Callable[[], float]) -> None:
        self._inner = inner
        self._now = now
        self.heard_s: float | None = None
        self.trouble = ""
        self.refused_s: float | None = None  # since when the token is refused
        self.contested_s: float | None = None  # since when somebody else polls
        self.has_webhook = False  # the somebody is a webhook
        self._conflict_s = 0.0  # the last time

    @property
    def read_timeout(  # type: ignore[explicit-override]  # typing has it from 3.12
        self,
    ) -> float | None:
        """Of the request underneath."""
        return self._inner.read_timeout

    async def initialize(self) -> None:  # type: ignore[explicit-override]  # typing has it from 3.12
        """Open the request underneath."""
        await self._inner.initialize()

    async def shutdown(self) -> None:  # type: ignore[explicit-override]  # typing has it from 3.12
        """Close the request underneath."""
        await self._inner.shutdown()

    async def do_request(  # type: ignore[explicit-override]  # typing has it from 3.12
        self,
        *args: Any,  # noqa: ANN401 -- passed on untouched
        **options: Any,  # noqa: ANN401 -- passed on untouched
    ) -> tuple[int, bytes]:
        """As underneath; an answer with status 200 counts as heard."""
        try:
            status, body = await self._inner.do_request(*args, **options)
        except TelegramError as error:
            self.trouble = f"polling: {type(error).__name__}"
            raise
        if status == HTTPStatus.OK:
            self._hear()
        elif status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND):
            self.trouble = REFUSED
            self.refused_s = self._now() if self.refused_s is None else self.refused_s
            raise NetworkError(REFUSED)
        elif status == HTTPStatus.CONFLICT:
            self._share(b"webhook" in body)
        else:
            self.trouble = f"polling: HTTP {status}"
        return status, body

    def _hear(self) -> None:
        self.heard_s, self.trouble, self.refused_s = self._now(), "", None
        if self._now() - self._conflict_s > CALM_S:
            self.contested_s = None

    def _share(self, has_webhook: bool) -> None:  # noqa: FBT001 -- what the one caller found
        self._conflict_s = self._now()
        self.has_webhook = has_webhook
        self.trouble = WEBHOOK if has_webhook else CONFLICT
        if self.contested_s is None:
            self.contested_s = self._conflict_s


class Answered(Protocol):
    """What is looked at of an answer."""

    @property
    def headers(self) -> Mapping[str, str]:
        """By name, in any case."""
        ...


class Dial:
    """How far Telegram's clock is ahead of ours, from the date of its answers."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.ahead_s = 0.0

    async def hear(self, answer: Answered) -> None:
        """Take an answer's date; its seconds are whole, so a small difference is none."""
        try:
            date = email.utils.parsedate_to_datetime(answer.headers.get("date", ""))
        except ValueError:
            return  # none, or none that means anything
        ahead_s = date.timestamp() - self._now()
        self.ahead_s = ahead_s if abs(ahead_s) > SMALL_S else 0.0
