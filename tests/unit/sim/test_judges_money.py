"""Each judge of money and limits objects to what it is there for."""

from collections.abc import Callable

import msgspec
import pytest
from hearings import NOW, START, Hearing, adding, closed, entering, eth, leaving

from builders import D
from engine.core import events as e
from engine.core import facts as f
from engine.core.settings import Settings, Signals
from engine.core.terms import Risk
from engine.core.values import GateName, Order, Target
from engine.sim.invariants import Broken

Act = Callable[[Hearing], object]
MIDNIGHT = 1_750_032_000_000
PEAKED = f.EquityPeaked(D(10_001))


def say(*facts: f.AnyFact, on: e.Event | None = None, at_ms: int = NOW) -> Act:
    return lambda hearing: hearing.say(*facts, on=on, at_ms=at_ms)


def place(wanted: Order) -> Act:
    return say(f.OrderPlaced(wanted))


def sold(hearing: Hearing) -> None:
    """The whole position leaves at market, and the bot knows."""
    hearing.know(f.OrderPlaced(leaving()), f.ExitAsked(1, "stray", D(10)))
    hearing.know(f.OrderFilled(1, hearing.execute(leaving())))


def close(**changes: object) -> Act:
    def act(hearing: Hearing) -> None:
        sold(hearing)
        hearing.say(closed(hearing, **changes))

    return act


def refill(**changes: object) -> Act:
    """An execution is booked that differs from what happened."""

    def act(hearing: Hearing) -> None:
        hearing.know(f.OrderPlaced(leaving()), f.ExitAsked(1, "stray", D(10)))
        fill = msgspec.structs.replace(hearing.execute(leaving()), **changes)
        hearing.say(f.OrderFilled(1, fill))

    return act


def reopen(**changes: object) -> Act:
    """The entry is fixed as something else than it was."""

    def act(hearing: Hearing) -> None:
        held = hearing.shadow.held[1]
        assert held.opened is not None
        fact = msgspec.structs.replace(held.opened, **changes)
        held.opened = None
        hearing.say(fact)

    return act


def book_again(hearing: Hearing) -> None:
    hearing.say(f.OrderFilled(1, next(iter(hearing.shadow.fills.values()))))


def book_elsewhere(hearing: Hearing) -> None:
    hearing.know(f.OrderPlaced(leaving()))
    hearing.say(f.OrderFilled(7, hearing.execute(leaving())))


def close_nothing(hearing: Hearing) -> None:
    hearing.say(closed(hearing))


def miss(hearing: Hearing) -> None:
    fill = next(iter(hearing.truth.fills.values()))
    hearing.truth.fills["missed:1"] = fill
    hearing.end()


def lend(hearing: Hearing) -> None:
    hearing.truth.transfer(D(5), NOW)
    hearing.end()


def forget(hearing: Hearing) -> None:
    hearing.ledger.state.positions.clear()
    hearing.ask()


def embezzle(hearing: Hearing) -> None:
    hearing.ledger.state.settled -= 1
    hearing.ask()


def drift(hearing: Hearing) -> None:
    hearing.ledger.state.day_start = D(9_999)
    hearing.ask()


def open_gate(hearing: Hearing) -> None:
    hearing.ledger.state.gates[GateName.OPERATOR] = None  # type: ignore[assignment] # its name counts
    hearing.ask()


def lose(amount: str) -> Act:
    """Cash is lost in a way that moves no anchor, then somebody adds."""

    def act(hearing: Hearing) -> None:
        hearing.shadow.settled -= D(amount)
        hearing.say(f.OrderPlaced(adding()))

    return act


def overlook(hearing: Hearing) -> None:
    """The day loses its limit, and no gate closes."""
    hearing.shadow.settled -= 900
    hearing.ledger.state.settled -= 900
    hearing.ask()


def overlook_losses(hearing: Hearing) -> None:
    hearing.shadow.streak = hearing.ledger.state.streak = 5
    hearing.ask()


def enter(**changes: object) -> Act:
    def act(hearing: Hearing) -> None:
        hearing.know(eth())
        hearing.say(f.OrderPlaced(entering("alpha-1-20E", **changes)))

    return act


