import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import numpy as np
import pytest
from unit.contracts import INSTRUMENT, SYMBOL, ExchangeContract, entry, market_exit, target

from engine.core.events import (
    Event,
    FillSeen,
    FundingSeen,
    HistoryLoaded,
    InstrumentsLoaded,
    InterestLoaded,
    OrderAccepted,
    OrderGone,
    OrderMissing,
    QuoteSeen,
    StopSet,
    Tick,
    TickersLoaded,
)
from engine.core.values import Book, Funding, Instrument, Ms, OrderState, Purpose, Side
from engine.errors import Transient
from engine.live.paper import PaperExchange
from engine.ports import Exchange
from engine.sim.matching import Holding, Matching

HISTORY = HistoryLoaded(SYMBOL, np.zeros(0, np.int64), np.zeros((0, 5)))
BOOK = Book(SYMBOL, (), (), 5)


class Reader:
    """A market that answers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.listed: tuple[Instrument, ...] = (INSTRUMENT,)

    async def instruments(self) -> InstrumentsLoaded:
        return InstrumentsLoaded(self.listed)

    async def tickers(self) -> TickersLoaded:
        return TickersLoaded(())

    async def history(self, symbol: str, since_ms: Ms) -> HistoryLoaded:
        self.asked.append((symbol, since_ms))
        return HISTORY

    async def interest(self, symbol: str, since_ms: Ms) -> InterestLoaded:
        self.asked.append((symbol, since_ms))
        return InterestLoaded(symbol, ((5, 1.0),))

    async def book(self, symbol: str, depth: int) -> Book:
        self.asked.append((symbol, depth))
        return BOOK

    async def time_ms(self) -> Ms:
        return 77

    async def close(self) -> None:
        self.asked.append("close")


class Inbox:
    """Where the adapter's events arrive, the answer included."""

    def __init__(self) -> None:
        self.heard: list[Event] = []
        self.is_full = False

    def put(self, event: Event) -> None:
        if self.is_full:
            self.is_full = False
            raise asyncio.QueueFull
        self.heard.append(event)


class PaperWorld:
    exchange: Exchange

    def __init__(self) -> None:
        self.inbox = Inbox()
        self.heard = self.inbox.heard
        self.reader = Reader()
        self.matching = Matching(Decimal(10_000), Decimal(4), Decimal(1))
        self.paper = PaperExchange(self.reader, self.matching, lambda: 1234, self.inbox.put)
        self.exchange = self.paper

    async def quote(self, bid: float, ask: float, last: float) -> None:
        self.paper.see(QuoteSeen(SYMBOL, bid, ask, last, 1))
        await self.settle()

    async def settle(self) -> None:
        await asyncio.sleep(0)


@pytest.fixture
async def world() -> AsyncIterator[PaperWorld]:
    made = PaperWorld()
    await made.exchange.instruments()
    await made.quote(99.99, 100, 100)
    yield made
    await made.settle()


class TestContract(ExchangeContract):
    pass


async def test_the_answer_comes_before_what_follows(world: PaperWorld) -> None:
    world.heard.append(await world.exchange.place(entry(Side.LONG, "10", "101", "98")))
    world.paper.see(QuoteSeen(SYMBOL, 97.9, 97.91, 97.9, 2))  # before anything was delivered
    assert world.heard == [OrderAccepted("e1")]
    await world.settle()
    bought, stopped = [e for e in world.heard if isinstance(e, FillSeen)]
    assert world.heard == [
        OrderAccepted("e1"),
        bought,
        StopSet(1, Decimal(98), 1234),
        OrderGone("e1", OrderState.FILLED, "", Decimal(10)),
        stopped,
    ]
    assert stopped.fill.purpose is Purpose.STOP
    assert (bought.fill.exchange_ms, stopped.fill.exchange_ms) == (1234, 1234)


async def test_only_quotes_move_the_account(world: PaperWorld) -> None:
    await world.exchange.place(entry(Side.LONG, "10", "101", "98"))
    await world.settle()
    before = list(world.heard), await world.exchange.account()
    world.paper.see(Tick())
    await world.settle()
    assert (world.heard, await world.exchange.account()) == before


