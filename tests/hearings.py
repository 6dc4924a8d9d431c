"""A scene with one open trade, in which the judges of the simulator can be tried.

The ledger, the shadow, the disk and the exchange agree about a long of 10 SOL from 100.05, its stop
at 98 and one target at 104. A test then says one thing that must not be, and names who objects.
"""

from decimal import Decimal

import msgspec

from builders import INSTRUMENT, T0, D, order, signal
from engine.core import events as e
from engine.core import facts as f
from engine.core.facts import Record
from engine.core.intents import Intent, PlaceOrder
from engine.core.ledger import Ledger
from engine.core.settings import Settings
from engine.core.values import (
    Fill,
    GateName,
    Ms,
    Order,
    OrderKind,
    OrderSide,
    Purpose,
    Side,
    StopKind,
    Target,
)
from engine.sim.disk import Disk
from engine.sim.faults import Faults
from engine.sim.invariants import judge_end, judge_fact, judge_step
from engine.sim.scene import Scene, Step
from engine.sim.shadow import Shadow
from engine.sim.truth import Truth

CLOSED_MS: Ms = T0 + 300_000
NOW: Ms = CLOSED_MS + 60_000
START, ALL = D(10_000), D(10)
ETH = msgspec.structs.replace(INSTRUMENT, symbol="ETHUSDT", base="ETH")
TARGET = order(
    Purpose.TARGET, id="alpha-1-12T", kind=OrderKind.LIMIT, qty=D(4), price=D(104), stop=None
)
ENTRY = order(id="alpha-1-9E", price=D("100.15"), reason="SOL long")


def claim(symbol: str = "SOLUSDT", name: str = "SOL long") -> f.SignalTaken:
    """A signal of the bar that closed at `CLOSED_MS`, approved."""
    said = signal(id=name, symbol=symbol, price=100.0, stop=98.0, expires_ms=CLOSED_MS + 600_000)
    return f.SignalTaken(said, 1, D(10), D("100.15"), D(98), (), D(20), START)


