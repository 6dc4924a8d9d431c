"""A ledger and its disk after years: facts of trade after trade, and what a write costs then."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from itertools import count, islice
from pathlib import Path

import numpy as np

from engine.core import facts as f
from engine.core.ledger import Ledger
from engine.core.values import (
    Fill,
    Level,
    Order,
    OrderKind,
    OrderSide,
    Purpose,
    Setup,
    Side,
    Signal,
    StopKind,
)
from engine.live.store import FileStore

START_MS = 1_760_000_100_000
AGES = (1_000, 10_000, 100_000)
SYMBOLS = 200
ROUNDS = 200  # appends timed
CHECKPOINTS = 15
CHUNK = 1000  # facts of one append while it grows old


class Age:
    """A store that has seen so many facts, with a checkpoint at the end of them."""

    def __init__(self, folder: Path, facts: int) -> None:
        self.store = FileStore(folder, "paper")
        self.store.load()
        self.ledger = Ledger()
        self._stream = records()
        self._facts = facts
        self.append_ms: list[float] = []
        self.checkpoint_ms: list[float] = []

    async def grow(self) -> None:
        """Live through all of it."""
        while self.ledger.seq < self._facts:
            await self._append(min(CHUNK, self._facts - self.ledger.seq))

    async def _append(self, size: int) -> float:
        batch = list(islice(self._stream, size))
        for record in batch:
            self.ledger.apply(record)
        began = time.perf_counter()
        await self.store.append(batch)
        return (time.perf_counter() - began) * 1000

    async def time_append(self) -> None:
        """One fact more."""
        self.append_ms.append(await self._append(1))

    async def time_checkpoint(self) -> None:
        """Dump and write the state as it is."""
        began = time.perf_counter()
        await self.store.checkpoint(self.ledger.dump(), self.ledger.seq)
        self.checkpoint_ms.append((time.perf_counter() - began) * 1000)


def records() -> Iterator[f.Record]:
    """Trades without end, seven facts each."""
    facts = (fact for number in count(1) for fact in _trade(number))
    for seq, fact in enumerate(facts, 1):
        yield f.Record(seq, START_MS + seq, fact)


def _trade(number: int) -> Iterator[f.AnyFact]:
    symbol = f"S{number % SYMBOLS:03}USDT"
    order = _order(number, symbol)
    yield f.SignalTaken(
        _signal(number, symbol),
        number,
        Decimal(10),
        Decimal(101),
        Decimal(99),
        (),
        Decimal(15),
        Decimal(10_000),
    )
    yield f.OrderPlaced(order)
    yield f.OrderFilled(number, _fill(order, Purpose.ENTRY, "100.5"))
    yield f.PositionOpened(number, Decimal("100.5"), Decimal(10), Decimal("1.5"), Decimal(15), ())
    yield f.StopMoved(number, Decimal(99), StopKind.INITIAL)
    yield f.OrderFilled(number, _fill(order, Purpose.STOP, "99"))
    yield f.PositionClosed(
        position_id=number,
        symbol=symbol,
        side=Side.LONG,
        rule="INITIAL",
        gross=Decimal(-15),
        fees=Decimal("1.1"),
        net=Decimal("-16.1"),
        result_r=-1.07,
        mfe_r=0.2,
        mae_r=-1.1,
        opened_ms=START_MS,
    )


def _signal(number: int, symbol: str) -> Signal:
    return Signal(
        id=f"{symbol}:{number}:MOMENTUM:LONG",
        symbol=symbol,
        side=Side.LONG,
        setup=Setup.MOMENTUM,
        open_ms=START_MS,
        level=Level(Side.LONG, 100.0, 3, START_MS, START_MS, 50, 0.5),
        trigger=100.1,
        price=100.5,
        stop=99.0,
        atr=0.5,
        expires_ms=START_MS + 300_000,
        checks=(),
    )


def _order(number: int, symbol: str) -> Order:
    return Order(
        id=f"alpha-1-{number}E",
        position_id=number,
        symbol=symbol,
        purpose=Purpose.ENTRY,
        side=OrderSide.BUY,
        kind=OrderKind.IOC,
        qty=Decimal(10),
        reduce_only=False,
        reason=f"{symbol}:{number}:MOMENTUM:LONG",
        price=Decimal(101),
        stop=Decimal(99),
    )


def _fill(order: Order, purpose: Purpose, price: str) -> Fill:
    is_entry = purpose is Purpose.ENTRY
    order_id = order.id if is_entry else f"stop-{order.id}"
    return Fill(
        id=f"{order_id}:1",
        order_id=order_id,
        symbol=order.symbol,
        purpose=purpose,
        side=OrderSide.BUY if is_entry else OrderSide.SELL,
        qty=order.qty,
        price=Decimal(price),
        fee=Decimal("0.55"),
        is_maker=False,
        exchange_ms=START_MS,
    )


async def _measure(ages: list[Age]) -> None:
    for age in ages:
        await age.grow()
    for _ in range(ROUNDS):  # side by side, so that a busy machine is unfair to none of them
        for age in ages:
            await age.time_append()
    for _ in range(CHECKPOINTS):
        for age in ages:
            await age.time_checkpoint()


def costs() -> dict[int, tuple[float, float]]:
    """Median milliseconds of an append and of a checkpoint, by the number of facts before."""
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in AGES]
        ages = [Age(folder, facts) for folder, facts in zip(folders, AGES, strict=True)]
        asyncio.run(_measure(ages))
        for age in ages:
            age.store.close()
    return {
        facts: (float(np.median(age.append_ms)), float(np.median(age.checkpoint_ms)))
        for facts, age in zip(AGES, ages, strict=True)
    }


def start_ms() -> float:
    """Milliseconds from an empty process to a ledger, with the last 100k facts in the journal."""
    with tempfile.TemporaryDirectory() as folder:
        age = Age(Path(folder), AGES[-1])
        asyncio.run(age.grow())
        age.store.close(is_clean=True)
        spent = []
        for _ in range(3):
            began = time.perf_counter()
            store = FileStore(Path(folder), "paper")
            ledger = Ledger()
            for record in store.load().records:
                ledger.apply(record)
            spent.append((time.perf_counter() - began) * 1000)
            store.close(is_clean=True)
            assert ledger.digest() == age.ledger.digest()
    return float(np.median(spent))
