import msgspec
import pytest

from builders import D
from engine.core import events as e
from engine.core import facts as f
from engine.core import intents as i
from engine.core.reconcile import RECENT_MS
from engine.core.values import PositionState, Refusal, Side
from world import entered, seen


def test_a_read_that_agrees_says_nothing() -> None:
    world = entered()
    assert world.feed(seen(world)) == []


def test_a_missed_stop_fill_is_booked_from_the_account() -> None:
    world = entered()
    world.now += 1000
    world.matching.see_quote(e.QuoteSeen("SOLUSDT", 101.3, 101.31, 101.3, world.now), world.now)
    world.feed(seen(world))
    assert [c.rule for c in world.facts(f.PositionClosed)] == ["INITIAL"]
    (corrected,) = world.facts(f.Reconciled)[1:]
    assert corrected.corrections[0].startswith("fill 1-stop-")


def test_a_vanished_stop_is_an_incident_and_put_back() -> None:
    world = entered()
    (held,) = world.matching.account().positions
    world.feed(seen(world, positions=(msgspec.structs.replace(held, stop=None),)))
    (position,) = world.engine.ledger.positions
    assert position.state is PositionState.EXPOSED
    assert world.facts(f.StopMissing) == [
        f.StopMissing(1, "the exchange shows no stop", held.updated_ms)
    ]
    assert world.feed(seen(world, positions=(msgspec.structs.replace(held, stop=None),))) == []
    world.wait(2500)
    assert [x.price for x in world.intents if isinstance(x, i.SetStop)] == [D("101.48")]
    assert world.engine.ledger.positions[0].state is PositionState.PROTECTED


def test_a_stop_moved_by_hand_is_shown_as_it_is() -> None:
    world = entered()
    (held,) = world.matching.account().positions
    world.feed(seen(world, positions=(msgspec.structs.replace(held, stop=D("101.90")),)))
    assert world.engine.ledger.positions[0].stop == D("101.90")


@pytest.mark.parametrize(
    ("symbol", "side", "qty", "words"),
    [
        ("XRPUSDT", Side.LONG, "5", "XRPUSDT LONG 5 is on the exchange and not ours"),
        ("SOLUSDT", Side.LONG, "5", "#1 SOLUSDT: ours LONG 87.5, exchange LONG 5"),
        ("SOLUSDT", Side.SHORT, "87.5", "#1 SOLUSDT: ours LONG 87.5, exchange SHORT 87.5"),
    ],
)
def test_a_difference_nobody_can_explain_stops_entries_and_is_told_once(
    symbol: str, side: Side, qty: str, words: str
) -> None:
    world = entered()
    (held,) = world.matching.account().positions
    odd = e.AccountPosition(symbol, side, D(qty), D(103), D("101.48"))
    positions = (odd,) if symbol == held.symbol else (held, odd)
    world.feed(seen(world, positions=positions))
    if symbol == held.symbol:  # a read may be older than what we just did
        assert world.gates == set()
    world.wait(RECENT_MS)
    for _ in range(2):
        world.feed(seen(world, positions=positions))
    way = "" if symbol == held.symbol else "; to leave it alone send /ignore XRPUSDT"
    assert [x.detail for x in world.facts(f.Incident)] == [words + way]
    assert world.gates == {"unreconciled"}
    world.feed(seen(world))
    assert world.gates == set()


def test_a_position_that_is_gone_is_a_difference_but_not_while_an_exit_is_in_flight() -> None:
    world = entered()
    world.is_cut_off = True
    world.wait(RECENT_MS)
    world.feed(e.Close(command_id="c", by="@ann", position_id=1))
    world.feed(seen(world, positions=()))
    assert world.gates == set()
    (leaving,) = [o for o in world.engine.ledger.orders_of(1) if o.order.purpose == "EXIT"]
    world.feed(e.OrderRefused(leaving.order.id, Refusal.OTHER, "busy"))
    world.now += RECENT_MS
    world.feed(seen(world, positions=()))
    assert world.gates == {"unreconciled"}


def test_a_working_order_the_account_does_not_list_is_looked_up() -> None:
    world = entered()
    before = len([x for x in world.intents if isinstance(x, i.FindOrder)])
    world.feed(seen(world, order_ids=()))
    found = [x.order.reason for x in world.intents if isinstance(x, i.FindOrder)][before:]
    assert found == ["target at 1.5R", "target at 2.8R"]
