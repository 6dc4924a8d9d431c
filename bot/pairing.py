"""The code that names the first owner: made at the start, shown where only the owner reads.

It exists so that nobody has to find out a numeric id first. It must never outlive its ten minutes,
its five attempts or its first use, and is not there at all where an owner is known.
"""

import hmac
import re
import secrets
from collections.abc import Callable

from telegram import Chat, Update

from bot.desk import Desk
from engine.core.events import Note

VALID_S = 600.0
ATTEMPTS = 5
KEY = "owner"  # of the note that keeps the owner's id
LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # none that looks like another
_START = re.compile(r"/start(?:@\w+)?\s+(\S{1,40})\s*")


def new_code() -> str:
    """Six letters that are easy to read and to type, like `7F3K-Q2`."""
    letters = "".join(secrets.choice(LETTERS) for _ in range(6))
    return f"{letters[:4]}-{letters[4:]}"


class Pairing:
    """One code, from `open` until it is used, guessed at too often or too old."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._ends_s = 0.0
        self.attempts_left = 0
        self.code = ""

    @property
    def is_open(self) -> bool:
        """Whether a right code would still be taken."""
        return self.attempts_left > 0 and self._now() < self._ends_s

    def open(self) -> str:
        """Make a code and begin to take it."""
        self.code = new_code()
        self.attempts_left = ATTEMPTS
        self._ends_s = self._now() + VALID_S
        return self.code

    def take(self, said: str) -> bool:
        """Whether this is the code, which is used up then; each wrong one is an attempt."""
        if not self.is_open:
            return False
        self.attempts_left -= 1
        plain = said.upper().replace("-", "").encode()
        if not hmac.compare_digest(plain, self.code.replace("-", "").encode()):
            return False
        self.attempts_left = 0
        return True


def claimed(update: Update) -> tuple[int, str] | None:
    """Who asks to be the owner, with which code: a person, in private, in words of their own."""
    message = update.message
    if message is None or message.from_user is None or message.text is None:
        return None
    person, chat = message.from_user, message.chat
    is_private = chat.type == Chat.PRIVATE and chat.id == person.id
    is_own = message.forward_origin is None and message.sender_chat is None
    found = _START.fullmatch(message.text)
    if person.is_bot or not is_private or not is_own or found is None:
        return None
    return person.id, found[1]


def remembered(desk: Desk) -> int | None:
    """The owner a code named before, if any."""
    kept = desk.view().notes.get(KEY, "")
    return int(kept) if kept.isdecimal() else None


def binding(key: str, user_id: int) -> Note:
    """The command that makes the owner outlive a restart."""
    return Note(command_id=key, by="pairing", key=KEY, value=str(user_id))
