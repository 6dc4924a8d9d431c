import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from rest_venue import (
    FRAME,
    INSTRUMENTS,
    KLINE,
    NOW,
    TICKERS,
    TIME,
    Naps,
    Venue,
    coded,
    envelope,
    listed,
    market,
    quoted,
    reply,
)

from engine.core import settings
from engine.core.terms import Sim
from engine.errors import Denied, EngineError, RateLimited, Transient
from engine.live.reader import BybitReader
from engine.live.replies import Coded


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


UNREADABLE = [
    "<html>blocked</html>",
    "",
    '{"retCode":0,"result":{"li',
    "null",
    "[]",
    {"retMsg": "OK"},
    {"retCode": "0", "result": {}},
    envelope(None),
    envelope({}),
    envelope({"list": None}),
    envelope({"list": "none"}),
    {"retCode": 0, "result": {"list": []}},  # without a time
]


@pytest.mark.parametrize("body", UNREADABLE)
async def test_an_unreadable_reply_is_never_an_empty_one(
    venue: Venue, reader: BybitReader, body: object
) -> None:
    for path in (KLINE, TICKERS, INSTRUMENTS):
        venue.fault(path, *(reply(body) for _ in range(9)))
    with pytest.raises(Transient):
        await reader.instruments()
    venue.fault(INSTRUMENTS)
    with pytest.raises(Transient):
        await reader.tickers()
    with pytest.raises(Transient):
        await reader.history("BTCUSDT", NOW - FRAME)
    for path in (KLINE, TICKERS):
        venue.fault(path)
    assert len((await reader.tickers()).tickers) == 2


@pytest.mark.parametrize("rows", [[[1, 2]], [None], [["x"] * 7], ["row"], [{}]])
async def test_rows_of_another_shape_are_no_answer(
    venue: Venue, reader: BybitReader, rows: object
) -> None:
    venue.fault(KLINE, *(reply(envelope({"list": rows})) for _ in range(3)))
    with pytest.raises(Transient, match=r"kline: expected result\.list"):
        await reader.history("BTCUSDT", NOW - FRAME)


@pytest.mark.parametrize(
    ("failure", "error", "words"),
    [
        (reply(coded(10016, "System error")), Coded, "10016 System error"),
        (reply(coded(10000)), Coded, "10000"),
        (reply(coded(10001)), Coded, "10001"),
        (reply("oops", status=500), Transient, "HTTP 500 'oops'"),
        (reply("", status=404), Transient, "HTTP 404"),
        (reply(coded(10003)), Denied, "10003"),
        (reply(coded(10009, "IP banned")), Denied, "10009 IP banned"),
        (reply("", status=401), Denied, "401"),
        (reply("", status=451), Denied, "451"),
        (reply("blocked from your country", status=403), Denied, "country"),
    ],
)
async def test_replies_become_our_errors(
    venue: Venue, reader: BybitReader, failure: web.Response, error: type[EngineError], words: str
) -> None:
    tries = 3 if issubclass(error, Transient) else 1
    copies = (
        web.Response(body=failure.body, status=failure.status, headers=failure.headers)
        for _ in range(tries)
    )
    await reader.instruments()
    venue.fault(TICKERS, *copies)
    with pytest.raises(error, match=words) as caught:
        await reader.tickers()
    assert type(caught.value) is error
    assert venue.count(TICKERS) == tries


async def test_reads_are_tried_three_times(venue: Venue, naps: Naps, reader: BybitReader) -> None:
    await reader.instruments()
    venue.fault(TICKERS, reply("", status=502), reply(coded(10016)))
    assert len((await reader.tickers()).tickers) == 2
    assert (venue.count(TICKERS), naps.slept) == (3, [0.25, 1.0])


async def test_the_venues_own_wait_is_kept(venue: Venue, naps: Naps, reader: BybitReader) -> None:
    await reader.instruments()
    reset = {"X-Bapi-Limit-Reset-Timestamp": str(NOW + 700)}
    venue.fault(
        TICKERS,
        reply(coded(10006, "Too many visits!"), headers=reset),
        reply(coded(10006, "Too many visits!")),
    )
    assert len((await reader.tickers()).tickers) == 2
    assert naps.slept == [0.7, 1.0]


