"""Profit and loss, account and limits: golden cards, missing values, wide numbers."""

import msgspec
import pytest
from desks import HEALTH, PULSE, FakeDesk, body, body_of, gate, position, trade, view
from talk import talking
from telegram_wire import OWNER, VIEWER, buttons

from bot.views import balance, health, layout, pnl, risk
from builders import T0, D
from engine.core import events as e
from engine.core.settings import Settings
from engine.core.values import GateName, Side
from engine.core.view import ForeignView

DAY_MS = 86_400_000
WON = trade(1, "9", T0 - 3 * DAY_MS, funding=D("1.3"))
LOST = trade(2, "-18.4", T0 - DAY_MS)
FULL = view(positions=(position(),), trades=(WON, LOST))
ALL = pnl.Span("all")


def test_the_pnl_card() -> None:
    text = pnl.pnl(FULL, pnl.Span("7d"), "UTC")
    head = "💰 <b>Net -9.40</b> USDT · -0.31R · last 7 days\u00a0·\u00a0🧪"
    assert text.html.startswith(head)
    assert text.html.endswith("</pre>\n▄█▁ net by trade\nOpen: 1, net if closed now +16.70 USDT")
    assert body(text) == [
        "day          net       R   tr  win",
        "Sat 14    -18.40   -0.61    1   0%",
        "Thu 12     +9.00   +0.30    1 100%",
        "sum        -9.40   -0.31    2  50%",
        "gross      -7.40",
        "fees       -2.00  fund     -1.30",
    ]
    labels = [[b.label for b in line] for line in text.buttons]
    assert labels == [["Day", "Week", "Month", "All"], ["📈 Chart", "📒 Trades", "📐 Stats"]]


def test_pnl_periods_begin_at_midnight_of_the_zone() -> None:
    early = view(trades=(trade(1, "5", T0 - 14 * 3_600_000),))  # 01:06 in UTC
    assert "Net +5.00" in pnl.pnl(early, pnl.Span("today"), "UTC").html
    far = pnl.pnl(early, pnl.Span("today"), "America/New_York").html
    assert far.endswith("\nNo trade closed in this period, 1 before.")
    assert pnl.pnl(view(), ALL, "UTC").html.endswith("\nNo trade closed yet.")


def test_weeks_and_months_are_rows_of_their_own() -> None:
    weeks = body(pnl.pnl(FULL, pnl.Span("all", "week"), "UTC"))
    assert weeks[:2] == [
        "week         net       R   tr  win",
        "Jun 09     -9.40   -0.31    2  50%",
    ]
    months = body(pnl.pnl(FULL, pnl.Span("all", "month"), "UTC"))
    assert months[1] == "Jun 25     -9.40   -0.31    2  50%"


def test_all_trades_are_cut_as_fits() -> None:
    many = view(trades=tuple(trade(n, "1", T0 - n * DAY_MS) for n in range(300, 0, -1)))
    rows = body(pnl.pnl(many, ALL, "UTC"))
    assert rows[0].startswith("month")
    assert len(rows) == 1 + 11 + 3
    rows = body(pnl.pnl(many, pnl.Span("all", "day"), "UTC"))
    assert len(rows) == 1 + pnl.ROWS + 1 + 3
    assert "..." in rows
    kept = view(trades=tuple(trade(n, "1", T0) for n in range(pnl.KEPT)))
    assert "· last 500 trades\u00a0·" in pnl.pnl(kept, ALL, "UTC").html
    assert pnl.curve(kept, "all", "UTC") != pnl.curve(kept, "7d", "UTC")


def test_the_line_of_blocks_is_short_and_needs_something_to_draw() -> None:
    assert pnl.course([]) == ""
    assert pnl.course([trade(1, "5", T0)]) == ""
    assert pnl.course([trade(1, "0", T0), trade(2, "0", T0)]) == ""
    line = pnl.course([trade(n, "1", T0) for n in range(400)])
    assert (
        line == f"\n{'▁' * 4}{'▂' * 3}{'▃' * 3}{'▄' * 4}{'▅' * 3}{'▆' * 3}{'▇' * 3}█ net by trade"
    )


@pytest.mark.parametrize(
    ("value", "width", "expected"),
    [
        (D("1234.5"), 9, "+1234.50"),
        (D("-123456.7"), 9, "-123457"),
        (D(10) ** 12, 9, "+1e+03B"),
        (D("-12345678.9"), 7, "-12.3M"),
        (D("-123456.7"), 7, "-123457"),
        (None, 4, "-"),
        (D(0), 5, "+0.00"),
    ],
)
def test_an_amount_fits_its_column(value: object, width: int, expected: str) -> None:
    assert layout.amount(value, width) == expected  # type: ignore[arg-type] # any of these


