"""Pictures of results: the curve of closed trades with its drawdown, and how large they were.

They exist so that a run of losses is seen for what it is. They show closed trades only: what is
open may still turn.
"""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from bot.content import Photo
from bot.views.layout import Button, Text, badge, esc, in_r, money, percent, when
from engine.chart import EquityChart, RHistogram
from engine.core.view import TradeView, View

Buttons = tuple[tuple[Button, ...], ...]

R_EDGES = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0)  # a bin is (left, right]
NO_TRADE = "No trade closed yet: there is nothing to draw."
NONE_NOW = "No trade closed in this period, {count} before."


def equity_photo(
    view: View, trades: Sequence[TradeView], title: str, buttons: Buttons = ()
) -> Photo | Text:
    """The curve of these closed trades of the view, say a period's; words when there are none."""
    if not trades:
        count = len(view.trades)
        return Text(NONE_NOW.format(count=count) if count else NO_TRADE, buttons)
    picture = equity_chart(trades, view.mode, title)
    net, fall = float(picture.equity[-1]), picture.fall
    head = f"📊 <b>Net {money(net, thin=True)}</b> USDT · {esc(title)} · {badge(view.mode)}"
    total = in_r(sum(t.result_r for t in trades))
    lost = money(fall, signed=False, thin=True)
    said = f"{_trades(len(trades))} closed, {total}, largest fall {lost} USDT"
    as_of = f"To {when(int(picture.at_ms[-1]), 'dt')}; what is open is not in it."
    return Photo(picture, Text(f"{head}\n{said}\n<i>{as_of}</i>", buttons))


def equity_chart(trades: Sequence[TradeView], mode: str, title: str) -> EquityChart:
    """The curve of at least one closed trade, beginning when the first was opened."""
    ordered = sorted(trades, key=lambda t: t.closed_ms)
    begun_ms = min(t.opened_ms for t in ordered)
    net = [0.0, *(float(total) for total in accumulate(t.net for t in ordered))]
    total = in_r(sum(t.result_r for t in ordered))
    return EquityChart(
        title=f"Net, {title}",
        at_ms=np.array([begun_ms, *(t.closed_ms for t in ordered)], dtype=np.int64),
        equity=np.array(net),
        mode=mode,
        words=f"{_trades(len(ordered))} closed · {total}",
    )


def r_histogram_photo(view: View, buttons: Buttons = ()) -> Photo | Text:
    """How large the results of all closed trades were, in R; words when none was closed."""
    if not view.trades:
        return Text(NO_TRADE, buttons)
    results = [t.result_r for t in view.trades]
    mean, wins = sum(results) / len(results), sum(t.net > 0 for t in view.trades)
    share = percent(100 * wins / len(results), 0).lstrip("+")
    said = f"mean {in_r(mean)} · {share} won"
    picture = RHistogram(
        title=f"Results of {_trades(len(results))}",
        edges=R_EDGES,
        counts=tuple(np.bincount(_bins(results), minlength=len(R_EDGES) + 1).tolist()),
        at_ms=view.at_ms,
        mode=view.mode,
        words=said,
    )
    head = f"📊 <b>Results in R</b> · {badge(view.mode)}"
    ends = f"{_trades(len(results))}: {said}, best {in_r(max(results))}, worst {in_r(min(results))}"
    return Photo(picture, Text(f"{head}\n{ends}", buttons))


def _bins(results: Sequence[float]) -> list[int]:
    found: list[int] = np.searchsorted(R_EDGES, results, side="left").tolist()
    return found


def _trades(count: int) -> str:
    return "1 trade" if count == 1 else f"{count} trades"
