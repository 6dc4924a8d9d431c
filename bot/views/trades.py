"""Closed trades: the list, eight a page, and the whole life of one.

They exist so that each result can be followed back to its signal. They must never show a trade
without its costs.
"""

from collections.abc import Sequence

import msgspec

from bot.trades import Trade
from bot.views import words
from bot.views.layout import (
    Button,
    Text,
    amount,
    coin,
    fold,
    icon,
    in_r,
    keyboard,
    money,
    pre,
    price,
    read,
    row,
    short,
    span,
    turn,
    when,
)
from engine.core.facts import (
    ExitAsked,
    FundingPaid,
    OrderFilled,
    PositionClosed,
    PositionOpened,
    Record,
    SignalTaken,
    StopMissing,
    StopMoved,
)
from engine.core.values import OrderSide, Purpose
from engine.core.view import TradeView, View

ROWS = 8
EVENTS_MAX = 28  # of a life: a message has room for no more
_ENDS = {  # each fits a column of five
    "INITIAL": "stop",
    "BREAKEVEN": "even",
    "TRAILING": "trail",
    "MANUAL": "stop",
    "operator": "hand",
    "by hand": "hand",
    "failed_breakout": "level",
    "activity_drop": "quiet",
    "weak_impulse": "weak",
    "no_progress": "slow",
    "time_stop": "time",
    "max_hold": "time",
    "panic": "panic",
    "kill": "kill",
    "adl": "adl",
    "stray": "stray",
    "unprotected": "bare",
    "external": "extern",
    "liquidation": "liq",
    "settlement": "settl",
}
_PARTS = {
    Purpose.ENTRY: "entry",
    Purpose.STOP: "stop",
    Purpose.TARGET: "target",
}