async def test_a_curve_of_results_is_turned_in_place() -> None:
    desk = FakeDesk()
    desk.show(trades=(WON, LOST))
    async with talking(desk) as talk:
        said = await talk.say("/pnl chart")
        assert "<b>Net -9.40</b> USDT · all trades kept" in said["caption"]
        data = [b["callback_data"] for b in buttons(said)]
        assert data[:3] == ["e|pnl chart 7d", "e|pnl chart 30d", "e|pnl chart all"]
        assert "Results in R" in (await talk.say("/stats histogram"))["caption"]


def test_the_balance_card() -> None:
    held = view(positions=(position(),), trades=(trade(1, "5", T0),))
    text = balance.balance(held, Settings())
    assert body(text) == [
        "Equity      10412.55 USDT",
        "Balance     10000.00 USDT",
        "Open         +412.55 not booked",
        "Exposure     2263.20 0.22x",
        "Room        28974.45 to 3x",
        "Margin             - not read",
        "At risk        34.50 0.33%",
        "Today          +5.00 1 closed",
    ]
    assert balance.NO_MARGIN in text.html
    unknown = view(
        equity=None,
        positions=(position(mark=None),),
        foreign=(ForeignView("XRPUSDT", Side.LONG, D(5)),),
    )
    text = balance.balance(unknown, Settings())
    assert body(text)[0] == "Equity             - USDT"
    assert body(text)[3:5] == ["Exposure           - -", "Room               - to 3x"]
    assert text.html.endswith(f"{balance.NO_MARK}\nNot ours in the account: 1 position.")


def test_the_risk_card() -> None:
    shown = view(
        positions=(position(),), losing_streak=2, risk_mult=0.5, risk_reduced_why="near <a> limit"
    )
    text = risk.risk(shown, Settings())
    assert body(text) == [
        "A trade      0.75% of 1.50%",
        "Open         0.33% of 4.50%",
        "in R        +1.10R 1R = 31.40",
        "Slots            1 of 3",
        "Day         +1.24% stop at -8.00%",
        "Peak        -2.10% lock at -18.00%",
        "Streak      2 lost of 5",
        "Exposure     0.22x of 3x equity",
    ]
    assert "🟢 kill switch: armed" in text.html
    assert "New trades risk 50% of normal: near &lt;a&gt; limit" in text.html
    assert "move together by more than 0.4 share 67% of the open risk" in text.html
    assert "Caps of the file: 2.5% a trade, 3x, 10% a day." in text.html
    assert len(text.buttons) == 1
    bare = view(equity=None, risk_unit_usd=None, day_loss_pct=None, drawdown_pct=None)
    unknown = [line for line in body(risk.risk(bare, Settings())) if line[8:18].strip() == "-"]
    assert [line.split()[0] for line in unknown] == ["Open", "in", "Day", "Peak", "Exposure"]


async def test_the_kill_switch_is_reset_by_an_owner_with_a_reason_and_a_tap() -> None:
    desk = FakeDesk()
    desk.show(gates=(gate(GateName.KILL_SWITCH, "drawdown 18.2%"),))
    async with talking(desk) as talk:
        said = await talk.say("/risk", VIEWER)
        assert "🔴 kill switch: locked" in said["text"]
        assert "is for the role owner" in (await talk.tap(said, "Reset", VIEWER))["text"]
        asked = await talk.say("/risk reset the feed was wrong")
        assert desk.commands == []
        await talk.tap(asked, "Resume")
        assert desk.commands == [
            e.Resume(
                command_id=desk.commands[0].command_id,
                by=f"@u{OWNER} ({OWNER})",
                reason="the feed was wrong",
            )
        ]


def test_health_shows_the_chat_the_timers_and_the_errors() -> None:
    pulse = msgspec.structs.replace(
        PULSE, outbox_depth=3, outbox_oldest_s=95.0, poll_age_s=None, trouble="HTTP 409 <x>"
    )
    far = msgspec.structs.replace(
        HEALTH, feed_age_ms=2 * DAY_MS, clock_skew_ms=None, failing=("clock",)
    )
    text = health.health_card(view(gates=(gate(GateName.DISK_BAD),)), far, pulse)
    rows = body(text)
    assert "Outbox      3 waiting, oldest 1m" in rows
    assert "Chat poll   -" in rows
    assert "Feed age    2d 00h" in rows
    assert "Clock skew  -" in rows
    assert "Timers      clock fail" in rows
    assert "Telegram: HTTP 409 &lt;x&gt;" in text.html
    assert "order_refused: too small" in text.html


async def test_only_an_owner_is_shown_the_way_to_the_log() -> None:
    async with talking() as talk:
        said = await talk.say("/version")
        assert "Timers      all run" in body_of(said)
        assert [b["text"] for b in buttons(said)][-2:] == ["🗒 Logs", "❗ Errors"]
        said = await talk.say("/health", VIEWER)
        assert "Logs" not in str(buttons(said))
