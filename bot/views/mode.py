"""Cards about paper and live: which it is, what is missing, and what going live would mean.

They exist so that nobody trades real money without having read how much of it. They must never show
a key, and never make the phrase something to tap.
"""

from collections.abc import Sequence
from decimal import Decimal

from bot.desk import Health, Prospect
from bot.views.layout import NONE, Text, badge, keyboard, money, pre, read, row, short
from engine.core.settings import Settings
from engine.core.values import LIVE, PAPER, exact
from engine.core.view import View

PROBLEMS = 8
TRIES = 3
PAPER_TRADES = 20
_STATUS = (read("Status", "status"), read("🩺 Health", "health"))


def standing(view: View, problems: Sequence[str]) -> Text:
    """Which mode it is, and what the other one needs."""
    head = f"<b>Mode</b> {badge(view.mode)}"
    if view.mode == LIVE:
        words = "Real orders. <code>/mode paper</code> goes back once nothing is open."
        return Text(f"{head}\n{words}", keyboard(_STATUS))
    return Text(f"{head}\n{_missing(problems)}", keyboard(_STATUS))


def _missing(problems: Sequence[str]) -> str:
    if not problems:
        return "Everything live trading needs is here; an owner sends <code>/mode live</code>."
    lines = [f"✖ {short(problem, 300)}" for problem in problems[:PROBLEMS]]
    return "\n".join(["Live trading is not possible here:", *lines])


def refused(problems: Sequence[str]) -> Text:
    """Live trading was asked for and cannot be."""
    return Text(_missing(problems), keyboard((read("Mode", "mode"), *_STATUS[:1])))


def checks(view: View, health: Health) -> tuple[str, ...]:
    """What was looked at beside the account, each with its outcome."""
    skew, trades = health.clock_skew_ms, len(view.trades)
    off = "not compared yet" if skew is None else f"{skew:.0f} ms from the exchange's"
    enough = trades >= PAPER_TRADES
    tail = "" if enough else f"; {PAPER_TRADES} are a fair start"
    return (
        f"{'⚠️' if skew is None else '✔'} Clock: {off}",
        "✔ Stops: each entry carries its own, and it rests on the exchange",
        f"{'✔' if enough else '⚠️'} Paper trades closed: {trades}{tail}",
    )


def question(
    prospect: Prospect,
    settings: Settings,
    phrase: str,
    seconds: float,
    seen: Sequence[str] = (),
) -> str:
    """Whose money, how much of it, what was checked, and the words to type."""
    risk, equity = prospect.risk, prospect.equity
    trade = equity * _pct(risk.risk_per_trade_pct)
    day = equity * _pct(risk.daily_loss_limit_pct)
    soft = f"first day {risk.soft_mult:.0%} of it"
    rows = [
        row(("Exchange", 8), (settings.exchange.id, 25)),
        row(("Account", 8), (prospect.account or NONE, 25)),
        row(("Equity", 8), (f"{money(equity, signed=False)} USDT", 25)),
        row(("Preset", 8), (prospect.preset or NONE, 25)),
        row(("A trade", 8), (f"{money(trade, signed=False)}, {risk.risk_per_trade_pct:g}%", 25)),
        row(("", 8), (soft, 25)),
        row(("A day", 8), (f"{money(day, signed=False)}, {risk.daily_loss_limit_pct:g}%", 25)),
        row(("Open", 8), (f"{prospect.held} live positions", 25)),
    ]
    lines = [
        f"⚠️ <b>Trade real money</b>? · {badge(LIVE)}",
        short(settings.exchange.rest_url, 80),
        pre(rows),
        *(f"⚠️ {short(words, 200)}" for words in prospect.warnings[:PROBLEMS]),
        *map(short, seen),
        "✔ Key and account were asked: one-way, unified, trading allowed, no right to move money.",
        f"To go on, type <b>{short(phrase, 40)}</b> within {seconds:.0f} s. Live starts paused.",
    ]
    return "\n".join(lines)


def wrong(left: int, phrase: str, seconds: float) -> str:
    """Other words were typed."""
    tries = "1 try" if left == 1 else f"{left} tries"
    return (
        f"✖ <b>That was not it</b>, still {badge(PAPER)}. Type <b>{short(phrase, 40)}</b> "
        f"exactly, within {seconds:.0f} s; {tries} left."
    )


def gone(why: str) -> Text:
    """Nothing changed, and why."""
    return Text(f"✖ {short(why)}. Nothing was changed.", keyboard((read("Mode", "mode"),)))


def paper_question() -> str:
    """Back to paper."""
    return (
        f"<b>Back to {badge(PAPER)}</b>? Nothing is open live. The live account keeps its "
        f"records; going live again asks for the phrase again."
    )


def changing(mode: str) -> Text:
    """It is written down; the change-over follows."""
    tail = "It starts <b>paused</b>: <code>/resume</code> asks once more." if mode == LIVE else ""
    return Text(f"✔ <b>Changing over to {badge(mode)}</b>, in a few seconds. {tail}".rstrip())


def _pct(value: float) -> Decimal:
    return exact(value) / 100
