"""Pictures of messages that wait, drawn beside the sending.

It exists so that a chart that takes long, or fails, holds up nothing but itself. It must never
send, and never keep a message from leaving for good: late or failed, its words go alone.
"""

import asyncio
from collections.abc import Callable

from bot.content import Photo
from bot.desk import Desk
from bot.post import Drawing, Post
from bot.trades import Trade
from bot.views.chart import BARS_KEPT, signal_chart
from engine.chart import Picture
from engine.log import Log

_log = Log(__name__)
DRAW_S = 10.0  # then the words go without it


def subject(post: Post) -> Trade | Picture | None:
    """What the picture of a message shows; None when it has none."""
    if post.notice is not None and post.notice.has_chart and post.notice.trade is not None:
        return post.notice.trade
    return post.content.picture if isinstance(post.content, Photo) else None


class Easel:
    """Begins each picture when its message could leave, so that it shows that moment."""

    def __init__(self, desk: Desk, on_drawn: Callable[[], None]) -> None:
        self._desk, self._on_drawn = desk, on_drawn

    def is_ready(self, post: Post) -> bool:
        """Whether nothing needs to be drawn any more; begins with what needs to be."""
        shown = subject(post)
        if shown is None:
            return True
        if post.drawing is None or post.drawing.of is not shown:
            self._begin(post, shown)
            return False
        late_s = self._desk.now_real() - post.drawing.begun_s
        return post.drawing.task.done() or late_s >= DRAW_S

    def take(self, post: Post) -> bytes | None:
        """The picture for one attempt, None where there is none: the next draws it anew."""
        drawing, post.drawing = post.drawing, None
        if drawing is None:
            return None
        if not drawing.task.done():
            _log.warning("outbox.chart_late", chat=post.chat_id)
            drawing.task.cancel()
            return None
        is_lost = drawing.task.cancelled() or drawing.of is not subject(post)
        return None if is_lost else drawing.task.result()

    def _begin(self, post: Post, shown: Trade | Picture) -> None:
        if post.drawing is not None:
            post.drawing.task.cancel()
        task = asyncio.get_running_loop().create_task(self._draw(shown), name="chat.picture")
        post.drawing = Drawing(shown, self._desk.now_real(), task)

    async def _draw(self, shown: Trade | Picture) -> bytes | None:
        """The chart, drawn off the loop."""
        try:
            picture = self._of(shown) if isinstance(shown, Trade) else shown
            return None if picture is None else await self._desk.chart(picture)
        except Exception:  # noqa: BLE001 -- whatever drawing raises, the words must go out
            _log.error("outbox.chart_failed", exc_info=True)
            return None
        finally:
            self._on_drawn()

    def _of(self, trade: Trade) -> Picture | None:
        """What decided a trade; None where its candles are not known."""
        candles = self._desk.candles(trade.symbol, BARS_KEPT)
        mode, rules = self._desk.view().mode, self._desk.settings().levels
        return None if candles is None else signal_chart(candles, mode, trade, rules)
