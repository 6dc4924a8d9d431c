"""The cards of what is open: the table with its pages, one position with its protection."""

from decimal import Decimal

import pytest
from desks import a_trade, body, position, view

from bot.views import positions
from builders import D
from engine.core import facts as f
from engine.core.values import PositionState, StopKind
from engine.core.view import TargetView

FULL = view(positions=(position(),))


def test_the_position_card() -> None:
    text = positions.position_card(FULL.positions[0], FULL)
    assert text.html.startswith("🟢 <b>SOLUSDT LONG</b> <code>#17</code> · +0.62R · 🧪\n")
    assert body(text) == [
        "Now       184.00   entry    182.44",
        "uPnL      +19.19  +0.86%    +0.62R",
        "Net if closed     +16.70 all costs",
        "Stop      179.85    on exchange ok",
        "TP1       186.22 working  1.5R 50%",
        "MFE       +0.91R     MAE    -0.18R",
        "Qty   12.3 of 12.3 SOL",
        "Age         2h10     max         -",
    ]
    assert [[button.label for button in line] for line in text.buttons] == [
        ["✖ Close", "✂ 25%", "✂ 50%"],
        ["🛡 Stop->BE", "🎯 TP now", "📊 Chart"],
        ["❓ Why", "⟳ Refresh", "📊 Positions"],
    ]


def test_the_position_card_late_in_a_trade() -> None:
    """A ladder of six, a stop that trails, funding paid, and what the chat remembers."""
    rungs = tuple(
        TargetView(n / 2 + 1, D("185") + n, D("2.05"), "filled" if n < 3 else "waiting")
        for n in range(6)
    )
    held = position(
        qty=D("6.2"), stop=D("186.10"), stop_kind=StopKind.TRAILING, targets=rungs,
        funding=D("1.30"), mark=188.0, move_r=2.15,
    )  # fmt: skip
    remembered = a_trade()
    remembered.opened = f.PositionOpened(17, D("182.44"), D("12.3"), D("2.59"), D("31.4"), ())
    text = positions.position_card(held, view(positions=(held,)), remembered)
    assert body(text) == [
        "Now       188.00   entry    182.44",
        "uPnL      +19.19  +3.05%    +2.15R",
        "Net if closed     +16.70 all costs",
        "Stop      186.10    on exchange ok",
        "Kind    trailing   keeps    +1.41R",
        "TP1       185.00  filled    1R 17%",
        "TP2       186.00  filled  1.5R 17%",
        "TP3       187.00  filled    2R 17%",
        "TP4       188.00 waiting  2.5R 17%",
        "TP5       189.00 waiting    3R 17%",
        "TP6       190.00 waiting  3.5R 17%",
        "MFE       +2.15R     MAE    -0.18R",
        "Qty   6.2 of 12.3 SOL",
        "Fund       -1.30",
        "Age         2h10     max     20h00",
    ]
    assert [len(line) for line in text.buttons] == [3, 3, 2]


@pytest.mark.parametrize(
    ("stop", "state", "words"),
    [
        (None, PositionState.EXPOSED, "MISSING"),
        (D(1), PositionState.EXITING, "exiting"),
        (D(1), PositionState.PROTECTED, "on exchange ok"),
    ],
)
def test_protection_is_said_plainly(stop: Decimal | None, state: PositionState, words: str) -> None:
    card = positions.position_card(position(stop=stop, state=state), view())
    assert body(card)[3].endswith(words)
    assert card.html.startswith("🟢") is (words == "on exchange ok")


def test_many_positions_have_pages() -> None:
    crowd = tuple(position(n) for n in range(1, 27))
    first = positions.positions(view(positions=crowd))
    assert (len(body(first)), [b.label for b in first.buttons[4]]) == (12, ["1/3", "▶"])
    last = positions.positions(view(positions=crowd), 9)
    assert (len(body(last)), [b.label for b in last.buttons[1]]) == (2, ["◀", "3/3"])
    assert last.buttons[2][0].data == "e|positions page 3"
    assert [b.data for b in last.buttons[0]] == ["r|positions #25", "r|positions #26"]
