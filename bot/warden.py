"""What the chat does unasked: tells who knocked and who else listens, names the first owner.

It exists so that the library's adapter stays an adapter. It must never touch an exit, and pauses
entries only where the settings say so.
"""

import asyncio
from collections.abc import Callable, Coroutine
from urllib.parse import urlsplit

from telegram import Bot, Chat, ChatMember, ChatMemberUpdated, Update
from telegram.error import TelegramError

from bot import pairing, texts_guard
from bot.conversation import put
from bot.desk import Desk
from bot.gate import Gate
from bot.knocks import Knocks
from bot.outbox import Outbox
from bot.views.layout import Text
from bot.watchdog import News, Watchdog
from engine.core.events import Pause
from engine.core.values import GateName
from engine.log import Log

_log = Log(__name__)
LOOK_S = 1.0
ASK_S = 5.0
BY = "watchdog"
_GONE = (ChatMember.LEFT, ChatMember.BANNED)


class Warden:
    """Beside the conversation, for the owner."""

    def __init__(self, desk: Desk, gate: Gate, outbox: Outbox, watchdog: Watchdog) -> None:
        self._desk, self._gate, self._outbox, self._watchdog = desk, gate, outbox, watchdog
        self._pairing = pairing.Pairing(desk.now_real)
        self._knocks = Knocks(desk.now_real)
        self._saying: set[asyncio.Task[None]] = set()
        gate.on_knock = self._knocks.add

    @property
    def failing(self) -> tuple[str, ...]:
        """What a health check shall name."""
        return tuple(f"chat ({alarm.value})" for alarm in self._watchdog.raised)

    async def run(self) -> None:
        """Look now and then, until canceled."""
        try:
            while True:
                self.look()
                await asyncio.sleep(LOOK_S)
        finally:
            for task in self._saying:
                task.cancel()

    def look(self) -> None:
        """Tell what is new; nothing here waits for Telegram."""
        for news in self._watchdog.look():
            self._note(news)
        knock = self._knocks.due()
        if knock is not None and self._gate.owner is not None:
            self._say(texts_guard.knocked(*knock), is_silent=True)

    # Alarms

    def _note(self, news: News) -> None:
        lasted_s = self._desk.now_real() - news.since_s
        event = "chat.alarm_over" if news.is_over else "chat.alarm"
        _log.warning(event, what=news.alarm.value, lasted_s=round(lasted_s))
        if news.is_over:
            paused = any(g.by == BY for g in self._desk.view().gates)
            self._say(texts_guard.over(news.alarm, lasted_s, is_paused=paused))
            return
        self._say(texts_guard.alarm(news.alarm, lasted_s))
        is_open = all(g.name is not GateName.OPERATOR for g in self._desk.view().gates)
        if self._desk.settings().bot.pause_when_deaf and is_open:
            self._aside(self._pause())

    async def _pause(self) -> None:
        key = f"{BY}:{self._desk.now_real():.0f}"
        result = await put(self._desk, Pause(command_id=key, by=BY))
        if not result.is_done:
            _log.error("chat.pause_failed", reason=result.words)

    def _say(self, text: Text, *, is_silent: bool = False) -> None:
        for place in self._gate.places[:1]:  # the owner
            self._aside(self._deliver(place, text, is_silent=is_silent))

    async def _deliver(self, place: int, text: Text, *, is_silent: bool) -> None:
        await self._outbox.say(place, text, is_silent=is_silent)

    def _aside(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)

    async def look_for_webhook(self, bot: Bot) -> None:
        """Before polling, which removes one without a word: tell of it. It never waits for long."""
        try:
            info = await bot.get_webhook_info(read_timeout=ASK_S, connect_timeout=ASK_S)
        except TelegramError as error:
            _log.warning("chat.webhook_unknown", reason=type(error).__name__)
            return
        if info.url:
            host = _host(info.url)
            _log.warning("chat.webhook_found", host=host)
            self._say(texts_guard.hooked(host))

    # The first owner

    def offer_pairing(self, bot_name: str, say: Callable[[str], object]) -> None:
        """Where nobody is the owner: make a code, and show it to who reads the log."""
        if self._gate.owner is not None:
            return
        code = self._pairing.open()
        minutes = round(pairing.VALID_S / 60)
        say(f"Pairing code {code}: send /start {code} to @{bot_name} within {minutes} minutes")
        _log.warning("pairing.open", code=code, minutes=minutes, bot=bot_name)

    async def admit_owner(self, update: Update) -> bool:
        """Whether this update named the owner; then the gate knows them, for good."""
        claim = pairing.claimed(update)
        if claim is None or not self._pairing.is_open:
            return False
        user_id, code = claim
        if not self._pairing.take(code):
            _log.warning("pairing.refused", user=user_id, left=self._pairing.attempts_left)
            return False
        self._gate.pair(user_id)
        self._outbox.revive(user_id, is_place=True)
        _log.warning("pairing.done", owner=user_id)
        self._aside(self._keep(f"tg:{update.update_id}:pair", user_id))
        return True

    def keep_heir(self, heir: int | None) -> None:
        """The owner of the other mode's directory is written down in this one, too."""
        if heir is None or self._gate.owner != heir:
            return
        if pairing.remembered(self._desk) is None:
            self._aside(self._keep(f"pairing:{heir}", heir))

    async def _keep(self, key: str, user_id: int) -> None:
        """Write the owner down; if that fails the owner is told."""
        result = await put(self._desk, pairing.binding(key, user_id))
        if not result.is_done:
            _log.error("pairing.not_kept", reason=result.words)
            self._say(Text(texts_guard.NOT_KEPT.format(why=result.words)))

    # Places

    def belongs(self, change: ChatMemberUpdated) -> bool:
        """Whether the bot may stay where its membership changed; who shut it out is noted."""
        chat, status = change.chat, change.new_chat_member.status
        if chat.type == Chat.PRIVATE:
            self._note_block(chat.id, is_blocked=status in _GONE)
            return True
        if status in _GONE or self._gate.lists(chat.id):
            return True
        _log.warning("chat.left", chat=chat.id, kind=chat.type)
        self._say(texts_guard.left(chat.title or "a group", chat.id, chat.type), is_silent=True)
        return False

    def _note_block(self, user_id: int, *, is_blocked: bool) -> None:
        if user_id not in self._gate.users:
            return
        _log.warning("chat.blocked" if is_blocked else "chat.unblocked", user=user_id)
        if not is_blocked:
            self._outbox.revive(user_id)


def _host(url: str) -> str:
    """Where it leads, and no more: its path may hold what opens something."""
    try:
        return urlsplit(url).hostname or "nowhere"
    except ValueError:
        return "nowhere"
