"""Every row of the table of replies, for placing, amending a stop and canceling (FT05, FT10)."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from rest_venue import coded, envelope, reply
from trade_venue import (
    CANCEL,
    CREATE,
    ENTRY,
    EXIT,
    LEVERAGE,
    REALTIME,
    STOP,
    TARGET,
    D,
    Desk,
    desk,
    flat_row,
    order_row,
    position_row,
)

from engine.core.events import (
    OrderAccepted,
    OrderGone,
    OrderMissing,
    OrderRefused,
    OrderUnknown,
    StopRefused,
    StopSet,
    StopUnknown,
)
from engine.core.values import OrderState, Refusal, Side
from engine.errors import Denied, OutcomeUnknown, RateLimited
from engine.live.trader import LEVERED_S

UNKNOWN = [
    *(reply(coded(code)) for code in (10000, 5004, 10016, 429, 170001, 170032, 170005, 170146)),
    *(reply(coded(code)) for code in (170007, 20003, 500000, 987654)),
    *(reply("", status=status) for status in (400, 404, 408, 500, 502)),
    reply("<html>busy</html>"),
    reply(""),
    reply('{"retCode":0,"resu'),
    reply(coded(10006, "Too many visits!")),
]
UNREAD_CREATES = [reply(envelope(None)), reply(envelope({})), reply(envelope({"orderId": ""}))]
DENIED = [10003, 10004, 10005, 10007, 10008, 10009, 10010, 10024, 10027, 10028, 10029, 33004]
FUNDS = [110004, 110006, 110007, 110012, 110044, 110045, 110051, 110052, 110053]
REFUSED = [
    *((code, Refusal.FUNDS) for code in FUNDS),
    (10001, Refusal.OTHER),
    (110017, Refusal.REDUCE_ONLY),
    (110094, Refusal.MIN_NOTIONAL),
    *((code, Refusal.PRICE_BAND) for code in (110003, 110118, 110120, 110121)),
    *((code, Refusal.STOP_SIDE) for code in (110092, 110093)),
    *((code, Refusal.OTHER) for code in (110009, 110013, 110020, 110061, 110086, 110090)),
    *((code, Refusal.SYMBOL) for code in (110023, 110063, 110066, 110074, 30228)),
]
TOO_LATE = [110001, 110008, 110010, 170213]


def copied(response: web.Response) -> web.Response:
    return web.Response(body=response.body, status=response.status, headers=response.headers.copy())


@pytest.fixture
async def at() -> AsyncIterator[Desk]:
    async with desk() as made:
        yield made


# -- placing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [*UNKNOWN, *UNREAD_CREATES])
async def test_an_order_nobody_answered_for_is_unknown(at: Desk, answer: web.Response) -> None:
    at.venue.fault(CREATE, copied(answer))
    answered = await at.exchange.place(EXIT)
    assert isinstance(answered, OrderUnknown)
    assert answered.order_id == EXIT.id
    assert len(at.venue.writes(CREATE)) == 1  # never a second time by itself


@pytest.mark.parametrize(("code", "refusal"), REFUSED)
async def test_an_order_refused_by_number_is_refused(at: Desk, code: int, refusal: Refusal) -> None:
    at.venue.fault(CREATE, reply(coded(code, "no <b>way</b>")))
    answered = await at.exchange.place(EXIT)
    assert isinstance(answered, OrderRefused)
    assert (answered.order_id, answered.refusal) == (EXIT.id, refusal)
    assert f"{code} no" in answered.detail


async def test_a_stop_on_the_wrong_side_refuses_the_entry(at: Desk) -> None:
    words = "sl:1000 set for Buy position should lower base_price:900??LastPrice"
    at.venue.fault(CREATE, reply(coded(10001, words)))
    answered = await at.exchange.place(ENTRY)
    assert isinstance(answered, OrderRefused)
    assert answered.refusal is Refusal.STOP_SIDE
    assert len(at.venue.writes(CREATE)) == 1


@pytest.mark.parametrize("code", DENIED)
async def test_a_denied_order_is_denied(at: Desk, code: int) -> None:
    at.venue.fault(CREATE, reply(coded(code)))
    with pytest.raises(Denied, match=str(code)):
        await at.exchange.place(EXIT)
    assert at.exchange.problem is not None


@pytest.mark.parametrize("code", [110072, 170141, 10014, 110079])
@pytest.mark.parametrize("status", ["New", "Filled", "Cancelled"])
async def test_an_order_that_is_there_already_was_accepted(
    at: Desk, code: int, status: str
) -> None:
    at.venue.orders = [order_row(EXIT, status)]
    at.venue.fault(CREATE, reply(coded(code)))
    answered = await at.exchange.place(EXIT)
    assert isinstance(answered, OrderAccepted)
    assert answered.order_id == EXIT.id
    assert len(at.venue.writes(CREATE)) == 1


@pytest.mark.parametrize("code", [110072, 10014, 110079])
async def test_an_order_said_to_be_there_and_not_found_is_unknown(at: Desk, code: int) -> None:
    at.venue.fault(CREATE, reply(coded(code)))
    assert isinstance(await at.exchange.place(EXIT), OrderUnknown)


async def test_leverage_raised_by_hand_is_put_back_before_an_entry(at: Desk) -> None:
    await at.exchange.place(ENTRY)
    at.venue.leverage = "50"
    at.naps.now += LEVERED_S
    assert isinstance(await at.exchange.place(ENTRY), OrderRefused)
    assert len(at.venue.writes(LEVERAGE)) == 2


async def test_a_look_up_that_is_denied_says_nothing_about_the_order(at: Desk) -> None:
    at.venue.fault(CREATE, reply(coded(110072)))
    at.venue.fault(REALTIME, reply(coded(10003)))
    assert isinstance(await at.exchange.place(EXIT), OrderUnknown)


async def test_a_stamp_refused_at_the_gate_is_a_refusal_unless_it_is_there(at: Desk) -> None:
    at.venue.fault(CREATE, reply(coded(10002)))
    refused = await at.exchange.place(EXIT)
    assert isinstance(refused, OrderRefused)
    assert at.venue.count("/v5/market/time") == 1
    at.venue.orders = [order_row(EXIT, "New")]
    at.venue.fault(CREATE, reply(coded(10002)))
    assert isinstance(await at.exchange.place(EXIT), OrderAccepted)


# -- the stop --------------------------------------------------------------------------------------


async def set_stop(at: Desk) -> object:
    return await at.exchange.set_stop(3, "BTCUSDT", Side.LONG, D("99.5"))


@pytest.mark.parametrize("answer", UNKNOWN)
async def test_a_stop_nobody_answered_for_is_unknown(at: Desk, answer: web.Response) -> None:
    at.venue.positions = [position_row(stopLoss="99.5")]  # it may stand: it was not acknowledged
    at.venue.fault(STOP, copied(answer))
    answered = await set_stop(at)
    assert isinstance(answered, StopUnknown)
    assert (answered.position_id, answered.price) == (3, D("99.5"))
    assert len(at.venue.writes(STOP)) == 1


@pytest.mark.parametrize("code", [*(code for code, _ in REFUSED)])
async def test_a_stop_refused_by_number_is_refused(at: Desk, code: int) -> None:
    at.venue.fault(STOP, reply(coded(code, "can not set tp/sl/ts for zero position")))
    answered = await set_stop(at)
    assert isinstance(answered, StopRefused)
    assert "zero position" in answered.detail


@pytest.mark.parametrize("code", [10002, 10014, 110072, 110079, *TOO_LATE])
async def test_what_says_nothing_of_a_stop_leaves_it_unknown(at: Desk, code: int) -> None:
    at.venue.fault(STOP, reply(coded(code)))
    assert isinstance(await set_stop(at), StopUnknown)


@pytest.mark.parametrize("code", [34040, 110043, 110025, 110026])
async def test_nothing_changed_is_success(at: Desk, code: int) -> None:
    at.venue.positions = [position_row(stopLoss="99.50")]
    at.venue.fault(STOP, reply(coded(code, "not modified")))
    answered = await set_stop(at)
    assert isinstance(answered, StopSet)
    assert answered.price == D("99.5")


@pytest.mark.parametrize("code", DENIED)
async def test_a_denied_stop_is_denied(at: Desk, code: int) -> None:
    at.venue.fault(STOP, reply(coded(code)))
    with pytest.raises(Denied, match=str(code)):
        await set_stop(at)


# -- canceling -------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", UNKNOWN)
async def test_a_cancel_nobody_answered_for_is_looked_up(at: Desk, answer: web.Response) -> None:
    at.venue.orders = [order_row(TARGET, "New")]
    at.venue.fault(CANCEL, copied(answer))
    with pytest.raises(OutcomeUnknown, match=TARGET.id):
        await at.exchange.cancel(TARGET)
    at.venue.orders = [order_row(TARGET, "Cancelled")]
    at.venue.fault(CANCEL, copied(answer))
    gone = await at.exchange.cancel(TARGET)
    assert isinstance(gone, OrderGone)
    assert (gone.state, gone.filled_qty) == (OrderState.CANCELED, D(0))


@pytest.mark.parametrize("code", TOO_LATE)
async def test_too_late_to_cancel_is_looked_up(at: Desk, code: int) -> None:
    at.venue.past = [order_row(TARGET, "Filled", cumExecQty="4")]
    at.venue.fault(CANCEL, reply(coded(code)))
    gone = await at.exchange.cancel(TARGET)
    assert isinstance(gone, OrderGone)
    assert (gone.state, gone.filled_qty) == (OrderState.FILLED, D(4))
    at.venue.past = []
    at.venue.fault(CANCEL, reply(coded(code)))
    assert await at.exchange.cancel(TARGET) == OrderMissing(TARGET.id)


@pytest.mark.parametrize("code", [10001, 10002, 110007, 110017, 110079, 110043])
async def test_another_answer_to_a_cancel_proves_nothing(at: Desk, code: int) -> None:
    at.venue.orders = [order_row(TARGET, "New")]
    at.venue.fault(CANCEL, reply(coded(code)))
    with pytest.raises(OutcomeUnknown, match=str(code)):
        await at.exchange.cancel(TARGET)


@pytest.mark.parametrize("code", DENIED)
async def test_a_denied_cancel_is_denied(at: Desk, code: int) -> None:
    at.venue.fault(CANCEL, reply(coded(code)))
    with pytest.raises(Denied, match=str(code)):
        await at.exchange.cancel(TARGET)


# -- bans ------------------------------------------------------------------------------------------


async def test_a_ban_silences_everything_and_refuses_what_never_left(at: Desk) -> None:
    at.venue.positions = [flat_row()]
    at.venue.fault(CREATE, reply("access too frequent", status=403))
    assert isinstance(await at.exchange.place(EXIT), OrderUnknown)
    before = len(at.venue.asked)
    later = await at.exchange.place(EXIT)
    assert isinstance(later, OrderRefused)
    assert "not sent" in later.detail
    with pytest.raises(RateLimited):
        await at.exchange.account()
    with pytest.raises(RateLimited):
        await at.exchange.tickers()  # the other connection has the same address
    assert len(at.venue.asked) == before
    at.naps.now += 601
    assert isinstance(await at.exchange.place(EXIT), OrderAccepted)
