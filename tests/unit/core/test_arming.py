"""Arming: no live entry without a person's word for this venue, and a careful first day."""

import pytest

from builders import D, signal
from engine.core import events as e
from engine.core import facts as f
from engine.core.engine import Engine
from engine.core.ledger import Ledger
from engine.core.operator import LIVE_PAUSED, UNARMED
from engine.core.risk import review
from engine.core.turn import Turn
from engine.core.values import DAY_MS, LIVE, Arm
from world import World

VENUE = "http://127.0.0.1:8091"
ARM = Arm("@ann (11)", VENUE, 1_750_000_000_000)


class Live(World):
    """The same world with real money."""

    is_known = True  # which account it is

    def __init__(self, ledger: Ledger | None = None) -> None:
        super().__init__(ledger=ledger)
        self.engine = Engine(self.settings, self.engine.ledger, LIVE)

    def begin(self, arm: Arm | None, *, is_paused: bool = False, venue: str = VENUE) -> None:
        """Boot, and let all conditions end."""
        self._see("SOLUSDT", 101.99, 102.0, 102.0)
        started = e.Started(
            "test", LIVE, was_clean=True, balance=D(10_000), venue=venue, arm=arm,
            is_paused=is_paused, account="24617703" if self.is_known else "",
        )  # fmt: skip
        self.feed(started)
        self.quote(101.99, 102.0)
        self.feed(e.Tick())

    @property
    def why(self) -> str:
        return self.engine.ledger.state.gates["operator"].why  # type: ignore[index] # a StrEnum


def test_the_word_is_the_first_record_and_is_kept() -> None:
    world = Live()
    world.begin(ARM)
    assert world.records[0].fact == f.LiveArmed(ARM)
    assert world.gates == set()
    world.enter()
    again = Live(world.engine.ledger)
    again.now = world.now
    again.begin(ARM)  # the same word
    assert again.facts(f.LiveArmed) == []
    assert "operator" not in again.gates
    later = Arm("@ann (11)", VENUE, ARM.at_ms + 1)
    again.begin(later)
    assert again.facts(f.LiveArmed) == [f.LiveArmed(later)]


@pytest.mark.parametrize(("arm", "venue"), [(None, VENUE), (ARM, "https://api.bybit.com")])
def test_without_a_word_for_this_venue_nothing_is_entered(arm: Arm | None, venue: str) -> None:
    world = Live()
    world.begin(arm, venue=venue)
    assert world.why == UNARMED
    resume = e.Resume(command_id="r", by="@ann", reason="please")
    world.feed(resume)
    assert world.why == UNARMED
    assert world.engine.ledger.state.commands["r"].words == UNARMED
    turn = Turn(world.now, world.settings, world.engine.ledger, world.engine.market, is_armed=False)
    turn.ledger.state.gates.clear()  # whatever opened it
    refused = review(turn, signal())
    assert refused.check == "gates(operator)"
    assert "live trading is not armed" in refused.refusal
    world.quote(102.99, 103.0, 103.0)
    world.close_bar(300)
    assert world.engine.ledger.positions == ()


def test_a_start_may_wait_for_a_person() -> None:
    world = Live()
    world.begin(ARM, is_paused=True)
    assert world.why == LIVE_PAUSED
    world.feed(e.Resume(command_id="r", by="@ann"))
    assert world.gates == set()


def test_the_first_day_risks_less_and_says_why() -> None:
    world = Live()
    world.begin(ARM)
    words = "the first day of live trading"
    view = world.engine.view()
    assert (view.risk_mult, view.risk_reduced_why) == (0.5, words)
    world.enter()
    (taken,) = world.facts(f.SignalTaken)
    assert D(70) < taken.risk_usd <= D(75)  # half of 1.5 % of 10 000
    assert taken.signal.checks[-1].reason == f"bound by risk; risk reduced: {words}"
    world.engine.ledger.state.armed_ms -= DAY_MS
    assert world.engine.view().risk_mult == 1.0


def test_paper_needs_no_word() -> None:
    world = World()
    world.start()
    assert world.engine.view().risk_mult == 1.0
    world.enter()


def test_the_account_is_remembered_through_starts_that_could_not_ask() -> None:
    world = Live()
    world.begin(ARM)
    again = Live(world.engine.ledger)
    again.is_known = False
    again.begin(None)
    assert again.engine.ledger.state.account == "24617703"
