"""python-telegram-bot, started by hand: connect for ever, poll, watch the poll, stop in time.

It exists because the library's own runner owns the loop, gives up when the network is down at
start, and can go deaf without a word. Nothing here may end the process except a refused token at
the very start; Bot and Application carry the token in their repr and must never be logged.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from telegram import ChatMemberUpdated, LinkPreviewOptions, Update
from telegram.constants import ParseMode
from telegram.error import InvalidToken, TelegramError
from telegram.ext import (
    Application,
    ApplicationBuilder,
    ApplicationHandlerStop,
    CallbackContext,
    CallbackQueryHandler,
    Defaults,
    MessageHandler,
    TypeHandler,
    Updater,
    filters,
)
from telegram.request import BaseRequest, HTTPXRequest

from bot.bookmark import Bookmark
from bot.cards import StatusCards
from bot.commands import VERBS
from bot.conversation import Room
from bot.desk import Desk, Pulse
from bot.dispatch import Dispatch
from bot.ear import REFUSED, Dial, Ear
from bot.gate import Admitted, Gate, Role
from bot.menus import Menus
from bot.moving import Moves
from bot.outbox import Outbox
from bot.pairing import remembered
from bot.reports import EVERY_S, Reports
from bot.sender import Sender
from bot.trade_card import TradeCards
from bot.warden import Warden
from bot.watchdog import Watchdog
from engine.core.settings import Settings
from engine.errors import ChatRefused
from engine.log import Log

_log = Log(__name__)
POLL_S = 25
TIDY_S = 0.5
RESTART_S = 1.0
STOP_S = 1.6  # of the two seconds a stop may take
BACKOFF_MAX_S = 60.0
WATCH_S = 5.0
UPDATES = ["message", "callback_query", "my_chat_member"]

_say = partial(print, flush=True)

AnyApplication = Application[Any, Any, Any, Any, Any, Any]
AnyContext = CallbackContext[Any, Any, Any, Any]


@dataclass(frozen=True, repr=False)  # its repr must never show the token
class Account:
    """How to reach Telegram, and who may speak."""

    token: str
    users: Mapping[int, Role]
    chats: Sequence[int] = ()
    announce: Sequence[int] = ()  # those of the chats where nothing said counts
    heir: int | None = None  # the owner a code named while the other mode ran
    say: Callable[[str], object] = _say  # to who started us
    api_url: str = ""  # another Bot API server, without the trailing /bot
    proxy: str = ""


class TelegramChat:
    """The chat as the composition root sees it: a notifier, a pulse and a coroutine to run."""

    def __init__(
        self,
        account: Account,
        desk: Desk,
        settings: Settings,
        requests: tuple[BaseRequest, BaseRequest] | None = None,
    ) -> None:
        dial = Dial(desk.now_real)
        sending, polling = requests or (
            quiet_request(account, 20.0, dial),
            quiet_request(account, POLL_S + 10.0, dial),
        )
        self._desk, self._account = desk, account
        self._ear = Ear(polling, desk.now_real)
        self._app = _build(account, sending, self._ear)
        self._trouble = ""
        self._admitted: dict[int, Admitted] = {}
        self.gate = _gate(account, desk)
        self._moves, self._bookmark = Moves(desk, self.gate), Bookmark(desk)
        self._sender = Sender(self._app.bot, self._moves.note)
        self.outbox = Outbox(desk, self._sender, self.gate.places, settings.bot.name)
        self._watchdog = Watchdog(self._ear, desk.now_real)
        self._warden = Warden(desk, self.gate, self.outbox, self._watchdog)
        room = Room(desk, self.outbox, self.pulse)
        self._dispatch = Dispatch(room, dial)
        self._menus = Menus(self._app.bot, VERBS, desk)
        self._reports = Reports(room, lambda: self.gate.places)
        self._cards = StatusCards(desk, self.outbox, lambda: self.gate.places)
        self._trade_cards = TradeCards(desk, self.outbox)
        self._register()

    def pulse(self) -> Pulse:
        """How the chat is doing."""
        heard = self._ear.heard_s
        return Pulse(
            poll_age_s=None if heard is None else self._desk.now_real() - heard,
            outbox_depth=self.outbox.depth,
            outbox_oldest_s=self.outbox.oldest_s,
            strangers=self.gate.stranger_count,
            outbox_dropped=self.outbox.dropped,
            trouble=self._ear.trouble or self._trouble or self.outbox.trouble,
        )

    @property
    def failing(self) -> tuple[str, ...]:
        """What a health check shall name."""
        return self._warden.failing

    async def run(self) -> None:
        """Until canceled; raises `ChatRefused` when Telegram refuses the token at the start."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_forever(self.outbox.run), name="chat.outbox")
                group.create_task(_forever(self._tidy), name="chat.tidy")
                group.create_task(_forever(self._report), name="chat.reports")
                panic = self._dispatch.go_on(self.gate.places, self.gate.owner)
                group.create_task(panic, name="chat.panic")
                group.create_task(_forever(self._cards.run), name="chat.cards")
                group.create_task(_forever(self._trade_cards.run), name="chat.trades")
                group.create_task(_forever(self._warden.run), name="chat.warden")
                group.create_task(self._serve(), name="chat.serve")
        except* ChatRefused:
            raise ChatRefused(REFUSED) from None
        finally:
            await self._close()

    # Handlers

    def _register(self) -> None:
        self._app.add_handler(TypeHandler(Update, self._guard), group=-100)
        words = filters.UpdateType.MESSAGE & filters.TEXT
        self._app.add_handler(MessageHandler(words, self._handle))
        self._app.add_handler(CallbackQueryHandler(self._handle))
        self._app.add_error_handler(_note_error)

    async def _guard(self, update: Update, _context: AnyContext) -> None:
        """First of all handlers: what the gate does not admit goes no further."""
        if update.my_chat_member is not None:
            await self._settle_in(update.my_chat_member)
            raise ApplicationHandlerStop
        if await self._warden.admit_owner(update):
            await self._set_menus()
        admitted = self.gate.admit(update)
        if admitted is None or self._bookmark.is_past(admitted.update_id, admitted.sent_s):
            raise ApplicationHandlerStop
        self._bookmark.begin(update.update_id)
        self._admitted[update.update_id] = admitted

    async def _handle(self, update: Update, _context: AnyContext) -> None:
        try:
            await self._dispatch.handle(self._admitted.pop(update.update_id))
        finally:
            self._bookmark.end(update.update_id)

    async def _settle_in(self, change: ChatMemberUpdated) -> None:
        """Somebody added, blocked or removed the bot: it stays only where it is listed."""
        if self._warden.belongs(change):
            return
        try:
            await self._app.bot.leave_chat(change.chat.id)
        except TelegramError as error:
            _log.warning("chat.leave_failed", reason=type(error).__name__)

    # Connection

    async def _serve(self) -> None:
        await self.outbox.recovered.wait()
        self.gate.mark_handled(self.outbox.book.handled)
        self._moves.recall(self._sender)
        self._bookmark.recall()
        await self._connect()
        self._dispatch.name = self._app.bot.username or ""
        self.outbox.connected()
        self._warden.offer_pairing(self._dispatch.name, self._account.say)
        self._warden.keep_heir(self._account.heir)
        await self._app.start()
        await self._warden.look_for_webhook(self._app.bot)
        await self._poll()
        await self._set_menus()
        await self._watch()

    async def _connect(self) -> None:
        """Say who we are, for as long as it takes; only a refused token ends it."""
        for wait_s in _backoff():
            try:
                await self._app.initialize()
            except InvalidToken:  # its text contains the token
                raise ChatRefused(REFUSED) from None
            except TelegramError as error:
                self._trouble = f"connecting: {error.message}"
                _log.warning("chat.unreachable", reason=error.message)
                await asyncio.sleep(wait_s)
            else:
                self._trouble = ""
                return

    async def _poll(self) -> None:
        updater = self._updater
        for wait_s in _backoff():
            try:
                await updater.start_polling(
                    timeout=timedelta(seconds=POLL_S),
                    allowed_updates=UPDATES,
                    drop_pending_updates=False,
                    bootstrap_retries=0,
                    error_callback=_note_poll,
                )
            except TelegramError as error:
                self._trouble = f"polling: {type(error).__name__}"
                await asyncio.sleep(wait_s)
            else:
                self._trouble = ""
                return

    async def _set_menus(self) -> None:
        """Cosmetics: strangers see no commands, each person those of the role."""
        await self._menus.set(self.gate.users, self.gate.hearing)

    async def _watch(self) -> None:
        """A poll that hangs is started anew."""
        while True:
            await asyncio.sleep(WATCH_S)
            if not self._watchdog.wants_restart():
                continue
            _log.warning("chat.deaf", age_s=round(self._watchdog.deaf_s))
            await self._stop_polling(WATCH_S)
            await self._poll()

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_S)
            await self._dispatch.tidy()
            await self._bookmark.tidy()

    async def _report(self) -> None:
        await self._desk.every("reports", EVERY_S, self._reports.look)

    @property
    def _updater(self) -> Updater:
        assert self._app.updater is not None  # built with one
        return self._app.updater

    async def _stop_polling(self, seconds: float) -> None:
        if self._updater.running:
            await _within(seconds, self._updater.stop())

    async def _close(self) -> None:
        """Within two seconds: last words out, polling confirmed, connections closed."""
        await _within(STOP_S / 8, self._bookmark.keep())
        await _within(STOP_S, self.outbox.flush(STOP_S / 3))
        await self._stop_polling(STOP_S / 3)
        if self._app.running:
            await _within(STOP_S / 6, self._app.stop())
        await _within(STOP_S / 6, self._app.shutdown())


