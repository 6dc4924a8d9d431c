"""Cards about money: a signal taken, a close to confirm, the result of a trade.

They exist so that every amount is shown with its sign, its costs and its R. They must never add up
what the engine did not state.
"""

from decimal import ROUND_CEILING, Context, Decimal

import msgspec

from bot.trades import Trade
from bot.views import checks, words
from bot.views.layout import (
    CAPTION_MAX,
    Button,
    Text,
    clip,
    coin,
    decimals,
    esc,
    fold,
    icon,
    in_r,
    keyboard,
    money,
    percent,
    plain,
    pre,
    price,
    read,
    row,
    short,
    span,
    units,
)
from bot.views.positions import next_target
from engine.core.facts import PositionClosed
from engine.core.values import Ms, Side, Signal
from engine.core.view import PositionView, Quote

_UP, _NEAR = Context(prec=28, rounding=ROUND_CEILING), Context(prec=20)
_REASONS_MAX = 600  # characters under a signal
_SIZE_ROOM = 27  # columns of quantity and value, without the space between
_STREAK_FROM = 2  # losses in a row that are worth a word


def signal_taken(trade: Trade, mode: str, life: str = "") -> Text:
    """The caption under the chart of an approved signal; `life` says what became of it since."""
    fact, signal = trade.taken, trade.taken.signal
    number, digits = fact.position_id, trade.decimals
    entry, trigger = price(signal.price, digits), price(signal.trigger, digits)
    stop = price(fact.stop, digits)
    rows = [
        row(("Entry", 5), (entry, -10), ("trig", -7), (trigger, -9)),
        row(("Stop", 5), (stop, -10), (_away(fact.stop, signal), -7), ("1.00R", -9)),
        *_target_rows(trade),
        _trail_row(trade),
        _size_row(trade),
        row(("Risk", 5), (f"{money(fact.risk_usd, signed=False)} USDT", -14), (_risk(trade), -13)),
    ]
    name = f"<b>{short(signal.symbol, 30)} {signal.side}</b>"
    setup = words.SETUPS[signal.setup] + (f" {span(fact.frame_s)}" if fact.frame_s else "")
    head = f"🚀 {name} {setup} · {icon(mode)} <code>#{number}</code>"
    card = f"{head}\n{life}\n{pre(rows)}\n" if life else f"{head}\n{pre(rows)}\n"
    room = CAPTION_MAX - units(plain(card)) - 4  # what is cut off is marked
    return Text(card + fold(_reasons(trade, room)), _trade_buttons(trade))


def _trade_buttons(trade: Trade) -> tuple[tuple[Button, ...], ...]:
    """To look at it always, to close it only while there is something to close."""
    at = f"#{trade.taken.position_id}"
    hour = read("📊 1h", "chart", at, "1h")
    looks = read("📊 Chart", "chart", trade.symbol), hour, read("❓ Why", "why", at)
    closes = read("✂ 50%", "close", at, "50"), read("✖ Close", "close", at)
    return keyboard(looks if trade.is_over else (*looks, *closes))


def _away(target: Decimal, signal: Signal) -> str:
    return percent((float(target) - signal.price) / signal.price * 100)


def _target_rows(trade: Trade) -> list[str]:
    fact, signal = trade.taken, trade.taken.signal
    rows = []
    for rank, target in enumerate(fact.targets, 1):
        share = f"{target.qty / fact.qty:.0%}" if fact.qty else "-"
        end = (f"{target.r:g}R {share}", -9)
        at = price(target.price, trade.decimals)
        cells = (f"TP{rank}", 5), (at, -10), (_away(target.price, signal), -7)
        rows.append(row(*cells, end))
    return rows


def _trail_row(trade: Trade) -> str:
    """The runner: what no rung sells follows behind the price."""
    fact, exits = trade.taken, trade.taken.exits
    left = fact.qty - sum((t.qty for t in fact.targets), Decimal(0))
    share = f" {left / fact.qty:.0%}" if fact.qty and left > 0 else ""
    cells = ("Trail", 5), (f"{exits.trail_atr:g} ATR", -10), ("from", -7)
    return row(*cells, (f"{exits.trail_from_r:g}R{share}", -9))


def _size_row(trade: Trade) -> str:
    """Quantity and value; the name of a coin gets the room that the value can spare."""
    qty, name = str(trade.taken.qty), coin(trade.symbol)
    worth = float(trade.taken.qty) * trade.taken.signal.price
    value, width = f"{worth:.1f} USDT", max(14, len(f"{qty} {name}"))
    if width + len(value) > _SIZE_ROOM:
        value = f"{worth:.0f} USDT"
        width = min(width, _SIZE_ROOM - len(value))
    size = f"{qty} {clip(name, max(1, width - len(qty) - 1))}"
    return row(("Size", 5), (size, -width), (value, width - _SIZE_ROOM))


def _risk(trade: Trade) -> str:
    equity = trade.taken.equity
    return f"{trade.taken.risk_usd / equity:.2%} of eq" if equity else "-"


def _reasons(trade: Trade, room: int) -> str:
    signal, level = trade.taken.signal, trade.taken.signal.level
    hours = (level.last_ms - level.first_ms) / 3_600_000
    at = price(level.price, trade.decimals)
    held = f"Level {at} held {level.touches} touches / {hours:.0f} h."
    said = f"{held} {checks.sentences(signal.checks, signal.setup)}"
    return esc(clip(said, max(0, min(_REASONS_MAX, room))))


