"""The connection with the key: signed with the venue's time, shut when denied, to the venue alone.

FT09, time stamps: test_a_late_read_*, test_our_own_reading_*
FT10, denials: test_a_denial_*
FT88, secrets: test_keys_show_nothing
"""

import hashlib
import hmac
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from rest_venue import INTEREST, NOW, TIME, coded, envelope, reply
from trade_venue import (
    CREATE,
    ENTRY,
    EXIT,
    KEYS,
    LEVERAGE,
    LOG,
    POSITIONS,
    REALTIME,
    STOP,
    WALLET,
    D,
    Desk,
    desk,
)

from engine.core.events import (
    OrderAccepted,
    OrderMissing,
    OrderRefused,
    OrderUnknown,
    StopUnknown,
)
from engine.core.values import Side
from engine.errors import ConfigError, Denied, ExchangeError, RateLimited, Transient
from engine.live.trader import LEVERED_S
from engine.live.wire import FORGOTTEN_S, Keys, host_problem


@pytest.fixture
async def at() -> AsyncIterator[Desk]:
    async with desk() as made:
        yield made


def stamp(at: Desk) -> int:
    return int({k.lower(): v for k, v in at.venue.headers[-1][1].items()}["x-bapi-timestamp"])


def test_keys_show_nothing() -> None:
    assert repr(KEYS) == str(KEYS) == "Keys()"
    assert f"{[KEYS]}" == "[Keys()]"
    assert Keys("a", "b") != KEYS


@pytest.mark.parametrize("order", [EXIT, None])
async def test_every_private_call_is_signed_over_what_was_sent(at: Desk, order: object) -> None:
    if order is None:
        await at.exchange.find(EXIT)
    else:
        await at.exchange.place(EXIT)
    _, headers, text = at.venue.headers[0]
    names = {k.lower(): v for k, v in headers.items()}
    assert names["x-bapi-api-key"] == KEYS.key
    assert names["x-bapi-recv-window"] == "5000"
    assert names["x-bapi-timestamp"] == str(NOW)
    signed = f"{NOW}{KEYS.key}5000{text}".encode()
    assert (
        names["x-bapi-sign"] == hmac.new(KEYS.secret.encode(), signed, hashlib.sha256).hexdigest()
    )


async def test_market_data_is_never_signed(at: Desk) -> None:
    await at.exchange.tickers()
    await at.exchange.book("BTCUSDT", 5)
    assert await at.exchange.time_ms() == NOW
    at.venue.fault(INTEREST, reply(envelope({"symbol": "BTCUSDT", "list": []})))
    assert (await at.exchange.interest("BTCUSDT", NOW)).samples == ()
    assert (await at.exchange.history("BTCUSDT", NOW)).symbol == "BTCUSDT"
    assert at.venue.headers == []


# -- time ------------------------------------------------------------------------------------------


async def test_a_late_read_is_stamped_anew_once(at: Desk) -> None:
    at.venue.now = NOW + 7000
    at.venue.fault(REALTIME, reply(coded(10002, "req_timestamp[1]")))
    assert await at.exchange.find(EXIT) == OrderMissing(EXIT.id)
    assert (at.venue.count(TIME), at.venue.count(REALTIME)) == (1, 2)
    assert stamp(at) == NOW + 7000


async def test_a_read_that_stays_late_is_no_answer(at: Desk) -> None:
    at.venue.fault(REALTIME, *(reply(coded(10002)) for _ in range(6)))
    with pytest.raises(Transient, match="10002"):
        await at.exchange.find(EXIT)


async def test_our_own_reading_of_the_clock_is_used_for_ten_minutes(at: Desk) -> None:
    at.venue.now = NOW + 7000
    at.venue.fault(STOP, reply(coded(10002)))
    await at.exchange.set_stop(1, "BTCUSDT", Side.LONG, D(5))
    at.naps.now += 100
    await at.exchange.find(EXIT)
    assert stamp(at) == NOW + 107_000
    at.naps.now += 501
    await at.exchange.find(EXIT)
    assert stamp(at) == NOW


