import pytest

from builders import T0, D, order
from engine.core import facts as f
from engine.core.facts import Record
from engine.core.folds import AGAIN_MS, FILL_IDS_KEPT, FILL_IDS_MOST, HOUR_MS, SKIPPED_KEPT
from engine.core.ledger import Ledger
from engine.core.values import GateName, Ms, OrderState, Purpose, Setup, Side
from world import World


def story() -> World:
    """A trade with a target, a breakeven stop and an open second chance: most facts occur."""
    world = World()
    world.start()
    world.enter()
    world.wait(3000)
    world.quote(105.45, 105.46, 105.45)
    return world


def test_a_dump_loads_back_to_the_same_digest() -> None:
    ledger = story().engine.ledger
    assert Ledger.load(ledger.dump()).digest() == ledger.digest()


def test_a_fold_from_the_middle_agrees_with_the_fold_from_the_start() -> None:
    records = story().records
    whole = Ledger()
    for record in records:
        whole.apply(record)
    half = Ledger()
    for record in records[: len(records) // 2]:
        half.apply(record)
    rest = Ledger.load(half.dump())
    for record in records[len(records) // 2 :]:
        rest.apply(record)
    assert rest.digest() == whole.digest()


def test_records_survive_their_journal_line() -> None:
    for record in story().records:
        assert f.decode(f.encode(record)) == record


def test_a_gap_in_the_sequence_is_refused() -> None:
    with pytest.raises(AssertionError):
        Ledger().apply(Record(2, T0, f.Funded(D(1))))


def test_conditions_do_not_survive_a_boot_but_people_do() -> None:
    ledger = Ledger()
    facts: list[f.AnyFact] = [
        f.GateClosed(GateName.OPERATOR, "@ann", "paused"),
        f.GateClosed(GateName.KILL_SWITCH, "engine", "drawdown"),
        f.GateClosed(GateName.STALE_DATA, "engine", "silence"),
        f.Booted(2, "test", "paper", was_clean=False),
    ]
    for seq, fact in enumerate(facts, 1):
        ledger.apply(Record(seq, T0, fact))
    assert set(ledger.state.gates) == {GateName.OPERATOR, GateName.KILL_SWITCH}
    assert (ledger.state.boot, ledger.state.started_ms) == (2, T0)


def test_balance_counts_open_results_and_fees_before_the_trade_is_closed() -> None:
    world = story()
    (position,) = world.engine.ledger.positions
    assert position.gross == D("35.0") * (D("105.40") - D("103.05"))
    assert world.engine.ledger.balance == D(10_000) + position.gross - position.fees


def test_hot_state_is_bounded() -> None:
    world = World()
    world.start()
    signal = story().facts(f.SignalTaken)[0].signal
    ledger = Ledger()
    for seq in range(1, SKIPPED_KEPT + 11):
        ledger.apply(Record(seq, T0, f.SignalSkipped(signal, f"reason {seq}")))
    assert [s.reason for s in ledger.state.skipped] == [
        f"reason {seq}" for seq in range(11, SKIPPED_KEPT + 11)
    ]


def moved(ledger: Ledger, name: str, at_ms: Ms) -> None:
    ledger.apply(Record(ledger.seq + 1, at_ms, f.Transferred(name, D(0))))


def test_fill_ids_are_kept_as_long_as_they_may_be_shown_again() -> None:
    ledger = Ledger()
    ledger.state.started_ms = T0
    for n in range(FILL_IDS_KEPT + 200):
        moved(ledger, f"x{n}", T0)
    moved(ledger, "young", T0 + AGAIN_MS - 1)
    assert ledger.knows_fill("x0")
    ledger.state.started_ms = T0 + AGAIN_MS  # what came meanwhile is read from long ago
    moved(ledger, "start", T0 + AGAIN_MS + HOUR_MS - 1)
    assert ledger.knows_fill("x0")
    moved(ledger, "later", T0 + AGAIN_MS + HOUR_MS)
    assert not ledger.knows_fill("x202")
    assert all(map(ledger.knows_fill, ("x203", "young", "start", "later")))
    assert len(ledger.state.fill_ids) == FILL_IDS_KEPT


def test_fill_ids_never_grow_beyond_a_bound() -> None:
    ledger = Ledger()
    ledger.state.fill_ids = {f"x{n}": T0 for n in range(FILL_IDS_MOST)}
    moved(ledger, "one more", T0)
    assert len(ledger.state.fill_ids) == FILL_IDS_MOST
    assert not ledger.knows_fill("x0")


def test_an_order_that_outlives_its_position_ends_quietly() -> None:
    world = story()
    ledger = world.engine.ledger
    stray = order(Purpose.EXIT, id="alpha-1-99X", position_id=77)
    ledger.apply(Record(ledger.seq + 1, T0, f.OrderPlaced(stray)))
    ended = f.OrderEnded(stray.id, OrderState.CANCELED, "")
    ledger.apply(Record(ledger.seq + 1, T0, ended))
    assert stray.id not in ledger.state.orders


def test_a_closed_trade_keeps_its_numbers() -> None:
    world = story()
    world.quote(103.10, 103.11)
    (trade,) = world.engine.ledger.state.trades
    (closed,) = world.facts(f.PositionClosed)
    assert (trade.symbol, trade.side, trade.setup) == ("SOLUSDT", Side.LONG, Setup.MOMENTUM)
    assert (trade.gross, trade.fees, trade.net) == (closed.gross, closed.fees, closed.net)
    assert (trade.qty, trade.entry) == (D("87.5"), D("103.05"))
    assert world.engine.ledger.state.settled == D(10_000) + trade.net
