"""What a check may look at, and the table the checks register in.

It exists so that a check is one function with a name: it gets the scene and says in words what is
wrong, or nothing. It must never change anything.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from engine.core.events import Event, QuoteSeen
from engine.core.facts import Fact, Record
from engine.core.intents import Intent
from engine.core.ledger import Ledger
from engine.core.settings import Settings
from engine.core.values import Ms, exact
from engine.sim.disk import Disk
from engine.sim.faults import Faults
from engine.sim.shadow import Held, Shadow
from engine.sim.truth import Truth


class Step(NamedTuple):
    """One step of the engine."""

    at_ms: Ms  # its stamp
    event: Event
    records: tuple[Record, ...]
    intents: tuple[Intent, ...]  # what the shell lets go
    is_saved: bool


class Scene(msgspec.Struct):
    """The world as the checks see it; `shadow` stands before the record that is judged."""

    settings: Settings
    truth: Truth
    shadow: Shadow
    disk: Disk
    faults: Faults
    ledger: Ledger
    now_ms: Ms  # the exchange's time
    up_ms: Ms  # since when this process lives
    step: Step
    is_calm: bool = False  # the faults have ended
    is_one_bet: bool = False  # too little history to tell markets apart: all of them are one bet
    quotes: dict[str, QuoteSeen] = {}  # the newest sane one the bot was told
    heard: dict[str, Ms] = {}  # symbol -> stamp of the newest sign of life the bot had
    closes: dict[tuple[str, Ms], set[float]] = {}  # (symbol, open time) -> closes the bot was told
    looser: dict[str, Ms] = {}  # symbol -> since when the real stop is looser than asked
    offering: dict[int, Ms] = {}  # position -> since when its ladder offers more than is held

    def mark(self, held: Held) -> Decimal | None:
        """The price at which the bot could close, as far as it was told."""
        quote = self.quotes.get(held.symbol)
        if quote is None:
            return None
        return exact(quote.bid if held.side.sign > 0 else quote.ask)

    def equity(self) -> Decimal | None:
        """Cash plus open results; None while a mark is unknown."""
        total = self.shadow.balance
        for held in self.shadow.held.values():
            mark = self.mark(held)
            if held.qty and mark is None:
                return None
            if mark is not None:
                total += held.side.sign * (mark * held.qty - held.cost)
        return total

    def patience(self, symbol: str) -> Ms:
        """How long no fault has hampered this symbol: what may be expected of the bot."""
        since = max(self.up_ms, self.faults.excused_until(symbol))
        return self.now_ms - since


FactCheck = Callable[[Scene, Any, Ms], str | None]
StepCheck = Callable[[Scene], str | None]


class Invariant(msgspec.Struct):
    """What must always hold, and the functions that look for the opposite."""

    words: str
    at_facts: list[tuple[type[Fact], FactCheck]] = []  # before the fact folds into the shadow
    at_steps: list[StepCheck] = []
    at_end: list[StepCheck] = []  # when everything must have settled


INVARIANTS: dict[str, Invariant] = {
    name: Invariant(words)
    for name, words in (
        ("I01", "no quantity without a stop for longer than its deadline"),
        ("I02", "a stop never moves against its position"),
        ("I03", "nothing of ours grows a position that shall close"),
        ("I04", "a position never crosses zero by our orders"),
        ("I05", "at most one order for one decision"),
        ("I06", "no order leaves before its intent is durable"),
        ("I07", "after a start ledger and exchange agree before any entry"),
        ("I08", "a position is the sum of its executions, each booked once"),
        ("I09", "entry, initial risk and targets follow from the executions and the first stop"),
        ("I10", "equity is start plus results less fees and funding plus transfers"),
        ("I11", "the exchange of the simulation obeys the same sums"),
        ("I12", "every order is legal and within the caps when it is decided"),
        ("I13", "a day that lost its limit opens nothing; its anchor moves at midnight alone"),
        ("I14", "no entry past a closed gate"),
        ("I15", "streak, cooldown and kill switch hold until they are cleared"),
        ("I16", "every entry follows from a closed, known, young candle, once"),
        ("I17", "no entry in a market that is silent"),
        ("I18", "no order stays unknown while the exchange can be asked"),
        ("I19", "a failed read changes no belief"),
        ("I20", "an older view never replaces a newer one"),
        ("I23", "every change has a cause: a rule, a person, the exchange"),
        ("I25", "what is on disk reads back as the ledger that wrote it"),
        ("I26", "the journal has no gaps and no repeats"),
        ("I28", "when the faults are over, everything is up and open"),
        ("I29", "a close that was decided ends flat"),
        ("I31", "the same seed is the same run"),
    )
}


def at_fact(name: str, *kinds: type[Fact]) -> Callable[[FactCheck], FactCheck]:
    """Register a check of facts; it runs before the fact folds into the shadow."""

    def register(check: FactCheck) -> FactCheck:
        INVARIANTS[name].at_facts.extend((kind, check) for kind in kinds)
        return check

    return register


def at_step(name: str) -> Callable[[StepCheck], StepCheck]:
    """Register a check of the state after a step."""

    def register(check: StepCheck) -> StepCheck:
        INVARIANTS[name].at_steps.append(check)
        return check

    return register


def at_end(name: str) -> Callable[[StepCheck], StepCheck]:
    """Register a check of the settled end."""

    def register(check: StepCheck) -> StepCheck:
        INVARIANTS[name].at_end.append(check)
        return check

    return register
