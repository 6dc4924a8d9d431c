"""An unmodified python-telegram-bot against the embedded Bot API: the client is the oracle."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import telegram
from telegram import (
    BotCommand,
    BotCommandScopeChat,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    ReplyParameters,
    Update,
)
from telegram.constants import KeyboardButtonStyle, ParseMode, ReactionEmoji
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken
from telegram.ext import (
    Application,
    CallbackQueryHandler,
    CommandHandler,
    ContextTypes,
    TypeHandler,
)

from bot.sandbox.people import OWNER_ID, STRANGER_ID
from bot.sandbox.room import Chat, Press, Say
from chatroom import PIXEL, TOKEN, Site, served

pytestmark = pytest.mark.e2e

App = Application[Any, Any, Any, Any, Any, Any]
Context = ContextTypes.DEFAULT_TYPE
KEYS = InlineKeyboardMarkup(
    [[InlineKeyboardButton("Yes", callback_data="yes", style=KeyboardButtonStyle.DANGER)]]
)


def client(site: Site, token: str = TOKEN) -> App:
    return (
        Application.builder()
        .token(token)
        .base_url(f"{site.url}/bot")
        .base_file_url(f"{site.url}/file/bot")
        .job_queue(None)
        .concurrent_updates(8)
        .build()
    )


@asynccontextmanager
async def running(app: App) -> AsyncIterator[App]:
    """The application, started by hand and polling, until the block ends."""
    async with app:
        await app.start()
        assert app.updater is not None
        await app.updater.start_polling(timeout=20, allowed_updates=["message", "callback_query"])
        yield app
        await app.updater.stop()
        await app.stop()


@asynccontextmanager
async def calling(site: Site, token: str = TOKEN) -> AsyncIterator[telegram.Bot]:
    """The application's bot alone: calls, no polling."""
    app = client(site, token)
    try:
        await app.bot.initialize()
        yield app.bot
    finally:
        await app.bot.shutdown()


def recorder(app: App) -> list[Update]:
    seen: list[Update] = []

    async def see(update: Update, _context: object) -> None:
        seen.append(update)

    app.add_handler(TypeHandler(Update, see), group=-1)
    return seen


async def test_a_command_is_echoed_and_a_tap_edits_the_answer() -> None:
    async def echo(update: Update, context: Context) -> None:
        assert update.message is not None
        text = f"<b>{' '.join(context.args or [])}</b>"
        await update.message.reply_html(text, do_quote=True, reply_markup=KEYS)

    async def tapped(update: Update, _context: Context) -> None:
        query = update.callback_query
        assert query is not None
        await query.answer("done")
        await query.edit_message_text(f"tapped {query.data}")

    async with served() as site:
        app = client(site)
        app.add_handlers([CommandHandler("echo", echo), CallbackQueryHandler(tapped)])
        async with running(app):
            _, said = await site.post("/chat/messages", {"text": "/echo to me"})
            await site.until(lambda: site.room.history.version >= 2)
            asked, told = await site.rows()
            _, answer = await site.post(
                "/chat/taps", {"message_id": told["message_id"], "data": "yes"}
            )
            await site.until(lambda: site.room.history.version >= 3)
            edited = (await site.rows())[-1]

    assert (asked["from"], asked["text"], asked["message_id"]) == (
        "user",
        "/echo to me",
        said["message_id"],
    )
    assert (told["from"], told["text"], told["html"]) == ("bot", "to me", "<b>to me</b>")
    assert told["reply_to"] == said["message_id"]
    assert told["buttons"] == [[{"text": "Yes", "data": "yes", "style": "danger"}]]
    assert answer == {"answer": "done", "alert": False, "answered": True}
    assert (edited["text"], edited["buttons"], edited["edits"]) == ("tapped yes", [], 1)


async def test_updates_of_every_kind_arrive_as_ptb_knows_them() -> None:
    async with served() as site:
        app = client(site)
        seen = recorder(app)
        room = site.room
        done = asyncio.Event()

        async def last(update: Update, _context: object) -> None:
            if update.effective_user is not None and update.effective_user.id == STRANGER_ID:
                done.set()

        app.add_handler(TypeHandler(Update, last), group=1)
        first = room.say(Say("hello"))
        room.say(Say("again", reply_to=first.message_id, forwarded=True))
        room.say(Say("HELLO", edit=first.message_id))
        room.say(Say("/start", user="stranger"))
        async with app:
            await app.start()
            assert app.updater is not None
            await app.updater.start_polling(timeout=20, allowed_updates=Update.ALL_TYPES)
            await asyncio.wait_for(done.wait(), 10)
            await app.updater.stop()
            await app.stop()

    plain, forwarded, edited, strange = sorted(seen, key=lambda update: update.update_id)
    assert plain.message is not None
    assert plain.message.chat.id == OWNER_ID
    assert forwarded.message is not None
    assert forwarded.message.forward_origin is not None
    assert forwarded.message.reply_to_message is not None
    assert forwarded.message.reply_to_message.message_id == first.message_id
    assert edited.message is None
    assert edited.edited_message is not None
    assert edited.edited_message.text == "HELLO"
    assert strange.message is not None
    assert strange.message.chat.id == STRANGER_ID
    assert [entity.type for entity in strange.message.entities] == ["bot_command"]
    assert len(site.room.updates) == 0


