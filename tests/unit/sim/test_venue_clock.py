from engine.sim.board import Board
from engine.sim.venue_clock import Clock
from markets import FIRST_MS, FIVE_MS, recorded

OPEN_MS = FIRST_MS + 351 * FIVE_MS


class Time:
    now_s = 500.0


def clock(speed: float = 1.0) -> tuple[Clock, Board]:
    board = Board(recorded(), OPEN_MS)
    Time.now_s = 500.0
    return Clock(board, speed, lambda: Time.now_s), board


def test_time_stands_until_the_market_moves() -> None:
    venue, _ = clock()
    Time.now_s += 10
    assert venue.now_ms == OPEN_MS


def test_time_flows_between_steps_and_never_beyond_the_next() -> None:
    venue, board = clock()
    venue.stepped()
    seen = []
    for _ in range(5):
        seen.append(venue.now_ms - OPEN_MS)
        Time.now_s += 0.25
    assert seen == [0, 250, 500, 750, 1000]
    Time.now_s += 3  # the step is late: it waits for a client
    assert venue.now_ms == OPEN_MS + 1000
    assert venue.market_ms == OPEN_MS
    board.seek(OPEN_MS + 1000)
    venue.stepped()
    assert venue.now_ms == OPEN_MS + 1000


def test_time_stands_again_at_the_end() -> None:
    venue, board = clock()
    venue.stepped()
    board.seek(OPEN_MS + 1000)
    venue.stand()
    Time.now_s += 0.5
    assert venue.now_ms == OPEN_MS + 1000


def test_a_scaled_clock_shows_the_step() -> None:
    venue, _ = clock(speed=20)
    venue.stepped()
    Time.now_s += 0.5
    assert venue.now_ms == OPEN_MS
    assert venue.lived_s == 500.5 * 20


def test_a_wrong_clock_is_wrong_by_its_skew() -> None:
    venue, _ = clock()
    venue.skew_ms = -2000
    assert (venue.now_ms, venue.market_ms) == (OPEN_MS - 2000, OPEN_MS)
    assert venue.tell({}) == {
        "timeSecond": str(OPEN_MS // 1000 - 2),
        "timeNano": str((OPEN_MS - 2000) * 1_000_000),
    }


def test_a_scaled_clock_remembers_what_it_showed_a_second_ago() -> None:
    venue, board = clock(speed=50)
    seen = []
    for step in range(8):
        venue.stepped()
        seen.append((venue.oldest_ms - OPEN_MS) // 1000)
        Time.now_s += 0.25
        board.seek(OPEN_MS + (step + 1) * 12_000)
    assert seen == [0, 0, 0, 0, 0, 12, 24, 36]
    assert len(venue._shown) < 8
    Time.now_s += 5  # the market stood meanwhile
    assert venue.oldest_ms == OPEN_MS + 84_000
    venue.skew_ms = 1000
    assert venue.oldest_ms == OPEN_MS + 85_000


def test_a_clock_of_real_time_forgives_nothing() -> None:
    venue, _ = clock()
    venue.stepped()
    Time.now_s += 0.5
    assert venue.oldest_ms == venue.now_ms == OPEN_MS + 500