async def test_a_clock_that_cannot_be_read_changes_nothing(at: Desk) -> None:
    at.venue.fault(CREATE, reply(coded(10002)))
    at.venue.fault(TIME, reply("", status=502))
    assert isinstance(await at.exchange.place(EXIT), OrderRefused)
    await at.exchange.find(EXIT)
    assert stamp(at) == NOW


# -- denials ---------------------------------------------------------------------------------------


async def test_a_denial_shuts_the_door_and_supervision_knocks_slowly(at: Desk) -> None:
    at.venue.fault(POSITIONS, *(reply(coded(10003, "API key is invalid")) for _ in range(2)))
    at.venue.fault(CREATE, reply(coded(10003, "API key is invalid")))
    for _ in range(50):
        for call in (at.exchange.account(), at.exchange.place(EXIT), at.exchange.find(EXIT)):
            with pytest.raises(Denied, match="10003"):
                await call
    assert [path for path, *_ in at.venue.headers] == [POSITIONS, CREATE]
    assert at.exchange.problem == "/v5/position/list: 10003 API key is invalid"
    at.naps.now += 30
    with pytest.raises(Denied):
        await at.exchange.place(ENTRY)  # an entry never knocks
    with pytest.raises(Denied):
        await at.exchange.account()
    assert len(at.venue.headers) == 3
    at.naps.now += 30
    await at.exchange.account()
    assert isinstance(await at.exchange.place(EXIT), OrderAccepted)
    await at.exchange.followed()
    assert at.exchange.problem is None
    assert isinstance(await at.exchange.place(ENTRY), OrderAccepted)


async def test_a_denied_write_shuts_writes_and_reads_go_on(at: Desk) -> None:
    at.venue.fault(CREATE, reply(coded(10005, "Permission denied")))
    with pytest.raises(Denied):
        await at.exchange.place(EXIT)
    assert await at.exchange.find(EXIT) == OrderMissing(EXIT.id)
    with pytest.raises(Denied):
        await at.exchange.place(EXIT)
    assert at.exchange.problem is not None
    assert len(at.venue.writes(CREATE)) == 1
    at.naps.now += 30
    assert isinstance(await at.exchange.place(EXIT), OrderAccepted)
    assert at.exchange.problem is None


async def test_a_denied_read_holds_up_no_exit_and_no_stop(at: Desk) -> None:
    at.venue.fault(POSITIONS, reply(coded(10005)), reply(coded(10005)))
    with pytest.raises(Denied):
        await at.exchange.account()
    assert isinstance(await at.exchange.place(EXIT), OrderAccepted)
    set_at = await at.exchange.set_stop(1, "BTCUSDT", Side.LONG, D(98))
    assert isinstance(set_at, StopUnknown)  # taken, and nobody may look
    with pytest.raises(Denied):
        await at.exchange.place(ENTRY)
    assert [path for path, _ in at.venue.sent] == [CREATE, STOP]


@pytest.mark.parametrize("path", [LEVERAGE, CREATE])
async def test_a_denied_entry_holds_up_no_exit_and_is_tried_again_in_time(
    at: Desk, path: str
) -> None:
    at.venue.fault(path, reply(coded(10029, "check symbol whitelist")))
    for _ in range(2):
        with pytest.raises(Denied, match="10029"):
            await at.exchange.place(ENTRY)
    assert at.venue.count(path) == 1
    assert "10029" in (at.exchange.problem or "")
    at.naps.now += FORGOTTEN_S
    assert at.exchange.problem is None
    assert isinstance(await at.exchange.place(ENTRY), OrderAccepted)
    at.venue.fault(path, reply(coded(10029)))
    at.naps.now += LEVERED_S
    with pytest.raises(Denied):
        await at.exchange.place(ENTRY)
    assert isinstance(await at.exchange.place(EXIT), OrderAccepted)


