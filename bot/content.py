"""What a message can be: words, a picture with words, a file with words.

It exists so that answers, outbox and sender speak of the same thing. It must never hold bytes of a
picture: those are drawn when the message leaves.
"""

import msgspec

from bot.views.layout import Text
from engine.chart import Picture


class Photo(msgspec.Struct, frozen=True):
    """A picture, drawn off the loop; without it the caption still goes out."""

    picture: Picture
    caption: Text


class File(msgspec.Struct, frozen=True):
    """A document; `content` never holds a secret."""

    name: str
    content: bytes
    caption: Text


Content = Text | Photo | File


def words_of(content: Content) -> Text:
    """The words and buttons of a message."""
    return content if isinstance(content, Text) else content.caption
