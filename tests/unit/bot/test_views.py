"""Every card: golden layouts, missing values, and hostile strings inside Telegram's limits."""

import msgspec
import pytest
from desks import (
    CHECKS,
    HEALTH,
    a_trade,
    body,
    gate,
    position,
    trade,
    verdict,
    view,
)

from bot.panic import Board
from bot.trades import TradeBook
from bot.views import layout, money, pnl, positions, status
from bot.views.layout import Text
from builders import T0, D, fill, signal
from engine.core import facts as f
from engine.core.checks import IN_BAND, NEAR
from engine.core.terms import Risk
from engine.core.values import (
    GateName,
    PositionState,
    Purpose,
    Side,
    Target,
)
from engine.core.view import GateView, Quote

LIMITS = Risk()
FULL = view(
    positions=(position(),),
    trades=(trade(1, "9", T0 - 3 * 86_400_000), trade(2, "-18.4", T0 - 86_400_000)),
)


AT_START = msgspec.structs.replace(gate(GateName.STALE_DATA), since_ms=FULL.started_ms)

# Golden layouts


def test_the_status_card() -> None:
    text = status.status(FULL, HEALTH, LIMITS)
    head, equity, *_ = text.html.split("\n")
    assert head == "🟢 <b>RUNNING</b> · 🧪 PAPER · simulation · <b>alpha</b>"
    assert equity == "Equity <b>10\u2009412.55</b> USDT  +127.31 (+1.24%) today"
    assert body(text) == [
        "Open   1/3     risk 1.10R of 3.00R",
        "Today  +0.83R  stop at -5.33R",
        "Peak   -2.10%  lock at -18.00%",
        "Scan   38s ago 3 mkts, 2 near",
        "Feed   ws 400ms api 92ms skew 3ms",
        "Up     6d 04h  start 2",
        "Preset breakout_v1",
        "SOL        L  +0.62R   +19.19 2h10",
    ]
    assert text.html.endswith('format="T">15:06:40</tg-time></i>')


def test_the_signal_card() -> None:
    text = money.signal_taken(a_trade(signal=signal(checks=CHECKS)), "paper")
    assert text.html.startswith("🚀 <b>SOLUSDT LONG</b> breakout · 🧪 <code>#17</code>")
    assert body(text) == [
        "Entry     103.00    trig    102.32",
        "Stop      101.48  -1.48%     1.00R",
        "TP1       105.28  +2.21%  1.5R 50%",
        "Trail    2.3 ATR    from  1.5R 50%",
        "Size          10 SOL   1030.0 USDT",
        "Risk      16.40 USDT   0.16% of eq",
    ]
    assert layout.plain(text.html.split("</pre>\n")[1]) == (
        "Level 102.20 held 11 touches / 3 h. ATR15 1.90 % (0.5-12). "
        "Volume 1.12x the 20-bar median (need 1.4x). 24 h turnover 8.2M USDT (need 5M)."
    )


def test_a_full_ladder_fits_under_its_chart() -> None:
    rungs = tuple(Target(1.5 + n, D(105 + n), D(n)) for n in (1, 1, 2, 2, 2, 2))
    told = tuple(msgspec.structs.replace(check) for check in CHECKS) * 9
    text = money.signal_taken(a_trade(targets=rungs, signal=signal(checks=told)), "paper")
    assert body(text)[2:9] == [
        "TP1       106.00  +2.91%  2.5R 10%",
        "TP2       106.00  +2.91%  2.5R 10%",
        "TP3       107.00  +3.88%  3.5R 20%",
        "TP4       107.00  +3.88%  3.5R 20%",
        "TP5       107.00  +3.88%  3.5R 20%",
        "TP6       107.00  +3.88%  3.5R 20%",
        "Trail    2.3 ATR    from      1.5R",
    ]
    assert text.html.endswith("..</blockquote>")
    assert layout.units(layout.plain(text.html)) <= layout.CAPTION_MAX


def test_the_close_question() -> None:
    held, quote = position(), Quote(183.98, 184.0, 184.0, T0)
    whole = money.close_question(held, money.cut_of(held, D(1), quote), quote)
    half = money.close_question(held, money.cut_of(held, D("0.5"), quote), quote)
    assert body(Text(whole)) == [
        "Sell  12.3 SOL at market",
        "Now   183.98      spread 1.1 bps",
        "Est.  +16.70 net of fees +0.53R",
    ]
    assert body(Text(half)) == [
        "Sell  ~6.15 SOL at market",
        "Now   183.98      spread 1.1 bps",
        "Est.  +8.35 net of fees +0.27R",
        "Left  ~6.15 SOL stop 179.85",
    ]
    short = position(side=Side.SHORT, risk0_usd=None, net_if_closed=None)
    blind = money.close_question(short, money.cut_of(short, D(1), None), None)
    assert body(Text(blind)) == [
        "Buy   12.3 SOL at market",
        "Now   184.00      spread -",
        "Est.  - net of fees -",
    ]
    assert money.cut_of(short, D(1), quote).price == 184.0


