"""The cards about the market: why, scan and chart; checks in words, units and directions."""

import msgspec
from desks import CHECKS, a_trade, body, candles, gate, level, position, verdict, view

from bot.views import checks, market
from builders import T0, D, fill, signal
from engine.core.values import Check, CheckStatus, GateName, Side
from engine.core.view import SkippedView, TargetView

OK, NO, HUH = CheckStatus.PASS, CheckStatus.FAIL, CheckStatus.UNKNOWN
ALL = (
    Check("warmup", "data", OK, 300.0, 300.0),
    Check("data_quality", "data", OK, 0.0, 3.0),
    Check("late_bar", "clock", NO, 95.0, 30.0),
    Check("volume_24h", "ticker", OK, 31_500_000.0, 5e6),
    Check("spread", "ticker", OK, 0.9, 30.0),
    Check("atr15", "candle", OK, 0.94, (0.5, 12.0)),
    Check("near", "candle", OK, -0.0004, 0.5, is_advisory=True),
    Check("break", "candle", NO, -5.25, 0.0),
    Check("volume", "candle", OK, 8.6, 1.4),
    Check("surge_1h", "candle", OK, 1.26, 1.15),
    Check("body", "candle", NO, -0.861, 0.3),
    Check("slope", "candle", OK, 0.157, 1.5),
    Check("bb_rank", "candle", NO, 98.5, 82.0),
    Check("chase", "candle", OK, -16.1, 1.5),
    Check("gates", "risk", OK),
    Check("busy", "risk", NO, reason="position #2 is open"),
    Check("cooldown", "risk", NO, 65.0, 1800.0),
    Check("slots", "risk", NO, 3.0, 3.0),
    Check("cost", "risk", HUH, None, 0.4, "no stop distance"),
    Check("size", "risk", OK, 87.5, reason="bound by risk"),
    Check("tpm", "micro", CheckStatus.EXCLUDED),
)


def test_checks_have_units_and_directions_and_only_news() -> None:
    assert checks.table(ALL) == [
        "check          value     need     ",
        "bar age           1m    <=30s NO  ",
        "volume 24h     31.5M     >=5M ok  ",
        "spread        0.9bps  <=30bps ok  ",
        "ATR 15m        0.94%  0.5-12% ok  ",
        "near edge     0.0ATR <=0.5ATR (ok)",
        "break         -5.25%      >0% NO  ",
        "bar volume     8.60x   >=1.4x ok  ",
        "volume 1h      1.26x  >=1.15x ok  ",
        "body            -86%    >=30% NO  ",
        "slope/bar      0.16%   <=1.5% ok  ",
        "BB width         98%    <=82% NO  ",
        "chase       -16.1ATR <=1.5ATR ok  ",
        "open trade                    NO  ",
        "cooldown          1m    >=30m NO  ",
        "slots used         3       <3 NO  ",
        "cost/stop          -    <=40% ?   ",
        "size            87.5          ok  ",
        "tpm                           excl",
    ]
    assert checks.table(ALL * 2)[-1] == "and 6 more"


def test_checks_as_sentences_begin_with_the_candle() -> None:
    assert checks.sentences(ALL) == (
        "ATR15 0.94 % (0.5-12). Closed -5.25 % beyond the trigger. "
        "Volume 8.60x the 20-bar median (need 1.4x). Last hour 1.26x the hour before (1.15x). "
        "Body -86 % (30 %). Approach 0.16 % a bar (at most 1.5). "
        "Band width rank 98 % (at most 82). -16.1 ATR past the level (at most 1.5). "
        "24 h turnover 31.5M USDT (need 5M). Spread 0.9 bps (30)."
    )


def test_the_why_card() -> None:
    shut = gate(GateName.STALE_DATA, "no market data yet", "engine")
    text = market.why_symbol(verdict(), view(gates=(shut,)))
    assert text.html.startswith("❓ <b>ARBUSDT</b> no trade · 5m · <tg-time")
    assert body(text) == [
        "check          value     need",
        "volume 24h      8.2M     >=5M ok",
        "ATR 15m        1.90%  0.5-12% ok",
        "bar volume     1.12x   >=1.4x NO",
        "spread             -  <=30bps ?",
        "near edge     0.2ATR <=0.5ATR (ok)",
        "tpm                           excl",
    ]
    assert text.html.split("</pre>\n")[1].split(", since")[0] == (
        "Blocked by <b>bar volume</b>. Nearest resistance 102.2, 0.41% to its trigger. "
        "Next check in 5m.\n<i>spread: no quote yet</i>\n🔒 no market data yet"
    )


