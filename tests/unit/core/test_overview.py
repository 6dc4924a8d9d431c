import msgspec
import numpy as np
import pytest

from builders import D
from engine.core import events as e
from engine.core import facts as f
from engine.core.values import PositionState, Side, StopKind, Verdict
from engine.core.view import ranked
from series import FRAME_MS
from world import World, entered, instruments


def test_the_view_of_an_open_position_adds_up() -> None:
    world = entered()
    world.quote(104.0, 104.01)
    view = world.engine.view()
    (shown,) = view.positions
    assert (shown.id, shown.symbol, shown.side) == (1, "SOLUSDT", Side.LONG)
    assert (shown.state, shown.stop, shown.stop_kind) == (
        PositionState.PROTECTED,
        D("101.48"),
        StopKind.INITIAL,
    )
    assert [(t.r, t.state) for t in shown.targets] == [(1.5, "working"), (2.8, "working")]
    assert shown.unrealized == D("87.5") * D("0.95")
    cost = D("104.0") * D("87.5") * D("9.5") / 10_000
    fees = world.facts(f.OrderFilled)[0].fill.fee
    assert shown.net_if_closed == shown.unrealized - fees - cost
    assert shown.move_r == pytest.approx(0.95 / 1.57)
    assert view.equity == view.balance + shown.unrealized
    assert (view.position(1), view.position(2)) == (shown, None)
    assert view.verdicts["SOLUSDT"].outcome == "TAKEN"
    assert view.last_batch_ms == int(world.open_ms[300])


def test_what_is_not_known_is_none() -> None:
    world = entered()
    world.engine.market.set_instruments(())
    world.engine.market.set_universe(())
    blind = world.reborn().engine.view()
    (shown,) = blind.positions
    assert (blind.equity, blind.risk_unit_usd) == (None, None)
    assert (shown.mark, shown.unrealized, shown.net_if_closed, shown.move_r) == (None,) * 4


def test_candles_are_copies_with_levels_or_nothing() -> None:
    world = entered()
    seen = world.engine.candles("SOLUSDT", 50)
    assert seen is not None
    assert seen.open_ms.tolist() == world.open_ms[251:301].tolist()
    assert np.array_equal(seen.ohlcv, world.ohlcv[:, 251:301].T)
    assert {level.side for level in seen.levels} <= set(Side)
    seen.ohlcv[:] = 0
    again = world.engine.candles("SOLUSDT", 50)
    assert again is not None
    assert again.ohlcv.min() > 0
    assert world.engine.candles("NONEUSDT", 50) is None


def test_a_bar_seen_twice_or_of_a_stranger_changes_nothing() -> None:
    world = entered()
    assert world.close_bar(300) == []
    assert world.close_bar(300, ("NONEUSDT",)) == []


def test_a_symbol_that_left_the_universe_is_followed_but_not_entered() -> None:
    world = World(instruments=instruments("SOLUSDT", "ETHUSDT"))
    world.start()
    for symbol in ("SOLUSDT", "ETHUSDT"):
        world.quote(102.99, 103.0, 103.0, symbol)
    only = tuple(t for t in world.tickers() if t.symbol == "SOLUSDT")
    world.feed(e.TickersLoaded(only))
    assert world.engine.market.universe == ("SOLUSDT",)
    world.close_bar(300, ("SOLUSDT", "ETHUSDT"))
    assert [p.symbol for p in world.engine.ledger.positions] == ["SOLUSDT"]
    world.now += FRAME_MS
    world.feed(e.TickersLoaded(()))
    assert world.engine.market.universe == ("SOLUSDT",)


def test_an_event_nobody_knows_ends_the_process() -> None:
    class Strange(e.Event, frozen=True):
        """Not one of ours."""

    with pytest.raises(AssertionError, match="nobody handles"):
        World().feed(Strange())


def test_markets_are_ranked_by_right_to_trade_then_score_then_name() -> None:
    plain = Verdict("D", 0, 1.0, (), "QUIET", None, None, None, None)
    given = [("D", None, None), ("C", None, 0.5), ("B", None, 0.5), ("A", 2, 0.1), ("E", 1, None)]
    verdicts = [
        msgspec.structs.replace(plain, symbol=symbol, rank=rank, score=score)
        for symbol, rank, score in given
    ]
    assert [v.symbol for v in ranked(verdicts)] == ["E", "A", "B", "C", "D"]
