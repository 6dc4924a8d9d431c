"""The cards about results, account and log with hostile strings, inside every limit."""

from collections import Counter
from collections.abc import Callable

import msgspec
import pytest
from desks import HEALTH, a_trade, gate, position, trade, view
from hypothesis import given
from hypothesis import settings as effort
from property.test_renderers import BAD, NASTIEST, Bad, fits

from bot import texts, texts_help
from bot.desk import Health
from bot.views import age, balance, layout, logs, report, risk, stats, trades
from bot.views.layout import Text
from builders import T0, D, signal
from engine.core import facts as f
from engine.core.performance import SPLITS
from engine.core.settings import Settings
from engine.core.values import GateName, Side
from engine.core.view import ForeignView


def results(bad: Bad, sick: Health) -> list[Callable[[], Text]]:
    """The cards about closed trades, the account, and our own log."""
    sym, why, name = bad.symbol, bad.reason, bad.name
    many = tuple(
        trade(n, "-1234567.89", T0, symbol=f"{sym}{n % 30}", rule=f"{why}{n % 30}")
        for n in range(10**6, 10**6 + 60)
    )
    gates = tuple(gate(g, why, name) for g in (GateName.KILL_SWITCH, GateName.EXCHANGE_DOWN))
    shown = view(
        trades=many, mode=name, instance=name, risk_reduced_why=why, risk_mult=0.5, gates=gates,
        positions=(position(1, symbol=sym, qty=D(10) ** 9),), equity=D(10) ** 13,
        foreign=(ForeignView(sym, Side.LONG, D(5)),),
    )  # fmt: skip
    day = report.Account(
        "Daily", why, 0, T0 + 1, 10**6, tuple(GateName), Counter({why: 9, name: 8})
    )
    done = a_trade(signal=signal(symbol=sym))
    result = f.PositionClosed(
        position_id=10**9, symbol=sym, side=Side.LONG, rule=why, gross=D(10) ** 12, fees=D(1),
        net=D(10) ** 12, result_r=1e6, mfe_r=1e6, mae_r=-1e6, opened_ms=T0,
    )  # fmt: skip
    told = [f.Record(n, T0, f.StopMissing(1, why * 9)) for n in range(99)]
    lines = [f"2026 ERROR {why} {name}"] * 9  # more of them are a file
    return [
        lambda: trades.trades(trades.Pick(many, (sym,), 3), shown),
        lambda: trades.life(done, result, T0, told),
        *(lambda by=by: stats.stats(shown, by) for by in ("", *SPLITS)),
        lambda: balance.balance(shown, Settings()),
        lambda: age.dated(risk.risk(shown, Settings()), shown),
        lambda: report.report(day, shown, sick),
        lambda: logs.logs(lines, why, name),
        lambda: texts.exported(name, "7d", name),
        lambda: texts.trades_file(3, name),
        lambda: texts_help.help_all({"Look": [("x", why)], name: [("y", why)]}, name),
        lambda: texts_help.help_group("Look", {"Look": [("x", why[:40])] * 20, name: []}),
    ]


def check(bad: Bad) -> None:
    sick = msgspec.structs.replace(HEALTH, version=bad.name, source=bad.reason)
    for make in results(bad, sick):
        fits(make(), layout.TEXT_MAX)


@pytest.mark.parametrize("words", NASTIEST, ids=range(len(NASTIEST)))
def test_the_nastiest_results(words: str) -> None:
    check(Bad(words, words, words))


@effort(max_examples=25)
@given(BAD)
def test_any_results(bad: Bad) -> None:
    check(bad)
