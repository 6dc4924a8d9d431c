import msgspec
import pytest
from accounts import (
    LONG,
    SHORT,
    START,
    D,
    brief,
    fills,
    gone,
    long_100,
    opened_market,
    positions,
    quote,
    short_50,
)
from unit.contracts import INSTRUMENT, SYMBOL, addon, entry, market_exit, target

from engine.core.events import (
    AccountPosition,
    AccountSeen,
    FillSeen,
    OrderAccepted,
    OrderMissing,
    OrderRefused,
    QuoteSeen,
    StopRefused,
    StopSet,
)
from engine.core.values import Fill, OrderSide, OrderState, Purpose, Side

# --- entries


def test_an_entry_is_one_fill_its_stop_and_its_end() -> None:
    matching = opened_market(99.95, 99.96, 99.96)
    fill = Fill(
        id="e1:1",
        order_id="e1",
        symbol=SYMBOL,
        purpose=Purpose.ENTRY,
        side=OrderSide.BUY,
        qty=D("12.3"),
        price=D("100.00"),
        fee=D("0.6765"),
        is_maker=False,
        exchange_ms=2,
    )
    assert matching.place(entry(LONG, "12.3", "101", "98"), 2) == (
        OrderAccepted("e1"),
        FillSeen(fill),
        StopSet(1, D(98), 2),
        gone("e1", OrderState.FILLED, "12.3"),
    )
    assert matching.account() == AccountSeen(
        balance=START - D("0.6765"),
        positions=(AccountPosition(SYMBOL, LONG, D("12.3"), D(100), D(98), 2),),
        order_ids=(),
        fills=(fill,),
    )


@pytest.mark.parametrize(
    ("side", "limit", "touch", "price"),
    [
        (LONG, "101", 99.96, "100.00"),  # 99.999984 up
        (LONG, "99.98", 99.96, "99.98"),  # slippage stops at the limit
        (LONG, "99.96", 99.96, "99.96"),  # touch at the limit still fills
        (LONG, "99.95", 99.96, None),
        (SHORT, "49", 50.03, "50.00"),  # 50.009988 down
        (SHORT, "50.02", 50.03, "50.02"),
        (SHORT, "50.03", 50.03, "50.03"),
        (SHORT, "50.04", 50.03, None),
    ],
)
def test_ioc_takes_the_touch_never_beyond_its_limit(
    side: Side, limit: str, touch: float, price: str | None
) -> None:
    matching = opened_market(touch, touch, touch)
    order = entry(side, "10", limit, None)
    accepted, *rest = matching.place(order, 2)
    assert accepted == OrderAccepted("e1")
    if price is None:
        detail = f"touch {touch} is beyond the limit {limit}"
        assert rest == [gone("e1", OrderState.CANCELED, "0", detail)]
        assert positions(matching) == ()
        assert matching.find("e1") == rest[0]
    else:
        assert brief(rest) == [("e1", D(10), D(price), False)]
        assert positions(matching) == (AccountPosition(SYMBOL, side, D(10), D(price), None, 2),)


def test_a_sale_never_slips_to_nothing() -> None:
    matching = opened_market(0.01, 0.02, 0.02)
    assert brief(matching.place(entry(SHORT, "1000", "0.01", None), 2))[0][2] == D("0.01")


@pytest.mark.parametrize(
    ("side", "limit", "first", "later", "stands"),
    [
        (LONG, "101", "98", "99", "99"),
        (LONG, "101", "98", "97", "98"),
        (LONG, "101", "98", "98", "98"),
        (SHORT, "99", "102", "101", "101"),
        (SHORT, "99", "102", "103", "102"),
    ],
)
def test_a_second_entry_grows_the_position_and_never_loosens_its_stop(
    side: Side, limit: str, first: str, later: str, stands: str
) -> None:
    matching = opened_market(100, 100, 100, slippage="0")
    matching.place(entry(side, "1", limit, first), 2)
    matching.see_quote(quote(100.3, 100.3, 100.3), 3)
    events = matching.place(entry(side, "2", "100.3", later, "e2"), 4)
    shown = [e for e in events if isinstance(e, StopSet)]
    assert shown == ([] if stands == first else [StopSet(1, D(stands), 4)])
    assert positions(matching) == (AccountPosition(SYMBOL, side, D(3), D("100.2"), D(stands), 4),)


