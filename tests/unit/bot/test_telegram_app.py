"""The library started by hand: connecting for ever, polling, stopping in time, keeping quiet."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from desks import FakeDesk, settle
from telegram_wire import (
    GROUP,
    OWNER,
    STRANGER,
    T_S,
    TOKEN,
    VIEWER,
    Fault,
    Wire,
    message,
    no_network,
    refuse,
    update,
    user,
)

from bot import telegram_app
from bot.gate import Role
from bot.knocks import Knock
from bot.telegram_app import Account, TelegramChat
from bot.watchdog import DEAF_S
from engine.core import events as e
from engine.core import facts as f
from engine.core.settings import Settings
from engine.errors import ChatRefused

USERS = {OWNER: Role.OWNER, VIEWER: Role.VIEWER}
ACCOUNT = Account(TOKEN, USERS, (GROUP,))
WAIT_S = 5.0


def chat_of(desk: FakeDesk, wire: Wire) -> TelegramChat:
    # the pinned cards are there already: what is sent here is what a test makes it say
    desk.show(notes={f"card.{place}": "1" for place in (OWNER, GROUP)})
    chat = TelegramChat(ACCOUNT, desk, Settings(), (wire, wire))
    desk.on_record = lambda record: chat.outbox.offer([record])
    return chat


@asynccontextmanager
async def running(desk: FakeDesk, wire: Wire) -> AsyncIterator[TelegramChat]:
    chat = chat_of(desk, wire)
    task = asyncio.create_task(chat.run())
    try:
        yield chat
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(wire: Wire, name: str, count: int = 1) -> None:
    """Wait until a method was called that often."""
    async with asyncio.timeout(WAIT_S):
        while len(wire.named(name)) < count:
            wire.called.clear()
            await wire.called.wait()


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telegram_app, "_backoff", lambda: iter([0.0] * 50))
    monkeypatch.setattr(telegram_app, "STOP_S", 0.1)


async def test_a_command_is_polled_answered_and_confirmed() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.updates = [message("/status"), message("/status", STRANGER), message("/pause")]
    async with running(desk, wire) as chat:
        await until(wire, "sendMessage", 2)
        assert sorted(s["chat_id"] for s in wire.sent) == [str(OWNER), str(OWNER)]
        assert [type(c) for c in desk.commands if not isinstance(c, e.Note)] == [e.Pause]
        assert chat.pulse().strangers == 1
        age = chat.pulse().poll_age_s
        assert age is not None
        assert age <= WAIT_S
        assert chat.pulse().trouble == ""
    offsets = [int(s.get("offset", 0)) for s in wire.named("getUpdates")]
    assert offsets[-1] == wire.updates[-1]["update_id"] + 1  # type: ignore[operator] # an int


async def test_updates_are_asked_for_narrowly_and_pending_ones_kept() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(desk, wire):
        await until(wire, "getUpdates")
    assert wire.named("getUpdates")[0]["allowed_updates"] == (
        '["message", "callback_query", "my_chat_member"]'
    )
    assert wire.named("deleteWebhook")[0].get("drop_pending_updates") in (None, "false")


async def test_menus_go_to_each_person_and_to_nobody_else() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(desk, wire):
        await until(wire, "setMyCommands", 4)
    assert wire.named("deleteMyCommands") == []
    scopes = [json.loads(s["scope"]) for s in wire.named("setMyCommands")]
    assert [(s["chat_id"], s.get("user_id")) for s in scopes] == [
        (OWNER, None),
        (GROUP, OWNER),
        (VIEWER, None),
        (GROUP, VIEWER),
    ]
    assert "panic" in wire.named("setMyCommands")[0]["commands"]
    assert "panic" not in wire.named("setMyCommands")[2]["commands"]


async def test_a_group_that_is_only_told_things_gets_no_menu() -> None:
    desk, wire = FakeDesk(), Wire()
    account = Account(TOKEN, {OWNER: Role.OWNER}, (GROUP,), announce=(GROUP,))
    await TelegramChat(account, desk, Settings(), (wire, wire))._set_menus()
    assert [json.loads(s["scope"])["chat_id"] for s in wire.named("setMyCommands")] == [OWNER]


@pytest.mark.parametrize("method", ["getMyCommands", "setMyCommands"])
async def test_menus_that_fail_change_nothing_else(method: str) -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults[method] = [refuse(400, "Bad Request: chat not found")]
    wire.updates = [message("/status")]
    async with running(desk, wire):
        await until(wire, "sendMessage")


async def test_no_network_at_the_start_is_waited_out() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["getMe"] = [no_network, no_network, refuse(502, "Bad Gateway")]
    wire.faults["deleteWebhook"] = [no_network]
    async with running(desk, wire) as chat:
        desk.tell(f.Incident("x", "told when Telegram is back"))
        assert chat.pulse().poll_age_s is None
        await until(wire, "sendMessage")
        await until(wire, "getUpdates")
    assert len(wire.named("getMe")) == 4


@pytest.mark.parametrize("status", [401, 404])
async def test_a_refused_token_at_the_start_ends_the_chat(status: int) -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["getMe"] = [refuse(status, "Unauthorized")]
    with pytest.raises(ChatRefused, match="BotFather") as caught:
        await chat_of(desk, wire).run()
    assert TOKEN not in repr(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (refuse(409, "Conflict: terminated by other getUpdates"), "another program"),
        (refuse(401, "Unauthorized"), "refused the token"),
        (refuse(500, "Internal"), "HTTP 500"),
        (no_network, "NetworkError"),
    ],
)
async def test_trouble_while_polling_is_shown_and_survived(fault: Fault, words: str) -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["getUpdates"] = [fault]
    async with running(desk, wire) as chat:
        await until(wire, "getUpdates")
        await settle()
        assert words in chat.pulse().trouble
        assert chat.pulse().poll_age_s is None


async def test_a_hanging_poll_is_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telegram_app, "WATCH_S", 0.001)
    desk, wire = FakeDesk(), Wire()
    wire.updates = [message("/status")]
    async with running(desk, wire):
        await until(wire, "getUpdates", 2)
        desk.now_real.now += DEAF_S + 1
        await until(wire, "deleteWebhook", 2)


async def test_expired_questions_are_swept_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telegram_app, "TIDY_S", 0.001)
    desk, wire = FakeDesk(), Wire()
    wire.updates = [message("/pause")]
    async with running(desk, wire):
        await until(wire, "sendMessage")
        await settle()  # its answer arrived and the question stands, before time passes
        desk.now_real.now += 60
        await until(wire, "editMessageText")


async def test_a_stop_says_the_last_words_within_two_seconds() -> None:
    desk, wire = FakeDesk(), Wire()
    async with running(desk, wire):
        await until(wire, "getUpdates")
        desk.tell(f.Incident("last", "words"))
        begun = time.monotonic()
    assert "Last" in wire.sent[-1]["text"]
    assert time.monotonic() - begun < 2


async def test_a_stop_does_not_wait_for_a_telegram_that_hangs() -> None:
    class Hanging(Wire):
        async def do_request(  # type: ignore[explicit-override] # typing: 3.12
            self, url: str, *args: object, **options: object
        ) -> tuple[int, bytes]:
            if url.endswith("sendMessage"):
                await asyncio.Event().wait()
            return await super().do_request(url, *args, **options)  # type: ignore[arg-type] # passed on

    desk, wire = FakeDesk(), Hanging()
    wire.updates = [message("/status")]
    begun = time.monotonic()
    async with running(desk, wire):
        await until(wire, "getUpdates", 2)
    assert time.monotonic() - begun < 2


async def test_commands_handled_before_a_restart_are_dead() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.updates = [message("/pause"), message("/status")]
    desk.tell(f.CommandDone(f"tg:{wire.updates[0]['update_id']}", "x", "pause", "done"))
    desk.tell(f.CommandRefused("cli:5", "x", "pause", "not from the chat"))
    async with running(desk, wire):
        await until(wire, "sendMessage")
    assert all(isinstance(c, e.Note) for c in desk.commands)


async def test_a_read_answered_before_a_restart_is_not_answered_again() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.updates = [message("/status")]
    async with running(desk, wire):
        await until(wire, "sendMessage")
        await settle()
    (kept,) = [c for c in desk.commands if isinstance(c, e.Note) and c.key == "update"]
    assert kept.value.startswith(f"{wire.updates[0]['update_id']}@")

    again = Wire()
    again.updates = [*wire.updates, message("/help")]  # the first one was not confirmed
    chat = chat_of(desk, again)
    desk.show(notes={**desk.shown.notes, kept.key: kept.value})
    task = asyncio.create_task(chat.run())
    await until(again, "sendMessage")
    await settle()
    task.cancel()
    await asyncio.wait([task])
    assert ["Equity" in said["text"] for said in again.sent] == [False]


async def test_a_webhook_of_meanwhile_is_told_before_polling_removes_it() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.webhook = "https://thief.example/x"
    async with running(desk, wire):
        await until(wire, "sendMessage")
        await until(wire, "getUpdates")
    names = [name for name, _ in wire.calls]
    assert names.index("getWebhookInfo") < names.index("deleteWebhook")
    assert "thief.example" in wire.sent[0]["text"]


async def test_a_broken_task_of_the_chat_is_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    desk, wire = FakeDesk(), Wire()
    calls = 0

    async def work() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("broken once")
        raise asyncio.CancelledError

    monkeypatch.setattr(telegram_app, "RESTART_S", 0.0)
    with pytest.raises(asyncio.CancelledError):
        await telegram_app._forever(work)
    assert (calls, desk.commands, wire.calls) == (2, [], [])


async def test_the_token_is_in_no_log_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    desk, wire = FakeDesk(), Wire()
    wire.faults["getMe"] = [no_network]
    wire.faults["getUpdates"] = [refuse(401, "Unauthorized"), refuse(409, "Conflict")]
    wire.updates = [message("/status"), message("/panic now", STRANGER)]
    async with running(desk, wire) as chat:
        await until(wire, "getMe", 2)
        await until(wire, "getUpdates")
        logging.getLogger("x").info("%r %s %r", chat, ACCOUNT, chat.gate)
    lines = [r for r in caplog.records if not r.name.startswith(("telegram", "asyncio"))]
    assert not [r.getMessage() for r in lines if TOKEN in r.getMessage()]
    assert TOKEN not in repr(ACCOUNT)


def test_requests_have_our_timeouts_and_no_proxy_of_the_host() -> None:
    request = telegram_app.quiet_request(ACCOUNT, 20.0)
    timeout = request._client_kwargs["timeout"]
    assert (timeout.connect, timeout.read, timeout.write, timeout.pool) == (10.0, 20.0, 20.0, 10.0)
    assert request._client_kwargs["trust_env"] is False


def test_another_server_is_used_when_named() -> None:
    account = Account(TOKEN, USERS, api_url="http://127.0.0.1:8081/")
    app = telegram_app._build(account, Wire(), Wire())
    assert app.bot.base_url == f"http://127.0.0.1:8081/bot{TOKEN}"
    assert app._job_queue is None


def membership(status: str, chat: int, kind: str) -> dict[str, object]:
    """An update that says the bot's own membership became so."""
    robot = {**user(1000001), "is_bot": True}
    where = {"id": chat, "type": kind, "title": "desk", "first_name": "Ann"}
    change = {
        "chat": where,
        "from": user(STRANGER),
        "date": T_S,
        "old_chat_member": {"status": "left", "user": robot},
        "new_chat_member": {"status": status, "user": robot},
    }
    return {"update_id": 1, "my_chat_member": change}


