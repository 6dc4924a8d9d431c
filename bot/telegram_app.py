"""python-telegram-bot, started by hand: connect for ever, poll, watch the poll, stop in time.

It exists because the library's own runner owns the loop, gives up when the network is down at
start, and can go deaf without a word. Nothing here may end the process except a refused token at
the very start; Bot and Application carry the token in their repr and must never be logged.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from telegram import BotCommandScopeChat, LinkPreviewOptions, Update
from telegram.constants import ParseMode
from telegram.error import InvalidToken, NetworkError, TelegramError
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

from bot.commands import VERBS
from bot.conversation import Room
from bot.desk import Desk, Pulse
from bot.dispatch import Dispatch
from bot.gate import Admitted, Gate, Role
from bot.moving import Moves
from bot.outbox import Outbox
from bot.sender import Sender
from engine.core.settings import Settings
from engine.errors import ChatRefused
from engine.log import Log

_log = Log(__name__)
POLL_S = 25
DEAF_S = 90.0  # without an answered poll for this long, polling starts anew
TIDY_S = 0.5
RESTART_S = 1.0
STOP_S = 1.6  # of the two seconds a stop may take
BACKOFF_MAX_S = 60.0
WATCH_S = 5.0
UPDATES = ["message", "callback_query"]
REFUSED = "Telegram refused the token; take the current one from BotFather"
CONFLICT = "another program reads these commands; if it is not yours, revoke the token in BotFather"

AnyApplication = Application[Any, Any, Any, Any, Any, Any]
AnyContext = CallbackContext[Any, Any, Any, Any]


@dataclass(frozen=True, repr=False)  # its repr must never show the token
class Account:
    """How to reach Telegram, and who may speak."""

    token: str
    users: Mapping[int, Role]
    chats: Sequence[int] = ()
    api_url: str = ""  # another Bot API server, without the trailing /bot
    proxy: str = ""


class Ear(BaseRequest):
    """The request object of getUpdates; notes when Telegram last answered, and why it did not.

    A refused token is passed on as a network error: PTB's poll loop dies of the real one, while a
    token can be refused for a moment and must never make the bot deaf for good.
    """

    def __init__(self, inner: BaseRequest, now: Callable[[], float]) -> None:
        self._inner = inner
        self._now = now
        self.heard_s: float | None = None
        self.trouble = ""

    @property
    def read_timeout(  # type: ignore[explicit-override]  # typing has it from 3.12
        self,
    ) -> float | None:
        """Of the request underneath."""
        return self._inner.read_timeout

    async def initialize(self) -> None:  # type: ignore[explicit-override]  # typing has it from 3.12
        """Open the request underneath."""
        await self._inner.initialize()

    async def shutdown(self) -> None:  # type: ignore[explicit-override]  # typing has it from 3.12
        """Close the request underneath."""
        await self._inner.shutdown()

    async def do_request(  # type: ignore[explicit-override]  # typing has it from 3.12
        self,
        *args: Any,  # noqa: ANN401 -- passed on untouched
        **options: Any,  # noqa: ANN401 -- passed on untouched
    ) -> tuple[int, bytes]:
        """As underneath; an answer with status 200 counts as heard."""
        try:
            status, body = await self._inner.do_request(*args, **options)
        except TelegramError as error:
            self.trouble = f"polling: {type(error).__name__}"
            raise
        if status == HTTPStatus.OK:
            self.heard_s, self.trouble = self._now(), ""
        elif status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND):
            self.trouble = REFUSED
            raise NetworkError(REFUSED)
        elif status == HTTPStatus.CONFLICT:
            self.trouble = CONFLICT
        else:
            self.trouble = f"polling: HTTP {status}"
        return status, body


class TelegramChat:
    """The chat as the composition root sees it: a notifier, a pulse and a coroutine to run."""

    def __init__(
        self,
        account: Account,
        desk: Desk,
        settings: Settings,
        requests: tuple[BaseRequest, BaseRequest] | None = None,
    ) -> None:
        sending, polling = requests or (
            quiet_request(account, 20.0),
            quiet_request(account, POLL_S + 10.0),
        )
        self._desk = desk
        self._ear = Ear(polling, desk.now_real)
        self._app = _build(account, sending, self._ear)
        self._trouble = ""
        self._admitted: dict[int, Admitted] = {}
        self.gate = Gate(account.users, account.chats)
        self._moves = Moves(desk, self.gate)
        self._sender = Sender(self._app.bot, self._moves.note)
        self.outbox = Outbox(desk, self._sender, self.gate.places, settings.bot.name)
        self._dispatch = Dispatch(Room(desk, self.outbox, self.pulse))
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

    async def run(self) -> None:
        """Until canceled; raises `ChatRefused` when Telegram refuses the token at the start."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_forever(self.outbox.run), name="chat.outbox")
                group.create_task(_forever(self._tidy), name="chat.tidy")
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
        admitted = self.gate.admit(update)
        if admitted is None:
            raise ApplicationHandlerStop
        self._admitted[update.update_id] = admitted

    async def _handle(self, update: Update, _context: AnyContext) -> None:
        await self._dispatch.handle(self._admitted.pop(update.update_id))

    # Connection

    async def _serve(self) -> None:
        await self.outbox.recovered.wait()
        self.gate.mark_handled(self.outbox.book.handled)
        self._moves.recall(self._sender)
        await self._connect()
        self._dispatch.name = self._app.bot.username or ""
        self.outbox.connected()
        await self._app.start()
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
        bot = self._app.bot
        try:
            await bot.delete_my_commands()
            for user_id, role in self.gate.users.items():
                await bot.set_my_commands(VERBS.menu(role), scope=BotCommandScopeChat(user_id))
        except TelegramError as error:
            _log.warning("chat.menu_failed", reason=type(error).__name__)

    async def _watch(self) -> None:
        """A poll that hangs is started anew."""
        while True:
            await asyncio.sleep(WATCH_S)
            age_s = self.pulse().poll_age_s
            if age_s is None or age_s <= DEAF_S:
                continue
            _log.warning("chat.deaf", age_s=age_s)
            await self._stop_polling(WATCH_S)
            await self._poll()

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_S)
            await self._dispatch.tidy()

    @property
    def _updater(self) -> Updater:
        assert self._app.updater is not None  # built with one
        return self._app.updater

    async def _stop_polling(self, seconds: float) -> None:
        if self._updater.running:
            await _within(seconds, self._updater.stop())

    async def _close(self) -> None:
        """Within two seconds: last words out, polling confirmed, connections closed."""
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


def quiet_request(account: Account, read_s: float) -> HTTPXRequest:
    """A request object that uses the account's proxy and none of the host's."""
    return HTTPXRequest(
        connect_timeout=10.0,
        read_timeout=read_s,
        write_timeout=20.0,
        pool_timeout=10.0,
        proxy=account.proxy or None,
        httpx_kwargs={"trust_env": False},  # a proxy of the host is not ours to use
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
