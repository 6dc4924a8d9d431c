"""The command that closes positions, or a part of one.

It exists so that money moves only on a confirmed, exact and fresh request: a close is asked again
when price or size moved. It must never close what was not asked about.
"""

from decimal import Decimal

from bot import texts
from bot.commands_gates import cancel, failed
from bot.commands_read import no_more
from bot.conversation import Ask, Room, Watch, command_id, put
from bot.dialogs import Answer, Choice, Question, Tap
from bot.parsing import find_position, share
from bot.views import money
from bot.views.layout import Text, coin, in_r, row
from bot.views.layout import money as amount
from engine.core.events import Close, Command, Pause
from engine.core.facts import (
    AnyFact,
    CancelAsked,
    OrderEnded,
    OrderFilled,
    OrderPlaced,
    PositionClosed,
)
from engine.core.targets import TAKEN
from engine.core.values import Fill, Order, OrderKind, OrderState, Purpose
from engine.core.view import PositionView
from engine.core.wish_events import TakeTarget

FILL_S = 10.0  # how long an answer waits for the fills of a close
MOVED_MAX = 0.01  # price or size that differ by more are quoted again
WHOLE = Decimal(1)


async def close(room: Room, ask: Ask) -> Answer:
    """Pick, confirm, close."""
    no_more(ask, 2)
    view = room.desk.view()
    if not ask.args:
        return texts.which_position(view.positions, is_named=False)
    part = share(ask.args[1]) if len(ask.args) > 1 else WHOLE
    if ask.args[0].lower() == "all":
        return _ask_all(room, part)
    found = find_position(ask.args[0], view.positions)
    if found is None:
        return texts.which_position(view.positions, is_named=True)
    return _ask_one(room, found, money.cut_of(found, part, room.desk.quote(found.symbol)))


def ask_rung(room: Room, position: PositionView) -> Answer:
    """Ask whether the next target shall be taken at the market now."""
    cut = money.rung_of(position, room.desk.quote(position.symbol))
    if cut is None:
        return texts.not_done("no target of it is left")
    return _ask_one(room, position, cut)


def _ask_one(room: Room, position: PositionView, cut: money.Cut, prefix: str = "") -> Question:
    async def act(tap: Tap) -> Answer:
        return await _close_one(room, tap, cut)

    seconds = room.settings.bot.confirm_s
    trade = room.book.trades.get(position.id)
    quote = room.desk.quote(position.symbol)
    words = prefix + money.close_question(position, cut, quote, trade) + texts.expires(seconds)
    label = texts.TAKE if cut.rung else texts.close_label(cut.share)
    choices = (Choice(label, act, "danger"), cancel())
    return Question(words, (choices,), seconds, is_urgent=True)


async def _close_one(room: Room, tap: Tap, cut: money.Cut) -> Answer:
    position = room.desk.view().position(cut.position_id)
    if position is None:
        return texts.GONE
    now = _again(room, position, cut)
    if now is None or now.rung != cut.rung:
        return texts.not_done(f"TP{cut.rung} was sold meanwhile")
    if _has_moved(cut, now):
        return _ask_one(room, position, now, texts.MOVED)
    command = _command(command_id(tap), tap.caller.by, now)
    with Watch(room.desk) as watch:
        result = await put(room.desk, command)
        if not result.is_done:
            return failed(result.words, is_known=result.is_done is False)
        told = await _outcome(room, watch, cut, tap.caller.by)
    return told or texts.close_sent(result.words)


def _command(key: str, by: str, cut: money.Cut) -> Command:
    """A target is taken by its rank: its resting order must end before it is sold at market."""
    number = cut.position_id
    if cut.rung:
        return TakeTarget(command_id=key, by=by, position_id=number, rank=cut.rung)
    return Close(command_id=key, by=by, position_id=number, share=cut.share)


def _again(room: Room, position: PositionView, cut: money.Cut) -> money.Cut | None:
    """The same close at the price of now; None when its target is gone."""
    quote = room.desk.quote(position.symbol)
    if cut.rung:
        return money.rung_of(position, quote)
    return money.cut_of(position, cut.share, quote)


def _has_moved(then: money.Cut, now: money.Cut) -> bool:
    if abs(now.qty - then.qty) > then.qty * Decimal(str(MOVED_MAX)):
        return True
    if then.price is None or now.price is None:
        return then.price is not now.price
    return abs(now.price - then.price) > then.price * MOVED_MAX