class Pick(msgspec.Struct, frozen=True):
    """Which closed trades are shown, newest first, and the words that chose them."""

    trades: tuple[TradeView, ...]
    asked: tuple[str, ...] = ()
    page: int = 1

    @property
    def pages(self) -> int:
        """How many pages they fill."""
        return max(1, -(-len(self.trades) // ROWS))


def trades(pick: Pick, view: View) -> Text:
    """One page of closed trades."""
    number = min(pick.page, pick.pages)
    first = (number - 1) * ROWS
    shown = pick.trades[first : first + ROWS]
    named = [word for word in pick.asked if not word.isdecimal()]
    of = f" of {short(named[0], 30)}" if named else ""
    head = f"📒 <b>Closed trades</b>{of}"
    if not shown:
        ways = (read("📊 Positions", "positions"), read("📡 Signals", "signals"))
        return Text(f"{head} · {icon(view.mode)}\nNo trade closed yet.", keyboard(ways))
    head += f" {first + 1}-{first + len(shown)} of {len(pick.trades)} · {icon(view.mode)}"
    each = [read(f"#{t.position_id}", "trades", f"#{t.position_id}") for t in shown]
    lines = [each[i : i + 4] for i in range(0, len(each), 4)]
    return Text(f"{head}\n{pre(_rows(shown))}", keyboard(*lines, _turns(pick, number)))


def _turns(pick: Pick, number: int) -> list[Button]:
    last, csv = pick.pages, read("CSV", "trades", *pick.asked, "csv")
    if last == 1:
        return [csv]
    back, on = (number - 2) % last + 1, number % last + 1  # round and round
    return [
        turn("◀", "trades", *pick.asked, f"p{back}"),
        turn(f"{number}/{last}", "trades", *pick.asked, f"p{number}"),
        turn("▶", "trades", *pick.asked, f"p{on}"),
        csv,
    ]


def _rows(shown: Sequence[TradeView]) -> list[str]:
    head = row(("#", 4), ("sym", 6), ("s", 1), ("R", -6), ("net", -7), ("why", 5))
    return [head, *(_row(trade) for trade in shown)]


def _row(trade: TradeView) -> str:
    cells = (trade.position_id, 4), (coin(trade.symbol), 6), (trade.side[0], 1)
    result = (in_r(trade.result_r).removesuffix("R"), -6), (amount(trade.net, 7), -7)
    return row(*cells, *result, (brief(trade.rule), 5))


def brief(rule: str) -> str:
    """How a trade ended, in a word of five letters."""
    if rule.startswith("target_"):
        return f"TP{rule.removeprefix('target_')}"
    return _ENDS.get(rule) or words.end(rule)


def life(trade: Trade, closed: PositionClosed, closed_ms: int, story: Sequence[Record]) -> Text:
    """One closed trade: what it came to, and everything that happened to it."""
    number, digits = closed.position_id, trade.decimals
    mark = "✅" if closed.net > 0 else "🛑"
    name = f"<b>{short(closed.symbol, 30)} {closed.side}</b>"
    setup = words.SETUPS[trade.taken.signal.setup]
    head = f"{mark} {name} {setup} <code>#{number}</code> <b>{in_r(closed.result_r)}</b>"
    ended = f"{short(words.end(closed.rule), 60)} · {when(closed_ms, 'dt')}"
    entry = None if trade.opened is None else trade.opened.entry
    size = "-" if trade.opened is None else str(trade.opened.qty0)
    held = span((closed_ms - closed.opened_ms) / 1000)
    rows = [
        row(("Entry", 6), (price(entry, digits), -10), ("qty", 5), (size, -10)),
        row(("Gross", 6), (money(closed.gross), -10), ("fees", 5), (money(-closed.fees), -10)),
        row(("Fund", 6), (money(-closed.funding), -10), ("net", 5), (money(closed.net), -10)),
        row(("Best", 6), (in_r(closed.mfe_r), -10), ("worst", 5), (in_r(closed.mae_r), -10)),
        row(("Held", 6), (held, -10), ("risk", 5), (_risk(trade), -10)),
    ]
    ways = (
        read("❓ Why", "why", f"#{number}"),
        read("📊 Chart", "chart", closed.symbol),
        read("📒 Trades", "trades"),
    )
    return Text(f"{head}\n{ended}\n{pre(rows)}\n{fold(_story(story, digits))}", keyboard(ways))


def _risk(trade: Trade) -> str:
    return money(None if trade.opened is None else trade.opened.risk0_usd, signed=False)


def _story(story: Sequence[Record], digits: int) -> str:
    told = [(r.at_ms, said) for r in story if (said := _said(r, digits))]
    if len(told) > EVENTS_MAX:
        half = EVENTS_MAX // 2
        told = [
            *told[:half],
            (told[half][0], f"{len(told) - EVENTS_MAX + 1} more"),
            *told[1 - half :],
        ]
    return "\n".join(f"{when(at_ms)} {short(said, 60)}" for at_ms, said in told)


def _said(record: Record, digits: int) -> str:
    """One thing that happened; empty for what is not worth a line."""
    match record.fact:
        case SignalTaken() as fact:
            at, stop = price(fact.signal.price, digits), price(fact.stop, digits)
            return f"signal at {at}, stop {stop}, risk {money(fact.risk_usd, signed=False)} USDT"
        case OrderFilled(fill=fill):
            deal = "bought" if fill.side is OrderSide.BUY else "sold"
            part = _PARTS.get(fill.purpose, "exit")
            paid = money(-fill.fee)
            return f"{part}: {deal} {fill.qty} @ {price(fill.price, digits)}, fee {paid}"
        case PositionOpened() as fact:
            rungs = ", ".join(price(t.price, digits) for t in fact.targets)
            return f"open at {price(fact.entry, digits)}, targets {rungs or '-'}"
        case StopMoved() as fact:
            return f"{words.STOPS[fact.kind]} stands at {price(fact.price, digits)}"
        case _:
            return _said_of_end(record)


def _said_of_end(record: Record) -> str:
    match record.fact:
        case StopMissing(detail=detail):
            return f"stop MISSING: {detail}"
        case ExitAsked(qty=qty, rule=rule):
            return f"asked to close {qty}: {words.end(rule)}"
        case FundingPaid(funding=funding):
            return f"funding {money(-funding.amount)}"
        case PositionClosed() as fact:
            return f"flat: {in_r(fact.result_r)}, net {money(fact.net)}"
        case _:
            return ""
