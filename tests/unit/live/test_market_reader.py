import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from rest_venue import (
    BOOK,
    FRAME,
    INSTRUMENTS,
    INTEREST,
    KLINE,
    NOW,
    TICKERS,
    TIME,
    Naps,
    Venue,
    candle,
    envelope,
    listed,
    market,
    quoted,
    reply,
)

from engine.core.events import InterestLoaded
from engine.core.values import Book, Instrument, Ticker
from engine.errors import Transient
from engine.live.reader import PAGE_BARS, BybitReader

ZERO_INTEREST = {"openInterest": "0", "openInterestValue": ""}


@pytest.fixture
def venue() -> Venue:
    return Venue()


@pytest.fixture
def naps() -> Naps:
    return Naps()


@pytest.fixture
async def reader(venue: Venue, naps: Naps) -> AsyncIterator[BybitReader]:
    async with market(venue, naps) as reader:
        yield reader


async def test_instruments_are_exact(venue: Venue, reader: BybitReader) -> None:
    assert (await reader.instruments()).instruments == (
        Instrument(
            symbol="BTCUSDT",
            base="BTC",
            quote="USDT",
            tick=Decimal("0.10"),
            lot=Decimal("0.001"),
            qty_min=Decimal("0.001"),
            notional_min=Decimal(5),
            taker_bps=Decimal("5.5"),
            maker_bps=Decimal("2.0"),
        ),
        Instrument(
            symbol="ETHUSDT",
            base="ETH",
            quote="USDT",
            tick=Decimal("0.10"),
            lot=Decimal("0.001"),
            qty_min=Decimal("0.001"),
            notional_min=Decimal(5),
            taker_bps=Decimal("5.5"),
            maker_bps=Decimal("2.0"),
        ),
    )
    assert {path for path, _ in venue.asked} == {INSTRUMENTS}


async def test_fees_are_the_venues_where_it_states_them(venue: Venue, reader: BybitReader) -> None:
    venue.markets = [listed("BTC", takerFee="0.0006", makerFee="")]
    (found,) = (await reader.instruments()).instruments
    assert (found.taker_bps, found.maker_bps) == (Decimal("6.0"), Decimal("2.0"))


async def test_only_active_linear_usdt_perpetuals_are_listed(
    venue: Venue, reader: BybitReader
) -> None:
    venue.markets = [
        listed("BTC"),
        listed("OLD", status="Closed"),
        listed("NEW", status="PreLaunch"),
        listed("USDC", symbol="USDCPERP", quoteCoin="USDC", settleCoin="USDC"),
        listed(
            "FUT", symbol="FUT-26DEC25", contractType="LinearFutures", deliveryTime="1766707200000"
        ),
        listed("BAD1", priceFilter={}),
        listed("BAD2", lotSizeFilter={"minOrderQty": "1", "qtyStep": "0", "minNotionalValue": "5"}),
        listed("BAD3", priceFilter={"tickSize": "NaN"}),
    ]
    found = (await reader.instruments()).instruments
    assert [i.symbol for i in found] == ["BTCUSDT"]


async def test_pages_of_instruments_are_followed(venue: Venue, reader: BybitReader) -> None:
    first = {"category": "linear", "list": [listed("AAA")], "nextPageCursor": "next%3Dpage"}
    rest = {"category": "linear", "list": [], "nextPageCursor": ""}
    venue.fault(INSTRUMENTS, reply(envelope(first)), reply(envelope(rest)))
    found = (await reader.instruments()).instruments
    assert sorted(i.symbol for i in found) == ["AAAUSDT", "BTCUSDT", "ETHUSDT"]


async def test_a_changed_rule_is_seen_at_the_next_read(venue: Venue, reader: BybitReader) -> None:
    await reader.instruments()
    venue.markets = [listed("BTC", priceFilter={"tickSize": "0.50"}), listed("ETH")]
    found = (await reader.instruments()).instruments
    assert [i.tick for i in found] == [Decimal("0.50"), Decimal("0.10")]


