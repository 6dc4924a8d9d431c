"""An open position at its bar closes: trailing, exit rules and the add-on, through the engine."""

import math

import msgspec
import pytest

from builders import D
from engine.core import events as e
from engine.core import facts as f
from engine.core import intents as i
from engine.core.settings import Settings
from engine.core.terms import Exits
from engine.core.values import PositionState, Purpose, StopKind
from world import World


def entered(**exits: object) -> World:
    settings = Settings()
    changed = msgspec.structs.replace(settings.exits, **exits)
    world = World(msgspec.structs.replace(settings, exits=changed))
    world.start()
    world.enter()
    return world


def close_at(world: World, *prices: float) -> None:
    """One flat bar at each price, the market quoted there."""
    for price in prices:
        world.quote(round(price - 0.01, 2), price, price)
        world.bar(price)


def test_a_winner_is_trailed_behind_its_best_price() -> None:
    world = entered()
    close_at(world, 104.0, 105.0, 106.0)
    world.wait(3000)
    (held,) = world.engine.ledger.positions
    newest = world.facts(f.BarsHeld)[-1]
    assert newest.atr is not None
    wanted = D(math.floor((newest.best - 2.3 * newest.atr) * 100)) / 100
    assert (held.stop, held.stop_kind) == (wanted, StopKind.TRAILING)
    assert held.stop is not None
    assert D("103.16") < held.stop < D(106)
    close_at(world, 105.5, 105.0)
    world.wait(3000)
    assert world.engine.ledger.positions[0].stop == held.stop
    world.quote(103.0, 103.01)
    (closed,) = world.facts(f.PositionClosed)
    assert closed.rule == "TRAILING"
    assert closed.net > 0


def test_a_stop_the_close_has_passed_leaves_at_market_under_its_kind() -> None:
    world = entered(be_trigger_r=0.5, targets=((5.0, 0.5),))
    world.is_cut_off = True  # the breakeven stop never gets an answer
    world.quote(103.99, 104.0, 104.0)
    world.bar(104.0)
    world.bar(103.1)
    assert world.facts(f.ExitAsked) == [f.ExitAsked(1, "BREAKEVEN", D("87.5"))]


@pytest.mark.parametrize(
    ("exits", "closes", "rule"),
    [
        ({}, (102.0,), "failed_breakout"),
        ({"weak_impulse_bars": 2}, (103.1, 103.2), "weak_impulse"),
        ({"activity_bars": 2, "activity_min_mult": 0.95}, (103.1, 103.2), "activity_drop"),
        ({"no_progress_s": 600}, (103.1, 103.2), "no_progress"),
        ({"max_hold_s": 600}, (103.1, 103.2), "max_hold"),
    ],
)
def test_each_rule_ends_a_trade_at_a_bar_close(
    exits: dict[str, object], closes: tuple[float, ...], rule: str
) -> None:
    world = entered(**exits)
    close_at(world, *closes)
    assert [x.rule for x in world.facts(f.PositionClosed)] == [rule]
    assert len(world.facts(f.BarsHeld)) == len(closes)


def test_a_trade_keeps_the_exits_it_was_taken_under() -> None:
    world = entered()
    again = world.reborn()
    again.engine.settings = msgspec.structs.replace(
        Settings(), exits=Exits(max_hold_s=300, no_progress_s=300, failed_break_bars=0)
    )
    again.start()
    close_at(again, 103.1, 103.1)
    (held,) = again.engine.ledger.positions
    assert held.state is PositionState.PROTECTED
    assert held.exits.max_hold_s == 72_000
    assert not again.facts(f.ExitAsked)


ADDON = {"addon_enabled": True, "addon_ema_bps": 500, "be_trigger_r": 0.4, "targets": ((5, 0.5),)}


def test_an_add_on_grows_a_winner_once_under_the_stop_that_stands() -> None:
    world = entered(**ADDON)
    close_at(world, 103.8)
    world.wait(3000)
    (before,) = [msgspec.structs.replace(p) for p in world.engine.ledger.positions]
    assert before.stop_kind is StopKind.BREAKEVEN
    close_at(world, 103.9, 104.0)
    (order,) = [o.order for o in world.facts(f.OrderPlaced) if o.order.purpose is Purpose.ADDON]
    assert (order.qty, order.reduce_only, order.stop) == (D("26.2"), False, None)
    (held,) = world.engine.ledger.positions
    assert (held.entry_qty, held.has_addon) == (D("87.5") + order.qty, True)
    assert (held.entry, held.qty0, held.dist0, held.risk0_usd) == (
        before.entry,
        before.qty0,
        before.dist0,
        before.risk0_usd,
    )
    assert held.state is PositionState.PROTECTED  # seen to cover the whole again
    assert held.avg * held.qty == pytest.approx(held.cost)
    world.quote(102.0, 102.01)
    (closed,) = world.facts(f.PositionClosed)
    assert closed.rule == "BREAKEVEN"
    assert world.engine.ledger.balance == world.matching.account().balance


def test_no_add_on_past_a_closed_gate_or_a_cap() -> None:
    world = entered(**ADDON)
    world.feed(e.Pause(command_id="p", by="@ann"))
    close_at(world, 103.8, 103.9)
    assert not world.engine.ledger.positions[0].has_addon
    world.feed(e.Resume(command_id="r", by="@ann"))
    world.engine.settings = msgspec.structs.replace(
        world.settings, risk=msgspec.structs.replace(world.settings.risk, max_notional_usd=9000)
    )
    close_at(world, 104.0)
    assert not world.engine.ledger.positions[0].has_addon


def test_an_add_on_that_fills_after_the_position_is_flat_is_closed_again() -> None:
    world = entered(**ADDON)
    close_at(world, 103.8)
    world.wait(3000)
    world.is_cut_off = True
    close_at(world, 103.9)
    (order,) = [
        x.order
        for x in world.intents
        if isinstance(x, i.PlaceOrder) and x.order.purpose is Purpose.ADDON
    ]
    world.quote(102.0, 102.01)
    assert len(world.engine.ledger.positions) == 1  # flat, and not over: more may be filled
    world.is_cut_off = False
    world.feed(*world.matching.place(order, world.now))
    world.wait(3000)
    (closed,) = world.facts(f.PositionClosed)
    assert closed.rule == "stray"
    assert world.matching.account().positions == ()