def enter_one_bet(hearing: Hearing) -> None:
    hearing.scene.is_one_bet = True
    hearing.know(eth())
    hearing.say(f.OrderPlaced(entering()))


def enter_from_nothing(hearing: Hearing) -> None:
    hearing.know(eth())
    hearing.shadow.held[2].taken = None
    hearing.say(f.OrderPlaced(entering()))


def enter_after_losses(hearing: Hearing) -> None:
    hearing.know(eth())
    hearing.shadow.streak = 5
    hearing.say(f.OrderPlaced(entering()))


def enter_in_silence(hearing: Hearing) -> None:
    hearing.know(eth())
    hearing.scene.heard["ETHUSDT"] = NOW - 30_001
    hearing.say(f.OrderPlaced(entering()))


def add_to_what_is_not_open(hearing: Hearing) -> None:
    hearing.shadow.held[1].opened = None
    hearing.say(f.OrderPlaced(adding()))


def past_a_gate(hearing: Hearing) -> None:
    hearing.know(f.GateClosed(GateName.DISK_BAD, "engine", "full"))
    hearing.say(eth())


def sink(hearing: Hearing) -> None:
    equity = hearing.scene.equity()
    assert equity is not None
    hearing.say(f.EquityPeaked(equity))


def cool(hearing: Hearing) -> None:
    hearing.know(f.OrderPlaced(leaving()))
    hearing.shadow.cooling["ETHUSDT"] = NOW - 1_799_999
    hearing.say(eth())


CALM = Settings(signals=Signals(cooldown_s=0))


def risk(**changes: object) -> Settings:
    return Settings(risk=Risk(**changes))  # type: ignore[arg-type] # keys are the caller's


CASES: dict[str, tuple[str, Settings, Act]] = {
    "an execution twice": ("I08", CALM, book_again),
    "an execution made up": ("I08", CALM, refill(price=D(101))),
    "an execution elsewhere": ("I08", CALM, book_elsewhere),
    "a position forgotten": ("I08", CALM, forget),
    "an execution missed": ("I08", CALM, miss),
    "another entry": ("I09", CALM, reopen(entry=D("100.05"))),
    "another quantity": ("I09", CALM, reopen(qty0=D(9))),
    "another distance": ("I09", CALM, reopen(dist0=D(2))),
    "another risk": ("I09", CALM, reopen(risk0_usd=D(20))),
    "a ladder of more": ("I09", CALM, reopen(targets=(Target(1.0, D(102), D(11)),))),
    "a target that loses": ("I09", CALM, reopen(targets=(Target(1.0, D(100), D(4)),))),
    "another result": ("I10", CALM, close(gross=D(1))),
    "fees forgotten": ("I10", CALM, close(fees=D(0))),
    "another net": ("I10", CALM, close(net=D(0))),
    "another R": ("I10", CALM, close(result_r=-0.5)),
    "funding made up": ("I10", CALM, close(funding=D(1))),
    "a worst that gained": ("I10", CALM, close(mae_r=0.5)),
    "closed while held": ("I10", CALM, close_nothing),
    "cash that is gone": ("I10", CALM, embezzle),
    "an anchor that drifts": ("I10", CALM, drift),
    "money nobody knows of": ("I10", CALM, lend),
    "a day again": ("I13", CALM, say(f.DayRolled("2025-06-15", START))),
    "a day too early": ("I13", CALM, say(f.DayRolled("2025-06-16", START))),
    "a day at another equity": (
        "I13",
        CALM,
        say(f.DayRolled("2025-06-16", START), at_ms=MIDNIGHT),
    ),
    "a daily gate opened by itself": (
        "I13",
        CALM,
        say(f.GateOpened(GateName.DAILY_LOSS, "engine", "better")),
    ),
    "an entry after a bad day": ("I13", risk(open_risk_max_pct=20), lose("900")),
    "a streak that forgets": ("I15", CALM, close(streak=1)),
    "a limit without its gate": ("I15", CALM, overlook),
    "a streak without its gate": ("I15", CALM, overlook_losses),
    "a kill switch opened by itself": (
        "I15",
        CALM,
        say(f.GateOpened(GateName.KILL_SWITCH, "engine", "recovered")),
    ),
    "an entry too soon": ("I15", Settings(), cool),
    "an entry after losses": ("I15", CALM, enter_after_losses),
    "an entry far below the peak": ("I15", risk(daily_loss_limit_pct=50), lose("1900")),
    "a peak nobody had": ("I15", CALM, say(PEAKED)),
    "a peak that falls": ("I15", CALM, sink),
    "a gate nobody closed": ("I15", CALM, open_gate),
    "half a lot": ("I12", CALM, enter(qty=D("0.15"))),
    "no quantity": ("I12", CALM, enter(qty=D(0))),
    "half a tick": ("I12", CALM, enter(price=D("100.155"))),
    "a crumb": ("I12", CALM, enter(qty=D("0.0"))),
    "an entry without a stop": ("I12", CALM, enter(stop=None)),
    "an add-on with a stop": ("I12", CALM, place(adding(stop=D(98)))),
    "too many": ("I12", risk(max_open_positions=1), enter()),
    "too large": ("I12", risk(max_notional_usd=999), enter()),
    "too much leverage": ("I12", risk(leverage_max=0.15), enter()),
    "too much risk": ("I12", risk(risk_per_trade_pct=0.2), enter()),
    "too much open risk": ("I12", risk(risk_per_trade_pct=0.3, open_risk_max_pct=0.3), enter()),
    "too much on one bet": ("I12", risk(correlated_share_max_frac=0.09), enter_one_bet),
    "below the floor": ("I12", risk(daily_loss_limit_pct=0.3), enter()),
    "from no signal": ("I12", CALM, enter_from_nothing),
    "an add-on of more": ("I12", CALM, place(adding(qty=D(4)))),
    "an add-on to nothing": ("I12", CALM, add_to_what_is_not_open),
    "past a gate": (
        "I14",
        CALM,
        past_a_gate,
    ),
    "in a silent market": ("I17", CALM, enter_in_silence),
}


