"""The deterministic world: the real engine against the real matching, in virtual time, with faults.

It exists to break promises before the market does. A seed is one run: first under faults, where
nothing bad may happen, then without them, where everything must settle. After every step of the
engine each invariant is judged; the first broken one ends the run as a `Failure`.

Stable for others: `run(seed: int) -> Run` and the exception `Failure` (`seed`, `invariant`,
`at_ms`, `words`, `facts`); a step of the engine that raises is broken under the name "step".
The world must never look at a real clock, file or network, and never
draw from anything but its seed.
"""

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from hashlib import sha256

from engine.core import events as e
from engine.core import intents as i
from engine.core.engine import Engine
from engine.core.facts import Record, encode
from engine.core.intents import Intent
from engine.core.values import Ms, Order
from engine.sim import invariants
from engine.sim.clockwork import Clockwork, Rank
from engine.sim.disk import Disk
from engine.sim.draw import Scenario, draw
from engine.sim.faults import Faults, Kind, happens
from engine.sim.life import Life
from engine.sim.outcome import Failure, Run
from engine.sim.prices import Path
from engine.sim.rare import Rare
from engine.sim.scene import Scene, Step
from engine.sim.shadow import Shadow
from engine.sim.strategy import Guess
from engine.sim.street import Street
from engine.sim.truth import Truth
from engine.sim.weather import Weather
from engine.sim.wire import Wire

__all__ = ["Failure", "Run", "World", "run"]

START = Decimal(10_000)
CALM_MS: Ms = 200_000  # without faults, before everything must have settled
BUSY_MS, CALM_TICK_MS, IDLE_MS = 1_000, 2_000, 10_000  # between two ticks
LAST_FACTS = 20
TRANSFERS_MS: Ms = 60_000  # the list of transfers is read this often
MEMORY_EVERY = 150  # steps between two costly comparisons of disk and ledger


