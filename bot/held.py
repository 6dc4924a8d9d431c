"""What waits for the morning: notices held back in the quiet hours, told in one message after.

It exists so that a night of warnings rings once. It must never lose one: until they are told, no
record is marked as told, so a restart finds them in the journal again.
"""

from collections.abc import Sequence

import msgspec

from bot import texts_notices as texts
from bot.notices import Notice, Urgency
from bot.preferences import Kind


class Held:
    """Notices by the chat they are for."""

    def __init__(self) -> None:
        self._kept: dict[int, list[Notice]] = {}

    def keep(self, chat_id: int, notice: Notice) -> None:
        """Hold it back; a newer one of the same key takes the place of the older."""
        kept = self._kept.setdefault(chat_id, [])
        for index, older in enumerate(kept):
            if notice.key and older.key == notice.key:
                seqs = older.seqs + notice.seqs
                kept[index] = msgspec.structs.replace(notice, seqs=seqs, at_ms=older.at_ms)
                return
        kept.append(notice)

    def holds(self, chat_id: int, key: str) -> bool:
        """Whether something of this key waits for the morning."""
        return any(notice.key == key for notice in self._kept.get(chat_id, ()))

    def release(self) -> dict[int, list[Notice]]:
        """Everything, by chat; from now on nothing is held."""
        kept, self._kept = self._kept, {}
        return kept

    def __len__(self) -> int:
        return sum(len(notices) for notices in self._kept.values())


def digest(notices: Sequence[Notice]) -> Notice:
    """One notice that tells all of these."""
    seqs = tuple(seq for notice in notices for seq in notice.seqs)
    text = texts.morning([(notice.at_ms, notice.text) for notice in notices])
    newest = max(notice.at_ms for notice in notices)
    return Notice(seqs, newest, Urgency.NEWS, is_silent=False, text=text, kind=Kind.ALERT)
