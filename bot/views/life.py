"""Where a trade stands, in the one or two lines that its message carries through its life.

They exist so that the message of a signal becomes that of the trade: placed, filled, so many R,
closed. They must never say more than the facts: a price that is not known is a dash.
"""

from bot.trades import Trade
from bot.views import words
from bot.views.layout import in_r, money, price, short, span, when
from engine.core.values import Ms
from engine.core.view import PositionView


def stage(trade: Trade, held: PositionView | None) -> tuple[object, ...]:
    """What must not wait to be shown: anything but the price of now."""
    is_bare = held is not None and held.stop is None
    return trade.is_over, len(trade.fills), trade.stop_kind, is_bare


def life(trade: Trade, held: PositionView | None, at_ms: Ms) -> str:
    """The lines under the headline of a trade."""
    if trade.ended is not None:
        return f"✖ <b>Not filled</b>: {short(trade.ended.state.lower(), 40)}, nothing is held."
    if not trade.fills:
        return f"⏳ <b>Placed</b>, limit {price(trade.taken.limit, trade.decimals)}"
    last = _result(trade) if trade.closed is not None else _now(trade, held, at_ms)
    return "\n".join([_filled(trade), *last])


def _filled(trade: Trade) -> str:
    qty, average = trade.entered
    planned, signal = trade.taken.qty, trade.taken.signal
    slip = trade.side.sign * (float(average) - signal.price) / signal.price * 1e4
    part = "" if qty >= planned else f" {qty} of {planned}"
    at = f"<b>Filled{part} {price(average, trade.decimals)}</b>"
    return f"✔ {at} (slip {slip + 0.0:+.1f} bps)"


def _now(trade: Trade, held: PositionView | None, at_ms: Ms) -> list[str]:
    """Live: how far, at which price, and where the stop is."""
    if held is None:
        return []
    digits = trade.decimals
    stop = "<b>MISSING</b>" if held.stop is None else price(held.stop, digits)
    where = f"<b>{in_r(held.move_r)}</b> at {price(held.mark, digits)}, stop {stop}"
    left = "" if held.qty >= held.qty0 else f", {held.qty} of {held.qty0} left"
    return [f"📈 {where}{left} · {when(at_ms, 'T')}"]


def _result(trade: Trade) -> list[str]:
    fact = trade.closed
    assert fact is not None  # asked for a closed trade only
    mark = "✅" if fact.net > 0 else "🛑"
    held = span(((trade.over_ms or fact.opened_ms) - fact.opened_ms) / 1000)
    how = short(words.end(fact.rule), 60)
    return [f"{mark} <b>{in_r(fact.result_r)}</b> in {held}, {money(fact.net)} USDT net · {how}"]
