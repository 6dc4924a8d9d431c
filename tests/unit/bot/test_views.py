"""Every card: golden layouts, missing values, and hostile strings inside Telegram's limits."""

import re
from decimal import Decimal

import msgspec
import pytest
from desks import (
    CHECKS,
    HEALTH,
    PULSE,
    candles,
    gate,
    level,
    position,
    taken,
    trade,
    verdict,
    view,
)

from bot.panic import Board
from bot.trades import Trade, TradeBook
from bot.views import layout, market, money, status
from bot.views.layout import Text
from builders import T0, D, fill, signal
from engine.core import facts as f
from engine.core.values import (
    GateName,
    PositionState,
    Purpose,
    Side,
)
from engine.core.view import GateView, Quote, TargetView

FULL = view(
    positions=(position(),),
    trades=(trade(1, "9", T0 - 3 * 86_400_000), trade(2, "-18.4", T0 - 86_400_000)),
)


def body(text: Text) -> list[str]:
    """The fixed-width lines of a card."""
    return [
        line
        for part in re.findall(r"<pre>\n(.*?)\n</pre>", text.html, re.DOTALL)
        for line in part.split("\n")
    ]


def a_trade(**changes: object) -> Trade:
    book = TradeBook()
    book.fold(f.Record(1, T0, taken(17, **changes)))
    return book.trades[17]


# Golden layouts


def test_the_status_card() -> None:
    text = status.status(FULL, HEALTH)
    head, equity, *_ = text.html.split("\n")
    assert head == "🟢 <b>RUNNING</b> · 🧪 PAPER · simulation, seed 7, 60x · <b>alpha</b>"
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
    assert text.html.startswith("🟢 <b>SOLUSDT LONG</b> <code>#17</code> · +0.62R · 🧪 PAPER\n")
    assert body(text) == [
        "Now    184         entry 182.44",
        "uPnL   +19.19     +0.86%   +0.62R",
        "Net if closed +16.70 (fee, slip)",
        "Stop   179.85      on exchange ok",
        "TP1    186.22      working   50%",
        "MFE    +0.91R   MAE -0.18R",
        "Qty    12.3 of 12.3",
        "Age    2h10     PROTECTED",
    ]


def test_the_why_card() -> None:
    text = market.why_symbol(verdict(), FULL)
    assert body(text) == [
        "gate          value   need",
        "volume 24h    8.2M    5M      ok",
        "atr15         1.9     0.5-12  ok",
        "volume        1.12    1.4     NO",
        "spread        -       30      ?",
        "near          0.2     0.5     (ok)",
        "tpm           -       -       excl",
    ]
    tail = text.html.split("</pre>\n")[1]
    assert tail == (
        "Blocked by <b>volume</b>. Nearest resistance 102.2, +0.41%. Next check in 5m.\n"
        "<i>spread: no quote yet</i>"
    )


def test_the_signal_card() -> None:
    text = money.signal_taken(a_trade(signal=signal(checks=CHECKS)), "paper")
    assert text.html.startswith("🚀 <b>SOLUSDT LONG</b> breakout · 🧪 PAPER <code>#17</code>")
    assert body(text) == [
        "Entry        103 trig    102.32264",
        "Stop      101.48   -1.48%   1.00R",
        "TP1       105.28   +2.21% 1.5R 50%",
        "Size          10 SOL   1030.0 USDT",
        "Risk      16.40 USDT   0.16% of eq",
    ]
    assert "volume 1.12 (1.4)." in text.html
    assert "volume 24h 8.2M (5M)." in text.html


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
        "Sell  about 6.15 SOL at market",
        "Now   183.98      spread 1.1 bps",
        "Est.  +0.62R price move",
        "Left  stop 179.85",
    ]
    short = position(side=Side.SHORT, risk0_usd=None, net_if_closed=None)
    blind = money.close_question(short, money.cut_of(short, D(1), None), None)
    assert body(Text(blind)) == [
        "Buy   12.3 SOL at market",
        "Now   184         spread -",
        "Est.  - net of fees -",
    ]
    assert money.cut_of(short, D(1), quote).price == 184.0


def test_the_pnl_card() -> None:
    text = money.pnl(FULL, "7d", "UTC")
    head = "💰 <b>Net -9.40</b> USDT · -0.31R · last 7 days · 🧪 PAPER"
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
    assert "No closed trades." in money.pnl(early, "today", "America/New_York").html
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


