"""Stories of the whole core: commands, gates, gaps and determinism."""

import msgspec
import pytest

from builders import D
from engine.core import events as e
from engine.core import facts as f
from engine.core import intents as i
from engine.core.settings import Data, Signals
from series import FRAME_MS
from world import SETTINGS, World, entered, instruments, total

THREE = ("SOLUSDT", "ETHUSDT", "BTCUSDT")


@pytest.mark.parametrize("share", [D(1), D("0.5")])
def test_close_all_or_a_share(share: object) -> None:
    world = entered()
    world.feed(e.Close(command_id="c", by="@ann", position_id=1, share=D(str(share))))
    left = D(0) if share == D(1) else D("43.8")
    assert total(p.qty for p in world.engine.ledger.positions) == left
    again = world.feed(e.Close(command_id="d", by="@ann", position_id=9))
    assert [r.fact.reason for r in again if isinstance(r.fact, f.CommandRefused)] == [
        "#9 is not open"
    ]


def test_a_share_below_the_least_quantity_is_refused() -> None:
    world = entered()
    (refused,) = world.feed(e.Close(command_id="c", by="a", position_id=1, share=D("0.0001")))
    assert refused.fact == f.CommandRefused(
        "c", "a", "close", "0.0 is below the exchange's least 0.1"
    )


def test_pause_blocks_entries_until_its_time() -> None:
    world = World()
    world.start()
    world.feed(e.Pause(command_id="c", by="@ann", until_ms=world.now + 400_000))
    world.quote(102.99, 103.0, 103.0)
    world.close_bar(300)
    (skipped,) = world.facts(f.SignalSkipped)
    assert skipped.reason == "gates: operator, paused"
    world.wait(200_000)
    assert "operator" not in world.gates


def test_stop_keeps_positions_managed_or_closes_them() -> None:
    world = entered()
    world.feed(e.Stop(command_id="c", by="@ann"))
    assert (len(world.engine.ledger.positions), world.gates) == (1, {"operator"})
    world.feed(e.Stop(command_id="d", by="@ann", close_all=True))
    assert (world.engine.ledger.positions, world.gates) == ((), {"operator"})


def test_after_a_trade_the_symbol_cools_down() -> None:
    world = entered()
    world.quote(101.40, 101.41)
    assert world.engine.ledger.state.cooling == {"SOLUSDT": world.now}


def test_a_silent_market_closes_the_gate_and_a_quote_opens_it() -> None:
    world = World()
    world.start()
    world.wait(31_000)
    assert world.gates == {"stale_data"}
    world.quote(102.0, 102.01)
    world.wait(1)
    assert world.gates == set()
    world.feed(e.StreamDown(("SOLUSDT",), "closed"))
    assert world.gates == {"stale_data"}
    world.feed(e.StreamUp(("SOLUSDT",)))
    world.wait(1)
    assert world.gates == set()


def test_a_disk_problem_is_a_gate() -> None:
    world = World()
    world.start()
    world.feed(e.DiskSeen("no space left"))
    assert world.gates == {"disk_bad"}
    world.feed(e.DiskSeen(None))
    assert world.gates == set()


def test_drawdown_latches_the_kill_switch() -> None:
    world = entered()
    world.engine.ledger.state.peak = D(13_000)
    world.wait(1000)
    assert world.gates == {"kill_switch"}
    world.engine.ledger.state.peak = D(10_000)
    world.wait(1000)
    assert world.gates == {"kill_switch"}
    assert len(world.engine.ledger.positions) == 1  # a spike should not realize the loss


def test_a_gap_in_the_candles_is_filled_before_anything_is_decided() -> None:
    world = World()
    world.start()
    world.quote(102.99, 103.0, 103.0)
    world.close_bar(301)
    assert world.engine.market.last_open_ms("SOLUSDT") == int(world.open_ms[301])
    history = [x for x in world.intents if isinstance(x, i.FetchHistory)][-1]
    assert history.since_ms == int(world.open_ms[300])


