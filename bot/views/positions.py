"""Cards about what is open: the table, one position with its protection, its rows elsewhere.

They exist so that one look answers "what do I hold, what would it bring, does the stop stand". A
value that is not known is a dash; a stop that does not stand on the exchange is called missing.
"""

from collections.abc import Callable, Iterable, Sequence

from bot.trades import Trade
from bot.views.layout import (
    NONE,
    Button,
    Text,
    badge,
    coin,
    decimals,
    icon,
    in_r,
    keyboard,
    label,
    money,
    percent,
    pre,
    price,
    read,
    row,
    short,
    span,
    turn,
    when,
)
from engine.core.values import Ms, PositionState, StopKind
from engine.core.view import PositionView, TargetView, View

ROWS = 12  # positions in one table
_A_LINE = 3  # buttons
_KINDS = {
    StopKind.BREAKEVEN: "breakeven",
    StopKind.TRAILING: "trailing",
    StopKind.MANUAL: "by hand",
}


def rows(held: Sequence[PositionView], at_ms: Ms) -> list[str]:
    """A line for each, as many as fit."""
    lines = [_row(p, at_ms) for p in held[:ROWS]]
    more = len(held) - ROWS
    return [*lines, f"and {more} more"] if more > 0 else lines


def _row(position: PositionView, at_ms: Ms) -> str:
    age = span((at_ms - position.opened_ms) / 1000).split(" ")[0]
    return row(
        (coin(position.symbol), 10),
        (position.side[0], 1),
        (in_r(position.move_r), -7),
        (money(position.unrealized), -8),
        (age, -4),
    )


