"""One message per trade: that of its signal, whose words follow the trade to its end.

It exists so that a trade is one thing to look at instead of ten messages. It must never ring: what
is worth a sound is told by a notice that answers this message.
"""

import asyncio

import msgspec

from bot.desk import Desk
from bot.notices import Urgency
from bot.outbox import Outbox, Wait
from bot.post import EditTerms, pause
from bot.trades import Trade, TradeBook
from bot.views.layout import Text
from bot.views.life import life, stage
from bot.views.money import signal_taken
from engine.core.values import Ms
from engine.core.view import PositionView

CARD = EditTerms(Urgency.CARD)
LIVE_S = 60.0  # real seconds between two edits that only bring another price
LOOK_S = 2.0
OVER_MS: Ms = 3_600_000  # what ended before that, and before the start, has its last words


class _Shown(msgspec.Struct, frozen=True):
    """What stands under a trade in one chat."""

    stage: tuple[object, ...]
    html: str
    at_s: float


class TradeCards:
    """Keeps the messages of the trades true."""

    def __init__(self, desk: Desk, outbox: Outbox, wait: Wait = pause) -> None:
        self._desk, self._outbox, self._wait = desk, outbox, wait
        self._never = asyncio.Event()  # looking is cheap: nothing needs to wake it
        self._shown: dict[tuple[int, int], _Shown] = {}  # (trade, chat)

    async def run(self) -> None:
        """Look at every trade now and then, until canceled."""
        await self._outbox.recovered.wait()
        known = (t.over_ms or 0 for t in self._book.trades.values())
        started_ms = max([self._desk.view().at_ms, *known])
        while True:
            self._look(started_ms - OVER_MS)
            await self._wait(self._never, LOOK_S)

    @property
    def _book(self) -> TradeBook:
        return self._outbox.book

    def _look(self, since_ms: Ms) -> None:
        view = self._desk.view()
        for number, trade in self._book.trades.items():
            is_past = trade.over_ms is not None and trade.over_ms < since_ms
            if is_past or (trade.entry_id and self._book.of_entry(trade.entry_id) is not trade):
                continue  # given up and filled after all: it goes on as another trade
            self._follow(number, trade, view.position(number))
        for key in [key for key in self._shown if key[0] not in self._book.trades]:
            del self._shown[key]

    def _follow(self, number: int, trade: Trade, held: PositionView | None) -> None:
        """Edit its messages where there is something new to say."""
        now, here = self._desk.now_real(), stage(trade, held)
        for chat_id, root in list(trade.roots.items()):
            message_id = trade.roots[chat_id] = self._outbox.shown.here(chat_id, root)
            shown = self._shown.get((number, chat_id))
            if shown is not None and here == shown.stage and now < shown.at_s + LIVE_S:
                continue
            text = self._text(trade, held, trade.marks.get(chat_id, ""))
            if shown is None or text.html != shown.html:
                self._outbox.edit(chat_id, message_id, text, is_photo=True, terms=CARD)
            self._shown[number, chat_id] = _Shown(here, text.html, now)

    def _text(self, trade: Trade, held: PositionView | None, mark: str) -> Text:
        """Its words now; that it was told late stays true."""
        view = self._desk.view()
        return signal_taken(trade, view.mode, life(trade, held, view.at_ms) + mark)
