import json
from typing import Any

import pytest

from engine.sim.board import Board
from engine.sim.feed import CLOSE, MINUTE_MS, OPEN, VOLUME
from engine.sim.venue_topics import Topic, Topics, parse_topic
from markets import FIRST_MS, FIVE_MS, recorded

OPEN_MS = FIRST_MS + 351 * FIVE_MS
NOW_MS = OPEN_MS + 100_000


def topic(board: Board, text: str) -> Topic:
    found = parse_topic(board, text)
    assert found is not None
    return found


class Listener:
    """A subscriber to one topic of a board."""

    def __init__(self, text: str, board: Board | None = None) -> None:
        self.board = board or Board(recorded(), NOW_MS)
        self.topics = Topics(self.board)
        self.topic = topic(self.board, text)
        self.first = [json.loads(m) for m in self.topics.first(self.topic)]

    def step(self, ms: int = 10_000) -> list[Any]:
        self.board.seek(self.board.shown.at_ms + ms)
        messages = [json.loads(m) for m in self.topics.step({self.topic})[self.topic]]
        assert all(m["topic"] == self.topic.text for m in messages)
        assert all(m["ts"] == self.board.shown.at_ms for m in messages)
        return messages


@pytest.mark.parametrize(
    "text",
    [
        "kline.5.AAAUSDT",
        "kline.D.BBBUSDT",
        "tickers.AAAUSDT",
        "publicTrade.AAAUSDT",
        "orderbook.1.AAAUSDT",
        "orderbook.50.AAAUSDT",
    ],
)
def test_topics_that_exist(text: str) -> None:
    found = parse_topic(Board(recorded(), NOW_MS), text)
    assert found is not None
    assert found.text == text


@pytest.mark.parametrize(
    "text",
    [
        "kline.1.AAAUSDT",  # finer than the recording
        "kline.7.AAAUSDT",
        "kline.AAAUSDT",
        "kline.5.5.AAAUSDT",
        "kline.5.ZZZUSDT",
        "tickers.5.AAAUSDT",
        "orderbook.500.AAAUSDT",
        "orderbook.AAAUSDT",
        "allLiquidation.AAAUSDT",
        "AAAUSDT",
        "",
    ],
)
def test_topics_that_do_not(text: str) -> None:
    assert parse_topic(Board(recorded(), NOW_MS), text) is None


def test_a_candle_forms_and_is_confirmed_once() -> None:
    listener = Listener("kline.5.AAAUSDT")
    assert [m["data"][0]["confirm"] for m in listener.first] == [False]
    seen = []
    while listener.board.shown.at_ms < OPEN_MS + FIVE_MS + 30_000:
        (message,) = listener.step()
        assert message["type"] == "snapshot"
        seen.append(message["data"][0])
    confirmed = [candle for candle in seen if candle["confirm"]]
    bar = listener.board.feed.series(0, OPEN_MS, 1)[0]
    assert confirmed == [
        {
            "start": OPEN_MS,
            "end": OPEN_MS + FIVE_MS - 1,
            "interval": "5",
            "open": f"{bar[0]:.2f}",
            "high": f"{bar[1]:.2f}",
            "low": f"{bar[2]:.2f}",
            "close": f"{bar[3]:.2f}",
            "volume": f"{bar[4]:.2f}",
            "turnover": f"{bar[5]:.4f}",
            "confirm": True,
            "timestamp": OPEN_MS + FIVE_MS,
        }
    ]
    volumes = [float(c["volume"]) for c in seen if c["start"] == OPEN_MS]
    assert volumes == sorted(volumes)
    assert seen[-1]["start"] == OPEN_MS + FIVE_MS


def test_a_longer_candle_goes_on_over_the_close_of_a_shorter() -> None:
    listener = Listener("kline.15.AAAUSDT")
    listener.board.seek(OPEN_MS + FIVE_MS - 10_000)
    (message,) = listener.step()
    frame_ms = 3 * FIVE_MS
    assert message["data"][0]["start"] == OPEN_MS // frame_ms * frame_ms
    assert message["data"][0]["confirm"] is ((OPEN_MS + FIVE_MS) % frame_ms == 0)


def test_a_missing_candle_is_not_pushed() -> None:
    listener = Listener("kline.5.BBBUSDT", Board(recorded(gap=slice(351, 352)), NOW_MS))
    assert listener.first == []
    while listener.board.shown.at_ms < OPEN_MS + FIVE_MS:
        assert listener.step() == []
    assert len(listener.step()) == 1


def test_tickers_are_a_snapshot_and_then_changes() -> None:
    listener = Listener("tickers.AAAUSDT")
    (snapshot,) = listener.first
    assert (snapshot["type"], snapshot["cs"]) == ("snapshot", NOW_MS)
    state = dict(snapshot["data"])
    for _ in range(12):
        for message in listener.step():
            assert message["type"] == "delta"
            changed = message["data"]
            assert changed.pop("symbol") == "AAAUSDT"
            assert changed
            assert all(state[name] != text for name, text in changed.items())
            state |= changed
        assert state["lastPrice"] == f"{listener.board.shown.last[0]:.2f}"
        assert state["bid1Price"] == f"{listener.board.shown.bid[0]:.2f}"
        assert state["volume24h"] == f"{listener.board.shown.volume_24h[0]:.2f}"


def test_an_unchanged_ticker_is_silent() -> None:
    feed = recorded()
    assert feed.end_ms is not None
    listener = Listener("tickers.AAAUSDT", Board(feed, feed.end_ms))
    assert len(listener.first) == 1
    assert listener.step(0) == []


