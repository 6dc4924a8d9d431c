"""Every card: golden layouts, missing values, and hostile strings inside Telegram's limits."""

from decimal import Decimal

import msgspec
import pytest
from desks import (
    CHECKS,
    HEALTH,
    PULSE,
    a_trade,
    body,
    gate,
    position,
    trade,
    view,
)

from bot.panic import Board
from bot.trades import TradeBook
from bot.views import layout, money, status
from bot.views.layout import Text
from builders import T0, D, fill, signal
from engine.core import facts as f
from engine.core.values import (
    GateName,
    PositionState,
    Purpose,
    Side,
)
from engine.core.view import GateView, Quote

FULL = view(
    positions=(position(),),
    trades=(trade(1, "9", T0 - 3 * 86_400_000), trade(2, "-18.4", T0 - 86_400_000)),
)


AT_START = msgspec.structs.replace(gate(GateName.STALE_DATA), since_ms=FULL.started_ms)

# Golden layouts


def test_the_status_card() -> None:
    text = status.status(FULL, HEALTH)
    head, equity, *_ = text.html.split("\n")
    assert head == "🟢 <b>RUNNING</b> · 🧪 PAPER · simulation · <b>alpha</b>"
    assert equity == "Equity <b>10\u2009412.55</b> USDT  +127.31 (+1.24%) today"
    assert body(text) == [
        "Open   1/3     risk 1.10R",
        "Scan   38s ago  3 mkts, 2 near",
        "Feed   ws 400ms api 92ms skew 3ms",
        "Up     6d 04h   start 2",
        "SOL        L  +0.62R   +19.19 2h10",
    ]
    assert text.html.endswith('format="T">15:06:40</tg-time></i>')


def test_the_position_card() -> None:
    text = status.position_card(FULL.positions[0], FULL)
    assert text.html.startswith("🟢 <b>SOLUSDT LONG</b> <code>#17</code> · +0.62R · 🧪\n")
    assert body(text) == [
        "Now       184.00   entry    182.44",
        "uPnL      +19.19  +0.86%    +0.62R",
        "Net if closed     +16.70 all costs",
        "Stop      179.85    on exchange ok",
        "TP1       186.22  working      50%",
        "Best      +0.91R   worst    -0.18R",
        "Qty   12.3 of 12.3 SOL",
        "Age         2h10         PROTECTED",
    ]


def test_the_signal_card() -> None:
    text = money.signal_taken(a_trade(signal=signal(checks=CHECKS)), "paper")
    assert text.html.startswith("🚀 <b>SOLUSDT LONG</b> breakout · 🧪 <code>#17</code>")
    assert body(text) == [
        "Entry     103.00    trig    102.32",
        "Stop      101.48  -1.48%     1.00R",
        "TP1       105.28  +2.21%  1.5R 50%",
        "Size          10 SOL   1030.0 USDT",
        "Risk      16.40 USDT   0.16% of eq",
    ]
    assert layout.plain(text.html.split("</pre>\n")[1]) == (
        "Level 102.20 held 11 touches / 3 h. ATR15 1.90 % (0.5-12). "
        "Volume 1.12x the 20-bar median (need 1.4x). 24 h turnover 8.2M USDT (need 5M)."
    )


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
        "Est.  +0.62R price move",
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


def test_the_pnl_card() -> None:
    text = money.pnl(FULL, "7d", "UTC")
    head = "💰 <b>Net -9.40</b> USDT · -0.31R · last 7 days · 🧪"
    assert text.html.startswith(head)
    assert text.html.endswith("Open: 1, net if closed now +16.70 USDT")
    assert body(text) == [
        "day          net      R   tr   win",
        "Sat 14    -18.40   -0.6    1    0%",
        "Thu 12     +9.00   +0.3    1  100%",
        "sum        -9.40   -0.3    2   50%",
        "gross      -7.40",
        "fees       -2.00",
    ]