async def test_photo_document_and_their_edits() -> None:
    async with served() as site, calling(site) as bot:
        sent = await bot.send_photo(OWNER_ID, PIXEL, caption="<i>one</i>", parse_mode="HTML")
        again = await bot.send_photo(OWNER_ID, sent.photo[-1].file_id)
        await bot.edit_message_caption(OWNER_ID, sent.message_id, caption="two", reply_markup=KEYS)
        await bot.edit_message_reply_markup(OWNER_ID, sent.message_id, reply_markup=None)
        media = InputMediaPhoto(PIXEL, caption="three")
        await bot.edit_message_media(media, OWNER_ID, sent.message_id)
        paper = await bot.send_document(OWNER_ID, b"a,b\n", filename="../trades 1.csv")
        assert paper.document is not None
        file = await paper.document.get_file()
        body = bytes(await file.download_as_bytearray())
        rows = {row["message_id"]: row for row in await site.rows()}
        photo = rows[sent.message_id]
        async with site.http.get(site.url + str(photo["photo"])) as answer:
            shown = (answer.status, answer.content_type, await answer.read())

    assert [(p.width, p.height) for p in sent.photo] == [(1, 1)]
    assert sent.caption_entities[0].type == "italic"
    assert again.photo == sent.photo
    assert body == b"a,b\n"
    assert paper.document.file_name == "trades_1.csv"
    assert (photo["text"], photo["edits"]) == ("three", 3)
    assert rows[paper.message_id]["document_name"] == "trades_1.csv"
    assert shown == (200, "image/png", PIXEL)


async def test_pins_reactions_commands_and_the_rest() -> None:
    commands = [BotCommand("scan", "Rank the market")]
    async with served() as site, calling(site) as bot:
        asked = site.room.say(Say("/scan"))
        sent = await bot.send_message(OWNER_ID, "card", disable_notification=True)
        await bot.pin_chat_message(OWNER_ID, sent.message_id, disable_notification=True)
        await bot.set_message_reaction(OWNER_ID, asked.message_id, ReactionEmoji.EYES)
        await bot.send_chat_action(OWNER_ID, "typing")
        await bot.set_my_commands(commands, scope=BotCommandScopeChat(OWNER_ID))
        chat = await bot.get_chat(OWNER_ID)
        webhook = await bot.get_webhook_info()
        menus = (
            await bot.get_my_commands(BotCommandScopeChat(OWNER_ID)),
            await bot.get_my_commands(),
        )
        _, shown = await site.get("/chat/commands")
        pinned, reacted = (await site.rows())[0], (await site.rows())[1]
        await bot.unpin_chat_message(OWNER_ID)
        await bot.delete_message(OWNER_ID, sent.message_id)
        await bot.delete_my_commands(scope=BotCommandScopeChat(OWNER_ID))
        left = await site.rows()
        _, nothing = await site.get("/chat/commands", user="owner")

    assert chat.pinned_message is not None
    assert chat.pinned_message.message_id == sent.message_id
    assert (webhook.url, webhook.pending_update_count) == ("", 1)
    assert menus == (tuple(commands), ())
    assert shown == {
        "bot": "Breakout",
        "commands": [{"command": "scan", "description": "Rank the market"}],
    }
    assert (pinned["pinned"], pinned["silent"]) == (True, True)
    assert reacted["reactions"] == ["\N{EYES}"]
    assert [row["message_id"] for row in left] == [asked.message_id]
    assert nothing["commands"] == []