async def test_an_empty_or_shrunken_list_is_refused_and_forgotten(
    venue: Venue, reader: BybitReader
) -> None:
    venue.markets = []
    with pytest.raises(Transient, match="expected at least 1, found 0"):
        await reader.instruments()
    venue.markets = [listed(f"C{i}") for i in range(10)]
    assert len((await reader.instruments()).instruments) == 10
    venue.markets = venue.markets[:7]
    with pytest.raises(Transient, match="expected at least 8, found 7"):
        await reader.instruments()
    assert len((await reader.history("C9USDT", NOW)).open_ms) == 0  # still known
    venue.markets = [listed(f"C{i}") for i in range(8)]
    assert len((await reader.instruments()).instruments) == 8


async def test_tickers_are_one_call_and_missing_is_none(venue: Venue, reader: BybitReader) -> None:
    venue.quotes = [
        quoted("BTCUSDT"),
        quoted("ETHUSDT", bid1Price="", ask1Price="0", lastPrice="-3", turnover24h="-1")
        | ZERO_INTEREST,
        {"symbol": "XUSDT"},
        quoted("YUSDT", lastPrice="inf", bid1Price="nan", price24hPcnt="-0.5"),
    ]
    assert (await reader.tickers()).tickers == (
        Ticker("BTCUSDT", 100.5, 100.4, 100.6, 1234567.8, 12.5, 2.0, 201.0),
        Ticker("ETHUSDT", None, None, None, None, 12.5),
        Ticker("XUSDT", None, None, None, None, None),
        Ticker("YUSDT", None, None, 100.6, 1234567.8, -50.0, 2.0, 201.0),
    )
    assert venue.count(TICKERS) == 1


async def test_no_tickers_at_all_is_no_answer(venue: Venue, reader: BybitReader) -> None:
    venue.quotes = []
    with pytest.raises(Transient, match="tickers: expected at least one"):
        await reader.tickers()


async def test_history_is_closed_candles_oldest_first(venue: Venue, reader: BybitReader) -> None:
    times = [NOW - 3 * FRAME, NOW - FRAME, NOW]  # a hole, and the open one
    venue.candles = [candle(t, close="101.25") for t in times]
    found = await reader.history("BTCUSDT", NOW - 3 * FRAME - 7)
    assert (found.symbol, found.open_ms.tolist()) == ("BTCUSDT", times[:2])
    assert found.ohlcv.tolist() == [[100, 102, 99, 101.25, 7.5]] * 2
    assert (found.open_ms.dtype, found.ohlcv.dtype) == (np.dtype("i8"), np.dtype("f8"))


async def test_a_candle_closes_by_the_time_of_the_reply(venue: Venue, reader: BybitReader) -> None:
    venue.candles = [candle(NOW - FRAME)]
    venue.now = NOW - 1
    assert len((await reader.history("BTCUSDT", NOW - FRAME)).open_ms) == 0
    venue.now = NOW
    assert (await reader.history("BTCUSDT", NOW - FRAME)).open_ms.tolist() == [NOW - FRAME]


async def test_history_reads_as_many_pages_as_it_needs(venue: Venue, reader: BybitReader) -> None:
    count = 2 * PAGE_BARS + 1
    since = NOW - count * FRAME
    venue.candles = [candle(since + i * FRAME) for i in range(count + 1)]
    found = await reader.history("BTCUSDT", since)
    assert found.open_ms.tolist() == [since + i * FRAME for i in range(count)]
    assert found.ohlcv.shape == (count, 5)
    assert venue.count(KLINE) == 3


async def test_no_page_is_read_for_a_bar_that_is_not_closed(
    venue: Venue, reader: BybitReader
) -> None:
    await reader.history("BTCUSDT", NOW - PAGE_BARS * FRAME)
    assert venue.count(KLINE) == 1


