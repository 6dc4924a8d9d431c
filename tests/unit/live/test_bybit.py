import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.events import CandlesClosed, QuoteSeen
from engine.core.values import Bar
from engine.live.venues.bybit import (
    ARGS_MAX_CHARS,
    PENDING_MAX,
    Ack,
    BybitPublic,
    Pong,
    args_chars,
    deep_topics,
    is_deep,
    symbol_of,
    topics,
)
from engine.live.venues.bybit_rows import Data

EXAMPLES = Path(__file__).resolve().parents[4] / "shared" / "data" / "bybit_v5_doc_examples.json.gz"
START = 1_672_324_800_000
CANDLE: dict[str, Any] = {
    "start": START,
    "end": START + 299_999,
    "interval": "5",
    "open": "16649.5",
    "close": "16677",
    "high": "16680",
    "low": "16608",
    "volume": "2.081",
    "turnover": "34666.4005",
    "confirm": True,
    "timestamp": START + 299_990,
}
BAR = Bar("BTCUSDT", START, 16649.5, 16680.0, 16608.0, 16677.0, 2.081)


def kline(changes: dict[str, object] | None = None, ts: int = START + 300_005) -> bytes:
    data = [{**CANDLE, **(changes or {})}]
    message = {"topic": "kline.5.BTCUSDT", "type": "snapshot", "ts": ts, "data": data}
    return json.dumps(message).encode()


def ticker(kind: str, ts: int = 7, /, **fields: object) -> bytes:
    data = {"symbol": "BTCUSDT", **fields}
    message = {"topic": "tickers.BTCUSDT", "type": kind, "data": data, "cs": 1, "ts": ts}
    return json.dumps(message).encode()


def quote_of(parsed: object) -> QuoteSeen | None:
    assert isinstance(parsed, Data)
    (event,) = parsed.events or (None,)
    assert event is None or isinstance(event, QuoteSeen)
    return event


def whole(bid: str = "10.1") -> bytes:
    return ticker("snapshot", bid1Price=bid, ask1Price="10.2", lastPrice="10.15")


def test_topics_are_candles_and_tickers_of_each_symbol() -> None:
    assert topics(("BTCUSDT", "XUSDT"), 900) == [
        "kline.15.BTCUSDT",
        "tickers.BTCUSDT",
        "kline.15.XUSDT",
        "tickers.XUSDT",
    ]
    assert symbol_of("kline.15.BTCUSDT") == "BTCUSDT"


def test_deep_topics_ask_for_the_trades_before_the_book_that_proves_them() -> None:
    names = deep_topics(("BTCUSDT", "XUSDT"))
    assert names == [
        "publicTrade.BTCUSDT",
        "orderbook.50.BTCUSDT",
        "publicTrade.XUSDT",
        "orderbook.50.XUSDT",
    ]
    assert [is_deep(n) for n in (*names, *topics(("XUSDT",), 300))] == [True] * 4 + [False] * 2


def test_requests_are_batched_and_numbered() -> None:
    venue = BybitPublic(300)
    names = topics([f"S{i}USDT" for i in range(75)], 300)
    first, second = (json.loads(m) for m in venue.subscribe_messages(names))
    (last,) = (json.loads(m) for m in venue.unsubscribe_messages(names[:1]))
    ping = json.loads(venue.ping_message())
    assert first == {"req_id": "1", "op": "subscribe", "args": names[:100]}
    assert second == {"req_id": "2", "op": "subscribe", "args": names[100:]}
    assert last == {"req_id": "3", "op": "unsubscribe", "args": names[:1]}
    assert ping == {"req_id": "4", "op": "ping"}
    assert venue.subscribe_messages([]) == []


def test_the_characters_of_topics_are_those_of_their_json() -> None:
    names = topics([f"S{i}USDT" for i in range(40)], 300)
    assert args_chars(names) - 1 == len(json.dumps(names, separators=(",", ":"))) - 2
    assert args_chars(names) < ARGS_MAX_CHARS


def test_a_confirmed_candle_is_a_bar() -> None:
    parsed = BybitPublic(300).parse(kline())
    assert parsed == Data("kline.5.BTCUSDT", "BTCUSDT", START + 300_005, (CandlesClosed((BAR,)),))


def test_an_open_candle_is_a_sign_of_life_only() -> None:
    parsed = BybitPublic(300).parse(kline({"confirm": False}, ts=START + 9).decode())
    assert parsed == Data("kline.5.BTCUSDT", "BTCUSDT", START + 9, ())


def test_numbers_may_come_as_numbers() -> None:
    changes = {"open": 16649.5, "close": 16677, "high": 16680, "low": 16608, "volume": 2.081}
    parsed = BybitPublic(300).parse(kline({**changes}))
    assert isinstance(parsed, Data)
    assert parsed.events == (CandlesClosed((BAR,)),)


