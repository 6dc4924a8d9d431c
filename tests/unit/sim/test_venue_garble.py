import json

import pytest

from engine.sim.venue_garble import crossed, garbage, is_delta


def book(kind: str, bids: list[list[str]], asks: list[list[str]]) -> str:
    message = {"topic": "orderbook.50.A", "type": kind, "data": {"b": bids, "a": asks, "u": 7}}
    return json.dumps(message, separators=(",", ":"))


def test_a_book_is_crossed_on_the_side_it_tells_of() -> None:
    asks = json.loads(crossed(book("delta", [["9.90", "3"]], [["10.05", "0"], ["10.10", "3"]])))
    assert asks["data"]["b"] == [["10.20", "1"], ["9.90", "3"]]
    assert asks["data"]["u"] == 7
    bids = json.loads(crossed(book("delta", [["9.90", "3"]], [["10.05", "0"]])))
    assert bids["data"]["a"] == [["9.80", "1"], ["10.05", "0"]]


def test_a_book_without_prices_stays_as_it_is() -> None:
    text = book("delta", [], [["10.05", "0"]])
    assert json.loads(crossed(text)) == json.loads(text)


def test_a_delta_is_known_by_its_type() -> None:
    assert is_delta(book("delta", [], []))
    assert not is_delta(book("snapshot", [], []))


def test_garbage_comes_in_turn() -> None:
    utf8, number, deep, large, again = (garbage(i, "tickers.A") for i in range(1, 6))
    with pytest.raises(UnicodeDecodeError):
        utf8.decode()
    assert b":NaN" in number
    assert deep == b"[" * 1000 + b"]" * 1000
    assert len(large) > 1_048_576
    assert again == utf8