class World:
    """Everything of one run."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.work = Clockwork(scenario.start_ms)
        self.faults = Faults(scenario.seed)
        self.disk = Disk()
        self.truth = Truth(START, scenario.instruments, self._there)
        self.wire = Wire(self.work, self.truth, self.faults, self.give)
        self.wire.dies_with_us = not scenario.outlives
        self.paths = _paths(scenario)
        self.street = Street(self.work, self.paths, self.faults, self.give)
        self.skew_ms: Ms = 0
        self.life: Life | None = None
        self.rare = Rare()
        self.steps = self.facts = self.lives = 0
        self._beats = 0
        self._listed_ms: Ms = 0  # when the transfers were listed
        self.last: list[Record] = []
        self._sum = sha256()
        self._frame_ms = 1000 * scenario.settings.market.frame_s
        self._ends_ms = scenario.start_ms + 60_000 * scenario.minutes
        self._judge = None  # the strategy that trades
        if not scenario.is_scripted:
            self._judge = Guess(scenario.seed, scenario.eagerness, self._ends_ms)
        self.scene = Scene(
            settings=scenario.settings,
            truth=self.truth,
            shadow=Shadow(),
            disk=self.disk,
            faults=self.faults,
            ledger=self.disk.load(),
            now_ms=self.work.now,
            up_ms=self.work.now,
            is_one_bet=not scenario.is_scripted,
            step=Step(self.work.now, e.Tick(), (), (), is_saved=True),
        )
        self._weather = Weather(self, tuple(self.paths))

    # -- the run ---------------------------------------------------------------------------------

    def run(self) -> Run:
        """Live through it; raises `Failure`."""
        try:
            self.start()
            self.work.at(self.work.now, Rank.MARKET, self._beat)
            self.work.at(self.work.now + self._frame_ms, Rank.MARKET, self._close_bars)
            self.work.run_until(self._ends_ms)
            self._calm_down()
            self.work.run_until(self._ends_ms + CALM_MS)
            self.scene.now_ms = self.work.now
            invariants.judge_end(self.scene)
        except invariants.Broken as broken:
            story = (broken.words, self._story())
            raise Failure(self.scenario.seed, broken.name, self.work.now, story) from broken
        return self._result()

    def _calm_down(self) -> None:
        """No more faults: whoever is down comes back, whatever was broken works."""
        self.faults.is_on = False
        self.scene.is_calm = True
        self.disk.is_full = False
        self.wire.down_until = 0
        for path in self.paths.values():
            path.is_calm = True
        if self.life is not None:
            self._weather.wake(self.life)
            self.street.heal(self.life)

    def _result(self) -> Run:
        return Run(
            seed=self.scenario.seed,
            digest=self._sum.hexdigest(),
            steps=self.steps,
            facts=self.facts,
            trades=len(self.scene.shadow.closed),
            lives=self.lives,
            virtual_ms=self.work.now - self.scenario.start_ms,
            bare_ms=self.truth.bare_total_ms,
            faults={kind.value: n for kind, n in self.faults.struck.items()},
            rare=dict(self.rare.counts),
            last=tuple(self._story()),
        )

    def _story(self) -> list[str]:
        return [f"{r.seq} at {r.at_ms}: {r.fact}" for r in self.last[-LAST_FACTS:]]

    # -- the process -----------------------------------------------------------------------------

    def start(self) -> None:
        """A process begins with what the disk remembers."""
        self.lives += 1
        ledger = self.disk.load()
        self.scene.shadow = shadow = Shadow()
        for record in self.disk.records:
            shadow.apply(record)
        invariants.judge_memory(self.scene)
        if self.wire.dies_with_us and self.lives > 1:
            self.truth.restore(ledger, shadow, self.work.now)
        self.wire.reset()
        self.street.reset()
        engine = Engine(self.scenario.settings, ledger, "paper", self._judge)
        self.life = life = Life(engine, self.disk, self.work.now)
        self.scene.ledger, self.scene.up_ms = ledger, self.work.now
        self.scene.quotes.clear()
        self.scene.heard.clear()
        self.give(life, e.Started("sim", "paper", self.lives == 1, START))
        if self.life is life:
            self.work.after(0, Rank.TIME, lambda: self._tick(life))
            if self.faults.hits(Kind.CRASH_IN_RECOVERY):
                wait_ms = self.faults.between(1, 3_000)
                self.work.after(wait_ms, Rank.TIME, lambda: self._kill(life))

    def _kill(self, life: Life) -> None:
        if self.life is life:
            self.crash(Kind.CRASH_IN_RECOVERY)

    def crash(self, kind: Kind) -> None:
        """The process is gone; somebody starts it again after a while."""
        assert self.life is not None, kind
        self.life.died_ms, self.life = self.work.now, None
        wait_ms = self.faults.between(500, 90_000)
        self.faults.excuse("", self.work.now + wait_ms)
        self.work.after(wait_ms, Rank.TIME, self.start)

    def _tick(self, life: Life) -> None:
        if self.life is not life:
            return
        self.give(life, e.Tick())
        if life.died_ms is None and self.work.now - self._listed_ms >= TRANSFERS_MS:
            self._listed_ms = self.work.now
            for number, amount in self.truth.transfers.items():
                self.give(life, e.TransferSeen(number, amount))
        wait_ms = BUSY_MS if _is_busy(self.scene) else IDLE_MS
        if self.scene.is_calm:
            wait_ms = min(wait_ms, CALM_TICK_MS)
        self.work.after(wait_ms, Rank.TIME, lambda: self._tick(life))

    def fill_disk(self, wait_ms: Ms) -> None:
        """The disk refuses for a while."""
        self.disk.is_full = True
        self.rare.disk_full(self.scene.shadow)

        def make_room() -> None:
            self.disk.is_full = False

        self.work.after(wait_ms, Rank.TIME, make_room)

    def give(self, life: Life, event: e.Event) -> None:
        """An event reaches the process, if it lives and is awake."""
        if self.life is not life:
            return
        if life.is_asleep:
            life.wait(event)
        else:
            self._turn(life, event)

    def _turn(self, life: Life, event: e.Event) -> None:
        """Stamp, step, save, let go; and die at any point of it."""
        try:
            at_ms, outcome = life.step(self.work.now + self.skew_ms, event)
        except Exception as defect:
            raise invariants.Broken("step", f"{event!r:.300} ended in {defect!r}") from defect
        self.steps += 1
        self._hear(at_ms, event)
        records = outcome.records
        if records and self.faults.hits(Kind.CRASH_BEFORE_APPEND):
            self._remember(records)
            self.crash(Kind.CRASH_BEFORE_APPEND)
            return
        if records and self.faults.hits(Kind.CRASH_TORN_APPEND):
            self._remember(records)
            if happens(self.faults.dice, 0.5) and not self.disk.is_full:
                self.disk.append([*life.unsaved, *records])
            self.crash(Kind.CRASH_TORN_APPEND)
            return
        is_saved = life.save(event, records)
        intents = life.allowed(outcome.intents, is_saved=is_saved)
        self._judge_step(Step(at_ms, event, records, intents, is_saved))
        if records and self.faults.hits(Kind.CRASH_AFTER_APPEND):
            self.crash(Kind.CRASH_AFTER_APPEND)
            return
        self._let_go(life, intents)

    def _let_go(self, life: Life, intents: Sequence[Intent]) -> None:
        for intent in intents:
            if isinstance(intent, i.PlaceOrder | i.CancelOrder | i.SetStop | i.FindOrder):
                if self.faults.hits(Kind.CRASH_BETWEEN_INTENTS):
                    self.crash(Kind.CRASH_BETWEEN_INTENTS)
                    return
                self.wire.send(life, intent)
            elif isinstance(intent, i.FetchAccount):
                self.wire.send(life, intent)
            else:
                self.street.read(life, intent)
        life.between_turns(self.scenario.settings.store.checkpoint_facts)
        for event in life.outbox:
            self.work.after(0, Rank.ANSWER, lambda event=event: self.give(life, event))  # type: ignore[misc] # bound now
        life.outbox.clear()

    # -- judging ---------------------------------------------------------------------------------

    def _remember(self, records: Sequence[Record]) -> None:
        self.facts += len(records)
        for record in records:
            self._sum.update(encode(record))
        self.last = [*self.last[-LAST_FACTS:], *records]

    def _judge_step(self, step: Step) -> None:
        scene = self.scene
        scene.now_ms, scene.step = self.work.now, step
        self._remember(step.records)
        for record in step.records:
            invariants.judge_fact(scene, record)
            self.rare.note(scene.shadow, record.fact)
            scene.shadow.apply(record)
        if step.records or step.intents or isinstance(step.event, e.Tick):
            invariants.judge_step(scene)
        if self.steps % MEMORY_EVERY == 0:
            invariants.judge_memory(scene)

    def _hear(self, at_ms: Ms, event: e.Event) -> None:
        """What the bot was told of the market."""
        scene = self.scene
        if isinstance(event, e.QuoteSeen):
            if _is_believable(event, at_ms):
                said_ms = min(event.exchange_ms, at_ms)
                scene.quotes[event.symbol] = event
                scene.heard[event.symbol] = max(said_ms, scene.heard.get(event.symbol, 0))
        elif isinstance(event, e.CandlesClosed):
            for bar in event.bars:
                scene.closes.setdefault((bar.symbol, bar.open_ms), set()).add(bar.close)
                closed_ms = bar.open_ms + self._frame_ms
                scene.heard[bar.symbol] = max(closed_ms, scene.heard.get(bar.symbol, 0))
        elif isinstance(event, e.HistoryLoaded):
            rows = zip(event.open_ms[-3:].tolist(), event.ohlcv[-3:, 3].tolist(), strict=True)
            for open_ms, close in rows:
                scene.closes.setdefault((event.symbol, open_ms), set()).add(close)

    # -- the market ------------------------------------------------------------------------------

    def _there(self, order: Order, wanted: Decimal) -> Decimal:
        """How much the book has of what somebody wants."""
        if self.faults.hits(Kind.EMPTY_BOOK):
            there = Decimal(0)
        elif self.faults.hits(Kind.THIN_BOOK):
            lot = self.truth.instruments[order.symbol].lot
            share = Decimal(self.faults.between(10, 90)) / 100
            there = (wanted * share / lot).to_integral_value(ROUND_FLOOR) * lot
        else:
            return wanted
        self.faults.excuse(order.symbol, self.work.now)
        return there

    def _beat(self) -> None:
        """The market moves; then trouble has its chance."""
        now = self.work.now
        self._beats += 1
        turn = self._beats % 3
        for k, (symbol, path) in enumerate(self.paths.items()):
            if symbol in self.truth.held or k % 3 == turn:
                self._move(path)
        if self.faults.hits(Kind.MARKET_GAP):
            share = self.faults.dice.choice((-0.03, -0.01, 0.01, 0.03))
            for path in self.paths.values():
                self._show(path.jump(share, now))
        if self.scenario.outlives:
            self._weather.hands()
        self._weather.beat()
        wait_ms = self.scenario.beat_ms + self.faults.between(-500, 500)
        self.work.after(wait_ms, Rank.MARKET, self._beat)

    def _move(self, path: Path) -> None:
        now = self.work.now
        quote = path.move(now)
        if self.faults.hits(Kind.GAP):
            quote = path.jump(self.faults.dice.choice((-0.03, -0.01, 0.01, 0.03)), now)
        elif self.faults.hits(Kind.SPIKE):
            share = self.faults.dice.choice((-0.02, 0.02))
            self._show(path.jump(share, now))
            quote = path.jump(1 / (1 + share) - 1, now)
        self._show(quote)

    def _show(self, quote: e.QuoteSeen) -> None:
        """The exchange acts on a price; then the process hears of both."""
        life = self.life
        if life is None and self.wire.dies_with_us:
            return
        events = self.truth.quote(quote, self.work.now)
        self.wire.quoted.add(quote.symbol)
        self.wire.tell(life, events)
        if life is not None:
            self.street.quote(life, quote)

    def _close_bars(self) -> None:
        open_ms = self.work.now - self._frame_ms
        bars = [path.close(open_ms) for path in self.paths.values()]
        if self.life is not None:
            self.street.close(self.life, bars)
        self.work.after(self._frame_ms, Rank.MARKET, self._close_bars)


def run(seed: int) -> Run:
    """Live through one seed; raises `Failure` when a promise is broken."""
    return World(draw(seed)).run()


def _paths(scenario: Scenario) -> dict[str, Path]:
    frame_ms = 1000 * scenario.settings.market.frame_s
    paths: dict[str, Path] = {}
    for k, (rules, price) in enumerate(zip(scenario.instruments, scenario.prices, strict=True)):
        path = paths[rules.symbol] = Path(scenario.seed, rules, price, frame_ms)
        if scenario.is_scripted:
            path.follow(scenario.start_ms, k, is_short=(scenario.seed // 5 + k) % 3 == 0)
        else:
            path.wander(scenario.start_ms)
    return paths


def _is_busy(scene: Scene) -> bool:
    """Whether the bot waits for something: then time is looked at closely."""
    shadow = scene.shadow
    if any(not sent.acked or sent.doubted_ms for sent in shadow.live()):
        return True
    return any(h.bare_ms is not None or h.leaving for h in shadow.held.values())


def _is_believable(quote: e.QuoteSeen, at_ms: Ms) -> bool:
    is_sane = 0 < quote.bid <= quote.ask < float("inf") and 0 < quote.last < float("inf")
    return is_sane and quote.exchange_ms <= at_ms + 2000