async def _outcome(room: Room, watch: Watch, cut: money.Cut, by: str) -> Text | None:
    """The result in facts, when it comes soon enough."""
    sale = _Sale(cut)
    until = room.desk.now_real() + FILL_S
    while record := await watch.next(max(0.0, until - room.desk.now_real())):
        fact = record.fact
        if isinstance(fact, PositionClosed) and fact.position_id == cut.position_id:
            return texts.ended(fact, record.at_ms, by)
        # a close of the whole is told by its result, which follows the last fill
        if sale.hear(fact) and cut.share < WHOLE:
            trade = room.book.trades.get(cut.position_id)
            return texts.sold(sale.fills, trade, (by, record.at_ms))
    return None


class _Sale:
    """The orders that carry out one close, and what they sold."""

    def __init__(self, cut: money.Cut) -> None:
        self.fills: list[Fill] = []
        self._cut = cut
        self._asked: dict[str, Decimal] = {}  # what each order on its way has left

    def hear(self, fact: AnyFact) -> bool:
        """Take in a fact; whether something was sold and nothing more is coming."""
        match fact:
            case OrderPlaced(order=order) if self._is_its(order):
                self._asked[order.id] = order.qty
            case CancelAsked(order_id=order_id, reason=reason) if reason == TAKEN:
                self._asked[order_id] = Decimal("Infinity")  # it may be filled before it ends
            case OrderFilled(fill=fill) if fill.order_id in self._asked:
                self.fills.append(fill)
                self._asked[fill.order_id] -= fill.qty
            case OrderEnded(order_id=order_id, state=state) if order_id in self._asked:
                is_resting = self._asked[order_id].is_infinite()
                self._asked[order_id] = Decimal(0)  # what is not filled yet never will be
                if is_resting and state is OrderState.CANCELED:
                    return False  # the rest follows at market, in an order of its own
            case _:
                pass
        return bool(self.fills) and not any(self._asked.values())

    def _is_its(self, order: Order) -> bool:
        """An exit of the position, or the order that takes a target early."""
        wanted = Purpose.TARGET if self._cut.rung else Purpose.EXIT
        is_now = not self._cut.rung or order.kind is OrderKind.MARKET
        return order.position_id == self._cut.position_id and order.purpose is wanted and is_now


def _ask_all(room: Room, part: Decimal, prefix: str = "") -> Answer:
    held = room.desk.view().positions
    if not held:
        return texts.NOTHING_OPEN
    cuts = tuple(money.cut_of(p, part, room.desk.quote(p.symbol)) for p in held)

    async def act(tap: Tap) -> Answer:
        return await _close_all(room, tap, cuts)

    head = row(("sym", 10), ("side", 5), ("R", -7), ("net", -9))
    rows = [
        row((coin(p.symbol), 10), (p.side, 5), (in_r(p.move_r), -7), (amount(p.net_if_closed), -9))
        for p in held
    ]
    seconds = room.settings.bot.confirm_s
    words = prefix + texts.close_all_question([head, *rows], part) + texts.expires(seconds)
    return Question(words, ((Choice(texts.close_label(part), act, "danger"), cancel()),), seconds)


async def _close_all(room: Room, tap: Tap, cuts: tuple[money.Cut, ...]) -> Answer:
    """Entries off first, then every position that was asked about and is still open."""
    held = {p.id: p for p in room.desk.view().positions}
    quotes = {n: money.cut_of(p, cuts[0].share, room.desk.quote(p.symbol)) for n, p in held.items()}
    if any(c.position_id in quotes and _has_moved(c, quotes[c.position_id]) for c in cuts):
        return _ask_all(room, cuts[0].share, texts.MOVED)
    by = tap.caller.by
    result = await put(room.desk, Pause(command_id=command_id(tap, "pause"), by=by))
    if not result.is_done:
        return failed(result.words, is_known=result.is_done is False)
    refused, done = [], 0
    for cut in cuts:
        number = cut.position_id
        key = command_id(tap, str(number))
        command = Close(command_id=key, by=by, position_id=number, share=cut.share)
        result = await put(room.desk, command)
        done += result.is_done is True
        if not result.is_done:
            refused.append(f"#{number}: {result.words}")
    return texts.closing_all(done, refused)