async def test_unsound_candles_are_holes(venue: Venue, reader: BybitReader) -> None:
    good = [NOW - 5 * FRAME, NOW - FRAME]
    bad: list[list[Any]] = [
        [str(NOW - 4 * FRAME), "100", "98", "99", "101", "1", "1"],
        [str(NOW - 3 * FRAME), "100", "nan", "99", "101", "1", "1"],
        [str(NOW - 2 * FRAME), None, "102", "99", "101", "1", "1"],
        [str(NOW - 2 * FRAME + 1), "100", "102", "99", "101", "1", "1"],
    ]
    venue.candles = [candle(good[0]), *bad, candle(good[1]), candle(good[1])]
    found = await reader.history("BTCUSDT", NOW - 6 * FRAME)
    assert found.open_ms.tolist() == good


async def test_history_too_far_back_is_a_mistake(reader: BybitReader) -> None:
    with pytest.raises(ValueError, match="too long ago"):
        await reader.history("BTCUSDT", 0)


async def test_an_unknown_symbol_is_named(reader: BybitReader) -> None:
    with pytest.raises(Transient, match="NOPEUSDT"):
        await reader.history("NOPEUSDT", NOW)


async def test_histories_share_one_load_and_few_connections(
    venue: Venue, reader: BybitReader
) -> None:
    venue.candles = [candle(NOW - FRAME)]
    symbols = ["BTCUSDT", "ETHUSDT"] * 20
    found = await asyncio.gather(*(reader.history(s, NOW - FRAME) for s in symbols))
    assert [f.symbol for f in found] == symbols
    assert venue.count(INSTRUMENTS) == 2  # the list, and what is not launched yet
    assert 1 < venue.busiest <= 8


async def test_interest_is_oldest_first_and_never_made_up(
    venue: Venue, reader: BybitReader
) -> None:
    rows = [
        {"openInterest": "12.5", "timestamp": "7200000"},
        {"openInterest": "", "timestamp": "5400000"},
        {"openInterest": "11", "timestamp": "3600000"},
    ]
    venue.fault(INTEREST, reply(envelope({"symbol": "BTCUSDT", "list": rows})))
    found = await reader.interest("BTCUSDT", 3_600_000)
    assert found == InterestLoaded("BTCUSDT", ((3_600_000, 11.0), (7_200_000, 12.5)))
    venue.fault(INTEREST, *[reply(envelope({"symbol": "BTCUSDT"})) for _ in range(3)])
    with pytest.raises(Transient, match=r"expected result\.list"):
        await reader.interest("BTCUSDT", 0)


async def test_a_book_is_best_first(venue: Venue, reader: BybitReader) -> None:
    assert await reader.book("BTCUSDT", 50) == Book(
        "BTCUSDT", ((100.4, 2.0), (100.3, 1.0)), ((100.6, 3.0),), NOW - 5
    )
    assert venue.asked[-1] == (
        BOOK,
        {"symbol": "BTCUSDT", "limit": "50", "category": "linear"},
    )


@pytest.mark.parametrize(
    "sides",
    [
        {"b": [["100.7", "1"]], "a": [["100.6", "1"]]},
        {"b": [["0", "1"]], "a": []},
        {"b": [["nan", "1"]], "a": []},
        {"b": [["1", "-1"]], "a": []},
        {"b": [["1", None]], "a": []},
        {"b": [7], "a": []},
        {"b": [], "a": None},
        {"b": []},
    ],
)
async def test_an_impossible_book_is_no_book(
    venue: Venue, reader: BybitReader, sides: dict[str, object]
) -> None:
    venue.fault(BOOK, *(reply(envelope({**sides, "ts": NOW})) for _ in range(3)))
    with pytest.raises(Transient):
        await reader.book("BTCUSDT", 50)


async def test_time_is_the_venues(venue: Venue, reader: BybitReader) -> None:
    venue.now = NOW + 123
    assert await reader.time_ms() == NOW + 123
    venue.fault(TIME, reply("", status=502))
    with pytest.raises(Transient, match="502"):
        await reader.time_ms()
    assert venue.count(TIME) == 2  # never a second try, whose wait would look like a skew