Call = Callable[[telegram.Bot], Awaitable[object]]
REFUSALS: dict[str, tuple[Call, type[Exception], str]] = {
    "markup": (
        lambda bot: bot.send_message(OWNER_ID, "<b>x", parse_mode=ParseMode.HTML),
        BadRequest,
        "Can't parse entities: can't find end tag corresponding to start tag \"b\"",
    ),
    "long": (
        lambda bot: bot.send_message(OWNER_ID, "x" * 4097),
        BadRequest,
        "Message is too long",
    ),
    "reply": (
        lambda bot: bot.send_message(OWNER_ID, "x", reply_parameters=ReplyParameters(99)),
        BadRequest,
        "Message to be replied not found",
    ),
    "button": (
        lambda bot: bot.send_message(
            OWNER_ID,
            "x",
            reply_markup=InlineKeyboardMarkup(
                [[InlineKeyboardButton("x", callback_data="é" * 33)]]
            ),
        ),
        BadRequest,
        "Button_data_invalid",
    ),
    "chat": (lambda bot: bot.send_message(7, "x"), BadRequest, "Chat not found"),
    "stranger": (
        lambda bot: bot.send_message(STRANGER_ID, "x"),
        Forbidden,
        "Forbidden: bot can't initiate conversation with a user",
    ),
    "query": (
        lambda bot: bot.answer_callback_query("1"),
        BadRequest,
        "Query is too old and response timeout expired or query id is invalid",
    ),
    "webhook": (
        lambda bot: bot.set_webhook("https://example.invalid"),
        BadRequest,
        "Bad webhook: this chat is only polled, use getupdates",
    ),
    "method": (
        lambda bot: bot.do_api_request("getNothing"),
        telegram.error.EndPointNotFound,
        "Endpoint 'getNothing' not found in Bot API",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_refusals_reach_ptb_as_its_own_exceptions(name: str) -> None:
    call, kind, expected = REFUSALS[name]
    async with served() as site, calling(site) as bot:
        with pytest.raises(kind) as caught:
            await call(bot)

    assert str(caught.value).lower() == expected.lower()


async def test_an_edit_that_changes_nothing_is_refused() -> None:
    async with served() as site, calling(site) as bot:
        sent = await bot.send_message(OWNER_ID, "same", reply_markup=KEYS)
        with pytest.raises(BadRequest, match="not modified"):
            await bot.edit_message_text("same", OWNER_ID, sent.message_id, reply_markup=KEYS)
        changed = await bot.edit_message_text("same", OWNER_ID, sent.message_id)

    assert isinstance(changed, telegram.Message)
    assert changed.reply_markup is None


async def test_a_reply_to_nothing_can_be_allowed() -> None:
    wanted = ReplyParameters(99, allow_sending_without_reply=True)
    async with served() as site, calling(site) as bot:
        sent = await bot.send_message(OWNER_ID, "x", reply_parameters=wanted)

    assert sent.reply_to_message is None


@pytest.mark.parametrize("token", ["nonsense", "1:short", "1000002:" + "b" * 35])
async def test_another_token_is_unauthorized(token: str) -> None:
    async with served(Chat(TOKEN)) as site:
        with pytest.raises(InvalidToken):
            async with calling(site, token):
                pass


async def polled(site: Site, *kinds: str) -> None:
    """Wait until a poll for these kinds of updates is being served."""
    await site.until(lambda: site.room.updates.allowed == sorted(kinds))


async def test_the_newer_of_two_pollers_wins() -> None:
    async with served() as site, calling(site) as elder, calling(site) as newer:
        first = asyncio.create_task(elder.get_updates(timeout=20, allowed_updates=["message"]))
        await polled(site, "message")
        kinds = ["callback_query", "message"]
        second = asyncio.create_task(newer.get_updates(timeout=20, allowed_updates=kinds))
        with pytest.raises(Conflict, match="terminated by other getUpdates"):
            await asyncio.wait_for(first, 10)
        site.room.say(Say("hello"))
        (update,) = await asyncio.wait_for(second, 10)

    assert update.message is not None
    assert update.message.text == "hello"


async def test_a_long_poll_wakes_and_unconfirmed_updates_come_again() -> None:
    async with served() as site, calling(site) as bot:
        waiting = asyncio.create_task(bot.get_updates(timeout=20, allowed_updates=["message"]))
        await polled(site, "message")
        site.room.say(Say("one"))
        (one,) = await asyncio.wait_for(waiting, 10)
        site.room.say(Say("two"))
        both = await bot.get_updates()
        (two,) = await bot.get_updates(offset=one.update_id + 1)
        none = await bot.get_updates(offset=two.update_id + 1)

    assert [update.update_id for update in both] == [one.update_id, one.update_id + 1]
    assert two.update_id == one.update_id + 1
    assert none == ()


async def test_a_tap_by_somebody_else_says_so() -> None:
    async with served() as site, calling(site) as bot:
        sent = await bot.send_message(OWNER_ID, "card", reply_markup=KEYS)
        tap = site.room.tap(Press(sent.message_id, "yes", "viewer"))
        (update,) = await bot.get_updates()
        query = update.callback_query
        assert query is not None
        await query.answer("no", show_alert=True)

    assert (query.from_user.id, query.data) == (1003, "yes")
    assert query.message is not None
    assert query.message.message_id == sent.message_id
    assert (tap.answer, tap.is_alert) == ("no", True)
