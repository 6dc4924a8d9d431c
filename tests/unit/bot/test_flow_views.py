"""The order flow below the levels: every value, none known, many walls; never too wide."""

import html
import re

import msgspec
from desks import candles, view

from bot.views import flow, market
from bot.views.layout import WIDTH
from builders import T0
from engine.core.tape import Pace
from engine.core.values import OrderSide
from engine.core.view import FlowView, ReachView, WallView

ASK, BID = OrderSide.SELL, OrderSide.BUY
FLOW = FlowView(
    symbol="SOLUSDT",
    at_ms=T0,
    spread_bps=1.24,
    reaches=(
        ReachView(5, 12_345, 9_876, is_least=False),
        ReachView(30, 612_000, 58_000, is_least=True),
    ),
    imbalance=0.12,
    paces=(
        Pace(10, 10, 7, 5000.0, 1000.0),
        Pace(60, 60, 42, 9000.0, 12_100.0),
        Pace(300, 300, 190, 50.0, 50.0),
    ),
    drop_frac=0.234,
    walls=(
        WallView(ASK, 101.5, 250_000, T0 - 180_000),
        WallView(BID, 100.4, 80_000, T0 - 59_000, refreshed=2),
        WallView(ASK, 100.7, 90_000, T0 - 12_000, end="PULLED"),
    ),
    whys=(),
)


def body(said: str) -> list[str]:
    found = re.search(r"<pre>(.*?)</pre>", said, re.DOTALL)
    assert found is not None
    return html.unescape(found[1]).split("\n")


def test_every_value_has_its_place() -> None:
    said = flow.section(FLOW, 100.5)
    assert said.startswith("<b>Order flow</b> · <tg-time")
    assert body(said) == [
        "spread    1.2 bps  bid share 56%",
        "USD within         bids      asks",
        "0.05%             12.3k     9.88k",
        "0.30%             >612k      >58k",
        "over             10s     1m     5m",
        "trades/min        42     42     38",
        "bought-sold      +4k  -3.1k      0",
        "pace dropped     23%",
        "wall  dist%    USD  age",
        "bid   -0.10    80k  59s back 2x",
        "ask   +1.00   250k   3m stands",
        "ask   +0.20    90k  12s pulled",
    ]
    assert said.endswith("</pre>")


def test_what_is_unknown_is_a_dash_and_says_why() -> None:
    unknown = tuple(Pace(w, 0, 0, 0.0, 0.0) for w in (10, 60, 300))
    nothing = FlowView(
        "SOLUSDT", T0, None, (), None, unknown, None, (), ("not followed yet", "<b>")
    )
    said = flow.section(nothing, 100.5)
    assert body(said) == [
        "spread    -        bid share -",
        "USD within         bids      asks",
        "over             10s     1m     5m",
        "trades/min         -      -      -",
        "bought-sold        -      -      -",
        "pace dropped       -",
        "no walls",
    ]
    assert said.endswith("</pre>\n<i>not followed yet</i>\n<i>&lt;b&gt;</i>")


def test_many_walls_are_the_nearest_and_nothing_is_too_wide() -> None:
    walls = tuple(WallView(ASK, 101 + i, 9e99, 0, refreshed=10**9) for i in range(9))
    shown = msgspec.structs.replace(FLOW, walls=walls[::-1], spread_bps=1e9, drop_frac=1e9)
    lines = body(flow.section(shown, 100.5))
    assert [line[5:11] for line in lines[-5:]] == [" +0.50", " +1.49", " +2.49", " +3.48", " +4.48"]
    assert max(map(len, lines)) <= WIDTH


def test_the_levels_card_shows_it() -> None:
    card = market.levels(candles(), view(), FLOW)
    assert card.html.endswith(flow.section(FLOW, 100.5))
    assert "<b>Order flow</b>" in card.html
