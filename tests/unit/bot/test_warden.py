"""bot.warden: what is told unasked, who becomes the owner, where the bot stays."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from desks import FakeDesk, gate, settle
from talk import outbox
from talk import running as sending
from telegram import ChatMemberUpdated
from telegram_wire import (
    GROUP,
    OWNER,
    STRANGER,
    T_S,
    VIEWER,
    Wire,
    bot,
    buttons,
    message,
    no_network,
    update,
    user,
)

from bot.ear import Ear
from bot.gate import Gate, Role
from bot.knocks import HOUR_S
from bot.pairing import ATTEMPTS
from bot.warden import Warden
from bot.watchdog import CONTESTED_S, LOST_S, Watchdog
from engine.core import events as e
from engine.core.settings import Bot
from engine.core.values import GateName


class House:
    """A warden with everything it looks at."""

    def __init__(self, users: dict[int, Role] | None = None) -> None:
        self.desk, self.wire = FakeDesk(), Wire()
        self.gate = Gate({OWNER: Role.OWNER} if users is None else users, [GROUP])
        self.outbox = outbox(self.desk, self.wire, self.gate.places)
        self.ear = Ear(self.wire, self.desk.now_real)
        dog = Watchdog(self.ear, self.desk.now_real)
        self.warden = Warden(self.desk, self.gate, self.outbox, dog)
        self.printed: list[str] = []

    async def look(self, after_s: float = 0.0) -> list[dict[str, Any]]:
        """Some time passes and the warden looks; what is new in the chat."""
        before = len(self.wire.sent)
        self.desk.now_real.now += after_s
        self.warden.look()
        await settle()
        return self.wire.sent[before:]

    def hear(self) -> None:
        self.ear.heard_s = self.desk.now_real()

    def knock(self, number: int, name: str = "Ann") -> None:
        raw = message("/status", number)
        raw["message"]["from"]["first_name"] = name
        assert self.gate.admit(update(raw)) is None


@asynccontextmanager
async def housed(users: dict[int, Role] | None = None) -> AsyncIterator[House]:
    house = House(users)
    async with sending(house.outbox):
        yield house


def changed(
    status: str, chat: int, kind: str = "supergroup", name: str = "desk"
) -> ChatMemberUpdated:
    """The bot's own membership became so."""
    robot = {**user(99), "is_bot": True}
    extra = {"until_date": 0} if status == "kicked" else {}
    raw = {
        "chat": {"id": chat, "type": kind, "title": name, "first_name": "Ann"},
        "from": user(OWNER),
        "date": T_S,
        "old_chat_member": {"status": "left", "user": robot},
        "new_chat_member": {"status": status, "user": robot, **extra},
    }
    return ChatMemberUpdated.de_json(raw, None)


# Alarms


async def test_deafness_is_told_loudly_and_so_is_its_end() -> None:
    async with housed() as house:
        assert await house.look(LOST_S) == []
        (said,) = await house.look(1)
        assert said["chat_id"] == str(OWNER)
        assert "could not hear you</b> · for 5m" in said["text"]
        assert not said.get("disable_notification")
        assert house.warden.failing == ("chat (Telegram was not heard for more than five minutes)",)
        house.hear()
        (said,) = await house.look(1)
        assert "I hear you again" in said["text"]
        assert not house.warden.failing
        assert house.desk.commands == []  # entries are left alone unless that is wished


async def test_a_second_poller_is_a_matter_of_the_token() -> None:
    async with housed() as house:
        house.hear()
        house.ear.contested_s = house.desk.now_real()
        (said,) = await house.look(CONTESTED_S + 1)
        assert "revoke the token in BotFather" in said["text"]
        assert "another program reads these commands" in house.warden.failing[0]


async def test_entries_are_paused_where_that_is_wished_and_stay_so() -> None:
    async with housed() as house:
        bold = msgspec.structs.replace(house.desk.chosen, bot=Bot(pause_when_deaf=True))
        house.desk.chosen = bold
        await house.look(LOST_S + 1)
        assert [(type(c), c.by) for c in house.desk.commands] == [(e.Pause, "watchdog")]
        house.desk.show(gates=(gate(GateName.OPERATOR, by="watchdog"),))
        house.hear()
        (said,) = await house.look(1)
        assert "Entries were paused for it and stay so." in said["text"]
        assert [b["text"] for b in buttons(said)] == ["Status", "Resume"]
        await house.look(LOST_S + 1)
        assert len(house.desk.commands) == 1  # a closed gate is closed


async def test_a_pause_that_is_refused_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with housed() as house:
        house.desk.chosen = msgspec.structs.replace(
            house.desk.chosen, bot=Bot(pause_when_deaf=True)
        )
        house.desk.refusal = "no"
        await house.look(LOST_S + 1)
    assert "chat.pause_failed" in [r.getMessage() for r in caplog.records]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://thief.example/secret/path", "thief.example"),
        ("https://[", "nowhere"),
        ("<b>", "nowhere"),
    ],
)
async def test_a_webhook_set_meanwhile_is_told_by_its_host(url: str, host: str) -> None:
    async with housed() as house:
        house.wire.webhook = url
        await house.warden.look_for_webhook(bot(house.wire))
        await settle()
        (said,) = house.wire.sent
        assert "A webhook was set while I was away" in said["text"]
        assert f"It leads to {host} and" in said["text"]
        assert not said.get("disable_notification")


