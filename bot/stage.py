"""The message of an answer that is kept up to date: shown anew in place, and rung about.

It exists so that what follows a panic knows neither dispatch nor nonces. It must never wait for
Telegram: who follows has facts to hear.
"""

import asyncio

from bot.dialogs import Dialogs, Question
from bot.gate import Caller
from bot.outbox import Outbox
from bot.views.layout import Text


class Stage:
    """One message, while its answer is followed."""

    def __init__(self, outbox: Outbox, dialogs: Dialogs, caller: Caller, message_id: int) -> None:
        self._outbox, self._dialogs, self._caller = outbox, dialogs, caller
        self._message_id = message_id
        self._ringing: asyncio.Task[int | None] | None = None

    def show(self, content: Text | Question) -> None:
        """Put this in its place; a question shown before goes on in these words, or is over."""
        self._outbox.edit(self._caller.chat_id, self._message_id, self._text(content))

    def _text(self, content: Text | Question) -> Text:
        where = self._caller.chat_id, self._message_id
        if isinstance(content, Text):
            self._dialogs.drop(*where)
            return content
        again = self._dialogs.reword(content, *where)
        if again is not None:
            return again
        text, opened = self._dialogs.ask(content, self._caller)
        opened.message_id = self._message_id
        return text

    def ring(self, text: Text) -> None:
        """Answer it loudly, unless the last ring has not left yet."""
        if self._ringing is None or self._ringing.done():
            said = self._outbox.say(self._caller.chat_id, text, reply_to=self._message_id)
            self._ringing = asyncio.create_task(said)
