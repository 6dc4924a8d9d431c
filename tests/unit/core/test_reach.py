"""Exchange and clock: conditions that stop entries, and nothing else."""

import pytest

from builders import signal
from engine.core import events as e
from engine.core import facts as f
from engine.core.reach import UNREAD_MS
from engine.core.risk import review
from engine.core.turn import Turn
from engine.core.values import GateName
from world import World, entered, seen


def ready() -> World:
    world = World()
    world.start()
    assert world.gates == set()
    return world


def why(world: World, gate: GateName) -> str:
    return world.engine.ledger.state.gates[gate].why


def test_an_exchange_that_denies_us_stops_entries_until_it_lets_us_again() -> None:
    world = ready()
    world.feed(e.ExchangeSeen("the key may only read"))
    assert world.gates == {"exchange_down"}
    assert why(world, GateName.EXCHANGE_DOWN) == "the key may only read"
    world.feed(seen(world))  # a good read of the account proves no right to trade
    assert world.gates == {"exchange_down"}
    world.feed(e.ExchangeSeen("the key may only read"))
    assert len(world.facts(f.GateClosed)) == 3  # two of the start
    world.feed(e.ExchangeSeen("the key expired"))
    assert why(world, GateName.EXCHANGE_DOWN) == "the key expired"
    world.feed(e.ExchangeSeen(None))
    assert world.gates == set()
    assert world.feed(e.ExchangeSeen(None)) == []


def test_a_weak_key_is_told_once_and_stops_nothing() -> None:
    world = ready()
    weak = e.ExchangeSeen(None, ("the key ends in 3 days", "the key has no address"))
    world.feed(weak, weak)
    told = [(x.code, x.detail) for x in world.facts(f.Incident)]
    assert told == [("key_warning", "the key ends in 3 days; the key has no address")]
    assert world.gates == set()


def test_an_account_that_cannot_be_read_for_a_minute_stops_entries() -> None:
    world = ready()
    world.is_cut_off = True
    failed = e.FetchFailed("account", "no answer in time")
    world.feed(failed)
    world.wait(UNREAD_MS)
    world.feed(e.FetchFailed("tickers", "no answer in time"), failed)
    assert world.gates & {"exchange_down"} == set()
    world.wait(1)
    expected = "the account could not be read for 60 s: no answer in time"
    assert why(world, GateName.EXCHANGE_DOWN) == expected
    world.is_cut_off = False
    world.wait(30_000)
    assert "exchange_down" not in world.gates
    world.feed(failed)  # a new minute begins
    world.wait(1000)
    assert "exchange_down" not in world.gates


def test_a_failed_read_of_something_else_is_no_trouble() -> None:
    world = ready()
    world.feed(e.FetchFailed("tickers", "no answer in time"))
    world.wait(UNREAD_MS + 1)
    assert "exchange_down" not in world.gates


@pytest.mark.parametrize(("offset", "words"), [(1400.4, "behind"), (-1400.4, "ahead of")])
def test_a_clock_that_is_off(offset: float, words: str) -> None:
    world = ready()
    world.feed(e.ClockSeen(500))
    assert world.facts(f.Incident) == []
    world.feed(e.ClockSeen(600), e.ClockSeen(700))
    (told,) = world.facts(f.Incident)
    assert (told.code, told.detail) == ("clock_off", "our clock is 600 ms behind the exchange's")
    world.feed(e.ClockSeen(offset), e.ClockSeen(offset))
    assert why(world, GateName.CLOCK_BAD) == f"our clock is 1400 ms {words} the exchange's"
    world.feed(e.ClockSeen(501))  # below the limit, not yet well
    assert world.gates == {"clock_bad"}
    world.feed(e.ClockSeen(-500))
    assert world.gates == set()
    assert len(world.facts(f.Incident)) == 1


def test_refusals_name_gates_in_their_order() -> None:
    world = entered()
    gate = GateName.EXCHANGE_DOWN
    world.feed(e.ClockSeen(2000), e.ExchangeSeen("denied"))
    turn = Turn(world.now, world.settings, world.engine.ledger, world.engine.market)
    assert review(turn, signal()).check == f"gates({gate})"
    world.feed(e.ExchangeSeen(None))
    assert review(turn, signal()).check == "gates(clock_bad)"
    assert list(GateName)[4:] == [
        "stale_data",
        "exchange_down",
        "unreconciled",
        "clock_bad",
        "disk_bad",
        "shutting_down",
    ]


def test_both_are_judged_anew_at_a_start() -> None:
    world = ready()
    world.feed(e.ClockSeen(2000), e.ExchangeSeen("denied"))
    again = world.reborn()
    again.start()
    assert again.gates == set()