async def test_an_event_the_sink_did_not_take_is_offered_again(world: PaperWorld) -> None:
    problems: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: problems.append(context.get("exception")))
    world.inbox.is_full = True
    await world.exchange.place(entry(Side.LONG, "10", "101", "98"))
    await world.settle()
    assert [type(p) for p in problems] == [asyncio.QueueFull]
    assert world.heard == []
    await world.exchange.place(market_exit(Side.LONG, "10"))
    await world.settle()
    assert [e.fill.order_id for e in world.heard if isinstance(e, FillSeen)] == ["e1", "x1"]


async def test_a_target_traded_through_ends_the_position(world: PaperWorld) -> None:
    await world.exchange.place(entry(Side.LONG, "10", "101", "98"))
    await world.exchange.place(target(Side.LONG, "10", "103"))
    await world.quote(103.5, 103.51, 103.5)
    assert world.heard[-1] == OrderGone("t1", OrderState.FILLED, "", Decimal(10))
    assert (await world.exchange.account()).positions == ()


async def test_market_data_is_the_readers_own(world: PaperWorld) -> None:
    assert await world.exchange.instruments() == InstrumentsLoaded((INSTRUMENT,))
    assert await world.exchange.tickers() == TickersLoaded(())
    assert await world.exchange.history(SYMBOL, 5) is HISTORY
    assert await world.exchange.interest(SYMBOL, 5) == InterestLoaded(SYMBOL, ((5, 1.0),))
    assert await world.exchange.book(SYMBOL, 3) is BOOK
    assert await world.exchange.time_ms() == 77
    await world.exchange.close()
    assert world.reader.asked == [(SYMBOL, 5), (SYMBOL, 5), (SYMBOL, 3), "close"]


async def test_an_exit_before_the_markets_first_word_is_not_refused() -> None:
    world = PaperWorld()
    held = Holding(1, SYMBOL, Side.LONG, Decimal(10), Decimal(100), Decimal(98), 1)
    world.matching.restore(Decimal(10_000), [held], [])
    sent = market_exit(Side.LONG, "10")
    await world.quote(99.99, 100, 100)  # of a symbol whose rules are not known yet
    await world.exchange.instruments()
    with pytest.raises(Transient, match="expected a quote, none seen since the start"):
        await world.exchange.place(sent)
    assert await world.exchange.find(sent) == OrderMissing("x1")
    await world.quote(99.99, 100, 100)
    assert await world.exchange.place(sent) == OrderAccepted("x1")


async def test_what_we_hold_can_be_left_after_its_delisting(world: PaperWorld) -> None:
    await world.exchange.place(entry(Side.LONG, "10", "101", "98"))
    world.reader.listed = ()
    assert await world.exchange.instruments() == InstrumentsLoaded(())
    assert await world.exchange.place(market_exit(Side.LONG, "10")) == OrderAccepted("x1")
    assert (await world.exchange.account()).positions == ()


async def test_funding_is_heard_like_a_fill(world: PaperWorld) -> None:
    held = Holding(1, SYMBOL, Side.LONG, Decimal(10), Decimal(100), Decimal(98), -1)
    world.matching.restore(Decimal(10_000), [held], [])
    await world.quote(100, 100.01, 100)  # after the boundary at 0
    funding = Funding(f"{SYMBOL}-funding-0", SYMBOL, Decimal("0.1"), 0)
    assert world.heard == [FundingSeen(funding)]
    account = await world.exchange.account()
    assert (account.balance, account.funding) == (Decimal("9999.9"), (funding,))


async def test_quotes_from_the_past_or_the_future_move_no_stop(world: PaperWorld) -> None:
    await world.exchange.place(entry(Side.LONG, "10", "101", "98"))
    await world.settle()
    for exchange_ms in (0, 1234 + 2001):
        world.paper.see(QuoteSeen(SYMBOL, 90.0, 90.01, 90.0, exchange_ms))
    await world.settle()
    assert [p.qty for p in (await world.exchange.account()).positions] == [Decimal(10)]
    world.paper.see(QuoteSeen(SYMBOL, 90.0, 90.01, 90.0, 1234 + 2000))
    await world.settle()
    assert (await world.exchange.account()).positions == ()


async def test_a_stop_waits_for_the_rules_of_its_market() -> None:
    paper = PaperWorld().paper
    with pytest.raises(Transient, match="expected its trading rules, not read since the start"):
        await paper.set_stop(1, SYMBOL, Side.LONG, Decimal(98))