def test_an_add_on_grows_the_position_under_the_stop_it_has() -> None:
    matching = long_100("10")
    _, *events = matching.place(addon(LONG, "2", "101"), 4)
    assert brief(events) == [("a1", D(2), D(100), False)]
    assert [f.purpose for f in fills(events)] == [Purpose.ADDON]
    assert events[1:] == [gone("a1", OrderState.FILLED, "2")]
    assert positions(matching) == (AccountPosition(SYMBOL, LONG, D(12), D(100), D(98), 4),)


# --- stops


@pytest.mark.parametrize(
    ("bid", "last", "price"),
    [
        (98.00, 98.00, "97.96"),  # touched: the stop less 4 bps
        (97.99, 97.90, "97.95"),  # the closing side is the worse one
        (98.20, 97.90, "97.96"),  # never better than the stop
        (97.00, 97.00, "96.96"),  # gap
    ],
)
def test_a_long_stop_sells_all_once(bid: float, last: float, price: str) -> None:
    matching = long_100("100")
    (seen,) = matching.see_quote(quote(bid, bid + 0.01, last), 7)
    assert seen == FillSeen(
        Fill(
            id="1-stop-7-1:1",
            order_id="1-stop-7-1",
            symbol=SYMBOL,
            purpose=Purpose.STOP,
            side=OrderSide.SELL,
            qty=D(100),
            price=D(price),
            fee=D(100) * D(price) * D("0.00055"),
            is_maker=False,
            exchange_ms=7,
        )
    )
    assert positions(matching) == ()
    assert matching.see_quote(quote(bid, bid + 0.01, last), 8) == ()


@pytest.mark.parametrize(
    ("ask", "last", "price"),
    [
        (50.60, 50.60, "50.63"),  # 50.62024 up
        (50.62, 50.70, "50.65"),  # 50.640248 up
        (50.40, 50.70, "50.63"),
        (51.00, 51.00, "51.03"),  # 51.0204 up
    ],
)
def test_a_short_stop_buys_all_once(ask: float, last: float, price: str) -> None:
    matching = short_50()
    events = matching.see_quote(quote(ask - 0.01, ask, last), 7)
    assert brief(events) == [("1-stop-7-1", D(100), D(price), False)]
    assert [f.side for f in fills(events)] == [OrderSide.BUY]
    assert positions(matching) == ()
    assert matching.see_quote(quote(ask - 0.01, ask, last), 8) == ()


def test_a_stop_wakes_on_the_last_trade_not_on_the_book() -> None:
    matching = long_100()
    assert matching.see_quote(quote(97.50, 97.51, 98.01), 3) == ()
    assert len(positions(matching)) == 1


def test_a_passed_stop_ends_the_targets() -> None:
    matching = long_100()
    matching.place(target(LONG, "4.9", "103"), 3)
    matching.place(target(LONG, "4.3", "105.6", "t2"), 3)
    events = matching.see_quote(quote(98, 98.01, 97.9), 4)
    assert brief(events) == [("1-stop-4-1", D("12.3"), D("97.96"), False)]
    flat = "the position is flat"
    assert list(events[1:]) == [
        gone("t1", OrderState.CANCELED, "0", flat),
        gone("t2", OrderState.CANCELED, "0", flat),
    ]
    assert matching.account().order_ids == ()


def test_a_quote_that_satisfies_both_only_stops() -> None:
    matching = long_100()
    matching.see_quote(quote(102.9, 102.91, 102.9), 3)
    matching.set_stop(1, SYMBOL, LONG, D("102.8"), 3)
    matching.place(target(LONG, "4.9", "102.1"), 4)
    events = matching.see_quote(quote(102.8, 102.81, 102.5), 5)
    assert brief(events) == [("1-stop-5-1", D("12.3"), D("102.75"), False)]
    assert matching.find("t1") == gone("t1", OrderState.CANCELED, "0", "the position is flat")


