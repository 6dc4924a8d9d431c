import msgspec
import pytest

from builders import INSTRUMENT, T0, D, signal
from engine.core import facts as f
from engine.core.ledger import Ledger
from engine.core.market import Market
from engine.core.risk import equity_now, open_risk, review
from engine.core.settings import Settings
from engine.core.turn import Turn
from engine.core.values import CheckStatus, GateName
from world import World

NAMES = ["gates", "expiry", "busy", "cooldown", "slots", "stop", "cost", "size"]


def turn(*facts: f.AnyFact, settings: Settings | None = None) -> Turn:
    ledger, chosen = Ledger(), settings or Settings()
    for seq, fact in enumerate((f.Funded(D(10_000)), *facts), 1):
        ledger.apply(f.Record(seq, T0, fact))
    market = Market(chosen)
    market.set_instruments((INSTRUMENT,))
    market._hear("SOLUSDT", T0)
    return Turn(T0, chosen, ledger, market)


def test_a_clean_signal_is_approved_with_all_rows() -> None:
    reviewed = review(turn(), signal())
    assert [row.name for row in reviewed.rows] == NAMES
    assert {row.status for row in reviewed.rows} == {CheckStatus.PASS}
    assert reviewed.plan is not None
    assert (reviewed.plan.qty, reviewed.plan.bound_by) == (D("87.5"), "risk")


def test_the_first_closed_gate_is_named_in_the_order_of_the_table() -> None:
    closed = (
        f.GateClosed(GateName.UNRECONCILED, "engine", "starting"),
        f.GateClosed(GateName.OPERATOR, "@ann", "paused"),
    )
    reviewed = review(turn(*closed), signal())
    assert reviewed.plan is None
    assert reviewed.refusal == "gates: operator, paused"


def test_a_silent_symbol_is_not_entered_though_others_deliver() -> None:
    silent = turn()
    silent.market.mark_down(("SOLUSDT",))
    assert review(silent, signal()).refusal == "gates: stale_data, SOLUSDT is silent"
    silent.market.mark_up(("SOLUSDT",))
    assert review(silent, signal()).plan is not None


def test_an_expired_signal_is_refused() -> None:
    assert review(turn(), signal(expires_ms=T0 - 1)).refusal == "expiry: the signal expired"


def test_a_symbol_cools_down_after_its_last_trade() -> None:
    cooling = turn()
    cooling.ledger.state.cooling["SOLUSDT"] = T0 - 60_000
    reviewed = review(cooling, signal())
    (row,) = [row for row in reviewed.rows if row.name == "cooldown"]
    assert (row.status, row.value, row.need) == (CheckStatus.FAIL, 60.0, 1800.0)
    cooling.ledger.state.cooling["SOLUSDT"] = T0 - 1_800_000
    assert review(cooling, signal()).plan is not None


def test_an_unknown_instrument_is_an_unknown_size() -> None:
    unknown = turn()
    unknown.market.set_instruments(())
    reviewed = review(unknown, signal())
    assert reviewed.rows[-1].status is CheckStatus.UNKNOWN
    assert reviewed.refusal == "size: the instrument is unknown"


@pytest.mark.parametrize(
    ("stop", "refusal"),
    [
        (103.5, "stop: the stop is not on the losing side"),
        (102.8, "cost"),
    ],
)
def test_a_stop_on_the_wrong_side_or_too_dear(stop: float, refusal: str) -> None:
    reviewed = review(turn(), signal(stop=stop))
    assert (reviewed.plan, reviewed.refusal) == (None, refusal)


def test_a_small_account_is_refused_by_size_with_the_reason() -> None:
    settings = msgspec.structs.replace(Settings())
    small = turn(settings=settings)
    small.ledger.state.settled = D(10)
    assert review(small, signal()).refusal.startswith("size: quantity 0.0 is below")


def test_slots_count_what_is_open_and_pending() -> None:
    settings = msgspec.structs.replace(
        Settings(), risk=msgspec.structs.replace(Settings().risk, max_open_positions=1)
    )
    world = World(settings)
    world.start()
    world.is_cut_off = True
    world.enter()
    busy = Turn(world.now, settings, world.engine.ledger, world.engine.market)
    reviewed = review(busy, signal(symbol="ETHUSDT"))
    (slots,) = [row for row in reviewed.rows if row.name == "slots"]
    assert (slots.status, slots.value) == (CheckStatus.FAIL, 1.0)
    same = review(busy, signal(expires_ms=world.now + 1))
    assert same.refusal == "busy: position #1 is open"


def test_open_risk_counts_pending_entries_as_planned_and_positions_to_their_stop() -> None:
    pending = World()
    pending.start()
    pending.is_cut_off = True
    pending.enter()
    # 87.5 * (103.15 - 101.48 + (103.15 + 101.48) * 5.5 bps)
    expected = D("87.5") * (D("1.67") + D("204.63") * D("0.00055"))
    assert open_risk(pending.engine.ledger, pending.engine.market) == expected
    held = World()
    held.start()
    held.enter()
    expected = D("87.5") * (D("1.57") + D("101.48") * D("0.00055"))
    assert open_risk(held.engine.ledger, held.engine.market) == expected


def test_equity_is_unknown_without_a_mark() -> None:
    world = World()
    world.start()
    world.enter()
    blind = Market(Settings())
    assert equity_now(world.engine.ledger, blind) is None
    reviewed = review(
        Turn(world.now, Settings(), world.engine.ledger, blind), signal(symbol="ETHUSDT")
    )
    assert reviewed.plan is None
    # without the instrument a fee is not invented: risk to the stop alone
    assert open_risk(world.engine.ledger, blind) == D("87.5") * D("1.57")