def test_the_closed_card() -> None:
    fact = f.PositionClosed(
        position_id=17,
        symbol="SOLUSDT",
        side=Side.LONG,
        rule="BREAKEVEN",
        gross=D("1243.22"),
        fees=D("3.1"),
        net=D("1240.12"),
        result_r=1.82,
        mfe_r=2.1,
        mae_r=-0.2,
        opened_ms=T0 - 9_000_000,
    )
    text = money.closed(fact, "live", T0)
    assert text.html.split("\n<pre>")[0] == (
        "✅ <b>SOLUSDT LONG</b> closed <b>+1.82R</b>, +1\u2009240.12 USDT · 💵\n"
        "breakeven stop after 2h30 · <code>#17</code>"
    )
    assert body(text) == [
        "Gross    +1243.22 fees       -3.10",
        "Best       +2.10R worst     -0.20R",
    ]
    lost = msgspec.structs.replace(fact, rule="no_progress", net=D(-20), funding=D("2.5"), streak=3)
    told = money.closed(lost, "paper", T0)
    assert "no progress in time after 2h30, 3 losses in a row · <code>" in told.html
    assert layout.marked(told, "paper").html.count("🧪") == 1
    assert body(told)[1] == "Fund        -2.50"


# States


@pytest.mark.parametrize(
    ("gates", "word", "switch"),
    [
        ((), "🟢 <b>RUNNING", "r|pause"),
        ((gate(GateName.OPERATOR),), "🟡 <b>PAUSED", "r|resume"),
        ((gate(GateName.OPERATOR, "stopped"),), "🔴 <b>STOPPED", "r|resume"),
        ((gate(GateName.OPERATOR), gate(GateName.KILL_SWITCH)), "🔴 <b>LOCKED", "r|resume"),
        ((gate(GateName.STALE_DATA),), "🟡 <b>PAUSED", "r|pause"),
        ((AT_START,), "🟡 <b>STARTING", "r|pause"),
        ((AT_START, gate(GateName.DISK_BAD)), "🟡 <b>PAUSED", "r|pause"),
        ((gate(GateName.DAILY_LOSS),), "🟡 <b>PAUSED", "r|pause"),
    ],
)
def test_the_headline_comes_from_the_gates(
    gates: tuple[GateView, ...], word: str, switch: str
) -> None:
    text = status.status(view(gates=gates), HEALTH, LIMITS)
    assert text.html.startswith(word)
    assert text.buttons[1][2].data == switch
    assert text.html.count("🔒") == len(gates)


def test_every_closed_gate_is_said_in_words() -> None:
    gates = (
        gate(GateName.KILL_SWITCH, "panic"),
        gate(GateName.STALE_DATA, "no market data yet", "engine"),
        gate(GateName.DISK_BAD, "no space left", "engine"),
        gate(GateName.DAILY_LOSS, "down 8.1% of 8%", "engine"),
        gate(GateName.LOSING_STREAK, "5 in a row", "engine"),
    )
    lines = status.header(view(gates=gates), HEALTH).split("\n")[1:]
    assert [line.split(", since <tg-time")[0] for line in lines] == [
        "🔒 entries locked, panic by @u11",
        "🔒 no market data yet",
        "🔒 the disk does not take our records: no space left",
        "🔒 daily loss limit, down 8.1% of 8%",
        "🔒 losing streak, 5 in a row",
    ]
    assert [line.endswith("</tg-time>, until the next trading day") for line in lines] == [
        False, False, False, True, True,
    ]  # fmt: skip


def test_trouble_with_money_is_on_the_status_card() -> None:
    weak = view(
        day_loss_pct=6.5, drawdown_pct=9.2, losing_streak=3, risk_mult=0.5,
        risk_reduced_why="the day lost 6.50% of 8%",
    )  # fmt: skip
    small = Risk(risk_per_trade_pct=0.25)
    text = status.status(weak, HEALTH, small)
    assert text.html.split("\n")[1] == ("⚠️ New trades risk 50% of normal: the day lost 6.50% of 8%")
    assert body(text)[:4] == [
        "Open   0/3     risk 1R of 18R",
        "Today  -26.00R stop at -32.00R",
        "Peak   -9.20%  lock at -18.00%",
        "Streak 3 lost  stop at 5",
    ]


def test_a_pause_shows_its_end() -> None:
    ending = msgspec.structs.replace(gate(GateName.OPERATOR), until_ms=T0 + 60_000)
    assert (
        ', until <tg-time unix="1750000060"'
        in status.status(view(gates=(ending,)), HEALTH, LIMITS).html
    )


