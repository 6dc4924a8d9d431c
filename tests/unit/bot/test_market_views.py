"""The cards about the market: scan and levels."""

import msgspec
from desks import body, candles, level, verdict, view

from bot.views import market
from bot.views.layout import Text
from builders import T0
from engine.core.checks import IN_BAND, NEAR
from engine.core.values import Level, Side
from engine.core.view import View, ranked


def scan(shown: View, count: int = market.SCAN_ROWS) -> Text:
    return market.scan(ranked(shown.verdicts.values())[:count], shown, count)


def test_the_scan_shows_the_best_first_and_who_is_watched() -> None:
    found = (
        verdict("FARUSDT", score=0.5, distance_pct=12.34, outcome="QUIET", blocked_by="break"),
        verdict("1000PEPEUSDT", rank=2, distance_pct=-0.115, level=level(Side.SHORT)),
        verdict("HOTUSDT", rank=1, outcome="TAKEN", blocked_by=None),
        verdict("LOSTUSDT", level=None, distance_pct=None, blocked_by="pullback", stage=IN_BAND),
        verdict("FULLUSDT", score=-0.123, outcome="REFUSED", blocked_by="slots"),
        verdict("NEWUSDT", score=None, blocked_by="odd_name"),
    )
    found = (msgspec.structs.replace(found[0], stage=NEAR), *found[1:])
    text = scan(view(verdicts={v.symbol: v for v in found}, watched=("A", "B")))
    assert body(text) == [
        " # market   score s dist% state",
        " 1 HOT       1.23 L  0.41 taken",
        " 2 1000PEPE  1.23 S -0.12 vol. bar",
        "not watched:",
        " 3 LOST      1.23 -     - in band",
        " 4 FAR       0.50 L  12.3 near",
        " 5 FULL     -0.12 L  0.41 slots",
        " 6 NEW          - L  0.41 odd name",
    ]
    assert text.html.startswith("🔎 <b>6 markets</b> · 5m bars to <tg-time")
    assert text.html.endswith(
        "<i>2 watched: they may be traded at the next bar. "
        "dist%: from the close to the trigger, minus = beyond it; "
        "state: how far it came, or what is in the way.</i>"
    )
    assert [[b.data for b in line] for line in text.buttons] == [
        ["r|why HOTUSDT", "r|why 1000PEPEUSDT", "r|why LOSTUSDT"],
        ["r|why FARUSDT", "r|why FULLUSDT", "r|why NEWUSDT"],
        ["e|scan 12", "r|why"],
    ]


def test_a_scan_of_nothing_and_of_nobody_watched() -> None:
    empty = scan(view(verdicts={}, last_batch_ms=None))
    assert "bars to - ·" in empty.html
    assert "No bar of a watched market" in empty.html
    assert body(scan(view(watched=())))[1] == "not watched:"
    few = scan(view(), 1)
    assert [b.data for b in few.buttons[-1]] == ["e|scan 1", "r|why"]
    assert len(body(few)) == 3


def test_the_levels_card() -> None:
    old = Level(Side.SHORT, 88.123, 12, 0, T0 - 3 * 86_400_000, 100, 1.0)
    shown = msgspec.structs.replace(candles(), levels=(level(), old))
    text = market.levels(shown, view(at_ms=T0 + 7_800_000))
    assert text.html.startswith("📊 <b>SOLUSDT</b> levels · 5m · last close 100.5\n<pre>")
    assert body(text) == [
        "       price  dist% hit   age  str",
        "R      102.2  +1.69   4  2h10 0.90",
        "S       88.1  -12.3  12    3d 1.00",
    ]
    assert [[b.data for b in line] for line in text.buttons] == [
        ["e|levels SOLUSDT", "r|chart SOLUSDT"],
        ["r|why SOLUSDT", "r|scan"],
    ]


def test_levels_that_are_many_or_none() -> None:
    many = msgspec.structs.replace(candles(), levels=(level(),) * 20)
    assert body(market.levels(many, view()))[-1] == "and 6 farther away"
    none = msgspec.structs.replace(candles(), levels=())
    assert market.levels(none, view()).html.endswith(
        "\nNo level stands: too few extremes agree on a price."
        "\n<i>Order flow: not followed. Watched markets are, and those with a position.</i>"
    )
