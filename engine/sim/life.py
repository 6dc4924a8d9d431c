"""One life of the process: engine, unsaved records, and what waits while the machine sleeps.

It exists so that a crash ends exactly one object, with everything in it that was not on disk. It
repeats the shell's order of things: stamp, step, save, let the intents go. It must never survive.
"""

from collections.abc import Sequence

from engine.core.engine import Engine
from engine.core.events import (
    CandlesClosed,
    Command,
    DiskSeen,
    Event,
    OrderRefused,
    QuoteSeen,
    Tick,
)
from engine.core.facts import Record
from engine.core.intents import Intent, Outcome, PlaceOrder
from engine.core.values import Ms, Refusal
from engine.sim.disk import Disk, DiskRefused


class Life:
    """A process from its start to its death."""

    def __init__(self, engine: Engine, disk: Disk, up_ms: Ms) -> None:
        self.engine = engine
        self.disk = disk
        self.up_ms = up_ms
        self.died_ms: Ms | None = None
        self.asleep_until: Ms = 0
        self.is_asleep = False
        self._at_ms: Ms = engine.ledger.state.at_ms
        self.unsaved: list[Record] = []
        self.since_checkpoint = 0
        self.outbox: list[Event] = []  # what the shell itself has to tell the engine
        self._waiting: list[Event] = []  # while asleep
        self._quotes: dict[str, QuoteSeen] = {}

    def step(self, clock_ms: Ms, event: Event) -> tuple[Ms, Outcome]:
        """Stamp and step."""
        self._at_ms = max(self._at_ms, clock_ms)
        return self._at_ms, self.engine.step(self._at_ms, event)

    def save(self, event: Event, records: Sequence[Record]) -> bool:
        """Make the records durable, older ones first; False when they are not."""
        was_bad = bool(self.unsaved)
        self.unsaved.extend(records)
        if not records and not (was_bad and isinstance(event, Tick)):
            return not was_bad
        try:
            self.disk.append(self.unsaved)
        except DiskRefused:
            if not was_bad:
                self.outbox.append(DiskSeen("no space left on device"))
            return False
        self.since_checkpoint += len(self.unsaved)
        self.unsaved.clear()
        if was_bad:
            self.outbox.append(DiskSeen(None))
        return True

    def allowed(self, intents: Sequence[Intent], *, is_saved: bool) -> tuple[Intent, ...]:
        """Without a journal nothing that grows leaves; exits and protection do."""
        let_go: list[Intent] = []
        for intent in intents:
            if isinstance(intent, PlaceOrder) and intent.order.purpose.is_growing and not is_saved:
                detail = "journal not written"
                self.outbox.append(OrderRefused(intent.order.id, Refusal.OTHER, detail))
            else:
                let_go.append(intent)
        return tuple(let_go)

    def between_turns(self, checkpoint_facts: int) -> None:
        """Take a checkpoint when one is due."""
        if self.since_checkpoint >= checkpoint_facts and not self.unsaved:
            self.disk.checkpoint(self.engine.ledger)
            self.since_checkpoint = 0

    # -- sleep -----------------------------------------------------------------------------------

    def wait(self, event: Event) -> None:
        """The machine sleeps: keep it, the newest quote of each symbol and no ticks."""
        if isinstance(event, QuoteSeen):
            self._quotes[event.symbol] = event
        elif not isinstance(event, Tick):
            self._waiting.append(event)

    def wake(self) -> list[Event]:
        """What waited, account and people first, then the market."""
        if not self.is_asleep:
            return []
        self.is_asleep = False
        waiting, self._waiting = self._waiting, []
        market = [x for x in waiting if isinstance(x, CandlesClosed)]
        rest = [x for x in waiting if not isinstance(x, CandlesClosed)]
        quotes, self._quotes = list(self._quotes.values()), {}
        commands = [x for x in rest if isinstance(x, Command)]
        return [*(x for x in rest if x not in commands), *commands, *quotes, *market, Tick()]
