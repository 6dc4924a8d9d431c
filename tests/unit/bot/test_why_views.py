"""The cards that give reasons: of a market, of a signal, of a day with few trades."""

import re

import pytest
from desks import CHECKS, body, gate, level, position, skipped, taken, verdict, view

from bot.signals import Heard
from bot.views import why
from builders import T0, signal
from engine.core.checks import BOTH, CONFIRMED
from engine.core.values import Check, CheckStatus, GateName, Setup, Side
from engine.core.view import FunnelView, SkippedView

FAIL = CheckStatus.FAIL
NEVER = "Last time all passed: none remembered."


def test_the_why_card() -> None:
    shut = gate(GateName.STALE_DATA, "no market data yet", "engine")
    text = why.why_symbol(verdict(), view(gates=(shut,)), BOTH)
    assert text.html.startswith("❓ <b>ARBUSDT</b> no trade · 5m · <tg-time")
    assert body(text) == [
        "check          value     need",
        "volume 24h      8.2M     >=5M ok",
        "ATR 15m        1.90%  0.5-12% ok",
        "bar volume     1.12x   >=1.4x NO",
        "spread             -  <=30bps ?",
        "near edge     0.2ATR <=0.5ATR (ok)",
    ]
    assert text.html.split("</pre>\n")[1].split(", since")[0] == (
        "Momentum came farthest: <b>broke the level</b>. Score 1.23, not watched.\n"
        "Blocked by <b>bar volume</b>. Nearest resistance 102.2, 0.41% to its trigger. "
        "Next check in 5m.\nLast time all passed: none remembered.\n"
        "Nearest miss: bar volume by 20.0%.\n"
        "<i>spread: no quote yet</i>\n<i>Excluded: trades/min.</i>\n🔒 no market data yet"
    )
    assert [[b.data for b in line] for line in text.buttons] == [
        ["r|chart ARBUSDT", "r|levels ARBUSDT"],
        ["e|why ARBUSDT", "r|scan"],
    ]


def test_when_all_passed_before_is_told_with_what_became_of_it() -> None:
    heard = Heard(5, T0, skipped("slots"))
    said = why.why_symbol(verdict(), view(), BOTH, heard).html
    assert re.search(
        r'passed: <tg-time unix="\d+" format="dt">06-15 15:\d\d</tg-time>, skipped: all slots', said
    )


def test_why_separates_the_setups_and_tells_how_near_it_was() -> None:
    rows = (
        Check("volume", "candle", FAIL, 1.35, 1.4),
        Check("pullback", "candle", FAIL, None, 3.0, "not back at the level"),
    )
    one = why.why_symbol(verdict(checks=rows, rank=3), view(), BOTH)
    assert body(one)[1:] == [
        "bar volume     1.35x   >=1.4x NO",
        "only for retest:",
        "bars, back         -      <=3 NO",
    ]
    assert "Score 1.23, watched, rank 3." in one.html
    assert one.html.endswith("<b>Near miss</b>: only bar volume by 3.6% was missing.")
    alone = why.why_symbol(verdict(checks=rows), view(), BOTH[:1])
    assert len(body(alone)) == 2
    other = why.why_symbol(verdict(checks=rows, setup=Setup.RETEST), view(), BOTH)
    assert body(other)[2] == "only for momentum:"
    assert other.html.endswith("<i>bars, back: not back at the level</i>")
    assert "iss" not in other.html


def test_many_misses_are_counted() -> None:
    rows = [Check(n, "candle", FAIL, 1.0, 2.0) for n in ("atr15", "body", "slope", "volume")]
    text = why.why_symbol(verdict(checks=rows), view(), BOTH)
    said = "Nearest miss: ATR 15m by 50.0%, body by 50.0%, slope/bar by 50.0%, and 1 more."
    assert text.html.endswith(said)


def test_why_names_the_position_and_a_broken_level() -> None:
    found = verdict("SOLUSDT", distance_pct=-0.3, blocked_by=None, checks=())
    held = view(positions=(position(), position(18, symbol="XUSDT")))
    shown = why.why_symbol(found, held, BOTH)
    assert "0.30% beyond its trigger." in shown.html
    assert shown.html.endswith("📊 LONG <code>#17</code> is open here.")
    far = verdict(distance_pct=None)
    assert "102.2, distance unknown." in why.why_symbol(far, view(), BOTH).html


def test_why_of_a_quiet_market_claims_little() -> None:
    quiet = verdict(
        level=None, blocked_by=None, checks=(), outcome="QUIET", open_ms=T0 - 10**7,
        setup=None, score=None,
    )  # fmt: skip
    assert why.why_symbol(quiet, view(), BOTH).html.endswith("</pre>\n" + NEVER)
    short = verdict(level=level(Side.SHORT))
    assert "Nearest support" in why.why_symbol(short, view(), BOTH).html