async def _within(seconds: float, work: Coroutine[object, object, None]) -> None:
    """Run to the end or leave it behind: PTB's stop swallows the first cancelation it gets."""
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        task.cancel()
    task.add_done_callback(_look)


def _look(task: asyncio.Future[None]) -> None:
    """Take note of a failure while stopping, so that asyncio does not print it."""
    if not task.cancelled() and task.exception() is not None:
        _log.warning("chat.stop_failed", reason=type(task.exception()).__name__)


def _gate(account: Account, desk: Desk) -> Gate:
    """The gate of the lists; where they name no owner, the one a code named before."""
    gate = Gate(account.users, account.chats, account.announce)
    known = remembered(desk) or account.heir
    if gate.owner is None and known is not None:
        gate.pair(known)
    return gate


def quiet_request(account: Account, read_s: float, dial: Dial | None = None) -> HTTPXRequest:
    """A request object that uses the account's proxy and none of the host's."""
    hooks = [] if dial is None else [dial.hear]
    return HTTPXRequest(
        connect_timeout=10.0,
        read_timeout=read_s,
        write_timeout=20.0,
        pool_timeout=10.0,
        proxy=account.proxy or None,
        # A proxy of the host is not ours to use.
        httpx_kwargs={"trust_env": False, "event_hooks": {"response": hooks}},
    )