def test_why_names_the_position_and_a_broken_level() -> None:
    found = verdict("SOLUSDT", distance_pct=-0.3, blocked_by=None, checks=())
    shown = market.why_symbol(found, view(positions=(position(), position(18, symbol="XUSDT"))))
    assert "0.30% beyond its trigger." in shown.html
    assert shown.html.endswith("📊 LONG <code>#17</code> is open here.")
    far = verdict(distance_pct=None)
    assert "102.2, distance unknown." in market.why_symbol(far, view()).html


def test_why_of_a_quiet_market_claims_little() -> None:
    quiet = verdict(level=None, blocked_by=None, checks=(), outcome="QUIET", open_ms=T0 - 10**7)
    assert market.why_symbol(quiet, view()).html.endswith("</pre>")
    short = verdict(level=level(Side.SHORT))
    assert "Nearest support" in market.why_symbol(short, view()).html


def test_why_nothing_is_traded() -> None:
    found = {s: verdict(s, blocked_by=None, outcome="QUIET") for s in ("AUSDT", "BUSDT")}
    text = market.why_overview(view(verdicts={**found, "C": verdict("C")}))
    assert body(text)[1:] == [
        "quiet                            2",
        "bar volume                       1",
        "refused in 24 h            signals",
        "all slots were taken             3",
        "off: paused                      1",
    ]
    assert "skipped <b>XRPUSDT</b>: all slots were taken" in text.html
    busy = SkippedView(T0, "XRPUSDT:1:MOMENTUM:LONG", "busy: position #8 is open")
    assert market.why_overview(view(skipped=(busy,))).html.endswith(": position #8 is open")
    shut = tuple(gate(name) for name in GateName)
    bare = market.why_overview(view(verdicts={}, refused={}, gates=shut)).html
    assert "None judged.\nNo signal was refused in the last 24 h.\n🔒 daily loss" in bare
    assert (bare.count("🔒"), "🔒 and 4 more" in bare) == (market.GATES + 1, True)


def test_why_of_a_trade_shows_prices_alike() -> None:
    shown = market.why_trade(a_trade(signal=signal(checks=CHECKS)), view())
    assert shown.html.endswith("\nBroke 102.20 (11 touches), closed at 103.00.")
    assert body(shown)[1] == "volume 24h      8.2M     >=5M ok"


def test_the_scan_ranks_signals_first_then_the_nearest() -> None:
    found = {
        "A": verdict("FARUSDT", distance_atr=3.0),
        "B": verdict("NEARUSDT", distance_atr=-0.2, distance_pct=-0.11),
        "C": verdict("HOTUSDT", outcome="TAKEN", distance_atr=9.0),
        "D": verdict("LOSTUSDT", level=None, distance_atr=None, distance_pct=None, blocked_by=None),
        "E": verdict("FULLUSDT", outcome="REFUSED", blocked_by="slots"),
    }
    text = market.scan(view(verdicts=found))
    assert body(text) == [
        "market   s   dist   ATR blocked by",
        "HOT      L  +0.4%   9.0 taken",
        "FULL     L  +0.4%   0.8 slots used",
        "NEAR     L  -0.1%  -0.2 bar volume",
        "FAR      L  +0.4%   3.0 bar volume",
        "LOST     -      -     - -",
    ]
    assert text.html.endswith("<i>dist to the trigger; minus = beyond it</i>")
    assert [len(line) for line in text.buttons] == [3, 2, 2]
    assert "No bar of a watched market" in market.scan(view(verdicts={}, last_batch_ms=None)).html


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
    assert picture.title == "PAPER · last 100.5 · level 102.2 (+1.69%) · LONG #17"
    assert "Last close 100.5" in market.chart_caption(picture, "paper").html


def test_the_chart_of_a_signal_names_it_once() -> None:
    picture = market.signal_chart(candles(), "paper", a_trade())
    assert picture is not None
    assert (picture.symbol, picture.title) == ("SOLUSDT", "PAPER · LONG breakout #17")


def test_the_chart_of_a_market_without_a_trade() -> None:
    many = msgspec.structs.replace(candles(), levels=(level(),) * 9)
    picture = market.chart(many, "paper", None, None)
    assert len(picture.lines) == market.LEVELS_A_SIDE
    bare = position(entry=None, stop=None, targets=())
    assert len(market.chart(many, "paper", bare, None).lines) == market.LEVELS_A_SIDE
    empty = candles(bars=0)
    assert "Last close -" in market.chart_caption(market.chart(empty, "x", None, None), "x").html