def test_a_bar_of_a_batch_that_is_not_complete_waits_for_its_grace() -> None:
    world = World(instruments=instruments("SOLUSDT", "ETHUSDT"))
    world.start()
    world.quote(102.99, 103.0, 103.0)
    world.close_bar(300, ("SOLUSDT",))
    assert not world.facts(f.SignalTaken)
    world.wait(2000)
    assert len(world.facts(f.SignalTaken)) == 1


def test_a_signal_that_came_too_late_is_expired_and_keeps_its_rows() -> None:
    patient = msgspec.structs.replace(
        SETTINGS, data=Data(decision_age_max_s=300), signals=Signals(expiry_s=10)
    )
    world = World(patient, instruments("SOLUSDT", "ETHUSDT"))
    world.start()
    world.quote(102.99, 103.0, 103.0)
    world.now = int(world.open_ms[300]) + FRAME_MS + 11_000
    world.close_bar(300, ("SOLUSDT",))
    (skipped,) = world.facts(f.SignalSkipped)
    assert (skipped.check, skipped.reason) == ("expiry", "expiry: the signal expired")
    assert [c.name for c in skipped.signal.checks if c.blocks and c.group == "risk"] == ["expiry"]
    verdict = world.engine.verdict("SOLUSDT")
    assert verdict is not None
    assert (verdict.outcome, verdict.blocked_by) == ("EXPIRED", "expiry")


def starting() -> tuple[World, list[i.FetchHistory]]:
    """An engine that came up long after a bar closed, and the histories it asked for."""
    world = World(instruments=instruments("SOLUSDT", "ETHUSDT"))
    world.now += 60_000
    asked: list[i.Intent] = []
    for event in (
        e.Started("test", "paper", was_clean=True, balance=D(10_000)),
        e.InstrumentsLoaded(world.instruments),
        e.TickersLoaded(tuple(world.tickers())),
    ):
        asked += world.engine.step(world.now, event).intents
    return world, [intent for intent in asked if isinstance(intent, i.FetchHistory)]


def test_at_the_start_nobody_is_judged_before_all_histories_are_there() -> None:
    world, asked = starting()
    first, second = (world._history(intent) for intent in asked)
    world.engine.step(world.now, first)
    world.engine.step(world.now + 5000, e.Tick())
    assert world.engine.view().verdicts == {}
    world.engine.step(world.now + 6000, second)
    assert set(world.engine.view().verdicts) == {"SOLUSDT", "ETHUSDT"}


@pytest.mark.parametrize(
    ("after_ms", "event"), [(1000, e.FetchFailed("history ETHUSDT", "")), (300_000, e.Tick())]
)
def test_a_first_history_that_does_not_come_holds_up_nobody(after_ms: int, event: e.Event) -> None:
    world, asked = starting()
    world.engine.step(world.now, world._history(asked[0]))
    world.engine.step(world.now + after_ms - 1, e.Tick())
    assert world.engine.view().verdicts == {}
    world.engine.step(world.now + after_ms, event)
    assert set(world.engine.view().verdicts) == {"SOLUSDT"}


def test_notices_and_shutdown_are_facts() -> None:
    world = World()
    world.start()
    world.feed(e.NoticeDelivered(3, 42, 7))
    assert world.facts(f.NoticeSent) == [f.NoticeSent(3, 42, 7)]
    world.feed(e.Shutdown(command_id="s", by="system"))
    assert world.gates == {"shutting_down"}


def test_time_never_goes_back() -> None:
    world = World()
    world.start()
    with pytest.raises(AssertionError):
        world.engine.step(world.now - 1, e.Tick())


def test_the_same_events_make_the_same_bytes() -> None:
    one, two = entered(), entered()
    assert [f.encode(r) for r in one.records] == [f.encode(r) for r in two.records]