async def test_no_webhook_and_no_answer_are_no_news(caplog: pytest.LogCaptureFixture) -> None:
    async with housed() as house:
        await house.warden.look_for_webhook(bot(house.wire))
        house.wire.faults["getWebhookInfo"] = [no_network]
        house.wire.webhook = "https://thief.example"
        await house.warden.look_for_webhook(bot(house.wire))
        await settle()
        assert house.wire.sent == []
    assert "chat.webhook_unknown" in [r.getMessage() for r in caplog.records]


# Strangers


async def test_strangers_are_told_of_in_one_silent_line_an_hour() -> None:
    async with housed() as house:
        house.knock(STRANGER, "<b>&")
        house.hear()
        (said,) = await house.look()
        assert said["chat_id"] == str(OWNER)
        assert said["disable_notification"] is True
        assert said["text"] == "🚪 Not let in: <code>44</code> &lt;b&gt;&amp; (private)."
        house.knock(STRANGER)
        house.knock(45)
        house.knock(46, "Bob")
        house.hear()
        assert await house.look() == []
        house.desk.now_real.now += HOUR_S
        house.hear()
        (said,) = await house.look()
        assert said["text"] == "🚪 Not let in: <code>46</code> Bob (private). And 1 more."


async def test_without_an_owner_nobody_is_told() -> None:
    async with housed({}) as house:
        house.knock(STRANGER)
        assert await house.look() == []


# The first owner


async def test_the_printed_code_names_the_owner_and_is_written_down() -> None:
    async with housed({VIEWER: Role.VIEWER}) as house:
        house.warden.offer_pairing("break_bot", house.printed.append)
        (line,) = house.printed
        code = line.split()[2].rstrip(":")
        assert line == f"Pairing code {code}: send /start {code} to @break_bot within 10 minutes"
        assert not await house.warden.admit_owner(update(message("/start 2222-22", STRANGER)))
        assert not await house.warden.admit_owner(update(message("/status", STRANGER)))
        said = message(f"/start {code}", STRANGER)
        assert await house.warden.admit_owner(update(said))
        await settle()
        (note,) = house.desk.commands
        assert isinstance(note, e.Note)
        assert (note.key, note.value, note.by) == ("owner", str(STRANGER), "pairing")
        assert house.gate.owner == STRANGER
        assert house.gate.places[0] == STRANGER
        assert not await house.warden.admit_owner(update(message(f"/start {code}", VIEWER)))


async def test_guessing_ends_after_five_attempts() -> None:
    async with housed({}) as house:
        house.warden.offer_pairing("break_bot", house.printed.append)
        code = house.printed[0].split()[2].rstrip(":")
        for _ in range(ATTEMPTS):
            await house.warden.admit_owner(update(message("/start 2222-22", STRANGER)))
        assert not await house.warden.admit_owner(update(message(f"/start {code}", STRANGER)))
        assert house.gate.owner is None


async def test_where_an_owner_is_known_there_is_no_code() -> None:
    async with housed() as house:
        house.warden.offer_pairing("break_bot", house.printed.append)
        assert house.printed == []


async def test_an_owner_that_cannot_be_written_down_is_told() -> None:
    async with housed({}) as house:
        house.desk.refusal = "no room"
        house.warden.offer_pairing("break_bot", house.printed.append)
        code = house.printed[0].split()[2].rstrip(":")
        await house.warden.admit_owner(update(message(f"/start {code}", STRANGER)))
        await settle()
        assert "could not be written down: no room" in house.wire.sent[-1]["text"]


@pytest.mark.parametrize(
    ("heir", "notes", "kept"),
    [
        (OWNER, {}, [str(OWNER)]),
        (OWNER, {"owner": str(OWNER)}, []),
        (STRANGER, {}, []),  # the lists name another one
        (None, {}, []),
    ],
)
async def test_the_owner_of_the_other_directory_is_written_down_here(
    heir: int | None, notes: dict[str, str], kept: list[str]
) -> None:
    async with housed() as house:
        house.desk.show(notes=notes)
        house.warden.keep_heir(heir)
        await settle()
        assert [c.value for c in house.desk.commands if isinstance(c, e.Note)] == kept


# Places


async def test_an_unlisted_group_is_left_and_the_owner_told() -> None:
    async with housed() as house:
        assert not house.warden.belongs(changed("member", -9, name="<i>"))
        await settle()
        (said,) = house.wire.sent
        assert "added to &lt;i&gt; <code>-9</code> (supergroup) and left it" in said["text"]
        assert said["disable_notification"] is True


@pytest.mark.parametrize(
    "change",
    [
        changed("member", GROUP),
        changed("left", -9),
        changed("kicked", -9),
        changed("member", STRANGER, "private"),
        changed("kicked", STRANGER, "private"),
    ],
)
async def test_elsewhere_the_bot_stays_or_is_gone_already(change: ChatMemberUpdated) -> None:
    async with housed() as house:
        assert house.warden.belongs(change)
        await settle()
        assert house.wire.sent == []


async def test_a_block_by_the_owner_is_noted(caplog: pytest.LogCaptureFixture) -> None:
    async with housed() as house:
        assert house.warden.belongs(changed("kicked", OWNER, "private"))
        assert house.warden.belongs(changed("member", OWNER, "private"))
    assert [r.getMessage() for r in caplog.records if r.name == "bot.warden"] == [
        "chat.blocked",
        "chat.unblocked",
    ]


async def test_it_looks_by_itself_and_ends_with_what_it_began(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bot.warden.LOOK_S", 0.0)
    async with housed() as house:
        house.wire.answering.clear()
        house.knock(STRANGER)
        task = asyncio.create_task(house.warden.run())
        await settle()
        assert len(house.wire.sent) == 1
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        await settle()