def test_why_of_a_trade_shows_prices_alike() -> None:
    text = why.why_signal(taken(signal=signal(checks=CHECKS)), view())
    assert text.html.startswith("❓ <b>SOLUSDT LONG</b> taken #17 · <tg-time")
    assert body(text)[1] == "volume 24h      8.2M     >=5M ok"
    assert text.html.split("</pre>\n")[1] == (
        "Broke 102.20 (11 touches, strength 0.90), closed at 103.00.\nSetup momentum.\n"
        "<i>spread: no quote yet</i>\n<i>Excluded: trades/min.</i>"
    )
    assert [[b.data for b in line] for line in text.buttons] == [
        ["r|chart SOLUSDT", "r|why SOLUSDT"],
        ["r|signals", "r|positions"],
    ]


@pytest.mark.parametrize(
    ("break_ms", "frame_s", "said"),
    [
        (T0 - 7 * 300_000, 0, " 7 bars before"),
        (T0 - 900_000, 900, " 1 bar before"),
        (None, 0, ""),
    ],
)
def test_why_of_a_retest_tells_how_old_the_break_was(
    break_ms: int | None, frame_s: int, said: str
) -> None:
    claim = signal(setup=Setup.RETEST, break_ms=break_ms, score=1.5, confidence=0.714)
    text = why.why_signal(taken(signal=claim, frame_s=frame_s), view())
    assert text.html.split("</pre>\n")[1] == (
        f"Broke 102.20 (11 touches, strength 0.90){said}, came back, closed at 103.00.\n"
        "Setup retest, score 1.50, confidence 0.71."
    )


def test_why_of_a_signal_that_became_no_trade() -> None:
    rows = (Check("slots", "risk", CheckStatus.PASS, 1, 3), Check("cost", "risk", FAIL, 0.42, 0.4))
    text = why.why_signal(skipped("cost", "cost", checks=rows), view())
    assert text.html.startswith("❓ <b>SOLUSDT LONG</b> not traded · ")
    assert body(text)[1:] == [
        "slots used         1       <3 ok",
        "cost/stop        42%    <=40% NO",
    ]
    assert text.html.endswith(
        "closed at 103.0.\nSetup momentum.\n✖ skipped: costs too high\n"
        "<b>Near miss</b>: only cost/stop by 5.0% was missing."
    )
    assert "✖ expired" in why.why_signal(skipped("expiry: late", "expiry"), view()).html
    busy = why.why_signal(skipped("busy: position #8 is open", "busy"), view())
    assert "✖ skipped: position #8 is open" in busy.html


def test_why_so_few_trades() -> None:
    text = why.why_overview(view())
    assert text.html.startswith("❓ <b>Why so few trades</b> · last 24 h · 🧪 PAPER\n<pre>")
    assert body(text) == [
        "markets seen            187",
        "liquid enough            64   -123",
        "in volatility band       41    -23",
        "near a level             17    -24",
        "broke the level           6    -11",
        "breakout confirmed        3     -3",
        "risk and slots ok         2     -1",
        "filled                    2      0",
    ]
    assert text.html.split("</pre>\n")[1].split("<tg-time")[0] == (
        "Tightest gate: <b>near a level</b> (kept 17 of 41).\n"
        "Blocked at the last bar: bar volume 2.\n"
        "Refused in 24 h: all slots were taken 3, off: paused 1.\n"
    )
    assert text.html.endswith("skipped <b>XRPUSDT</b>: all slots were taken")
    assert [b.data for line in text.buttons for b in line] == ["e|why", "r|scan", "r|signals"]


def test_a_young_funnel_tells_since_when_it_counts() -> None:
    young = FunnelView(T0 - 3_600_000, (3,) * (CONFIRMED + 1) + (0, 0), None)
    text = why.why_overview(view(funnel=young))
    assert "</b> · since <tg-time" in text.html
    assert "No gate held any back." in text.html
    none = FunnelView(T0, (0,) * 8, None)
    bare = why.why_overview(view(funnel=none, verdicts={}, refused={}, skipped=())).html
    assert bare.endswith("No bar was judged yet.\nNo signal was refused in the last 24 h.")


def test_the_overview_names_closed_gates_and_counts_what_is_left_out() -> None:
    shut = tuple(gate(name) for name in GateName)
    reasons = {f"size({n})": n for n in range(7)}
    busy = SkippedView(T0, "XRPUSDT:1:MOMENTUM:LONG", "busy: position #8 is open")
    html = why.why_overview(view(gates=shut, refused=reasons, skipped=(busy,))).html
    more = len(GateName) - why.GATES
    assert (html.count("🔒"), f"🔒 and {more} more" in html) == (why.GATES + 1, True)
    assert ", and 2 more reasons." in html
    assert html.endswith(": position #8 is open")