async def test_a_past_reset_still_waits_a_little(
    venue: Venue, naps: Naps, reader: BybitReader
) -> None:
    await reader.instruments()
    reset = {"x-bapi-limit-reset-timestamp": str(NOW - 700)}
    venue.fault(TICKERS, reply(coded(10006), headers=reset))
    await reader.tickers()
    assert naps.slept == [0.1]


@pytest.mark.parametrize(
    ("failure", "wait_ms"),
    [
        (reply("access too frequent", status=403), 600_000),
        (reply("", status=429, headers={"Retry-After": "30"}), 30_000),
    ],
)
async def test_a_ban_silences_every_read_until_it_ends(
    venue: Venue, naps: Naps, failure: web.Response, wait_ms: int
) -> None:
    async with market(venue, naps) as reader:
        await reader.instruments()
        before = len(venue.asked)
        venue.fault(
            TICKERS,
            web.Response(body=failure.body, status=failure.status, headers=failure.headers),
        )
        with pytest.raises(RateLimited) as caught:
            await reader.tickers()
        assert caught.value.retry_after_ms == wait_ms
        naps.now += wait_ms / 1000 - 10
        with pytest.raises(RateLimited) as later:
            await reader.history("BTCUSDT", NOW - FRAME)
        assert later.value.retry_after_ms == pytest.approx(10_000, abs=1)
        assert len(venue.asked) == before + 1
        naps.now += 10.001
        assert len((await reader.tickers()).tickers) == 2


async def test_a_busy_venue_is_waited_for(venue: Venue, naps: Naps, reader: BybitReader) -> None:
    await reader.instruments()
    venue.fault(TICKERS, reply("", status=429))
    await reader.tickers()
    assert naps.slept == [5.0]


async def test_silence_is_no_answer(venue: Venue, naps: Naps) -> None:
    async with market(venue, naps, deadline_s=0.02) as reader:
        venue.waits[TIME] = asyncio.Event()
        with pytest.raises(Transient, match="time: expected an answer within"):
            await reader.time_ms()
        venue.waits[TIME].set()


async def test_a_late_caller_does_not_cancel_the_others_load(venue: Venue, naps: Naps) -> None:
    async with market(venue, naps) as reader:
        venue.waits[INSTRUMENTS] = asyncio.Event()
        first = asyncio.create_task(reader.book("BTCUSDT", 1))
        second = asyncio.create_task(reader.history("BTCUSDT", NOW - FRAME))
        await venue.came.wait()
        first.cancel()
        venue.waits[INSTRUMENTS].set()
        assert (await second).symbol == "BTCUSDT"
        with pytest.raises(asyncio.CancelledError):
            await first


async def test_a_body_that_breaks_off_is_no_answer(naps: Naps) -> None:
    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "500"})
        await response.prepare(request)
        await response.write(b'{"retCode":0,')
        assert request.transport is not None
        request.transport.close()
        return response

    app = web.Application()
    app.router.add_get("/{path:.*}", half)
    async with TestServer(app) as server:
        section = settings.Exchange(rest_url=str(server.make_url("")))
        reader = BybitReader(section, 60, Sim(), naps.timing())
        with pytest.raises(Transient, match="instruments"):
            await reader.instruments()
        await reader.close()


async def test_nobody_there_is_transient(naps: Naps, unused_tcp_port: int) -> None:
    section = settings.Exchange(rest_url=f"http://127.0.0.1:{unused_tcp_port}")
    reader = BybitReader(section, 60, Sim(), naps.timing())
    with pytest.raises(Transient, match="time"):
        await reader.time_ms()
    await reader.close()


async def test_five_hundred_instruments_are_read_at_once(venue: Venue, reader: BybitReader) -> None:
    venue.markets = [listed(f"C{i}") for i in range(500)]
    venue.quotes = [quoted(f"C{i}USDT") for i in range(500)]
    assert len((await reader.instruments()).instruments) == 500
    assert len((await reader.tickers()).tickers) == 500