def test_pnl_periods_begin_at_midnight_of_the_zone() -> None:
    early = view(trades=(trade(1, "5", T0 - 14 * 3_600_000),))  # 01:06 in UTC
    assert "Net +5.00" in money.pnl(early, "today", "UTC").html
    far = money.pnl(early, "today", "America/New_York").html
    assert far.endswith("\nNo trade closed in this period, 1 before.")
    assert money.pnl(view(), "all", "UTC").html.endswith("\nNo trade closed yet.")
    many = view(trades=tuple(trade(n, "1", T0 - n * 86_400_000) for n in range(25, 0, -1)))
    rows = body(money.pnl(many, "all", "UTC"))
    assert len(rows) == 1 + money.DAYS_SHOWN + 1 + 3
    assert "..." in rows


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
        "✅ <b>SOLUSDT LONG</b> closed <b>+1.82R</b>, +1\u2009240.12 USDT\n"
        "breakeven stop after 2h30 · 💵 LIVE <code>#17</code>"
    )
    assert body(text) == [
        "Gross    +1243.22 fees       -3.10",
        "Best       +2.10R worst     -0.20R",
    ]


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
    ],
)
def test_the_headline_comes_from_the_gates(
    gates: tuple[GateView, ...], word: str, switch: str
) -> None:
    text = status.status(view(gates=gates), HEALTH)
    assert text.html.startswith(word)
    assert text.buttons[1][2].data == switch
    assert text.html.count("🔒") == len(gates)


def test_every_closed_gate_is_said_in_words() -> None:
    gates = (
        gate(GateName.KILL_SWITCH, "panic"),
        gate(GateName.STALE_DATA, "no market data yet", "engine"),
        gate(GateName.DISK_BAD, "no space left", "engine"),
    )
    lines = status.header(view(gates=gates), HEALTH).split("\n")[1:]
    assert [line.split(", since <tg-time")[0] for line in lines] == [
        "🔒 entries locked, panic by @u11",
        "🔒 no market data yet",
        "🔒 the disk does not take our records: no space left",
    ]


def test_a_pause_shows_its_end() -> None:
    ending = msgspec.structs.replace(gate(GateName.OPERATOR), until_ms=T0 + 60_000)
    assert ', until <tg-time unix="1750000060"' in status.status(view(gates=(ending,)), HEALTH).html


def test_unknown_values_are_dashes() -> None:
    bare = msgspec.structs.replace(
        HEALTH, feed_age_ms=None, api_latency_ms=2500.0, clock_skew_ms=None, errors=()
    )
    empty = view(equity=None, risk_unit_usd=None, last_batch_ms=None, verdicts={})
    assert body(status.status(empty, bare)) == [
        "Open   0/3     risk -",
        "Scan   - ago    3 mkts",
        "Feed   ws - api 2.5s skew -",
        "Up     6d 04h   start 2",
    ]
    lost = position(
        entry=None, mark=None, stop=None, unrealized=None, net_if_closed=None, move_r=None,
        mfe_r=None, mae_r=None, qty=D(0), qty0=D(0), state=PositionState.ENTERING,
    )  # fmt: skip
    card = status.position_card(lost, view(positions=(lost,)))
    assert body(card)[:4] == [
        "Now            -   entry         -",
        "uPnL           -       -         -",
        "Net if closed          - all costs",
        "Stop           -           not yet",
    ]
    assert "Open:" not in money.pnl(view(positions=(lost,)), "all", "UTC").html
    unpriced = position(net_if_closed=None)
    assert "now - USDT" in money.pnl(view(positions=(unpriced,)), "all", "UTC").html


@pytest.mark.parametrize(
    ("stop", "state", "words"),
    [
        (None, PositionState.EXPOSED, "MISSING"),
        (D(1), PositionState.EXITING, "exiting"),
        (D(1), PositionState.PROTECTED, "on exchange ok"),
    ],
)
def test_protection_is_said_plainly(stop: Decimal | None, state: PositionState, words: str) -> None:
    card = status.position_card(position(stop=stop, state=state), view())
    assert body(card)[3].endswith(words)
    assert card.html.startswith("🟢") is (words == "on exchange ok")


