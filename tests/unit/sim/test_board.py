import numpy as np
import pytest

from engine.sim.board import Board
from engine.sim.feed import CLOSE, HIGH, LOW, MINUTE_MS, OPEN, TURNOVER, VOLUME, aggregate
from markets import FIRST_MS, FIVE_MS, recorded

NOW_MS = FIRST_MS + 350 * FIVE_MS
BUSY_MS = NOW_MS + FIVE_MS  # every 7th bar has no volume, the one before is such


def follow(board: Board, until_ms: int, step_ms: int = 25_000) -> None:
    """Seek in steps that stop at each bar's close."""
    while board.shown.at_ms < until_ms:
        close_ms = (board.shown.at_ms // FIVE_MS + 1) * FIVE_MS
        board.seek(min(board.shown.at_ms + step_ms, close_ms, until_ms))


def test_a_board_opened_anywhere_shows_what_one_that_came_the_long_way_shows() -> None:
    came = Board(recorded(), NOW_MS - 2 * FIVE_MS)
    follow(came, NOW_MS + 75_000)
    opened = Board(recorded(), NOW_MS + 75_000)
    for name in came.shown.__struct_fields__:
        assert np.array_equal(getattr(came.shown, name), getattr(opened.shown, name)), name
    assert came.book(0, 20) == opened.book(0, 20)
    assert np.array_equal(came.forming(3 * FIVE_MS), opened.forming(3 * FIVE_MS))


def test_a_bar_begins_at_its_open_and_ends_at_its_close() -> None:
    feed = recorded()
    board = Board(feed, NOW_MS)
    bar = feed.bars(NOW_MS, 1)[:, 0]
    assert np.array_equal(board.shown.last, bar[:, OPEN])
    assert board.shown.candle[0].tolist() == [*[bar[0, OPEN]] * 4, 0.0, 0.0]
    board.seek(NOW_MS + FIVE_MS - 1000)
    seen = board.shown.candle
    assert np.array_equal(seen[:, HIGH], bar[:, HIGH])
    assert np.array_equal(seen[:, LOW], bar[:, LOW])
    assert (seen[:, VOLUME] <= bar[:, VOLUME]).all()
    board.seek(NOW_MS + FIVE_MS)
    assert np.array_equal(board.closed(FIVE_MS), bar)


def test_quotes_stand_around_the_last_trade_and_inside_the_bar() -> None:
    feed = recorded()
    board = Board(feed, NOW_MS)
    bar = feed.bars(NOW_MS, 1)[:, 0]
    for _ in range(60):
        shown = board.seek(board.shown.at_ms + 4000)
        assert (shown.bid < shown.ask).all()
        assert ((shown.bid == shown.last) | (shown.ask == shown.last)).all()
        assert (shown.bid >= bar[:, LOW]).all()
        assert (shown.ask <= bar[:, HIGH]).all()
        assert np.array_equal(shown.mark, (shown.bid + shown.ask) / 2)


def test_a_board_never_goes_back_and_never_skips_a_bar() -> None:
    board = Board(recorded(), NOW_MS + 10_000)
    for at_ms in (NOW_MS + 9000, NOW_MS + FIVE_MS + 1000):
        with pytest.raises(AssertionError):
            board.seek(at_ms)
    assert board.shown.at_ms == NOW_MS + 10_000


def test_values_of_24_hours() -> None:
    feed = recorded()
    board = Board(feed, NOW_MS)
    shown = board.seek(NOW_MS + 100_000)
    day, now = feed.bars(NOW_MS - 288 * FIVE_MS, 288), shown.candle
    assert np.array_equal(shown.high_24h, np.maximum(day[..., HIGH].max(axis=1), now[:, HIGH]))
    assert np.array_equal(shown.low_24h, np.minimum(day[..., LOW].min(axis=1), now[:, LOW]))
    assert shown.volume_24h == pytest.approx(day[..., VOLUME].sum(axis=1) + now[:, VOLUME])
    assert shown.turnover_24h == pytest.approx(day[..., TURNOVER].sum(axis=1) + now[:, TURNOVER])
    assert np.array_equal(shown.price_24h_ago, day[:, 0, OPEN])
    assert np.array_equal(shown.price_1h_ago, day[:, -12, OPEN])


def test_the_first_moment_of_a_recording_has_no_history() -> None:
    feed = recorded()
    shown = Board(feed, FIRST_MS).shown
    assert np.array_equal(shown.price_24h_ago, feed.bars(FIRST_MS, 1)[:, 0, OPEN])
    assert shown.volume_24h.tolist() == [0.0, 0.0]


def test_prints_add_up_to_the_bar() -> None:
    feed = recorded()
    board = Board(feed, BUSY_MS)
    bar = feed.bars(BUSY_MS, 1)[:, 0]
    prints = []
    while board.shown.at_ms < BUSY_MS + FIVE_MS:
        before_ms = board.shown.at_ms
        board.seek(before_ms + 20_000)
        new = list(board.prints(0))
        assert all(before_ms < p.at_ms <= board.shown.at_ms for p in new)
        prints += new
    assert sum(p.qty for p in prints) == pytest.approx(bar[0, VOLUME])
    assert prints[-1].price == bar[0, CLOSE]
    assert min(p.price for p in prints) >= bar[0, LOW]
    assert max(p.price for p in prints) <= bar[0, HIGH]
    assert {p.is_buy for p in prints} == {True, False}


def test_a_bar_without_volume_has_no_prints() -> None:
    feed = recorded()
    assert feed.bars(NOW_MS, 1)[0, 0, VOLUME] == 0
    board = Board(feed, NOW_MS)
    board.seek(NOW_MS + FIVE_MS)
    assert list(board.prints(0)) == []


def test_a_missing_bar_leaves_the_last_price_standing() -> None:
    feed = recorded(gap=slice(350, 352))
    board = Board(feed, NOW_MS + 100_000)
    before = feed.bars(NOW_MS - FIVE_MS, 1)[1, 0]
    assert board.shown.last[1] == before[CLOSE]
    assert np.isnan(board.shown.candle[1]).all()
    assert np.isnan(board.forming(FIVE_MS)[1]).all()
    assert list(board.prints(1)) == []


def test_time_ends_with_the_recording() -> None:
    feed = recorded()
    assert feed.end_ms is not None
    board = Board(feed, feed.end_ms)
    assert np.array_equal(board.shown.last, feed.bars(feed.end_ms - FIVE_MS, 1)[:, 0, CLOSE])
    assert np.isnan(board.shown.candle).all()


@pytest.mark.parametrize("frames", [1, 3, 12])
def test_longer_candles_form_from_closed_bars_and_the_open_one(frames: int) -> None:
    feed = recorded()
    board = Board(feed, NOW_MS)
    follow(board, NOW_MS + 7 * FIVE_MS + 130_000)
    frame_ms = frames * FIVE_MS
    first_ms = board.shown.at_ms // frame_ms * frame_ms
    closed = feed.bars(first_ms, (board.shown.at_ms - first_ms) // FIVE_MS)
    parts = np.concatenate([closed, board.shown.candle[:, None]], axis=1)
    assert board.forming(frame_ms) == pytest.approx(aggregate(parts, parts.shape[1])[:, 0])
    assert board.forming(frame_ms) is board.forming(frame_ms)


def test_candles_show_nothing_of_the_future() -> None:
    feed = recorded()
    board = Board(feed, NOW_MS + 100_000)
    rows = board.candles(0, FIVE_MS, NOW_MS - 2 * FIVE_MS, 4)
    assert np.array_equal(rows[:2], feed.series(0, NOW_MS - 2 * FIVE_MS, 2))
    assert np.array_equal(rows[2], board.shown.candle[0])
    assert np.isnan(rows[3]).all()
    assert np.isnan(board.candles(0, FIVE_MS, NOW_MS + FIVE_MS, 2)).all()


def test_a_book_is_sorted_around_the_quote_and_its_sizes_last() -> None:
    board = Board(recorded(), NOW_MS + 100_000)
    bids, asks = board.book(0, 50)
    shown = board.shown
    assert (len(bids), len(asks)) == (50, 50)
    assert bids[0] == (shown.bid[0], shown.bid_size[0])
    assert asks[0] == (shown.ask[0], shown.ask_size[0])
    assert [p for p, _ in bids] == sorted({p for p, _ in bids}, reverse=True)
    assert [p for p, _ in asks] == sorted({p for p, _ in asks})
    assert min(size for _, size in bids + asks) > 0
    before = dict(bids + asks)
    board.seek(board.shown.at_ms + 1000)
    after = dict(sum(board.book(0, 50), ()))
    kept = [price for price in before.keys() & after.keys() if before[price] == after[price]]
    assert len(kept) > 50


def test_open_interest_moves_slowly() -> None:
    feed = recorded()
    now = Board(feed, NOW_MS).shown.interest
    soon = Board(feed, NOW_MS + 1000).shown.interest
    later = Board(feed, NOW_MS + 40 * FIVE_MS).shown.interest
    assert np.array_equal(now, soon)
    assert (now > 0).all()
    assert not np.isclose(now, later, rtol=1e-4).any()


def test_minutes_make_the_same_board() -> None:
    feed = recorded(1600, MINUTE_MS)
    board = Board(feed, FIRST_MS + 1550 * MINUTE_MS)
    board.seek(FIRST_MS + 1551 * MINUTE_MS)
    assert np.array_equal(board.closed(MINUTE_MS), feed.bars(FIRST_MS + 1550 * MINUTE_MS, 1)[:, 0])


def test_a_closed_candle_with_a_missing_minute_is_not_there() -> None:
    gap = slice(1552, 1553)
    board = Board(recorded(1600, MINUTE_MS, gap), FIRST_MS + 1550 * MINUTE_MS)
    for _ in range(5):
        board.seek(board.shown.at_ms + MINUTE_MS)
    rows = board.candles(1, FIVE_MS, FIRST_MS + 1545 * MINUTE_MS, 3)
    assert np.isnan(board.closed(FIVE_MS)[:, CLOSE]).tolist() == [False, True]
    assert np.isnan(rows[:, CLOSE]).tolist() == [False, True, False]


def test_an_open_candle_with_a_missing_minute_shows_the_others() -> None:
    feed = recorded(1600, MINUTE_MS, slice(1552, 1553))
    board = Board(feed, FIRST_MS + 1554 * MINUTE_MS)
    row = board.candles(1, FIVE_MS, FIRST_MS + 1550 * MINUTE_MS, 1)[0]
    known = feed.series(1, FIRST_MS + 1550 * MINUTE_MS, 4)[[0, 1, 3]]
    assert row[VOLUME] == pytest.approx(known[:, VOLUME].sum())
    assert np.array_equal(row, board.forming(FIVE_MS)[1])
