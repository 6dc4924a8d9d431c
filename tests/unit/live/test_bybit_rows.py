"""FT25 and the mangled messages of every kind: trades once and in order, and nothing made up."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.events import BookLost, BookSeen, CandlesClosed, PrintsSeen, QuoteSeen
from engine.core.values import OrderSide, Print
from engine.live.venues.bybit import BybitPublic
from engine.live.venues.bybit_rows import REMEMBERED, REMEMBERED_MS, Data

T = 1_672_324_800_000
MANY = 1024  # trades, the venue's most in a message


def trade(number: int, at_ms: int = T, /, **changes: object) -> dict[str, Any]:
    row = {"T": at_ms, "s": "AUSDT", "S": "Buy", "v": "0.5", "p": "10", "i": f"id-{number}"}
    return {**row, "L": "PlusTick", "BT": False, "seq": 1, **changes}


def tape(*rows: dict[str, Any]) -> bytes:
    message = {"topic": "publicTrade.AUSDT", "type": "snapshot", "ts": T, "data": rows}
    return json.dumps(message, separators=(",", ":")).encode()


def prints(venue: BybitPublic, *rows: dict[str, Any]) -> tuple[Print, ...]:
    data = venue.parse(tape(*rows))
    assert isinstance(data, Data)
    assert (data.topic, data.symbol, data.ts) == ("publicTrade.AUSDT", "AUSDT", T)
    if not data.events:
        return ()
    (event,) = data.events
    assert isinstance(event, PrintsSeen)
    assert event.symbol == "AUSDT"
    return event.prints


def test_trades_are_prints_with_the_side_of_the_aggressor() -> None:
    found = prints(BybitPublic(300), trade(1), trade(2, T + 3, S="Sell", v=2, p="10.5"))
    assert found == (
        Print(T, 10.0, 0.5, OrderSide.BUY),
        Print(T + 3, 10.5, 2.0, OrderSide.SELL),
    )


def test_a_trade_counts_once_within_a_message_and_across() -> None:
    venue = BybitPublic(300)
    assert len(prints(venue, trade(1), trade(2), trade(1))) == 2
    assert prints(venue, trade(2), trade(1)) == ()
    assert len(prints(venue, trade(2), trade(3))) == 1


def test_trades_that_come_late_are_handed_over_in_order() -> None:
    venue = BybitPublic(300)
    found = prints(venue, trade(1, T), trade(2, T - 2000), trade(3, T + 1), trade(4, T))
    assert [p.exchange_ms for p in found] == [T - 2000, T, T, T + 1]
    assert len(prints(venue, trade(5, T - 2000), trade(1))) == 1


def test_what_is_remembered_of_trades_is_bounded_and_long_enough() -> None:
    venue = BybitPublic(300)
    size = 0
    for first in range(0, 3 * REMEMBERED, MANY):
        rows = [trade(n) for n in range(first, first + MANY)]
        assert len(prints(venue, *rows)) == MANY
        assert prints(venue, *rows) == ()
        memory = venue._tapes._memories["AUSDT"]
        size = max(size, len(memory._young) + len(memory._old))
    assert size == 2 * REMEMBERED
    assert prints(venue, trade(0)) != ()  # forgotten


def test_a_quiet_tape_forgets_by_time() -> None:
    venue = BybitPublic(300)
    for number, later in enumerate((0, 1, 2), 1):
        assert prints(venue, trade(number, T + later * (REMEMBERED_MS + 1))) != ()
    assert prints(venue, trade(2, T)) == ()
    assert prints(venue, trade(1, T)) != ()


def test_unsubscribing_forgets_the_trades() -> None:
    venue = BybitPublic(300)
    prints(venue, trade(1))
    venue.unsubscribe_messages(["publicTrade.AUSDT"])
    assert len(prints(venue, trade(1))) == 1


@pytest.mark.parametrize(
    "changes",
    [{"p": "nan"}, {"p": "0"}, {"p": "inf"}, {"v": "0"}, {"v": "-1"}, {"S": "Both"}, {"T": 0}],
)
def test_an_impossible_trade_is_dropped_alone_and_counted(changes: dict[str, object]) -> None:
    venue = BybitPublic(300)
    assert len(prints(venue, trade(1, **changes), trade(2))) == 1
    assert dict(venue.skipped) == {"impossible trade": 1}
    assert len(prints(venue, trade(1))) == 1  # it was not the trade that was believed


BOOK = {"u": 1, "b": [["9", "1"]], "a": [["11", "1"]]}
CANDLE = {"start": T, "open": "10", "high": "12", "low": "9", "close": "11", "volume": "3"}
MESSAGES: list[dict[str, Any]] = [
    {"topic": "publicTrade.AUSDT", "ts": T, "data": [trade(1)]},
    {"topic": "orderbook.50.AUSDT", "type": "snapshot", "ts": T, "data": BOOK},
    {"topic": "orderbook.50.AUSDT", "type": "delta", "ts": T, "data": {**BOOK, "u": 6}},
    {"topic": "tickers.AUSDT", "type": "snapshot", "ts": T, "data": {"bid1Price": "9"}},
    {"topic": "tickers.AUSDT", "type": "delta", "ts": T, "data": {"ask1Price": "11"}},
    {"topic": "kline.5.AUSDT", "ts": T + 300_000, "data": [{**CANDLE, "confirm": True}]},
]
FIELDS = ("topic", "ts", "type", "data", "op", "success", "ret_msg", "req_id")
INNER = ("bid1Price", "ask1Price", "lastPrice", "start", "open", "close", "confirm", "volume")
FLOW = ("u", "b", "a", "T", "S", "v", "p", "i")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


def is_sane(event: object) -> bool:
    """Whether an event says only what a market can do."""
    match event:
        case QuoteSeen(bid=bid, ask=ask, last=last):
            return 0 < bid <= ask < float("inf") and 0 < last < float("inf")
        case CandlesClosed(bars=bars):
            return all(0 < b.low <= b.close <= b.high for b in bars)
        case PrintsSeen(prints=found):
            return all(p.exchange_ms > 0 and 0 < p.price * p.qty < float("inf") for p in found)
        case BookSeen(bids=bids, asks=asks):
            return bool(0 < bids[0, 0] < asks[0, 0] < float("inf"))
        case _:
            return isinstance(event, BookLost)


@settings(max_examples=60)
@given(st.sampled_from(MESSAGES), st.data())
def test_mangled_messages_never_raise_and_never_lie(
    message: dict[str, Any], data: st.DataObject
) -> None:
    venue = BybitPublic(300)
    snapshots = [
        {**MESSAGES[1], "data": {**BOOK, "u": 5}},
        {**MESSAGES[3], "data": {"bid1Price": "9", "ask1Price": "11", "lastPrice": "10"}},
    ]
    for snapshot in snapshots:
        venue.parse(json.dumps(snapshot))
    field = data.draw(st.sampled_from((*FIELDS, *INNER, *FLOW)))
    body = message["data"]
    row = {**(body[0] if isinstance(body, list) else body)}
    mangled = {**message, "data": [row] if isinstance(body, list) else row}
    (mangled if field in FIELDS else row)[field] = data.draw(json_values)
    separators = data.draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    text = json.dumps(mangled, separators=separators)
    for frame in (text, text[: data.draw(st.integers(0, 400))]):
        assert all(is_sane(e) for e in getattr(venue.parse(frame), "events", ()))