def test_the_status_card_names_the_preset_that_waits_and_counts_who_is_near() -> None:
    near, far = verdict("A", stage=NEAR), verdict("B", stage=IN_BAND)
    shown = view(next_preset="smallcap_top_gainers", verdicts={"A": near, "B": far})
    rows = body(status.status(shown, HEALTH, LIMITS))
    assert rows[3] == "Scan   38s ago 3 mkts, 1 near"
    assert rows[-2:] == ["Preset breakout_v1", "Restart smallcap_top_gainers"]


def test_unknown_values_are_dashes() -> None:
    bare = msgspec.structs.replace(
        HEALTH, feed_age_ms=None, api_latency_ms=2500.0, clock_skew_ms=None, errors=()
    )
    empty = view(
        equity=None, risk_unit_usd=None, last_batch_ms=None, verdicts={}, day_loss_pct=None,
        drawdown_pct=None, preset="",
    )  # fmt: skip
    assert body(status.status(empty, bare, LIMITS)) == [
        "Open   0/3     risk - of 3.00R",
        "Today  -       stop at -5.33R",
        "Peak   -       lock at -18.00%",
        "Scan   - ago   3 mkts",
        "Feed   ws - api 2.5s skew -",
        "Up     6d 04h  start 2",
        "Preset -",
    ]
    lost = position(
        entry=None, mark=None, stop=None, unrealized=None, net_if_closed=None, move_r=None,
        mfe_r=None, mae_r=None, qty=D(0), qty0=D(0), state=PositionState.ENTERING,
    )  # fmt: skip
    card = positions.position_card(lost, view(positions=(lost,)))
    assert body(card)[:4] == [
        "Now            -   entry         -",
        "uPnL           -       -         -",
        "Net if closed          - all costs",
        "Stop           -           not yet",
    ]
    assert "Open:" not in pnl.pnl(view(positions=(lost,)), pnl.Span("all"), "UTC").html
    unpriced = position(net_if_closed=None)
    assert "now - USDT" in pnl.pnl(view(positions=(unpriced,)), pnl.Span("all"), "UTC").html


def test_many_positions_are_counted() -> None:
    crowd = tuple(position(n) for n in range(1, 27))
    assert body(status.status(view(positions=crowd), HEALTH, LIMITS))[-1] == "and 14 more"


# Panic


def test_the_panic_board_tells_only_facts() -> None:
    board = Board([position(), position(18, symbol="XRPUSDT")], TradeBook())
    board.fold(f.Record(1, T0, f.OrderFilled(99, fill(Purpose.EXIT))))
    assert [words for words, _ in board.lines()] == [
        "entries locked",
        "entry orders canceled 0",
        "SOLUSDT closing",
        "XRPUSDT closing",
        "exchange flat: waiting",
        "left orders -",
    ]


@pytest.mark.parametrize(
    ("times", "line"),
    [
        ((400, 92.0, 3.0), "ws 400ms api 92ms skew 3ms"),
        ((400, 920.0, 3400.0), "ws 0.4s api 0.9s skew 3.4s"),
        ((999, 999.0, -1234.0), "ws 1.0s api 1.0s skew -1.2s"),
        ((12_345, 10_400.0, -99_000.0), "ws 12s api 10s skew -99s"),
        ((90_000_000, 3.0, -7_200_000.0), "ws 1d api 3ms skew -2h00"),
        ((400_000, 2000.0, -0.4), "ws 400s api 2.0s skew -0ms"),
        ((1_000, 1_000.0, -4.0), "ws 1.0s api 1.0s skew -4ms"),
        ((400, 9_900.0, -4.0), "ws 400ms api 9.9s skew -4ms"),
    ],
)
def test_the_feed_row_is_never_cut(times: tuple[int, float, float], line: str) -> None:
    feed, api, skew = times
    busy = msgspec.structs.replace(HEALTH, feed_age_ms=feed, api_latency_ms=api, clock_skew_ms=skew)
    rows = body(status.status(FULL, busy, LIMITS))
    assert [r for r in rows if r.startswith("Feed")] == [f"Feed   {line}"]


@pytest.mark.parametrize(
    ("symbol", "qty", "line"),
    [
        ("1000PEPEUSDT", "12.5", "Size   12.5 1000PEPE   1287.5 USDT"),
        ("1000000MOGUSDT", "123.4", "Size  123.4 1000000MOG  12710 USDT"),
        ("1000000MOGUSDT", "12345.6", "Size  12345.6 10000.. 1271597 USDT"),
    ],
)
def test_a_long_name_of_a_coin_takes_the_room_of_the_value(
    symbol: str, qty: str, line: str
) -> None:
    long = msgspec.structs.replace(signal(), symbol=symbol)
    rows = body(money.signal_taken(a_trade(signal=long, qty=D(qty)), "paper"))
    assert [r for r in rows if r.startswith("Size")] == [line]
