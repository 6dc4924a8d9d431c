"""The commands that close positions: close and panic.

They exist so that money moves only on a confirmed, exact and fresh request. A close is asked again
when price or size moved; a panic locks first and reports what the facts say, nothing else.
"""

from decimal import Decimal

from bot import texts
from bot.commands_gates import cancel, failed
from bot.commands_read import no_more
from bot.conversation import Ask, Room, Watch, command_id, put
from bot.dialogs import Answer, Choice, Followed, Question, Tap
from bot.panic import Board
from bot.parsing import Unclear, find_position, share
from bot.views import money, status
from bot.views.layout import Text, coin, in_r, row
from bot.views.layout import money as amount
from engine.core.events import Close, Panic, Pause
from engine.core.facts import OrderEnded, OrderFilled, OrderPlaced, PositionClosed, Record
from engine.core.values import Purpose
from engine.core.view import PositionView

PANIC_TTL_S = 60.0
FOLLOW_S = 120.0  # how long a checklist is kept up to date
FILL_S = 10.0  # how long an answer waits for the fills of a close
MOVED_MAX = 0.01  # price or size that differ by more are quoted again
WHOLE = Decimal(1)
VERIFY_EVERY_S = 2.0


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
    return _ask_one(room, found, part)


def _ask_one(room: Room, position: PositionView, part: Decimal, prefix: str = "") -> Question:
    quote = room.desk.quote(position.symbol)
    cut = money.cut_of(position, part, quote)

    async def act(tap: Tap) -> Answer:
        return await _close_one(room, tap, cut)

    seconds = room.settings.bot.confirm_s
    words = prefix + money.close_question(position, cut, quote) + texts.expires(seconds)
    buttons = (Choice(texts.close_label(part), act, "danger"), cancel())
    return Question(words, (buttons,), seconds)


async def _close_one(room: Room, tap: Tap, cut: money.Cut) -> Answer:
    position = room.desk.view().position(cut.position_id)
    if position is None:
        return texts.GONE
    now = money.cut_of(position, cut.share, room.desk.quote(position.symbol))
    if _has_moved(cut, now):
        return _ask_one(room, position, cut.share, texts.MOVED)
    command = Close(
        command_id=command_id(tap),
        by=tap.caller.by,
        position_id=cut.position_id,
        share=cut.share,
    )
    with Watch(room.desk) as watch:
        result = await put(room.desk, command)
        if not result.is_done:
            return failed(result.words, is_known=result.is_done is False)
        told = await _outcome(room, watch, cut, tap.caller.by)
    return told or texts.close_sent(result.words)


def _has_moved(then: money.Cut, now: money.Cut) -> bool:
    if abs(now.qty - then.qty) > then.qty * Decimal(str(MOVED_MAX)):
        return True
    if then.price is None or now.price is None:
        return then.price is not now.price
    return abs(now.price - then.price) > then.price * MOVED_MAX


async def _outcome(room: Room, watch: Watch, cut: money.Cut, by: str) -> Text | None:
    """The result in facts, when it comes soon enough."""
    exits: set[str] = set()
    filled: OrderFilled | None = None
    until = room.desk.now_real() + FILL_S
    while record := await watch.next(max(0.0, until - room.desk.now_real())):
        fact = record.fact
        match fact:
            case PositionClosed(position_id=cut.position_id):
                return texts.ended(fact, record.at_ms, by)
            case OrderPlaced(order=order) if order.position_id == cut.position_id:
                exits |= {order.id} if order.purpose is Purpose.EXIT else set()
            case OrderFilled() if fact.fill.order_id in exits:
                filled = fact
            case OrderEnded() if fact.order_id in exits and filled and cut.share < WHOLE:
                return texts.sold(filled, room.book.trades.get(cut.position_id), by)
            case _:
                pass
    return None


def _ask_all(room: Room, part: Decimal, prefix: str = "") -> Answer:
    held = room.desk.view().positions
    if not held:
        return texts.NOTHING_OPEN
    cuts = tuple(money.cut_of(p, part, room.desk.quote(p.symbol)) for p in held)

    async def act(tap: Tap) -> Answer:
        return await _close_all(room, tap, cuts)

    rows = [
        row((coin(p.symbol), 10), (p.side, 5), (in_r(p.move_r), -7), (amount(p.net_if_closed), -9))
        for p in held
    ]
    seconds = room.settings.bot.confirm_s
    words = prefix + texts.close_all_question(rows, part) + texts.expires(seconds)
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


async def panic(room: Room, ask: Ask) -> Answer:
    """One red button; typing `now` is the confirmation."""
    if ask.args and (len(ask.args) > 1 or ask.args[0].lower() != "now"):
        raise Unclear("panic takes the word now, or nothing")
    if ask.args and not ask.is_button:
        return await do_panic(room, ask.tap)

    async def act(tap: Tap) -> Answer:
        return await do_panic(room, tap)

    words = texts.panic_question(len(room.desk.view().positions))
    rows = ((Choice(texts.PANIC_NOW, act, "danger"),), (cancel(),))
    return Question(words, rows, PANIC_TTL_S)


async def do_panic(room: Room, tap: Tap) -> Answer:
    """Lock, cancel, flatten: the engine does it in one turn; here it is followed."""
    board = Board(room.desk.view().positions, room.book)
    board.by = tap.caller.by
    watch = Watch(room.desk)
    try:
        result = await put(room.desk, Panic(command_id=command_id(tap), by=tap.caller.by))
    except BaseException:
        watch.close()
        raise
    if result.is_done is False:
        watch.close()
        return failed(result.words, is_known=True)
    _catch_up(board, watch, watch.ready())

    async def follow(chat_id: int, message_id: int) -> None:
        await _follow(room, board, watch, (chat_id, message_id))

    return Followed(_checklist(room, board), follow, watch.close)


def _catch_up(board: Board, watch: Watch, record: Record | None) -> None:
    while record is not None:
        board.fold(record)
        record = watch.ready()


def _checklist(room: Room, board: Board) -> Text:
    lines = status.panic_rows(board.lines())
    realized = texts.realized(board.net, board.result_r) if board.legs else ""
    return texts.panic(lines, board.by, room.desk.view().mode, realized)


async def _follow(room: Room, board: Board, watch: Watch, message: tuple[int, int]) -> None:
    """Edit the checklist as facts arrive, until the exchange shows flat."""
    begun_s = room.desk.now_real()
    shown, is_verified, look_s = _checklist(room, board).html, False, 0.0
    while not is_verified and room.desk.now_real() < begun_s + FOLLOW_S:
        _catch_up(board, watch, watch.ready())
        if room.desk.now_real() >= begun_s + VERIFY_EVERY_S:  # by now the facts had their turn
            board.settle(p.id for p in room.desk.view().positions)
        if board.is_flat and room.desk.now_real() >= look_s:
            look_s = room.desk.now_real() + VERIFY_EVERY_S
            is_verified = board.verify(await room.desk.account(), room.desk.view().at_ms)
        text = _checklist(room, board)
        if text.html != shown:
            room.outbox.edit(*message, text)
            shown = text.html
        if not is_verified:
            _catch_up(board, watch, await watch.next(VERIFY_EVERY_S))
    if not is_verified:
        room.outbox.edit(*message, texts.given_up(_checklist(room, board)))