@pytest.mark.parametrize(
    "changes",
    [
        {"high": "NaN"},
        {"high": "inf"},
        {"volume": "inf"},
        {"volume": "-1"},
        {"low": "0"},
        {"low": "-5"},
        {"high": "16650"},  # below the close
        {"low": "16650"},  # above the open
        {"start": START + 60_000},  # off the grid
        {"start": START + 300_000},  # closes in the future
    ],
)
def test_impossible_candles_are_dropped_and_counted(changes: dict[str, object]) -> None:
    venue = BybitPublic(300)
    parsed = venue.parse(kline(changes))
    assert isinstance(parsed, Data)
    assert (parsed.events, dict(venue.skipped)) == ((), {"impossible candle": 1})


def test_ticker_deltas_change_only_what_they_name() -> None:
    venue = BybitPublic(300)
    frames = [
        whole(),
        ticker("delta", 8, bid1Price="10.12"),
        ticker("delta", 9, openInterest="4"),
        ticker("delta", 10, ask1Price=10.3, lastPrice="10.3"),
        ticker("delta", 11, lastPrice=None),
    ]
    assert [quote_of(venue.parse(f)) for f in frames] == [
        QuoteSeen("BTCUSDT", 10.1, 10.2, 10.15, 7),
        QuoteSeen("BTCUSDT", 10.12, 10.2, 10.15, 8),
        QuoteSeen("BTCUSDT", 10.12, 10.2, 10.15, 9),
        QuoteSeen("BTCUSDT", 10.12, 10.3, 10.3, 10),
        QuoteSeen("BTCUSDT", 10.12, 10.3, 10.3, 11),
    ]


def test_a_quote_waits_for_all_three_prices() -> None:
    venue = BybitPublic(300)
    frames = [
        ticker("snapshot", lastPrice="10"),
        ticker("delta", bid1Price="9"),
        ticker("delta", ask1Price="11"),
    ]
    assert [quote_of(venue.parse(f)) for f in frames] == [
        None,
        None,
        QuoteSeen("BTCUSDT", 9.0, 11.0, 10.0, 7),
    ]


def test_a_snapshot_forgets_what_was_before() -> None:
    venue = BybitPublic(300)
    venue.parse(whole())
    assert quote_of(venue.parse(ticker("snapshot", bid1Price="9", ask1Price="11"))) is None


def test_a_delta_before_any_snapshot_says_nothing() -> None:
    venue = BybitPublic(300)
    parsed = venue.parse(ticker("delta", bid1Price="9", ask1Price="11", lastPrice="10"))
    assert (quote_of(parsed), dict(venue.skipped)) == (None, {"delta before snapshot": 1})


def test_unsubscribing_a_ticker_forgets_its_prices_and_a_candle_does_not() -> None:
    venue = BybitPublic(300)
    venue.parse(whole())
    venue.unsubscribe_messages(["kline.5.BTCUSDT"])
    assert quote_of(venue.parse(ticker("delta", bid1Price="9"))) is not None
    venue.unsubscribe_messages(["tickers.BTCUSDT"])
    assert quote_of(venue.parse(ticker("delta", bid1Price="9"))) is None


@pytest.mark.parametrize("bad", ["", "0", "-1", "nan", "inf", "x", 0])
def test_what_cannot_be_a_price_is_unknown_until_the_next(bad: object) -> None:
    venue = BybitPublic(300)
    venue.parse(whole())
    assert quote_of(venue.parse(ticker("delta", bid1Price=bad))) is None
    assert quote_of(venue.parse(ticker("delta", lastPrice="10.16"))) is None
    assert dict(venue.skipped) == {"impossible price": 1}
    healed = quote_of(venue.parse(ticker("delta", bid1Price="10.11")))
    assert healed == QuoteSeen("BTCUSDT", 10.11, 10.2, 10.16, 7)


def test_crossed_prices_are_dropped_and_counted() -> None:
    venue = BybitPublic(300)
    assert quote_of(venue.parse(whole(bid="10.3"))) is None
    assert dict(venue.skipped) == {"crossed prices": 1}
    assert quote_of(venue.parse(ticker("delta", bid1Price="10.2"))) is not None  # locked


@pytest.mark.parametrize(
    "raw",
    [
        b'{"success":true,"ret_msg":"pong","conn_id":"0970e817","op":"ping"}',
        b'{"success":true,"ret_msg":"pong","conn_id":"4657","req_id":"","op":"ping"}',
        b'{"args":["1672916271846"],"op":"pong"}',
        b'{"req_id":"test","op":"pong","args":["1675418560633"],"conn_id":"cfcb4ocsvfriu23r3er0-1b"}',
    ],
)
def test_a_pong_has_many_shapes(raw: bytes) -> None:
    assert BybitPublic(300).parse(raw) == Pong()