@pytest.mark.parametrize("case", CASES)
def test_the_judge_objects(case: str) -> None:
    name, settings, act = CASES[case]
    hearing = Hearing(settings)
    with pytest.raises(Broken) as broken:
        act(hearing)
    assert broken.value.name == name, broken.value


def test_nobody_objects_to_money_as_it_should_be() -> None:
    hearing = Hearing(CALM)
    hearing.know(eth(), f.OrderPlaced(entering()))
    hearing.say(f.OrderPlaced(adding()))
    hearing.say(f.OrderPlaced(leaving()), f.ExitAsked(1, "stray", D(10)))
    hearing.say(f.OrderFilled(1, hearing.execute(leaving())))
    hearing.say(closed(hearing))


@pytest.mark.parametrize(
    ("result_r", "before", "streak"), [(-1.0, 2, 3), (-0.05, 2, 2), (0.5, 2, 0)]
)
def test_a_streak_counts_losses_alone(result_r: float, before: int, streak: int) -> None:
    hearing = Hearing(CALM)
    sold(hearing)
    held = hearing.shadow.held[1]
    assert held.opened is not None
    held.realized = held.fees + D(repr(result_r)) * held.opened.risk0_usd
    hearing.shadow.streak = before
    hearing.seq += 1
    for wrong in (streak - 1, streak + 1):
        with pytest.raises(Broken, match="I15"):
            hearing.judge(closed(hearing, streak=wrong))
    hearing.judge(closed(hearing, streak=streak))


def test_an_order_whose_position_is_gone_risks_nothing() -> None:
    hearing = Hearing(risk(risk_per_trade_pct=0.3, open_risk_max_pct=0.45))
    hearing.know(eth(), f.OrderPlaced(entering(qty=D(100))))
    del hearing.shadow.held[2]
    hearing.know(msgspec.structs.replace(eth("ETH again"), position_id=3))
    hearing.judge(f.OrderPlaced(entering("alpha-1-21E", position_id=3, reason="ETH again")))


def test_without_a_mark_nothing_that_needs_one_is_judged() -> None:
    hearing = Hearing(risk(max_notional_usd=10))
    hearing.scene.quotes.clear()
    hearing.know(eth())
    hearing.judge(f.OrderPlaced(entering()), f.EquityPeaked(D(20_000)))
    assert hearing.scene.equity() is None
