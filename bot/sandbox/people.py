"""The four people of the embedded chat, with ids that never change.

They exist so that a bot's allow-list can name them before anybody has spoken: an owner, a trader, a
viewer, and a stranger who is on no list. Each talks to the bot in a private chat whose id is the
person's own. This module must never hold state.
"""

from types import MappingProxyType
from typing import Literal

import msgspec

OWNER_ID = 1001
TRADER_ID = 1002
VIEWER_ID = 1003
STRANGER_ID = 1004

ALLOWED_USERS = f"{OWNER_ID}:owner,{TRADER_ID}:trader,{VIEWER_ID}:viewer"

PersonKey = Literal["owner", "trader", "viewer", "stranger"]


class Person(msgspec.Struct, frozen=True):
    """One person, in the words of the Bot API."""

    key: PersonKey
    id: int
    first_name: str
    username: str
    is_known: bool  # whether the bot may write first: they pressed START before

    def user(self) -> dict[str, object]:
        """The `User` object of the Bot API."""
        return {
            "id": self.id,
            "is_bot": False,
            "first_name": self.first_name,
            "username": self.username,
            "language_code": "en",
        }

    def chat(self) -> dict[str, object]:
        """The private `Chat` object of the Bot API."""
        return {
            "id": self.id,
            "type": "private",
            "first_name": self.first_name,
            "username": self.username,
        }


_ALL = (
    Person("owner", OWNER_ID, "Olivia", "sandbox_owner", is_known=True),
    Person("trader", TRADER_ID, "Theo", "sandbox_trader", is_known=True),
    Person("viewer", VIEWER_ID, "Vera", "sandbox_viewer", is_known=True),
    Person("stranger", STRANGER_ID, "Sam", "sandbox_stranger", is_known=False),
)

PEOPLE = MappingProxyType({person.key: person for person in _ALL})
BY_ID = MappingProxyType({person.id: person for person in _ALL})