def test_stop_ids_stay_apart() -> None:
    matching = long_100()
    matching.see_quote(quote(98, 98.01, 97.9), 4)
    matching.see_quote(quote(99.95, 99.96, 99.96), 4)
    matching.place(entry(LONG, "1", "101", "98", "e2"), 4)
    assert brief(matching.see_quote(quote(98, 98.01, 97.9), 4))[0][0] == "1-stop-4-2"


# --- amending the stop


@pytest.mark.parametrize(
    ("side", "price", "detail"),
    [
        (SHORT, "101", "AAAUSDT: expected a SHORT position"),
        (LONG, "98.005", "stop 98.005: expected a price on the tick"),
        (LONG, "NaN", "stop NaN: expected a price on the tick"),
        (LONG, "99.96", "stop 99.96: expected on the losing side of the last trade 99.96"),
        (LONG, "120", "stop 120: expected on the losing side of the last trade 99.96"),
    ],
)
def test_a_stop_that_cannot_stand_is_refused(side: Side, price: str, detail: str) -> None:
    matching = long_100()
    answer = matching.set_stop(1, SYMBOL, side, D(price), 3)
    assert isinstance(answer, StopRefused)
    assert (answer.position_id, str(answer.price), answer.detail) == (1, price, detail)
    (position,) = positions(matching)
    assert (position.stop, position.updated_ms) == (D(98), 2)


def test_a_short_stop_moves_down_to_just_above_the_last_trade() -> None:
    matching = short_50()
    assert isinstance(matching.set_stop(1, SYMBOL, SHORT, D("50.03"), 3), StopRefused)
    assert matching.set_stop(1, SYMBOL, SHORT, D("50.04"), 3) == StopSet(1, D("50.04"), 3)
    (position,) = positions(matching)
    assert (position.stop, position.updated_ms) == (D("50.04"), 3)


def test_a_stop_set_at_an_untold_time_is_no_older_than_the_position() -> None:
    matching = long_100()
    assert matching.set_stop(1, SYMBOL, LONG, D(99)) == StopSet(1, D(99))
    (position,) = positions(matching)
    assert (position.stop, position.updated_ms) == (D(99), 2)


def test_no_stop_without_a_position() -> None:
    matching = opened_market(100, 100, 100)
    detail = "AAAUSDT: expected a LONG position"
    assert matching.set_stop(9, SYMBOL, LONG, D(98), 3) == StopRefused(9, D(98), detail)


# --- targets


@pytest.mark.parametrize(("last", "is_filled"), [(103.00, False), (103.01, True), (110.0, True)])
def test_a_target_needs_a_trade_through_and_gets_its_price(last: float, *, is_filled: bool) -> None:
    matching = long_100()
    assert matching.place(target(LONG, "4.9", "103"), 3) == (OrderAccepted("t1"),)
    events = matching.see_quote(quote(last, last + 0.01, last), 4)
    if is_filled:
        (fill,) = fills(events)
        assert (fill.price, fill.fee, fill.is_maker) == (D(103), D("0.10094"), True)
        assert events[1:] == (gone("t1", OrderState.FILLED, "4.9"),)
        assert positions(matching)[0].qty == D("7.4")
    else:
        assert events == ()
        assert matching.find("t1") == OrderAccepted("t1")


def test_targets_fill_nearest_first_and_never_beyond_the_position() -> None:
    matching = long_100("10")
    matching.place(target(LONG, "8", "105", "far"), 3)
    matching.place(target(LONG, "6", "103", "near"), 3)
    matching.place(target(LONG, "1", "104.9", "mid"), 3)
    events = matching.see_quote(quote(106, 106.01, 106), 4)
    assert brief(events) == [
        ("near", D(6), D(103), True),
        ("mid", D(1), D("104.9"), True),
        ("far", D(3), D(105), True),
    ]
    assert events[-1] == gone("far", OrderState.CANCELED, "3", "cut to the position's 3")
    assert (positions(matching), matching.account().order_ids) == ((), ())


def test_going_flat_ends_a_target_that_was_traded_through_too() -> None:
    matching = long_100("10")
    matching.place(target(LONG, "10", "103"), 3)
    matching.place(target(LONG, "1", "104", "t2"), 3)
    events = matching.see_quote(quote(106, 106.01, 106), 4)
    assert brief(events) == [("t1", D(10), D(103), True)]
    assert events[-1] == gone("t2", OrderState.CANCELED, "0", "the position is flat")