def test_a_symbol_that_never_traded_has_no_ticker_until_it_does() -> None:
    listener = Listener("tickers.BBBUSDT", Board(recorded(gap=slice(0, 352)), NOW_MS))
    assert listener.first == []
    assert listener.step() == []
    (snapshot,) = listener.step(OPEN_MS + FIVE_MS - listener.board.shown.at_ms)
    assert snapshot["type"] == "snapshot"


def test_trades_add_up_and_name_their_side() -> None:
    listener = Listener("publicTrade.AAAUSDT", Board(recorded(), OPEN_MS))
    assert listener.first == []
    trades = [t for _ in range(30) for m in listener.step() for t in m["data"]]
    bar = listener.board.feed.series(0, OPEN_MS, 1)[0]
    assert sum(float(t["v"]) for t in trades) == pytest.approx(bar[VOLUME])
    assert trades[-1]["p"] == f"{bar[CLOSE]:.2f}"
    assert [t["T"] for t in trades] == sorted(t["T"] for t in trades)
    assert len({t["i"] for t in trades}) == len(trades)
    assert {t["S"] for t in trades} == {"Buy", "Sell"}
    assert {t["L"] for t in trades} >= {"PlusTick", "MinusTick"}
    assert {(t["s"], t["BT"], t["RPI"]) for t in trades} == {("AAAUSDT", False, False)}


def apply(book: dict[str, dict[str, str]], data: dict[str, Any]) -> None:
    for side in ("b", "a"):
        for price, size in data[side]:
            if size == "0":
                del book[side][price]
            else:
                book[side][price] = size


def test_a_book_follows_its_deltas_without_a_gap() -> None:
    listener = Listener("orderbook.50.AAAUSDT")
    (snapshot,) = listener.first
    book = {side: dict(snapshot["data"][side]) for side in ("b", "a")}
    update_id = snapshot["data"]["u"]
    for _ in range(30):
        for message in listener.step(1000):
            assert (message["type"], message["data"]["u"]) == ("delta", update_id + 1)
            update_id += 1
            apply(book, message["data"])
        bids, asks = listener.board.book(0, 50)
        assert book["b"] == {f"{p:.2f}": f"{q:.2f}" for p, q in bids}
        assert book["a"] == {f"{p:.2f}": f"{q:.2f}" for p, q in asks}


def test_the_best_prices_come_whole_and_again_after_three_seconds() -> None:
    feed = recorded()
    listener = Listener("orderbook.1.AAAUSDT", Board(feed, NOW_MS))
    sent = {listener.first[0]["data"]["u"]: NOW_MS}
    for _ in range(40):
        at_ms = listener.board.shown.at_ms + 1000
        messages = listener.step(1000)
        if not messages:
            assert at_ms - max(sent.values()) < 3000
            continue
        (message,) = messages
        assert message["type"] == "snapshot"
        assert message["data"]["b"] == [
            [f"{listener.board.shown.bid[0]:.2f}", f"{listener.board.shown.bid_size[0]:.2f}"]
        ]
        assert message["data"]["u"] in (max(sent), max(sent) + 1)
        sent[message["data"]["u"]] = at_ms


def test_an_unchanged_book_is_silent_except_the_best_prices() -> None:
    feed = recorded()
    assert feed.end_ms is not None
    assert Listener("orderbook.50.AAAUSDT", Board(feed, feed.end_ms)).step(0) == []
    assert Listener("orderbook.1.AAAUSDT", Board(feed, feed.end_ms)).step(0) == []


def test_a_subscriber_who_comes_back_gets_a_newer_book() -> None:
    listener = Listener("orderbook.50.AAAUSDT")
    before = listener.first[0]["data"]["u"]
    for _ in range(5):
        listener.step(1000)
    listener.board.seek(listener.board.shown.at_ms + 1000)
    assert listener.topics.step(set()) == {}
    (again,) = (json.loads(m) for m in listener.topics.first(listener.topic))
    assert again["type"] == "snapshot"
    assert again["data"]["u"] > before


def test_two_subscribers_share_one_state() -> None:
    listener = Listener("tickers.AAAUSDT")
    listener.step()
    second = [json.loads(m) for m in listener.topics.first(listener.topic)]
    assert second[0]["data"]["lastPrice"] == f"{listener.board.shown.last[0]:.2f}"


def test_a_topic_added_between_steps_starts_with_its_snapshot() -> None:
    board = Board(recorded(), NOW_MS)
    topics = Topics(board)
    wanted = {topic(board, "tickers.AAAUSDT"), topic(board, "orderbook.50.BBBUSDT")}
    board.seek(NOW_MS + 1000)
    kinds = {t.kind: json.loads(m[0])["type"] for t, m in topics.step(wanted).items()}
    assert kinds == {"tickers": "snapshot", "orderbook": "snapshot"}


def test_minutes_form_a_five_minute_candle() -> None:
    feed = recorded(1600, MINUTE_MS)
    begin_ms = FIRST_MS + 1500 * MINUTE_MS
    listener = Listener("kline.5.AAAUSDT", Board(feed, begin_ms))
    while listener.board.shown.at_ms < begin_ms + 4 * MINUTE_MS:
        assert len(listener.step(20_000)) == 1
    (message,) = listener.step(MINUTE_MS)
    bars = feed.series(0, begin_ms, 5)
    candle = message["data"][0]
    assert candle["confirm"] is True
    assert (candle["open"], candle["close"]) == (f"{bars[0, OPEN]:.2f}", f"{bars[-1, CLOSE]:.2f}")
    assert float(candle["volume"]) == pytest.approx(bars[:, VOLUME].sum())
