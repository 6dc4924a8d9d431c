"""A message to the owner when there is no chat to say it: the process cannot begin, or turns back.

It exists so that nothing ends without a word where people listen. It must never hold up an end for
long, never raise, and never log what could hold the token.
"""

import asyncio
from collections.abc import Sequence

from telegram import Bot
from telegram.constants import ParseMode
from telegram.error import TelegramError

from bot.telegram_app import Account, quiet_request
from bot.views.layout import badge, short
from engine.log import Log

WAIT_S = 8.0
TELEGRAM = "https://api.telegram.org"

_log = Log(__name__)


async def say(account: Account, places: Sequence[int], mode: str, words: str) -> None:
    """Say it to each place, in bounded time."""
    html = f"❗ <b>Not started</b> · {badge(mode)}\n{short(words, 800)}"
    try:
        async with asyncio.timeout(WAIT_S):
            await _send(account, places, html)
    except TimeoutError:
        _log.error("last_words.unsaid", reason="no answer in time")
    except TelegramError as error:  # its text may hold the token
        _log.error("last_words.unsaid", reason=type(error).__name__)


async def _send(account: Account, places: Sequence[int], html: str) -> None:
    root = account.api_url.rstrip("/") or TELEGRAM
    request = quiet_request(account, WAIT_S)
    bot = Bot(account.token, base_url=f"{root}/bot", request=request)
    async with bot:
        for place in places:
            await bot.send_message(place, html, parse_mode=ParseMode.HTML)