def test_answers_name_the_topics_they_are_about() -> None:
    venue = BybitPublic(300)
    venue.subscribe_messages(["a.A", "a.B"])
    venue.subscribe_messages(["b.B"])
    venue.unsubscribe_messages(["c.C"])
    assert [
        venue.parse(b'{"success":true,"ret_msg":"","conn_id":"c","req_id":"2","op":"subscribe"}'),
        venue.parse(b'{"success":false,"ret_msg":"error:x","op":"subscribe"}'),
        venue.parse(b'{"success":true,"ret_msg":"","req_id":"","op":"unsubscribe"}'),
        venue.parse(b'{"success":false,"op":"subscribe"}'),
    ] == [
        Ack("subscribe", True, ("b.B",), ""),  # noqa: FBT003 -- a whole record
        Ack("subscribe", False, ("a.A", "a.B"), "error:x"),  # noqa: FBT003
        Ack("unsubscribe", True, ("c.C",), ""),  # noqa: FBT003
        Ack("subscribe", False, (), ""),  # noqa: FBT003
    ]


def test_an_answer_may_name_the_topics_that_failed() -> None:
    venue = BybitPublic(300)
    venue.subscribe_messages(["a.A", "a.B"])
    raw = (
        b'{"success":true,"conn_id":"aa01","type":"COMMAND_RESP",'
        b'"data":{"failTopics":["a.B"],"successTopics":["a.A"]}}'
    )
    parsed = venue.parse(raw)
    assert parsed == Ack("subscribe", is_ok=False, topics=("a.B",), detail="")


def test_unanswered_requests_are_remembered_up_to_a_bound() -> None:
    venue = BybitPublic(300)
    for i in range(PENDING_MAX + 1):
        venue.subscribe_messages([f"t.{i}"])
    first = venue.parse(b'{"success":false,"op":"subscribe","req_id":"1"}')
    second = venue.parse(b'{"success":false,"op":"subscribe","req_id":"2"}')
    assert first == Ack("subscribe", is_ok=False, topics=(), detail="")
    assert second == Ack("subscribe", is_ok=False, topics=("t.1",), detail="")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "unreadable"),
        (b"\xff\xfe", "unreadable"),
        ("\ud800", "unreadable"),
        (b"null", "unreadable"),
        (b"[1,2]", "unreadable"),
        (b"[" * 100_000, "unreadable"),
        (b'{"topic":"tickers.A","ts":1,"data":' + b"[" * 5000 + b"]" * 5000 + b"}", "unreadable"),
        (b'{"topic":"tickers.A","ts":1,"type":"snapshot"}', "unreadable"),
        (b'{"topic":"tickers.A","ts":0,"type":"snapshot","data":{}}', "no time"),
        (b'{"topic":"kline.5.A","ts":1,"data":[{"start":1}]}', "unreadable"),
        (b'{"topic":"kline.5.A","data":[]}', "no time"),
        (b'{"topic":"kline.5.A","ts":0,"data":[]}', "no time"),
        (b'{"topic":"kline.5.A","ts":99999999999999999999,"data":[]}', "no time"),
        (b'{"topic":"kline.1.A","ts":5,"data":[]}', "unknown topic"),
        (b'{"topic":"orderbook.1.A","ts":5,"data":{"u":1}}', "unknown topic"),
        (b'{"ts":5,"topic":"orderbook.1.A","data":{}}', "unknown topic"),
        (b'{"topic":"orderbook.50.A","ts":5,"data":{"b":[]}}', "unreadable"),
        (b'{"topic":"orderbook.50.A","ts":5,"data":{"u":4,"b":[["1"]]}}', "unreadable"),
        (b'{"topic":"orderbook.50.A","type":"snapshot","data":{"u":1}}', "no time"),
        (b'{"topic":"publicTrade.A","ts":5,"data":{}}', "unreadable"),
        (b'{"topic":"publicTrade.A","ts":-5,"data":[]}', "no time"),
        (b'{"hello":1}', "unknown message"),
    ],
)
def test_a_bad_frame_is_counted_and_skipped(raw: bytes | str, reason: str) -> None:
    venue = BybitPublic(300)
    assert (venue.parse(raw), dict(venue.skipped)) == (None, {reason: 1})


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_nothing_the_venue_sends_can_raise(raw: bytes | str) -> None:
    venue = BybitPublic(300)
    assert venue.parse(raw) is not None or venue.skipped.total() == 1


def _examples() -> Iterator[tuple[str, Any]]:
    if not EXAMPLES.exists():
        pytest.skip("the exchange's own examples are not on this machine")
    with gzip.open(EXAMPLES) as file:
        pages = json.load(file)
    for page, examples in pages.items():
        for example in examples:
            yield page, example


def test_every_example_of_the_venue_is_read_or_counted() -> None:
    venue = BybitPublic(300)
    parsed = [(page, venue.parse(json.dumps(e))) for page, e in _examples()]
    found = {(page, type(p)) for page, p in parsed if p is not None}
    assert {
        ("websocket/public/kline", Data),
        ("websocket/public/ticker", Data),
        ("websocket/wss-authentication", Pong),
        ("websocket/wss-authentication", Ack),
    } <= found
    waiting = venue.skipped["delta before snapshot"]
    assert sum(p is None for _, p in parsed) == venue.skipped.total() - waiting