def test_many_positions_are_counted() -> None:
    crowd = tuple(position(n) for n in range(1, 15))
    text = status.positions(view(positions=crowd))
    assert body(text)[-1] == "and 2 more"
    assert len(text.buttons) == 5


def test_health_shows_the_chat_and_the_errors() -> None:
    pulse = msgspec.structs.replace(
        PULSE, outbox_depth=3, outbox_oldest_s=95.0, poll_age_s=None, trouble="HTTP 409 <x>"
    )
    far = msgspec.structs.replace(HEALTH, feed_age_ms=2 * 86_400_000, clock_skew_ms=None)
    text = status.health_card(view(gates=(gate(GateName.DISK_BAD),)), far, pulse)
    rows = body(text)
    assert "Outbox      3 waiting, oldest 1m" in rows
    assert "Chat poll   -" in rows
    assert "Feed age    2d 00h" in rows
    assert "Clock skew  -" in rows
    assert "Telegram: HTTP 409 &lt;x&gt;" in text.html
    assert "order_refused: too small" in text.html


# Layout


def test_numbers_and_spans() -> None:
    spans = {5: "5s", 125: "2m", 7800: "2h10", 6 * 86_400 + 14_400: "6d 04h", None: "-", -3: "0s"}
    assert {k: layout.span(k) for k in spans} == spans
    assert layout.span(float("nan")) == "-"
    amounts = [layout.money(D("-1234.5")), layout.money(None), layout.money(float("inf"))]
    assert amounts == ["-1234.50", "-", "-"]
    assert [layout.compact(x) for x in (8.2e6, 61_000, 1.12, 2e9, None)] == [
        "8.2M", "61k", "1.12", "2B", "-",
    ]  # fmt: skip
    assert [layout.price(x) for x in (102.322641234, D("0.10"), 1e-7, None)] == [
        "102.32264", "0.10", "0.0000001", "-",
    ]  # fmt: skip


def test_no_number_is_minus_zero() -> None:
    tiny = -0.0004
    shown = [layout.money(tiny), layout.money(D("-0.001"), signed=False), layout.percent(tiny)]
    shown += [layout.in_r(tiny), layout.fixed(tiny, 2), layout.price(tiny, 1), layout.compact(-0.0)]
    assert shown == ["+0.00", "0.00", "+0.00%", "+0.00R", "0.00", "0.0", "0"]


def test_prices_show_as_many_decimals_as_their_tick() -> None:
    assert [layout.decimals(*x) for x in ([D("101.50")], [1.25, D(3)], [None, 1e-7], [D(10), 1e9], [])] == [2, 2, 7, 0, 0]  # fmt: skip  # noqa: E501
    assert [layout.price(x, 3) for x in (13.745486, D("13.7"), None)] == ["13.745", "13.700", "-"]


def test_people_are_shown_without_the_number_facts_keep() -> None:
    assert [layout.who(x) for x in ("@ann (1001)", "user (11)", "engine", "<b>")] == [
        "@ann", "user (11)", "engine", "&lt;b&gt;",
    ]  # fmt: skip


def test_long_words_are_cut_to_what_telegram_takes() -> None:
    short = Text("<b>fine</b>")
    assert layout.fit(short) is short
    long = layout.fit(Text("<b>" + "🚀" * 3000 + "&lt;</b>"))
    assert layout.units(layout.plain(long.html)) <= layout.TEXT_MAX
    assert long.html.endswith("..")


def test_cells_are_cut_and_aligned() -> None:
    assert layout.row(("abcdefgh", 6), ("ab", -4), ("xyz", 1)) == "abcd..   ab x"


def test_buttons_telegram_would_refuse_are_left_out() -> None:
    fine, wide = layout.read("ok", "why", "SOLUSDT"), layout.read("no", "why", "X" * 80)
    assert layout.keyboard((fine, wide), (wide,)) == ((fine,),)


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
