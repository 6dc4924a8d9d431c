import asyncio
from collections.abc import AsyncGenerator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import Disk

from builders import INSTRUMENT
from engine.core.events import (
    HistoryLoaded,
    InstrumentsLoaded,
    InterestLoaded,
    MarketEvent,
    TickersLoaded,
)
from engine.core.facts import CommandDone, GateClosed, LiveArmed, Record
from engine.core.ledger import Ledger
from engine.core.settings import Settings
from engine.core.values import Arm, Book, GateName, Ms, Ticker
from engine.errors import StoreError
from engine.live.clock import VenueClock
from engine.live.inbox import Inbox
from engine.live.paper import PaperExchange
from engine.live.station import Ports, Start, Station
from engine.live.store import FileStore
from engine.sim.matching import Matching

NOW_MS = 1_750_000_000_000
CASH = Decimal(10_000)


class Market:
    """A venue whose candles never come, and a stream that says nothing."""

    def __init__(self) -> None:
        self.histories = 0
        self.asked = asyncio.Event()
        self.ahead_ms = 0

    async def instruments(self) -> InstrumentsLoaded:
        return InstrumentsLoaded((INSTRUMENT,))

    async def tickers(self) -> TickersLoaded:
        return TickersLoaded((Ticker("SOLUSDT", 100.0, 99.99, 100.01, 9e8, 1.0),))

    async def history(self, symbol: str, since_ms: Ms) -> HistoryLoaded:
        self.histories += 1
        self.asked.set()
        raise AssertionError(await asyncio.Event().wait(), symbol, since_ms)

    async def interest(self, symbol: str, since_ms: Ms) -> InterestLoaded:
        raise NotImplementedError

    async def book(self, symbol: str, depth: int) -> Book:
        raise NotImplementedError

    async def time_ms(self) -> Ms:
        return self.ahead_ms + NOW_MS

    async def close(self) -> None:
        raise NotImplementedError

    def subscribe(self, symbols: Sequence[str], deep: Sequence[str] = ()) -> None:
        assert deep == ()
        assert symbols == ("SOLUSDT",)

    async def events(self) -> AsyncGenerator[MarketEvent, None]:
        await asyncio.Event().wait()
        yield HistoryLoaded.__new__(HistoryLoaded)


def ledger_of(store: FileStore) -> Ledger:
    loaded = store.load()
    ledger = Ledger() if loaded.state is None else Ledger.load(loaded.state)
    for record in loaded.records:
        ledger.apply(record)
    return ledger


async def live(folder: Path, disk: Disk | None = None) -> list[Record]:
    """One life of the process: up, asked for candles, stopped; returns what it told.

    A `disk` is full from the moment the candles were asked for.
    """
    store, market, inbox, clock = FileStore(folder, "paper"), Market(), Inbox(), VenueClock()
    exchange = PaperExchange(market, Matching(CASH, Decimal(4)), clock.now_ms, inbox.put)
    ports = Ports(exchange, market, store, clock, inbox, exchange)
    station = Station(Settings(), ledger_of(store), ports, Start("1", "paper", CASH))
    told: list[Record] = []
    station.listen(told.extend)
    running = asyncio.create_task(station.run())
    await asyncio.wait_for(market.asked.wait(), 1)
    if disk is not None:
        disk.room = 0
    await station.stop()
    await asyncio.wait_for(running, 1)  # far less than the candles' own deadline
    store.close(is_clean=True)
    assert market.histories == 1
    return told


async def test_every_life_ends_in_order_though_candles_are_still_awaited(tmp_path: Path) -> None:
    for boot in (1, 2):
        facts = [record.fact for record in await live(tmp_path)]
        closed = [x.gate for x in facts if isinstance(x, GateClosed)]
        done = [x.command_id for x in facts if isinstance(x, CommandDone)]
        assert closed.count(GateName.SHUTTING_DOWN) == 1
        assert done == [f"shutdown:{boot}"]


async def test_what_could_not_be_written_before_the_stop_is_an_error(
    tmp_path: Path, disk: Disk
) -> None:
    with pytest.raises(StoreError, match=r"\d+ records could not be written before the stop"):
        await live(tmp_path, disk)


async def test_the_clock_is_told_to_the_engine_and_the_start_carries_its_word(
    tmp_path: Path,
) -> None:
    store, market, inbox, clock = FileStore(tmp_path, "live"), Market(), Inbox(), VenueClock()
    exchange = PaperExchange(market, Matching(CASH, Decimal(4)), clock.now_ms, inbox.put)
    ports = Ports(exchange, market, store, clock, inbox, exchange)
    arm = Arm("@ann (11)", "here", 1)
    start = Start("1", "live", CASH, "here", arm, is_paused=True)
    station = Station(Settings(), ledger_of(store), ports, start)
    told: list[Record] = []
    station.listen(told.extend)
    running = asyncio.create_task(station.run())
    await asyncio.wait_for(market.asked.wait(), 1)
    market.ahead_ms = 60_000
    await station.set_clock()
    await station.stop()
    await asyncio.wait_for(running, 1)
    store.close(is_clean=True)
    facts = [record.fact for record in told]
    assert facts[0] == LiveArmed(arm)
    closed = {x.gate: x.why for x in facts if isinstance(x, GateClosed)}
    assert closed[GateName.OPERATOR] == "live starts paused"
    assert closed[GateName.CLOCK_BAD].startswith("our clock is ")
    assert closed[GateName.CLOCK_BAD].endswith(" ms behind the exchange's")
