"""One turn of the engine: what a decision may see, and where its facts and intents go.

It exists so that the parts of the core share one short argument instead of six. It must never
decide anything itself: it folds each fact into the ledger the moment it is stated.
"""

import msgspec

from engine.core.events import AccountPosition
from engine.core.facts import AnyFact, Incident, Record
from engine.core.intents import Intent, Outcome
from engine.core.ledger import Ledger
from engine.core.market import Market
from engine.core.settings import Settings
from engine.core.values import GateName, Ms

ALARM_AGAIN_MS: Ms = 900_000  # trouble that lasts is told again this late


class Look(msgspec.Struct):
    """When an order was last looked up, and how often that found it nowhere."""

    asked_ms: Ms
    misses: int = 0


class Turn(msgspec.Struct):
    """The state of the world during one step, and what the step produced so far."""

    at_ms: Ms
    settings: Settings
    ledger: Ledger
    market: Market
    records: list[Record] = msgspec.field(default_factory=list)
    intents: list[Intent] = msgspec.field(default_factory=list)
    looked: dict[str, Look] = msgspec.field(default_factory=dict)  # by order id
    is_armed: bool = True  # paper, or a person allowed real orders to this venue
    is_compared: bool = True  # the account was read since the start: equity is not a guess
    foreign: dict[str, AccountPosition] = msgspec.field(default_factory=dict)  # last read, not ours
    odd: dict[str, Ms] = msgspec.field(default_factory=dict)  # orders listed, not ours: since when

    def tell(self, fact: AnyFact) -> Record:
        """Make a fact true: give it its sequence number and fold it into the ledger."""
        record = Record(self.ledger.seq + 1, self.at_ms, fact)
        self.ledger.apply(record)
        self.records.append(record)
        return record

    def alarm(self, incident: Incident) -> bool:
        """Tell a person, once per cause and not with every retry; whether it was news."""
        told_ms = self.ledger.state.alarms.get(incident.key)
        if told_ms is not None and self.at_ms - told_ms < ALARM_AGAIN_MS:
            return False
        self.tell(incident)
        return True

    def ask(self, intent: Intent) -> None:
        """Hand an intent to the shell, after the facts of this turn are durable."""
        self.intents.append(intent)

    def is_closed(self, gate: GateName) -> bool:
        """Whether this gate stops entries."""
        return gate in self.ledger.state.gates

    def outcome(self) -> Outcome:
        """What the turn decided."""
        return Outcome(tuple(self.records), tuple(self.intents))