def test_the_scan_ranks_signals_first_then_the_nearest() -> None:
    found = {
        "A": verdict("FARUSDT", distance_atr=3.0),
        "B": verdict("NEARUSDT", distance_atr=-0.2),
        "C": verdict("HOTUSDT", outcome="SIGNAL", distance_atr=9.0),
        "D": verdict("LOSTUSDT", level=None, distance_atr=None, distance_pct=None, blocked_by=None),
    }
    text = market.scan(view(verdicts=found))
    assert body(text) == [
        "market     s    dist blocked by",
        "HOT        L  +0.41% SIGNAL",
        "NEAR       L  +0.41% volume",
        "FAR        L  +0.41% volume",
        "LOST       -       - nothing near",
    ]
    assert "No bar of a watched market" in market.scan(view(verdicts={}, last_batch_ms=None)).html


# States


@pytest.mark.parametrize(
    ("gates", "word", "switch"),
    [
        ((), "🟢 <b>RUNNING", "r|pause"),
        ((gate(GateName.OPERATOR),), "🟡 <b>PAUSED", "r|resume"),
        ((gate(GateName.OPERATOR, "stopped"),), "🔴 <b>STOPPED", "r|resume"),
        ((gate(GateName.OPERATOR), gate(GateName.KILL_SWITCH)), "🔴 <b>LOCKED", "r|resume"),
        ((gate(GateName.STALE_DATA),), "🟡 <b>PAUSED", "r|pause"),
    ],
)
def test_the_headline_comes_from_the_gates(
    gates: tuple[GateView, ...], word: str, switch: str
) -> None:
    text = status.status(view(gates=gates), HEALTH)
    assert text.html.startswith(word)
    assert text.buttons[1][2].data == switch
    assert ("🔒" in text.html) is bool(gates)


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
        "Now    -           entry -",
        "uPnL   -          -        -",
        "Net if closed - (fee, slip)",
        "Stop   -           not yet",
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


def test_why_nothing_is_traded() -> None:
    found = {s: verdict(s, blocked_by=None, outcome="QUIET") for s in ("AUSDT", "BUSDT")}
    text = market.why_overview(view(verdicts={**found, "C": verdict("C")}))
    assert body(text)[1:] == [
        "quiet                            2",
        "volume                           1",
    ]
    assert "skipped <b>XRPUSDT</b>: slots" in text.html
    assert "None judged." in market.why_overview(view(verdicts={})).html


def test_why_of_a_quiet_market_claims_little() -> None:
    quiet = verdict(level=None, blocked_by=None, checks=(), outcome="QUIET", open_ms=T0 - 10**7)
    assert market.why_symbol(quiet, view()).html.endswith("</pre>")
    short = verdict(level=level(Side.SHORT))
    assert "Nearest support" in market.why_symbol(short, view()).html


# Charts


def test_the_chart_shows_levels_trade_and_fills() -> None:
    held = position(targets=(
        TargetView(1.5, D(105), D(5), "filled"), TargetView(2.8, D(108), D(5), "working")
    ))  # fmt: skip
    done = a_trade()
    done.fills = [fill(exchange_ms=T0), fill(exchange_ms=1)]
    picture = market.chart(candles(), "paper", held, done)
    lines = [(line.label, line.kind) for line in picture.lines]
    assert lines == [
        ("4 touches", "level"),
        ("4 touches", "level"),
        ("entry", "entry"),
        ("stop", "stop"),
        ("2.8R", "target"),
    ]
    assert [m.at_ms for m in picture.marks] == [T0]
    assert "Last close 100.5" in market.chart_caption(picture, "paper").html


def test_the_chart_of_a_market_without_a_trade() -> None:
    many = msgspec.structs.replace(candles(), levels=(level(),) * 9)
    picture = market.chart(many, "paper", None, None)
    assert len(picture.lines) == market.LEVELS_A_SIDE
    bare = position(entry=None, stop=None, targets=())
    assert len(market.chart(many, "paper", bare, None).lines) == market.LEVELS_A_SIDE
    empty = candles(bars=0)
    assert "Last close -" in market.chart_caption(market.chart(empty, "x", None, None), "x").html


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
