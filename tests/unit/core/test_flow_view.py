"""The view of order flow: what the checks read, from the same moment."""

import pytest
from books import book, trades

from builders import INSTRUMENT
from engine.core.flow import Flow
from engine.core.flow_view import ENDED_MS, flow_view
from engine.core.settings import Settings, Walls
from engine.core.values import OrderSide

T = 1_750_000_000_000


def test_it_shows_all_that_is_known() -> None:
    flow = Flow(Settings(walls=Walls(k_mult=3)))
    flow.follow((INSTRUMENT,))
    flow.cover(("SOLUSDT",), T)
    for second in range(300):
        at_ms = T + 1000 * second
        seen = book(at_ms, bids=20)
        if second >= 100:
            seen.asks[10, 1] = 400.0
        if 100 <= second < 200:
            seen.bids[10, 1] = 400.0
        flow.see(seen, at_ms)
        flow.trade(trades(at_ms), at_ms)
    now = T + 300_000
    flow.catch_up(now)
    follow = flow.get("SOLUSDT")
    assert follow is not None
    shown = flow_view("SOLUSDT", follow, now)
    assert shown.whys == ()
    assert shown.spread_bps == pytest.approx(0.97, abs=0.01)
    assert [reach.bps for reach in shown.reaches] == [5, 30, 50]
    assert shown.reaches[0].bids_usd == pytest.approx(2 * shown.reaches[0].asks_usd, rel=0.01)
    assert not shown.reaches[0].is_least
    assert [pace.tpm for pace in shown.paces] == [60, 60, 60]
    assert (shown.drop_frac, shown.imbalance) == (0, follow.imbalance(now))
    stands, ended = shown.walls
    assert (stands.side, stands.end, stands.at_ms) == (OrderSide.SELL, "", T + 103_000)
    assert stands.price == pytest.approx(103.205)
    assert stands.usd == pytest.approx(410 * 103.205, rel=0.01)
    assert (ended.side, ended.end, ended.at_ms) == (OrderSide.BUY, "PULLED", T + 201_000)
    later = flow_view("SOLUSDT", follow, ended.at_ms + ENDED_MS)
    assert len(later.walls) == 1
    assert later.spread_bps is None
    assert later.reaches == ()


def test_it_says_why_nothing_is_known() -> None:
    flow = Flow(Settings())
    flow.follow((INSTRUMENT,))
    follow = flow.get("SOLUSDT")
    assert follow is not None
    assert flow_view("SOLUSDT", follow, T).whys == ("not followed yet",)
