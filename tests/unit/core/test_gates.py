import msgspec

from builders import D
from engine.core import events as e
from engine.core import facts as f
from engine.core.ledger import Ledger
from engine.core.settings import Schedule, Settings
from world import SETTINGS, World


def test_a_day_begins_at_midnight_of_the_configured_zone() -> None:
    risk = msgspec.structs.replace(Settings().risk, day_zone="Asia/Tokyo")
    world = World(msgspec.structs.replace(Settings(), risk=risk))
    world.start()
    # 2025-06-16 16:00 UTC is 01:00 of the 17th in Tokyo
    assert [d.date for d in world.facts(f.DayRolled)] == ["2025-06-17"]
    world.wait(22 * 3_600_000)
    assert [d.date for d in world.facts(f.DayRolled)] == ["2025-06-17"]
    world.wait(3_600_000)
    assert [d.date for d in world.facts(f.DayRolled)] == ["2025-06-17", "2025-06-18"]


def test_a_peak_is_told_when_it_rose_by_a_hundredth_of_a_percent() -> None:
    world = World()
    world.start()
    world.enter()
    world.quote(103.20, 103.21)
    world.wait(1000)
    world.quote(103.201, 103.21)
    world.wait(1000)
    peaks = [p.equity for p in world.facts(f.EquityPeaked)]
    assert peaks[0] == D(10_000)
    assert len(peaks) == 2
    assert world.engine.ledger.state.peak == peaks[-1]


def test_money_is_not_judged_without_a_mark() -> None:
    world = World()
    world.start()
    world.enter()
    rarely = msgspec.structs.replace(SETTINGS, schedule=Schedule(orders_every_s=60))
    again = World(rarely, ledger=Ledger.load(world.engine.ledger.dump()))
    again.engine.ledger.state.peak = D(50_000)
    again.is_cut_off = True
    again.feed(e.Tick())
    assert "kill_switch" not in again.gates
    again.is_cut_off = False
    again.wait(11_000)
    assert "kill_switch" not in again.gates  # nor before the account was read
    again.wait(19_000)  # candles came, and the account: the last close is a mark
    again.wait(1000)
    assert "kill_switch" in again.gates


def test_no_universe_is_no_data() -> None:
    world = World()
    world.is_cut_off = True
    world.feed(e.Started("test", "paper", was_clean=True, balance=D(10_000)))
    world.wait(1000)
    closed = [g for g in world.facts(f.GateClosed) if g.gate == "stale_data"]
    assert [g.why for g in closed] == ["starting: no market data yet"]
