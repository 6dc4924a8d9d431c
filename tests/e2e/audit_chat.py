"""What must hold in the chat, however often the bot is killed: everything is told, and told once.

A message without a fact is allowed at one place: the process was killed after Telegram took it and
before the fact about that could be written. Such messages are found and counted, never hidden.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from e2e.audit import check

from bot.complaints import COUNTED
from engine.core import facts as f

Message = dict[str, Any]

CHAT = 1001
REPEATING = COUNTED  # the message of the first of them is changed, and tells no record anew
IN_FLIGHT_MAX = 3  # messages a chat takes in one go
ALARM = "❗"
_TRADE = re.compile(r"#\d+")


def must_be_told(records: Iterable[f.Record]) -> dict[int, f.Fact]:
    """Record -> fact, of what a person must read: each fill, closed trade and incident."""
    loud = (f.OrderFilled, f.PositionClosed, f.StopMissing, f.Incident)
    facts = ((r.seq, r.fact) for r in records if isinstance(r.fact, loud))
    return {
        seq: fact
        for seq, fact in facts
        if not (isinstance(fact, f.Incident) and fact.code in REPEATING)
    }


class Window(NamedTuple):
    """Messages delivered whose delivery no fact could record: killed in between."""

    orphans: tuple[Message, ...]
    again: tuple[Message, ...]  # told with some of its facts, the rest was told again


def check_chat(
    records: Sequence[f.Record], messages: Sequence[Message], kills: Sequence[int]
) -> Window:
    """Each message is accounted for by a fact, or was the last word before a kill.

    `kills` are the newest message ids at each kill; `messages` those of the bot, no answers.
    """
    told = told_by(records)
    check(0 not in told, f"records {told.get(0)} were told without a confirmation")
    there = {m["message_id"] for m in messages}
    check(not (gone := [i for i in told if i not in there]), f"messages {gone} are not in the chat")
    last_words = _last_words(messages, told, kills)
    orphans = tuple(m for m in messages if m["message_id"] not in told)
    check(
        not (loose := [m["text"] for m in orphans if m["message_id"] not in last_words]),
        f"said without a fact: {loose}",
    )
    again = _said_again([m for m in messages if m["message_id"] in told], last_words)
    return Window(orphans, again)


def told_by(records: Iterable[f.Record]) -> dict[int, list[int]]:
    """Message id -> the records it told."""
    told: dict[int, list[int]] = defaultdict(list)
    for record in records:
        if isinstance(record.fact, f.NoticeSent) and record.fact.chat_id == CHAT:
            told[record.fact.message_id].append(record.fact.of_seq)
    return told


def _last_words(
    messages: Sequence[Message], told: Collection[int], kills: Sequence[int]
) -> set[int]:
    """Ids that a kill may have cut off: the last told one before it, and what came after that."""
    found: set[int] = set()
    ids = sorted(m["message_id"] for m in messages)
    for after, until in zip((0, *kills), kills, strict=False):
        life = [i for i in ids if after < i <= until]
        newest = max((i for i in life if i in told), default=0)
        tail = [i for i in life if i >= newest]
        words = f"{len(tail)} messages before one kill are in no journal"
        check(len(tail) <= IN_FLIGHT_MAX + 1, words)
        found.update(tail)
    return found


def _said_again(messages: Sequence[Message], last_words: Collection[int]) -> tuple[Message, ...]:
    """Told messages of trades with the words of a later one, which a kill must explain.

    Alarms may repeat: each is a fact of its own.
    """
    by_words: dict[str, list[Message]] = defaultdict(list)
    for message in messages:
        if _TRADE.search(message["text"]) and not message["text"].startswith(ALARM):
            by_words[subject(message)].append(message)
    again = tuple(m for same in by_words.values() for m in same[:-1])
    bad = [m["text"] for m in again if m["message_id"] not in last_words]
    check(not bad, f"told twice: {bad}")
    return again


def subject(message: Message) -> str:
    """What a message says, without how late it says so."""
    lines: list[str] = message["text"].split("\n")
    return "\n".join(lines[:-1] if len(lines) > 1 and lines[-1].endswith(" late") else lines)


def check_twins(orphans: Iterable[Message], messages: Iterable[Message]) -> None:
    """What a kill cut off after its message is told again: the sentence was of a real fact.

    Only money and alarms: other news may still wait when everything ends.
    """
    later = [(m["message_id"], m["text"]) for m in messages]
    for orphan in orphans:
        number = _TRADE.search(orphan["text"])
        if number is None and not orphan["text"].startswith(ALARM):
            continue
        mark = number[0] if number else orphan["text"].split("\n")[0]
        said = any(i > orphan["message_id"] and mark in words for i, words in later)
        check(said, f"cut off and never said again: {orphan['text']}")


def check_all_told(records: Sequence[f.Record]) -> None:
    """Every fact a person must read has its message."""
    told = {seq for seqs in told_by(records).values() for seq in seqs}
    missing = {seq: fact for seq, fact in must_be_told(records).items() if seq not in told}
    check(not missing, f"never told: {missing}")


def untold(records: Sequence[f.Record]) -> int:
    """How many facts still wait for their message."""
    told = {seq for seqs in told_by(records).values() for seq in seqs}
    return sum(seq not in told for seq in must_be_told(records))
