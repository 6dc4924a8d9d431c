"""FT21: what the rules of the venue's order book make of everything that can arrive."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.events import BookLost, BookSeen
from engine.live.venues.bybit import BybitPublic
from engine.live.venues.bybit_book import BOOK_EVERY_MS, LEVELS_MAX
from engine.live.venues.bybit_rows import Data, Sign

Side = list[list[Any]]
BIDS: Side = [["99", "5"], ["100", "2"], ["98", "7"]]
ASKS: Side = [["102", "4"], ["101", "3"]]


def book(
    kind: str, u: int, bids: Side | None = None, asks: Side | None = None, /, ts: int = 9
) -> bytes:
    data = {"s": "AUSDT", "b": bids or [], "a": asks or [], "u": u, "seq": 4}
    message = {"topic": "orderbook.50.AUSDT", "type": kind, "ts": ts, "data": data, "cts": ts}
    return json.dumps(message, separators=(",", ":")).encode()


class Feed:
    """A conversation that was sent a snapshot; `say` is the next message, half a second later."""

    def __init__(self) -> None:
        self.venue = BybitPublic(300)
        self.ts = 1000
        self.say("snapshot", 10, BIDS, ASKS)

    def say(self, kind: str, u: int, bids: Side | None = None, asks: Side | None = None) -> Data:
        self.ts += 500
        parsed = self.venue.parse(book(kind, u, bids, asks, ts=self.ts))
        assert isinstance(parsed, Data)
        return parsed

    def lose(self, u: int, bids: Side | None = None, asks: Side | None = None) -> str:
        """Say what must make the book worthless; returns why it is."""
        data = self.say("delta", u, bids, asks)
        assert data.sign is Sign.LOST
        (event,) = data.events
        assert isinstance(event, BookLost)
        after = self.say("delta", u + 1, [["99", "1"]])
        assert (after.events, after.sign) == ((), Sign.WAITING)
        assert self.say("snapshot", 77, BIDS, ASKS).sign is Sign.WHOLE
        assert event.symbol == "AUSDT"
        return event.reason


def shown(data: Data) -> tuple[list[list[float]], list[list[float]]]:
    (event,) = data.events
    assert isinstance(event, BookSeen)
    assert (event.symbol, event.exchange_ms) == ("AUSDT", data.ts)
    return event.bids.tolist(), event.asks.tolist()


def test_the_snapshot_is_shown_best_first() -> None:
    data = BybitPublic(300).parse(book("snapshot", 10, BIDS, ASKS))
    assert isinstance(data, Data)
    assert (data.topic, data.symbol, data.ts) == ("orderbook.50.AUSDT", "AUSDT", 9)
    assert data.sign is Sign.WHOLE
    assert shown(data) == ([[100, 2], [99, 5], [98, 7]], [[101, 3], [102, 4]])


def test_a_change_sets_and_deletes_in_any_order() -> None:
    feed = Feed()
    bids: Side = [["98", "0"], ["97", "1"], ["100.5", "6"], ["99", 8.5], ["55", "0"]]
    data = feed.say("delta", 11, bids, [["103", "1"], ["101.5", "9"], ["102", "0"]])
    assert data.sign is Sign.ALIVE
    assert shown(data) == (
        [[100.5, 6], [100, 2], [99, 8.5], [97, 1]],
        [[101, 3], [101.5, 9], [103, 1]],
    )


def test_a_market_that_moves_is_not_crossed() -> None:
    feed = Feed()
    up = feed.say("delta", 11, [["101", "1"], ["98", "0"]], [["101", "0"], ["103", "2"]])
    assert shown(up)[0][0] == [101, 1]
    down = feed.say("delta", 12, [["101", "0"], ["100", "0"]], [["100", "4"]])
    assert shown(down) == ([[99, 5]], [[100, 4], [102, 4], [103, 2]])


@pytest.mark.parametrize("kind", ["snapshot", "delta"])
def test_a_snapshot_or_the_first_update_of_a_service_replaces_the_book(kind: str) -> None:
    u = 1 if kind == "delta" else 5
    data = Feed().say(kind, u, [["7", "1"]], [["8", "1"]])
    assert (shown(data), data.sign) == (([[7, 1]], [[8, 1]]), Sign.WHOLE)


def test_a_change_before_the_snapshot_is_no_sign_of_life() -> None:
    venue = BybitPublic(300)
    data = venue.parse(book("delta", 11, BIDS, ASKS))
    assert isinstance(data, Data)
    assert (data.events, data.sign) == ((), Sign.WAITING)
    assert dict(venue.skipped) == {"delta before snapshot": 1}


def test_a_repeated_change_is_ignored() -> None:
    feed = Feed()
    for u in (10, 9):
        data = feed.say("delta", u, [["100", "0"]])
        assert (data.events, data.sign) == ((), Sign.ALIVE)
    assert shown(feed.say("delta", 11))[0][0] == [100, 2]
    assert dict(feed.venue.skipped) == {"repeated delta": 2}


def test_a_gap_loses_the_book() -> None:
    feed = Feed()
    assert feed.lose(12) == "gap: 11 to 12"
    assert dict(feed.venue.skipped) == {"gap": 1, "delta before snapshot": 1}


@pytest.mark.parametrize(
    ("bids", "asks"),
    [([["101", "1"]], []), ([["150", "1"]], []), ([], [["100", "1"]]), ([], [["1", "1"]])],
)
def test_a_crossed_book_is_lost(bids: Side, asks: Side) -> None:
    assert Feed().lose(11, bids, asks) == "crossed book"


def test_a_crossed_or_one_sided_snapshot_is_lost_at_once() -> None:
    for bids, asks in ((ASKS, BIDS), (BIDS, []), ([], ASKS), ([], [])):
        data = Feed().say("snapshot", 20, bids, asks)
        assert data.sign is Sign.LOST


def test_a_book_that_lost_a_side_is_lost() -> None:
    assert Feed().lose(11, [["99", "0"], ["100", "0"], ["98", "0"]]) == "one-sided book"
    assert Feed().lose(11, [], [["102", "0"], ["101", "0"]]) == "one-sided book"


@pytest.mark.parametrize(
    "level", [("nan", "1"), ("1", "nan"), ("-1", "1"), ("1", "-1"), ("0", "1")]
)
@pytest.mark.parametrize("is_bid", [True, False])
def test_insane_numbers_lose_the_book(level: tuple[str, str], *, is_bid: bool) -> None:
    sides: tuple[Side, Side] = ([list(level)], []) if is_bid else ([], [list(level)])
    assert Feed().lose(11, *sides) == "insane numbers"


def test_infinite_numbers_and_an_insane_price_to_delete_lose_it_too() -> None:
    for level in (["inf", "1"], ["1", "inf"], ["nan", "0"]):
        assert Feed().lose(11, [level]) == "insane numbers"


def test_no_more_than_fifty_levels_of_a_side_are_kept() -> None:
    feed = Feed()
    bids: Side = [[str(50 - i / 10), "1"] for i in range(LEVELS_MAX)]
    asks: Side = [[str(200 + i), "1"] for i in range(LEVELS_MAX)]
    found = shown(feed.say("delta", 11, bids, asks))
    assert [len(side) for side in found] == [LEVELS_MAX] * 2
    assert (found[0][-1], found[1][-1]) == ([45.4, 1], [247, 1])
    freed = shown(feed.say("delta", 12, [["100", "0"]]))
    assert len(freed[0]) == LEVELS_MAX - 1  # what fell out is not remembered


def test_a_busy_book_is_shown_at_times_and_nothing_of_it_is_lost() -> None:
    venue, seen = BybitPublic(300), []
    venue.parse(book("snapshot", 2, BIDS, ASKS, ts=1000))
    for u in range(3, 43):
        data = venue.parse(book("delta", u, [["99", str(u)]], [], ts=1000 + 20 * (u - 2)))
        assert isinstance(data, Data)
        seen += [(data.ts, shown(data)[0][1][1])] if data.events else []
    assert seen == [(1200, 12), (1400, 22), (1600, 32), (1800, 42)]
    assert seen[1][0] - seen[0][0] == BOOK_EVERY_MS


def test_the_last_change_before_a_silence_can_be_asked_for() -> None:
    venue = BybitPublic(300)
    venue.parse(book("snapshot", 2, BIDS, ASKS, ts=1000))
    assert list(venue.unshown_books()) == []
    venue.parse(book("delta", 3, [["99", "1"]], ts=1020))
    (late,) = venue.unshown_books()
    assert (late.exchange_ms, late.bids[1].tolist()) == (1020, [99, 1])
    assert list(venue.unshown_books()) == []


def test_a_stamp_that_goes_back_does_not_silence_the_book() -> None:
    venue = BybitPublic(300)
    venue.parse(book("snapshot", 2, BIDS, ASKS, ts=900_000))
    data = venue.parse(book("delta", 3, [["99", "1"]], ts=1000))
    assert isinstance(data, Data)
    assert shown(data)[0][1] == [99, 1]


def test_unsubscribing_forgets_the_book() -> None:
    feed = Feed()
    feed.venue.unsubscribe_messages(["tickers.AUSDT"])
    assert feed.say("delta", 11).sign is Sign.ALIVE
    feed.venue.unsubscribe_messages(["orderbook.50.AUSDT"])
    assert feed.say("delta", 12).sign is Sign.WAITING


PRICE = st.integers(-1, 12).map(str) | st.sampled_from(["nan", "inf", "1e400", "-0"])
LEVELS = st.lists(st.tuples(PRICE, PRICE).map(list), max_size=6)
MESSAGE = st.tuples(
    st.sampled_from(["delta", "delta", "snapshot"]), st.integers(0, 6), LEVELS, LEVELS
)


@given(st.lists(MESSAGE, max_size=12))
def test_whatever_comes_only_a_sane_book_in_sequence_is_shown(
    messages: list[tuple[str, int, Side, Side]],
) -> None:
    venue, u, is_whole = BybitPublic(300), 0, False
    for n, (kind, step, bids, asks) in enumerate(messages, 1):
        u += step
        data = venue.parse(book(kind, u, bids, asks, ts=300 * n))
        if data is None:
            continue  # unreadable: the next one is a gap
        assert isinstance(data, Data)
        is_whole = is_whole or data.sign is Sign.WHOLE
        for event in data.events:
            if isinstance(event, BookSeen):
                assert is_whole
                bid, ask = event.bids[:, 0].tolist(), event.asks[:, 0].tolist()
                assert 0 < bid[0] < ask[0] < float("inf")
                assert bid == sorted(bid, reverse=True)
                assert ask == sorted(ask)
                assert (event.bids[:, 1] > 0).all()
                assert (event.asks[:, 1] > 0).all()
        is_whole = is_whole and data.sign is not Sign.LOST
