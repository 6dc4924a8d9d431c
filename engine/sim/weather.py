"""What happens by itself: outages, sleep, a full disk, strangers' hands, people at the chat.

It exists so that each spontaneous trouble is one short function drawn at every beat of the market.
It must never strike once the faults are off.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

from engine.core import events as e
from engine.core.values import Ms
from engine.sim.clockwork import Clockwork, Rank
from engine.sim.faults import Faults, Kind
from engine.sim.life import Life
from engine.sim.operator import Operator
from engine.sim.street import Street
from engine.sim.truth import Truth
from engine.sim.wire import Wire

SUSPEND_MS: Ms = 600_000
CLOCK_LASTS_MS: Ms = 60_000  # how long a wrong stamp may still mislead about what is recent
Strike = Callable[[Life], None]

HANDS = (
    Kind.STOP_REMOVED, Kind.STOP_LOOSENED, Kind.STOP_TIGHTENED, Kind.HAND_REDUCED,
    Kind.HAND_CLOSED, Kind.ADL, Kind.LIQUIDATION,
)  # fmt: skip
CAUSES = {
    Kind.HAND_REDUCED: "by hand",
    Kind.HAND_CLOSED: "by hand",
    Kind.ADL: "adl",
    Kind.LIQUIDATION: "liquidation",
}


class Scenery(Protocol):
    """What the weather may reach of the world."""

    work: Clockwork
    faults: Faults
    truth: Truth
    wire: Wire
    street: Street
    skew_ms: Ms

    @property
    def life(self) -> Life | None:
        """The process, while it runs."""
        ...

    def give(self, life: Life, event: e.Event) -> None:
        """Hand an event to a process."""
        ...

    def crash(self, kind: Kind) -> None:
        """End the process at once."""
        ...

    def fill_disk(self, wait_ms: Ms) -> None:
        """The disk refuses for a while."""
        ...


class Weather:
    """Draws trouble at every beat."""

    def __init__(self, world: Scenery, symbols: tuple[str, ...]) -> None:
        self._world = world
        self._symbols = symbols
        self._operator = Operator(world.faults)
        self._strikes: dict[Kind, Strike] = {
            Kind.OUTAGE: self._outage,
            Kind.MUTE: self._mute,
            Kind.STREAM_DOWN: self._stream_down,
            Kind.SHRUNK_LIST: self._shrunk_list,
            Kind.CLOCK_AHEAD: self._clock_ahead,
            Kind.CLOCK_BACK: self._clock_back,
            Kind.SUSPEND: self._suspend,
            Kind.DISK_FULL: self._disk_full,
            Kind.COMMAND: self._command,
            Kind.CRASH_IN_FLIGHT: lambda _: world.crash(Kind.CRASH_IN_FLIGHT),
        }

    def beat(self) -> None:
        """Each trouble has its chance, while the process lives to feel it."""
        for kind, strike in self._strikes.items():
            life = self._world.life
            if life is None:
                return
            if self._world.faults.hits(kind):
                strike(life)

    def hands(self) -> None:
        """Somebody else acts on our account, whether we live or not."""
        world = self._world
        for symbol in tuple(world.truth.held):
            for kind in HANDS:
                if symbol in world.truth.held and world.faults.hits(kind):
                    self._hand(kind, symbol)
        if world.faults.hits(Kind.TRANSFER):
            amount = Decimal(world.faults.dice.choice(("-500", "-40.5", "0.01", "300", "2000")))
            seen = world.truth.transfer(amount, world.work.now)
            world.wire.tell(world.life, [seen])

    def _hand(self, kind: Kind, symbol: str) -> None:
        world, now = self._world, self._world.work.now
        held = world.truth.held[symbol]
        tick, lot = world.truth.instruments[symbol].tick, world.truth.instruments[symbol].lot
        if kind is Kind.STOP_REMOVED:
            world.truth.move_stop(symbol, None, now)
        elif kind in (Kind.STOP_LOOSENED, Kind.STOP_TIGHTENED):
            away = held.side.sign * (-1 if kind is Kind.STOP_LOOSENED else 1)
            if held.stop is not None:
                step = tick * world.faults.between(1, 20)
                world.truth.move_stop(symbol, max(held.stop + away * step, tick), now)
        else:
            is_part = kind in (Kind.HAND_REDUCED, Kind.ADL)
            share = Decimal(world.faults.between(10, 90)) / 100 if is_part else Decimal(1)
            qty = max(lot, (held.qty * share / lot).to_integral_value() * lot)
            events = world.truth.reduce(symbol, qty, CAUSES[kind], now)
            world.wire.tell(world.life, events)

    def _outage(self, _: Life) -> None:
        world = self._world
        world.wire.down_until = world.work.now + world.faults.between(5_000, 120_000)
        world.faults.excuse("", world.wire.down_until)

    def _mute(self, _: Life) -> None:
        symbol = self._world.faults.dice.choice(self._symbols)
        self._world.street.mute(symbol, self._world.faults.between(10_000, 180_000))

    def _stream_down(self, life: Life) -> None:
        dice = self._world.faults.dice
        some = dice.sample(self._symbols, dice.choice((1, len(self._symbols))))
        self._world.street.cut(life, some, self._world.faults.between(2_000, 300_000))

    def _shrunk_list(self, life: Life) -> None:
        """The list of markets comes without one, and again complete later."""
        world = self._world
        gone = world.faults.dice.choice(self._symbols)
        world.give(life, e.InstrumentsLoaded(world.street.instruments(without=gone)))
        complete = e.InstrumentsLoaded(world.street.instruments())
        wait_ms = world.faults.between(10_000, 200_000)
        world.work.after(wait_ms, Rank.MARKET, lambda: world.give(life, complete))

    def _clock_ahead(self, _: Life) -> None:
        self._shift(self._world.faults.between(500, 20_000))

    def _clock_back(self, _: Life) -> None:
        self._shift(-self._world.faults.between(500, 20_000))

    def _shift(self, by_ms: Ms) -> None:
        """Our clock is off until the exchange's time is read again."""
        world = self._world
        world.skew_ms += by_ms
        wait_ms = world.faults.between(10_000, 60_000)
        world.faults.clock_off_until = world.work.now + wait_ms + CLOCK_LASTS_MS
        world.faults.excuse("", world.work.now + wait_ms + abs(by_ms))

        def mend() -> None:
            world.skew_ms = 0

        world.work.after(wait_ms, Rank.TIME, mend)

    def _suspend(self, life: Life) -> None:
        world = self._world
        until_ms = world.work.now + world.faults.between(30_000, SUSPEND_MS)
        life.is_asleep, life.asleep_until = True, until_ms
        world.faults.excuse("", until_ms)

        world.work.at(until_ms, Rank.TIME, lambda: self.wake(life))

    def wake(self, life: Life) -> None:
        """The machine goes on; what waited comes all at once."""
        for event in life.wake():
            self._world.give(life, event)

    def _disk_full(self, _: Life) -> None:
        self._world.fill_disk(self._world.faults.between(5_000, 120_000))

    def _command(self, life: Life) -> None:
        command = self._operator.command(life.engine.ledger, self._world.work.now)
        self._world.give(life, command)