async def test_a_key_that_may_not_see_transfers_still_sees_the_account(at: Desk) -> None:
    at.venue.fault(LOG, reply(coded(10005)))
    for _ in range(2):
        at.naps.now += 100
        assert (await at.exchange.account()).balance == D("1000.5")
    assert at.exchange.problem is None
    assert at.venue.count(LOG) == 1


async def test_a_key_that_dies_while_transfers_are_read_is_denied(at: Desk) -> None:
    at.venue.fault(LOG, reply(coded(10003)))
    door = at.exchange._wire._reads

    def die(path: str) -> None:
        if path == LOG:
            door.shut(at.naps.now, "10003")

    at.venue.on = die
    with pytest.raises(Denied):
        await at.exchange.account()


# -- limits ----------------------------------------------------------------------------------------


async def test_a_spent_budget_is_waited_for_before_the_next_call(at: Desk) -> None:
    spent = {"X-Bapi-Limit-Status": "0", "X-Bapi-Limit-Reset-Timestamp": str(NOW + 800)}
    at.venue.fault(WALLET, reply({"retCode": 0, "time": NOW, "result": {"list": []}}, 200, spent))
    with pytest.raises(Transient, match="expected a row of USDT"):
        await at.exchange.account()
    at.naps.slept.clear()
    await at.exchange.account()
    assert at.naps.slept == [pytest.approx(0.8)]


async def test_a_rate_limit_keeps_the_next_order_back_until_the_reset(at: Desk) -> None:
    reset = {"X-Bapi-Limit-Reset-Timestamp": str(NOW + 400)}
    at.venue.fault(CREATE, reply(coded(10006), 200, reset))
    await at.exchange.place(EXIT)
    at.naps.slept.clear()
    assert isinstance(await at.exchange.place(EXIT), OrderAccepted)
    assert at.naps.slept[0] == pytest.approx(0.4)


async def test_a_ban_of_market_data_silences_the_account_too(at: Desk) -> None:
    at.venue.fault("/v5/market/tickers", reply("too frequent", status=403))
    for call in (at.exchange.tickers(), at.exchange.account()):
        with pytest.raises(RateLimited):
            await call
    assert at.venue.headers == []


# -- where it may go -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url", ["https://api.bybit.com", "https://api.bytick.com/", "http://127.0.0.1:8000"]
)
def test_the_venue_and_this_machine_may_have_the_key(url: str) -> None:
    assert host_problem(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://api.bybit.com",
        "https://api.bybit.com.evil.example",
        "https://evil.example/api.bybit.com",
        "https://127.0.0.1.evil.example",
        "https://bybit.com",
        "",
    ],
)
async def test_nobody_else_gets_the_key(url: str) -> None:
    with pytest.raises(ConfigError, match="expected https and a host of Bybit"):
        async with desk(rest_url=url):
            pass


async def test_a_host_that_changed_later_is_never_sent_to(at: Desk) -> None:
    at.exchange._wire.urls["api"]["private"] = "https://evil.example"
    with pytest.raises(ExchangeError, match=r"evil\.example"):
        await at.exchange.place(EXIT)
    assert at.venue.sent == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_nobody_is_followed_to_another_address(at: Desk, status: int) -> None:
    async with desk() as elsewhere:
        there = f"{elsewhere.exchange._wire.urls['api']['private']}{CREATE}"
        moved = [web.Response(status=status, headers={"Location": there}) for _ in range(3)]
        at.venue.fault(CREATE, *moved)
        answer = await at.exchange.place(EXIT)
        assert isinstance(answer, OrderUnknown)
        assert "found the way to" in answer.detail
        at.venue.fault(POSITIONS, *moved)
        with pytest.raises(Transient, match="found the way to"):
            await at.exchange.account()
        assert elsewhere.venue.asked == []
    assert at.venue.count(CREATE) == 1