def positions(view: View, page: int = 1) -> Text:
    """Open positions as a table, one button each; a page that is not there is the nearest one."""
    word = f"<b>{len(view.positions)} open</b> of {view.max_positions}"
    head = f"📊 {word} · {badge(view.mode)} · {when(view.at_ms, 'T')}"
    if not view.positions:
        nothing = "Nothing is open. Scan shows the markets nearest to a trade."
        return Text(f"{head}\n{nothing}", keyboard(_refresh(1)))
    pages = -(-len(view.positions) // ROWS)
    page = max(1, min(page, pages))
    held = view.positions[(page - 1) * ROWS : page * ROWS]
    lines = [*picks(held), _leaf(page, pages), _refresh(page)]
    return Text(f"{head}\n{pre(rows(held, view.at_ms))}", keyboard(*lines))


def _refresh(page: int) -> tuple[Button, ...]:
    again = ("positions", "page", str(page)) if page > 1 else ("positions",)
    return turn("⟳ Refresh", *again), read("🔎 Scan", "scan")


def _leaf(page: int, pages: int) -> list[Button]:
    """The way to the other pages, where there are some."""
    if pages == 1:
        return []
    back = [turn("◀", "positions", "page", str(page - 1))] if page > 1 else []
    here = turn(f"{page}/{pages}", "positions", "page", str(page))
    ahead = [turn("▶", "positions", "page", str(page + 1))] if page < pages else []
    return [*back, here, *ahead]


def picks(held: Sequence[PositionView]) -> list[list[Button]]:
    """A button for each card."""
    one_each = [read(f"#{p.id} {label(coin(p.symbol), 12)}", "positions", f"#{p.id}") for p in held]
    return [one_each[i : i + _A_LINE] for i in range(0, len(one_each), _A_LINE)]


def which(found: Sequence[PositionView]) -> Text:
    """Several positions fit what was typed."""
    return Text("Which one?", keyboard(*picks(found[:ROWS])))


def not_open(card: Text) -> Text:
    """The table, where what was asked for is not open."""
    return Text(f"No open position is called that.\n{card.html}", card.buttons)


def position_card(position: PositionView, view: View, trade: Trade | None = None) -> Text:
    """One position with its protection; `trade` is what the chat remembers of it."""
    number = f"<code>#{position.id}</code>"
    name = f"<b>{short(position.symbol, 30)} {position.side}</b>"
    mark = "🟢" if _is_protected(position) else "⚠️"
    head = f"{mark} {name} {number} · {in_r(position.move_r)} · {icon(view.mode)}"
    lines = [
        *_price_rows(position),
        *_exit_rows(position, trade),
        *_end_rows(position, view, trade),
    ]
    return Text(f"{head}\n{pre(lines)}", _buttons(position))


def _buttons(position: PositionView) -> tuple[tuple[Button, ...], ...]:
    """What can be asked for; a question follows before anything is done."""
    at = f"#{position.id}"
    breakeven = [read("🛡 Stop->BE", "positions", at, "be")] if _may_tighten(position) else []
    take = [read("🎯 TP now", "positions", at, "tp")] if next_target(position) else []
    ways = [
        *breakeven,
        *take,
        read("📊 Chart", "chart", position.symbol),
        read("❓ Why", "why", at),
        turn("⟳ Refresh", "positions", at),
        read("📊 Positions", "positions"),
    ]
    return keyboard(
        (
            read("✖ Close", "close", at),
            read("✂ 25%", "close", at, "25"),
            read("✂ 50%", "close", at, "50"),
        ),
        ways[:_A_LINE],
        ways[_A_LINE:],
    )


def next_target(position: PositionView) -> tuple[int, TargetView] | None:
    """The next rung that is not sold yet, with its rank; None when all are, or none is known."""
    left = ((n, t) for n, t in enumerate(position.targets, 1) if t.filled_qty < t.qty)
    return next(left, None)


def _is_protected(position: PositionView) -> bool:
    return position.stop is not None and position.state is PositionState.PROTECTED


def _may_tighten(position: PositionView) -> bool:
    """Whether the stop still stands where the entry put it."""
    return _is_protected(position) and position.stop_kind is StopKind.INITIAL


def _price_rows(position: PositionView) -> list[str]:
    entry, digits, change = position.entry, digits_of(position), None
    if entry and position.mark is not None:
        change = position.side.sign * (position.mark - float(entry)) / float(entry) * 100
    now, paid = price(position.mark, digits), price(entry, digits)
    gain, move = money(position.unrealized), in_r(position.move_r)
    return [
        row(("Now", 5), (now, -10), ("entry", -7), (paid, -9)),
        row(("uPnL", 5), (gain, -10), (percent(change), -7), (move, -9)),
        row(("Net if closed", 13), (money(position.net_if_closed), -10), ("all costs", -9)),
    ]


def _exit_rows(position: PositionView, trade: Trade | None) -> list[str]:
    """Where it ends: the stop, what that keeps, the rungs."""
    digits, stop = digits_of(position), position.stop
    lines = [row(("Stop", 5), (price(stop, digits), -10), (_stop_words(position), -17))]
    kind = _KINDS.get(position.stop_kind)
    if kind is not None and stop is not None:
        keeps = None if trade is None else trade.move_r(stop)
        lines.append(row(("Kind", 5), (kind, -10), ("keeps", -7), (in_r(keeps), -9)))
    return lines + [_target_row(rank, t, position) for rank, t in enumerate(position.targets, 1)]


def _end_rows(position: PositionView, view: View, trade: Trade | None) -> list[str]:
    # the extremes are those of closed candles and fills: the price of now may be beyond them
    best, worst = _extreme(max, position.mfe_r, position), _extreme(min, position.mae_r, position)
    held = f"{position.qty} of {position.qty0} {coin(position.symbol)}"
    age = span((view.at_ms - position.opened_ms) / 1000)
    most = span(trade.taken.exits.max_hold_s) if trade is not None else NONE
    lines = [
        row(("MFE", 5), (best, -10), ("MAE", -7), (worst, -9)),
        row(("Qty", 5), (held, 28)),
        row(("Age", 5), (age, -10), ("max", -7), (most, -9)),
    ]
    if position.funding:
        lines.insert(2, row(("Fund", 5), (money(-position.funding), -10)))
    return lines


def _extreme(
    pick: Callable[[Iterable[float]], float], seen_r: float | None, position: PositionView
) -> str:
    known = [r for r in (seen_r, position.move_r) if r is not None]
    return in_r(pick(known) if known else None)


def digits_of(position: PositionView) -> int:
    """How many decimals the prices of its market have."""
    legal = [p for p in (position.stop, *(t.price for t in position.targets)) if p is not None]
    return decimals(*legal) if legal else decimals(position.level_price, position.mark)


def _stop_words(position: PositionView) -> str:
    if position.stop is None:
        return "MISSING" if position.qty else "not yet"
    ok = "ok" if _is_protected(position) else position.state.lower()
    return f"on exchange {ok}" if ok == "ok" else ok


def _target_row(rank: int, target: TargetView, position: PositionView) -> str:
    share = f"{target.qty / position.qty0:.0%}" if position.qty0 else NONE
    at = price(target.price, digits_of(position))
    is_part = 0 < target.filled_qty < target.qty
    state = f"{target.filled_qty / target.qty:.0%} hit" if is_part else target.state
    return row((f"TP{rank}", 5), (at, -10), (state, -7), (f"{target.r:g}R {share}", -9))