def closed(fact: PositionClosed, mode: str, at_ms: Ms) -> Text:
    """The result of a trade, in R and in money."""
    mark = "✅" if fact.net > 0 else "🛑"
    head = f"{mark} <b>{short(fact.symbol, 30)} {fact.side}</b> closed"
    result = f"<b>{in_r(fact.result_r)}</b>, {money(fact.net, thin=True)} USDT"
    held = span((at_ms - fact.opened_ms) / 1000)
    rows = [
        row(("Gross", 6), (money(fact.gross), -10), ("fees", 5), (money(-fact.fees), -10)),
        row(("Best", 6), (in_r(fact.mfe_r), -10), ("worst", 5), (in_r(fact.mae_r), -10)),
    ]
    if fact.funding:
        rows.insert(1, row(("Fund", 6), (money(-fact.funding), -10)))
    streak = f", {fact.streak} losses in a row" if fact.streak >= _STREAK_FROM else ""
    tail = f"{short(words.end(fact.rule), 60)} after {held}{streak}"
    number = f"<code>#{fact.position_id}</code>"
    buttons = keyboard((read("💰 PnL", "pnl"), read("📊 Chart", "chart", fact.symbol)))
    return Text(f"{head} {result} · {icon(mode)}\n{tail} · {number}\n{pre(rows)}", buttons)


class Cut(msgspec.Struct, frozen=True):
    """What a close would do, as quoted when it was asked for."""

    position_id: int
    symbol: str
    side: Side
    qty: Decimal  # of the whole position
    share: Decimal
    price: float | None  # closing side of the book
    rung: int = 0  # the target whose quantity it is; 0 = a plain share


def cut_of(position: PositionView, share: Decimal, quote: Quote | None) -> Cut:
    """Quote a close of `share` of a position."""
    mark = position.mark
    if quote is not None:
        mark = quote.bid if position.side is Side.LONG else quote.ask
    return Cut(position.id, position.symbol, position.side, position.qty, share, mark)


def rung_of(position: PositionView, quote: Quote | None) -> Cut | None:
    """Quote a sale of what the next target is to sell; None when no target is left."""
    found = next_target(position)
    if found is None or position.qty <= 0:
        return None
    rank, target = found
    qty = min(target.qty - target.filled_qty, position.qty)
    # rounded up: a hair too little would be cut by a whole lot
    share = _UP.divide(qty, position.qty)
    return msgspec.structs.replace(cut_of(position, share, quote), rung=rank)


def close_question(
    position: PositionView, cut: Cut, quote: Quote | None, trade: Trade | None = None
) -> str:
    """What is about to be closed and what it would bring."""
    is_whole = cut.share >= 1
    name = f"{short(cut.symbol, 30)} {cut.side}</b> <code>#{cut.position_id}</code>?"
    part = "" if is_whole else f"{cut.share:.0%} of "
    head = f"🎯 <b>Take TP{cut.rung} now of {name}" if cut.rung else f"✖ <b>Close {part}{name}"
    verb = "Sell" if cut.side is Side.LONG else "Buy"
    about = "" if is_whole or cut.rung else "~"
    name, digits = coin(cut.symbol), _quoted(position, quote)
    rows = [
        row((verb, 5), (f"{about}{_amount(cut.qty * cut.share)} {name} at market", 28)),
        row(("Now", 5), (price(cut.price, digits), 11), (_spread(quote), 16)),
        row(("Est.", 5), (_estimate(position, cut, trade), 28)),
    ]
    if not is_whole:
        left = f"{about}{_amount(cut.qty * (1 - cut.share))} {name}"
        rows.append(row(("Left", 5), (f"{left} stop {price(position.stop, digits)}", 28)))
    return f"{head}\n{pre(rows)}"


def _amount(qty: Decimal) -> str:
    return f"{_NEAR.plus(qty).normalize():f}"


def _quoted(position: PositionView, quote: Quote | None) -> int:
    bids = () if quote is None else (quote.bid, quote.ask)
    return decimals(position.stop, *bids) if position.stop else decimals(position.mark, *bids)


def _spread(quote: Quote | None) -> str:
    if quote is None or quote.bid <= 0:
        return "spread -"
    return f"spread {(quote.ask - quote.bid) / quote.bid * 1e4:.1f} bps"


def _estimate(position: PositionView, cut: Cut, trade: Trade | None) -> str:
    """What a whole close makes of the trade; of a part what that part brings."""
    risk, net = position.risk0_usd, position.net_if_closed
    if cut.share < 1 and net is not None:
        banked = _banked(position, trade)
        net = None if banked is None else (net - banked) * cut.share
    r = net / risk if net is not None and risk else None
    # the parts before are in it, where there were some
    words = "net in all" if cut.share >= 1 and position.qty < position.qty0 else "net of fees"
    return f"{money(net)} {words} {in_r(r)}"


def _banked(position: PositionView, trade: Trade | None) -> Decimal | None:
    """What earlier parts brought; None when that is not remembered."""
    if trade is not None and trade.left == position.qty:
        return trade.banked()
    return Decimal(0) if position.qty == position.qty0 else None
