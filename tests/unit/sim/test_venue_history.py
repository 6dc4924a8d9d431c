from typing import Any

import numpy as np
import pytest

from engine.sim.account import FUNDING_MS
from engine.sim.board import Board
from engine.sim.feed import MINUTE_MS
from engine.sim.venue_history import History
from engine.sim.venue_rest import Refused
from markets import FIRST_MS, FIVE_MS, recorded

OPEN_MS = FIRST_MS + 351 * FIVE_MS
NOW_MS = OPEN_MS + 100_000
DAY = {"category": "linear", "symbol": "AAAUSDT"}


def ask(path: str, on: Board | None = None, **query: str) -> list[dict[str, Any]]:
    found = History(on or Board(recorded(), NOW_MS)).paths[path]({**DAY, **query})
    assert found["category"] == "linear"
    rows: list[dict[str, Any]] = found["list"]
    return rows


def shown_then(row: int, at_ms: int, **feed: Any) -> float:  # noqa: ANN401 -- what `recorded` takes
    return float(Board(recorded(**feed), at_ms).shown.interest[row])


def test_open_interest_is_what_the_ticker_showed() -> None:
    rows = ask("open-interest", intervalTime="5min")
    assert [int(r["timestamp"]) for r in rows] == [OPEN_MS - i * FIVE_MS for i in range(50)]
    for row in (rows[0], rows[1], rows[49]):
        shown = shown_then(0, int(row["timestamp"]))
        assert row["openInterest"] == f"{shown:.2f}"
    assert ask("open-interest", intervalTime="5min", limit="1") == rows[:1]


def test_open_interest_of_a_first_day_builds_on_the_first_price() -> None:
    rows = ask("open-interest", intervalTime="1h", limit="200")
    assert [int(r["timestamp"]) for r in rows[-1:]] == [FIRST_MS + 3_600_000]  # none at the start
    assert rows[-1]["openInterest"] == f"{shown_then(0, FIRST_MS + 3_600_000):.2f}"


def test_open_interest_over_a_gap_uses_the_next_known_price() -> None:
    gap = slice(0, 3)
    board = Board(recorded(gap=gap), FIRST_MS + 6 * FIVE_MS)
    rows = ask("open-interest", board, symbol="BBBUSDT", intervalTime="5min")
    assert [(int(r["timestamp"]) - FIRST_MS) // FIVE_MS for r in rows] == [6, 5, 4]
    for row in rows:
        shown = shown_then(1, int(row["timestamp"]), gap=gap)
        assert float(row["openInterest"]) == round(shown)


def test_open_interest_within_bounds() -> None:
    start, end = str(OPEN_MS - 9 * FIVE_MS + 1), str(OPEN_MS - 7 * FIVE_MS)
    rows = ask("open-interest", intervalTime="5min", startTime=start, endTime=end)
    assert [(OPEN_MS - int(r["timestamp"])) // FIVE_MS for r in rows] == [7, 8]
    assert ask("open-interest", intervalTime="5min", startTime=str(NOW_MS + 1)) == []


def test_intervals_that_cannot_be_served_are_refused() -> None:
    for interval in ("1min", ""):
        with pytest.raises(Refused, match="intervalTime invalid"):
            ask("open-interest", intervalTime=interval)
    for path in ("open-interest", "recent-trade", "funding/history"):
        with pytest.raises(Refused, match="symbol invalid"):
            ask(path, symbol="ZZZUSDT", intervalTime="5min")
        with pytest.raises(Refused, match="Category"):
            ask(path, category="spot", intervalTime="5min")


def test_recent_trades_are_those_of_the_bar_newest_first() -> None:
    board = Board(recorded(), OPEN_MS)
    board.seek(OPEN_MS + 60_000)
    early = list(board.prints(0))
    board.seek(NOW_MS)
    rows = ask("recent-trade", board)
    assert len(rows) == len(early) + len(list(board.prints(0)))
    assert [int(r["time"]) for r in rows][-len(early) :] == [t.at_ms for t in early[::-1]]
    assert rows == sorted(rows, key=lambda r: -int(r["time"]))
    assert float(rows[-1]["price"]) == early[0].price
    assert {r["side"] for r in rows} == {"Buy", "Sell"}
    assert ask("recent-trade", board, limit="2") == rows[:2]
    assert len({r["execId"] for r in rows}) == len(rows)


def test_funding_history() -> None:
    rows = ask("funding/history")
    last = NOW_MS // FUNDING_MS * FUNDING_MS
    times = [int(r["fundingRateTimestamp"]) for r in rows]
    assert times == list(range(last, FIRST_MS - 1, -FUNDING_MS))
    assert rows[0]["fundingRate"] == "0.0001"
    assert ask("funding/history", limit="1") == rows[:1]


def test_interest_of_minutes_is_the_same_at_every_interval() -> None:
    board = Board(recorded(1800, MINUTE_MS), FIRST_MS + 1750 * MINUTE_MS)
    fine = board.interest(0, FIRST_MS + 1500 * MINUTE_MS, 5 * MINUTE_MS, 7)
    coarse = board.interest(0, FIRST_MS + 1500 * MINUTE_MS, 30 * MINUTE_MS, 2)
    assert fine[[0, 6]].tolist() == coarse.tolist()
    assert not np.isnan(fine).any()
