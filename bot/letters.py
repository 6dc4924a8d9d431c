"""From a post to a letter: which message it answers, its picture, and the marks of its age.

It exists so that the outbox only decides when. It must never hold a message back because a chart
cannot be drawn.
"""

from bot.content import File, Photo, words_of
from bot.desk import Desk
from bot.post import Post
from bot.sender import Letter
from bot.texts_notices import REPEATED, again, late, told_late
from bot.views.chart import BARS_KEPT, signal_chart
from bot.views.layout import Text
from engine.log import Log

_log = Log(__name__)
LATE_S = 60.0


class Writer:
    """Writes each post anew for each attempt: age and chart are those of the moment."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def write(self, post: Post) -> Letter:
        """The letter of one attempt."""
        notice, content = post.notice, post.content
        reply_to = post.reply_to
        if notice is not None and notice.trade is not None and not notice.has_chart:
            reply_to = notice.trade.roots.get(post.chat_id)
        photo = await self._photo(post)
        return Letter(
            chat_id=post.chat_id,
            text=self._tagged(post),
            photo=photo,
            file=(content.name, content.content) if isinstance(content, File) else None,
            edit_id=post.edit_id,
            is_photo=post.is_photo,
            reply_to=reply_to,
            is_silent=post.is_silent,
        )

    def _tagged(self, post: Post) -> Text | None:
        text = None if post.content is None else words_of(post.content)
        if text is None or post.notice is None or post.edit_id is not None:
            return text
        age_s = self._desk.now_real() - post.born_s + post.lag_s
        tags = late(age_s) if age_s > LATE_S else ""
        tags += REPEATED if post.notice.is_repeat else ""
        repeat = again(next(iter(post.covers), None)) if post.doubts else ""
        tags += repeat
        if post.notice.has_chart and post.notice.trade is not None:
            mark = told_late(age_s) if age_s > LATE_S else ""
            post.notice.trade.marks[post.chat_id] = mark + repeat
        return Text(text.html + tags, text.buttons)

    async def _photo(self, post: Post) -> bytes | None:
        """The chart, drawn off the loop; a chart that fails never holds a message back."""
        picture = post.content.picture if isinstance(post.content, Photo) else None
        try:
            if post.notice is not None and post.notice.has_chart and post.notice.trade is not None:
                trade = post.notice.trade
                candles = self._desk.candles(trade.symbol, BARS_KEPT)
                mode, rules = self._desk.view().mode, self._desk.settings().levels
                picture = None if candles is None else signal_chart(candles, mode, trade, rules)
            return None if picture is None else await self._desk.chart(picture)
        except Exception:  # noqa: BLE001 -- whatever drawing raises, the words must go out
            _log.error("outbox.chart_failed", exc_info=True)
            return None
