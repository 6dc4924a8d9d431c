"""Faults of Telegram (B6 of the reliability table): what is injected, seen and required."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import msgspec
from e2e.chat_world import ChatWorld, Json
from programs import Message

from bot.sandbox.people import OWNER_ID, TRADER_ID, VIEWER_ID
from engine.core import facts as f
from engine.core.values import GateName

Live = Callable[[ChatWorld], Awaitable[str]]
STRANGE = {"id": 4711, "is_bot": False, "first_name": "<b>&"}
GROUP = {"id": -77, "type": "supergroup", "title": "x"}


class Row(msgspec.Struct, frozen=True):
    """One fault lived through: it says what happened, and fails where that is wrong."""

    name: str
    live: Live
    required: str


def fault(target: str, kind: str, **more: object) -> Json:
    """One fault as the chat takes it."""
    return {"target": target, "kind": kind, **more}


async def answered(world: ChatWorld) -> Message:
    """The chat works: a question is answered."""
    return await world.person.answer("/health", "Version")


async def down(world: ChatWorld) -> str:
    """Nothing of Telegram answers, then only errors come."""
    await world.inject(fault("*", "hang", delay_s=0.5))
    await world.until_fired(2)
    await world.inject(fault("*", "reply", status=502, body="<html>Bad Gateway</html>"))
    traded = await world.until_traded(120)
    await world.person.say("/pause")
    await world.inject()
    await world.until_done("pause", 1)
    await answered(world)
    return f"{traded}; the command of meanwhile was taken afterwards"


async def strangers(world: ChatWorld) -> str:
    """Every kind of update that nobody may send."""
    person, before = world.person, world.commands()
    for words in ("/panic now", "/start", "/close all"):
        await person.say(words, user="stranger")
    await person.say("/panic now", user="viewer")
    await person.say("/panic now", forwarded=True)
    robot = {"id": OWNER_ID, "is_bot": True, "first_name": "x"}
    channel = {"id": -9, "type": "channel", "title": "x"}
    panic = "/panic now"
    await world.feed(
        world.update(panic, author=STRANGE),
        world.update(panic, chat=GROUP),
        world.update(panic, author=robot),
        world.update(panic, sender_chat=GROUP),
        world.update(panic, kind="channel_post", chat=channel, sender_chat=channel),
        world.update(panic, kind="edited_message"),
        {"update_id": 1, "inline_query": {"id": "1", "from": STRANGE, "query": "x", "offset": ""}},
        {"update_id": 2, "callback_query": {"id": "1", "from": STRANGE, "chat_instance": "1"}},
    )
    await answered(world)
    told = [m for m in await person.all(user="stranger") if m["from"] == "bot"]
    assert told == [], told
    assert world.commands() == before
    await person.until(lambda m: "Not let in" in m["text"] and m["silent"])
    return "silence, no command, one silent line to the owner"


async def repeated(world: ChatWorld) -> str:
    """The same update twice, then edited."""
    resumed = world.commands().count("resume")
    update = world.update("/resume")
    await world.feed(update, times=2)
    await world.feed({"update_id": 900, "edited_message": update["message"]})
    await world.until_done("resume", resumed + 1)
    await answered(world)
    assert world.commands().count("resume") == resumed + 1
    return "taken once"


async def stale(world: ChatWorld) -> str:
    """Two hours of commands in one batch."""
    before = world.commands()
    await world.feed(
        *(world.update(x, age_s=7200) for x in ("/status", "/resume", "/set x", "/stop"))
    )
    asked = await world.person.until(lambda m: "You sent <b>stop" in m.get("html", ""))
    await world.person.until(lambda m: "too old to act on" in m["text"])
    assert world.commands()[len(before) :] == ["pause"]
    labels = [b["text"] for row in asked["buttons"] for b in row]
    assert labels[0] == "Do it now", labels
    await world.person.tap(asked, "Ignore")
    await world.until_done("resume", before.count("resume") + 1)
    return "paused at once, asked before any close, refused to resume"


async def slow(world: ChatWorld) -> str:
    """A panic behind answers that hang."""
    await world.inject(fault("sendMessage", "hang", delay_s=12))
    for _ in range(3):
        await world.person.say("/levels")
    before = len(await world.person.all())
    began = time.monotonic()
    await world.person.say("/panic now")

    async def locked() -> str | None:
        closed = [x.gate for x in world.facts(f.GateClosed)]
        return "locked" if GateName.KILL_SWITCH in closed else None

    await world.until(locked)
    took_s = time.monotonic() - began
    news = [m for m in (await world.person.all())[before:] if m["from"] == "bot"]
    await world.inject()
    assert not news, f"the lock came after {len(news)} answers, {took_s:.1f} s"
    await world.person.until(lambda m: "flat, verified" in m["text"])
    return f"locked after {took_s:.1f} s"


async def buttons(world: ChatWorld) -> str:
    """A confirmation tapped by others, forged, twice, too late."""
    person, before = world.person, world.commands().count("resume")
    asked = await person.answer("/resume it was a drill", "Entries on again?")
    data = asked["buttons"][0][0]["data"]
    foreign = asyncio.create_task(person.tap(asked, "Resume", user="trader"))  # gets no answer
    forged = await person.press(asked["message_id"], data[:-1] + "x")
    first = await person.tap(asked, "Resume")
    second = await person.press(asked["message_id"], data)
    await world.until_done("resume", before + 1)
    assert first["answered"]
    assert {forged["answer"], second["answer"]} == {"expired, nothing done"}
    assert not (await foreign)["answered"]
    late = await person.answer("/stop", "Stop?")
    await person.until(lambda m: m["message_id"] == late["message_id"] and "expired" in m["text"])
    assert world.commands().count("resume") == before + 1
    return "one tap counted; forged, repeated, late and foreign ones did nothing"


async def lost(world: ChatWorld) -> str:
    """The answer to a message gets lost, the message does not."""
    await world.inject(fault("sendMessage", "lose_response", times=2))  # answer and notice
    await world.person.say("/pause", user="trader")
    told = await world.person.until(lambda m: "(again)" in m["text"])
    await answered(world)
    return f"told again, and said so: {told['text'][:30]!r}"


async def markup(world: ChatWorld) -> str:
    """Markup is refused, and a chat is long."""
    words = "Bad Request: can't parse entities: unsupported start tag"
    await world.inject(fault("sendMessage", "reply", status=400, body=words, times=1))
    said = await world.person.answer("/start", "Hello")
    assert "<" not in said["html"], said["html"]
    assert await world.fired() == 1
    return "sent once more as plain words, and not a third time"


async def haste(world: ChatWorld) -> str:
    """Telegram asks to wait."""
    more = {"parameters": {"retry_after": 3}}
    await world.inject(fault("sendMessage", "reply", status=429, body=more, times=2))
    began = time.monotonic()
    for _ in range(3):
        await world.person.say("/start")
    await answered(world)
    waited_s = time.monotonic() - began
    assert waited_s >= 6, waited_s
    assert await world.fired() == 2
    return f"waited {waited_s:.0f} s, asked no third time meanwhile"


async def pollers(world: ChatWorld) -> str:
    """Somebody else polls for a moment, then sets a webhook."""
    await world.inject(fault("getUpdates", "second_poller"))
    await world.until_fired(3)
    await world.until_traded(60)
    await world.inject(fault("getUpdates", "webhook_set"))
    told = await world.person.until(lambda m: "A webhook was set for this bot" in m["text"])
    assert not told["silent"]
    await answered(world)  # it was removed by us: the fault still stands
    return "polled on; the webhook was told and removed"


async def revoked(world: ChatWorld) -> str:
    """The token is refused in the middle; at the very start it would be the end."""
    await answered(world)
    await world.inject(fault("*", "reply", status=401))
    await world.person.say("/health")  # ends the poll that was under way

    async def ill() -> str | None:
        return next((x for x in world.beat().failing if "refused" in x), None)

    await world.until(ill)
    is_healthy, words = await world.health()
    assert not is_healthy
    assert "Telegram refused the token" in words
    traded = await world.until_traded(60)
    await world.inject()
    await answered(world)
    return f"unhealthy, {traded}; heard again once the token worked"


async def blocked(world: ChatWorld) -> str:
    """Somebody blocks the bot."""
    await world.inject(fault("sendMessage", "reply", status=403, times=1))
    await world.person.say("/health", user="viewer")
    await world.until_fired(1)
    await answered(world)
    asked = await world.person.say("/health", user="viewer")
    await world.person.until(lambda m: m["from"] == "bot" and m["message_id"] > asked)
    return "the others are answered, and so is who comes back"


async def moved(world: ChatWorld) -> str:
    """A chat is told to have got another id: what was said goes there, and rights stay."""
    body = {"parameters": {"migrate_to_chat_id": VIEWER_ID}, "description": "upgraded"}
    await world.inject(fault("sendDocument", "reply", status=400, times=1, body=body))
    await world.person.say("/config export", user="trader")

    async def noted() -> str | None:
        notes = {fact.key: fact.value for fact in world.facts(f.Noted)}
        return "noted" if notes.get(f"moved.{TRADER_ID}") == str(VIEWER_ID) else None

    await world.until(noted)

    async def arrived() -> str | None:
        told = await world.person.all(user="viewer")
        return "arrived" if [m["from"] for m in told if m["document"]] == ["bot"] else None

    await world.until(arrived)
    count = world.commands().count("pause")
    await world.person.say("/pause", user="viewer")
    await world.person.say("/pause", user="trader")
    await world.until_done("pause", count + 1)
    await answered(world)
    assert world.commands().count("pause") == count + 1
    return "sent to the new id, noted; who may do what is unchanged"


ROWS = (
    Row("FT64 Telegram down, then 5xx", down, "trading goes on, nothing is lost"),
    Row("FT65 unauthorised, of every kind", strangers, "deny by default, silent, counted"),
    Row("FT66 repeated and edited updates", repeated, "a command acts at most once"),
    Row("FT67 stale commands", stale, "never both-or-nothing"),
    Row("FT68 panic behind slow answers", slow, "effect before any of the answers ahead of it"),
    Row("FT69 confirmations", buttons, "one use, in time, for who asked"),
    Row("FT70 lost answer to a message", lost, "told at least once, recognizably"),
    Row("FT71 markup refused", markup, "the text is never lost, a 400 never repeated"),
    Row("FT72 429", haste, "obeyed, no busy loop"),
    Row("FT73 second poller, webhook", pollers, "never silently deaf"),
    Row("FT74 token revoked", revoked, "health turns red, trading goes on"),
    Row("FT75 blocked", blocked, "nothing more to that chat until it writes"),
    Row("FT75 moved", moved, "follows, keeps what was to be said, owner unaffected"),
)
# Faults that build on one another share a life; a webhook is removed half a minute after the start
# at the earliest, so another fault goes before it.
LIVES = (
    ("FT64", "FT65", "FT66", "FT67"),
    ("FT68", "FT69", "FT70", "FT71", "FT72", "FT75"),
    ("FT74", "FT73"),
)