def test_a_target_of_another_symbol_is_left_alone() -> None:
    matching = long_100("10")
    other = msgspec.structs.replace(INSTRUMENT, symbol="BBBUSDT")
    matching.set_instruments([INSTRUMENT, other])
    matching.see_quote(QuoteSeen("BBBUSDT", 99.95, 99.96, 99.96, 1), 3)
    for order in (entry(LONG, "10", "101", "98", "e2"), target(LONG, "10", "103", "t2")):
        matching.place(msgspec.structs.replace(order, symbol="BBBUSDT"), 3)
    matching.place(target(LONG, "10", "103"), 3)
    assert brief(matching.see_quote(quote(106, 106.01, 106), 4)) == [("t1", D(10), D(103), True)]
    assert [p.symbol for p in positions(matching)] == ["BBBUSDT"]
    assert matching.account().order_ids == ("t2",)


# --- exits at market


@pytest.mark.parametrize(
    ("qty", "filled", "state", "detail"),
    [
        ("4", "4", OrderState.FILLED, ""),
        ("12.3", "12.3", OrderState.FILLED, ""),
        ("50", "12.3", OrderState.CANCELED, "cut to the position's 12.3"),
        ("0.1", "0.1", OrderState.FILLED, ""),  # below both minima: reduce-only is exempt
    ],
)
def test_an_exit_takes_the_touch_and_never_flips(
    qty: str, filled: str, state: OrderState, detail: str
) -> None:
    matching = long_100()
    accepted, *events = matching.place(market_exit(LONG, qty), 3)
    assert accepted == OrderAccepted("x1")
    assert brief(events) == [("x1", D(filled), D("99.91"), False)]  # 99.95 less 4 bps, down
    assert events[1] == gone("x1", state, filled, detail)
    left = D("12.3") - D(filled)
    assert [p.qty for p in positions(matching)] == ([left] if left else [])


# --- ids


def test_an_id_placed_again_is_answered_and_not_filled_again() -> None:
    matching = long_100()
    before = matching.account()
    assert matching.place(entry(LONG, "12.3", "101", "98"), 9) == (
        OrderAccepted("e1"),
        gone("e1", OrderState.FILLED, "12.3"),
    )
    assert matching.account() == before
    matching.place(target(LONG, "4.9", "103"), 9)
    assert matching.place(target(LONG, "4.9", "103"), 9) == (OrderAccepted("t1"),)
    assert matching.account().order_ids == ("t1",)


def test_a_refused_order_never_existed() -> None:
    matching = opened_market(99.95, 99.96, 99.96)
    (refused,) = matching.place(market_exit(LONG, "1"), 2)
    assert isinstance(refused, OrderRefused)
    assert matching.find("x1") == OrderMissing("x1")
    matching.place(entry(LONG, "1", "101", "98"), 2)
    assert brief(matching.place(market_exit(LONG, "1"), 2)) == [("x1", D(1), D("99.91"), False)]


def test_canceling_answers_how_the_order_ended() -> None:
    matching = long_100()
    matching.place(target(LONG, "4.9", "103"), 3)
    assert matching.cancel("t1") == gone("t1", OrderState.CANCELED)
    assert matching.cancel("t1") == gone("t1", OrderState.CANCELED)
    assert matching.cancel("e1") == gone("e1", OrderState.FILLED, "12.3")
    assert matching.cancel("no") == OrderMissing("no")
    assert matching.see_quote(quote(106, 106.01, 106), 4) == ()


def test_memory_of_ended_orders_and_fills_is_bounded() -> None:
    matching = opened_market(99.95, 99.96, 99.96)
    for n in range(1001):
        matching.place(entry(LONG, "1", "101", "98", f"e{n}"), n)
        matching.place(market_exit(LONG, "1", f"x{n}"), n)
    assert matching.find("e0") == OrderMissing("e0")
    assert matching.find("e1") == gone("e1", OrderState.FILLED, "1")
    kept = [f.order_id for f in matching.account().fills]
    assert kept == [f"{kind}{n}" for n in range(901, 1001) for kind in "ex"]