class Hearing:
    """The scene, and a way to say things in it."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.truth = Truth(START, (INSTRUMENT, ETH), lambda _, wanted: wanted)
        self.shadow, self.ledger, self.disk = Shadow(), Ledger(), Disk()
        self.faults = Faults(0)
        self.seq = 0
        self.scene = Scene(
            settings=settings or Settings(),
            truth=self.truth,
            shadow=self.shadow,
            disk=self.disk,
            faults=self.faults,
            ledger=self.ledger,
            now_ms=NOW,
            up_ms=T0,
            step=Step(NOW, e.Tick(), (), (), is_saved=True),
        )
        self.hear(NOW)
        self._trade()

    def hear(self, at_ms: Ms) -> None:
        """Both markets speak."""
        for symbol in ("SOLUSDT", "ETHUSDT"):
            seen = e.QuoteSeen(symbol, 99.99, 100.0, 100.0, at_ms)
            self.scene.quotes[symbol] = seen
            self.scene.heard[symbol] = at_ms
            self.scene.closes[symbol, T0] = {100.0}
            self.truth.quote(seen, at_ms)

    # -- what happened before --------------------------------------------------------------------

    def _trade(self) -> None:
        bought = self.execute(ENTRY)
        price = bought.price
        fees = (price + 98) * D("0.00055")
        risk = D(10) * (price - 98 + fees)
        self.know(
            f.Booted(1, "test", "paper", was_clean=True),
            f.Funded(START),
            f.GateClosed(GateName.UNRECONCILED, "engine", "starting"),
            f.GateOpened(GateName.UNRECONCILED, "engine", "agree"),
            f.DayRolled("2025-06-15", START),
            f.EquityPeaked(START),
            claim(),
            f.OrderPlaced(ENTRY),
            f.OrderAcked(ENTRY.id, None),
            f.OrderFilled(1, bought),
            f.StopMoved(1, D(98), StopKind.INITIAL, NOW),
            f.PositionOpened(1, price, D(10), price - 98, risk, (Target(2.0, D(104), D(4)),)),
            f.OrderPlaced(TARGET),
            f.OrderAcked(TARGET.id, None),
        )
        self.truth.place(PlaceOrder(TARGET), NOW)

    def execute(self, wanted: Order) -> Fill:
        """The exchange takes an order and fills it; the bot does not know yet."""
        events = self.truth.place(PlaceOrder(wanted), NOW)
        return next(x.fill for x in events if isinstance(x, e.FillSeen))

    def know(self, *facts: f.AnyFact, at_ms: Ms = NOW) -> None:
        """These facts are true and nobody objects: no judge is asked."""
        for fact in facts:
            record = self._record(fact, at_ms)
            self.shadow.apply(record)
            self.ledger.apply(record)
            self.disk.append([record])

    def _record(self, fact: f.AnyFact, at_ms: Ms) -> Record:
        self.seq += 1
        return Record(self.seq, at_ms, fact)

    # -- what is judged --------------------------------------------------------------------------

    def say(self, *facts: f.AnyFact, on: e.Event | None = None, at_ms: Ms = NOW) -> None:
        """A step on this event led to these facts; raises `Broken`."""
        records = tuple(self._record(fact, at_ms) for fact in facts)
        self.scene.now_ms = at_ms
        self.scene.step = Step(at_ms, on or e.Tick(), records, (), is_saved=True)
        for record in records:
            judge_fact(self.scene, record)
            self.shadow.apply(record)
            self.ledger.apply(record)
            self.disk.append([record])
        judge_step(self.scene)

    def judge(self, *facts: f.AnyFact, at_ms: Ms = NOW) -> None:
        """Only judge these facts, nothing follows from them; raises `Broken`."""
        for fact in facts:
            judge_fact(self.scene, Record(self.seq, at_ms, fact))

    def ask(self, *intents: Intent, is_saved: bool = True, at_ms: Ms = NOW) -> None:
        """A step led to these intents; raises `Broken`."""
        self.scene.now_ms = at_ms
        self.scene.step = Step(at_ms, e.Tick(), (), intents, is_saved=is_saved)
        judge_step(self.scene)

    def end(self, at_ms: Ms = NOW) -> None:
        """The settled end; raises `Broken`."""
        self.scene.now_ms = at_ms
        self.scene.step = Step(at_ms, e.Tick(), (), (), is_saved=True)
        judge_end(self.scene)


def leaving(qty: Decimal = ALL, name: str = "alpha-1-20X") -> Order:
    """An exit at market."""
    return order(Purpose.EXIT, id=name, qty=qty, price=None, stop=None, reason="operator")


def entering(name: str = "alpha-1-20E", **changes: object) -> Order:
    """Another entry, in ETH."""
    fields: dict[str, object] = {"symbol": "ETHUSDT", "position_id": 2, "reason": "ETH long"}
    return order(**{"id": name, **fields, **changes})  # type: ignore[arg-type] # keys are the caller's


def eth(name: str = "ETH long") -> f.SignalTaken:
    """Another signal approved."""
    return msgspec.structs.replace(claim("ETHUSDT", name), position_id=2)


def adding(**changes: object) -> Order:
    """An add-on to what is held."""
    fields: dict[str, object] = {
        "id": "alpha-1-20A",
        "side": OrderSide.BUY,
        "kind": OrderKind.IOC,
        "qty": D(1),
        "reduce_only": False,
        "price": D("100.15"),
        "stop": None,
    }
    return order(Purpose.ADDON, **{**fields, **changes})


def closed(hearing: Hearing, **changes: object) -> f.PositionClosed:
    """The result of the trade as the shadow counts it, or wrong in places."""
    held = hearing.shadow.held[1]
    assert held.opened is not None
    net = held.realized - held.fees - held.funding
    fields: dict[str, object] = {
        "position_id": 1,
        "symbol": "SOLUSDT",
        "side": Side.LONG,
        "rule": "operator",
        "gross": held.realized,
        "fees": held.fees,
        "net": net,
        "result_r": float(net / held.opened.risk0_usd),
        "mfe_r": 0.0,
        "mae_r": 0.0,
        "opened_ms": NOW,
        "funding": held.funding,
        "streak": 0,
    }
    return f.PositionClosed(**{**fields, **changes})  # type: ignore[arg-type] # keys are the caller's
