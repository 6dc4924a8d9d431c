"""Groups somebody put the bot into: what it hears of that, and that it can leave.

It exists because a bot must leave where it does not belong, and that can be seen only where there
is something to leave. Nothing is ever said in a group here.
"""

import msgspec

from bot.sandbox.people import PersonKey
from bot.sandbox.wire import Refused

GROUPS_MAX = 100


class Invite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person puts the bot into a new group."""

    title: str = "A group"
    user: PersonKey = "stranger"


class Group(msgspec.Struct):
    """One group; `has_bot` until it leaves."""

    id: int
    title: str
    has_bot: bool = True

    def chat(self) -> dict[str, object]:
        """The `Chat` object of the Bot API."""
        return {"id": self.id, "type": "group", "title": self.title}

    def row(self) -> dict[str, object]:
        """The group as `GET /chat/groups` tells it."""
        return {"chat_id": self.id, "title": self.title, "has_bot": self.has_bot}


class Groups:
    """The latest groups by id, which is negative, as a group's is."""

    def __init__(self, first_id: int) -> None:
        self._next_id = -first_id
        self._groups: dict[int, Group] = {}

    def add(self, title: str) -> Group:
        """A new group with the bot in it."""
        group = Group(self._next_id, title)
        self._next_id -= 1
        self._groups[group.id] = group
        if len(self._groups) > GROUPS_MAX:
            del self._groups[next(iter(self._groups))]
        return group

    def find(self, chat_id: int | str) -> Group | None:
        """The group of this id."""
        return next((g for g in self._groups.values() if str(g.id) == str(chat_id)), None)

    def leave(self, group: Group) -> None:
        """The bot goes; raises `Refused` 403 when it is not there."""
        if not group.has_bot:
            raise Refused(403, "Forbidden: bot is not a member of the group chat")
        group.has_bot = False

    def rows(self) -> list[dict[str, object]]:
        """All of them, oldest first."""
        return [group.row() for group in self._groups.values()]