@pytest.mark.parametrize("fault", [[], [refuse(403, "Forbidden: bot is not a member")]])
async def test_an_unlisted_group_is_left(fault: list[Fault]) -> None:
    desk, wire = FakeDesk(), Wire()
    wire.faults["leaveChat"] = fault
    wire.updates = [membership("member", -9, "supergroup"), message("/status")]
    async with running(desk, wire):
        await until(wire, "sendMessage", 2)
    assert wire.named("leaveChat") == [{"chat_id": "-9"}]


async def test_a_listed_group_is_no_reason_to_leave() -> None:
    desk, wire = FakeDesk(), Wire()
    wire.updates = [membership("member", GROUP, "supergroup"), message("/status")]
    async with running(desk, wire):
        await until(wire, "sendMessage")
    assert wire.named("leaveChat") == []


async def test_a_code_makes_the_first_owner_who_gets_the_menu_and_the_news() -> None:
    desk, wire = FakeDesk(), Wire()
    printed: list[str] = []
    account = Account(TOKEN, {}, say=printed.append)
    chat = TelegramChat(account, desk, Settings(), (wire, wire))
    desk.on_record = lambda record: chat.outbox.offer([record])
    task = asyncio.create_task(chat.run())
    await until(wire, "getUpdates")
    chat.gate.on_knock(Knock(STRANGER, "Sam", "private"))
    code = printed[0].split()[2].rstrip(":")
    said = message(f"/start {code}", STRANGER)
    await chat._app.process_update(update(said))
    await until(wire, "sendMessage")
    assert "you are owner here" in wire.sent[0]["text"]
    assert f'"chat_id": {STRANGER}' in wire.named("setMyCommands")[0]["scope"]
    desk.tell(f.Incident("x", "told to the owner"))
    await until(wire, "sendMessage", 2)
    assert {s["chat_id"] for s in wire.sent} == {str(STRANGER)}
    task.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize(("notes", "heir"), [({"owner": "44"}, None), ({}, STRANGER)])
async def test_a_known_owner_needs_no_code(notes: dict[str, str], heir: int | None) -> None:
    desk, wire = FakeDesk(), Wire()
    desk.show(notes=notes)
    printed: list[str] = []
    account = Account(TOKEN, {VIEWER: Role.VIEWER}, heir=heir, say=printed.append)
    chat = TelegramChat(account, desk, Settings(), (wire, wire))
    assert chat.gate.owner == STRANGER
    assert chat.failing == ()
    listed = TelegramChat(ACCOUNT, desk, Settings(), (wire, wire))
    assert listed.gate.owner == OWNER
    assert printed == []