def _build(account: Account, sending: BaseRequest, polling: BaseRequest) -> AnyApplication:
    builder = (
        ApplicationBuilder()
        .token(account.token)
        .request(sending)
        .get_updates_request(polling)
        .defaults(
            Defaults(
                parse_mode=ParseMode.HTML,
                link_preview_options=LinkPreviewOptions(is_disabled=True),
            )
        )
        .concurrent_updates(True)  # noqa: FBT003 -- PTB's signature
        .job_queue(None)
    )
    if account.api_url:
        root = account.api_url.rstrip("/")
        builder = builder.base_url(f"{root}/bot").base_file_url(f"{root}/file/bot")
    return builder.build()


async def _forever(work: Callable[[], Awaitable[None]]) -> None:
    """Run a task of the chat; a fault restarts the task, never the engine."""
    while True:
        try:
            await work()
        except Exception:  # noqa: BLE001 -- logged with its trace, then started anew
            _log.error("chat.task_failed", task=work.__name__, exc_info=True)
        await asyncio.sleep(RESTART_S)


def _backoff() -> Iterator[float]:
    """Seconds to wait between tries, without end."""
    wait_s = 1.0
    while True:
        yield wait_s
        wait_s = min(BACKOFF_MAX_S, wait_s * 2)


def _note_poll(error: TelegramError) -> None:
    _log.warning("chat.poll_failed", reason=type(error).__name__)


async def _note_error(_update: object, context: AnyContext) -> None:
    """Last resort: a failure in the handlers themselves, without the update's content."""
    _log.error("chat.handler_failed", exc_info=context.error)
