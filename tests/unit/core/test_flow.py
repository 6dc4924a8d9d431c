"""Order flow of followed markets: sampling by the second, holes, and why something is unknown."""

import msgspec
import numpy as np
import pytest
from books import book, side, trades

from builders import INSTRUMENT
from engine.core.events import BookSeen
from engine.core.flow import NOT_YET, Flow, Follow
from engine.core.settings import Micro, Settings, Walls
from engine.core.values import OrderSide

DEFAULT = Settings()
T = 1_750_000_000_000
SYMBOL = INSTRUMENT.symbol


def followed(settings: Settings = DEFAULT) -> Follow:
    flow = Flow(settings)
    flow.follow((INSTRUMENT,))
    flow.cover((SYMBOL, "AUSDT"), T)
    found = flow.get(SYMBOL)
    assert found is not None
    return found


def test_each_completed_second_is_sampled_once_with_the_book_it_had() -> None:
    follow = followed()
    for second, bids in enumerate((10, 30, 10, 30, 10, 30)):
        follow.see(book(T + 1000 * second + 100, bids=bids), T + 1000 * second + 100)
        follow.see(book(T + 1000 * second + 900, bids=bids), T + 1000 * second + 900)
    at_ms = T + 6000
    follow.catch_up(at_ms)
    follow.catch_up(at_ms)
    # Bids of 10 lean by 0 but for the last digits, bids of 30 by a half.
    assert follow.imbalance(at_ms) == pytest.approx((3 * 0.5 + 2 * 0) / 5, abs=0.01)
    assert len(follow.walls.usual) == 6


@pytest.mark.parametrize(("age_ms", "sampled"), [(999, 0), (1000, 1)])
def test_a_tick_samples_quiet_markets_only(age_ms: int, sampled: int) -> None:
    flow = Flow(DEFAULT)
    flow.follow((INSTRUMENT,))
    flow.cover((SYMBOL,), T)
    flow.see(book(T + 300), T + 300)
    flow.tick(T + 300 + age_ms)
    follow = flow.get(SYMBOL)
    assert follow is not None
    assert len(follow.walls.usual) == sampled
    flow.see(book(T + 1400), T + 1400)
    assert len(follow.walls.usual) == 1


def test_seconds_without_news_repeat_the_book_while_it_is_fresh() -> None:
    follow = followed()
    follow.see(book(T + 500, bids=30), T + 500)
    follow.catch_up(T + 20_000)
    assert len(follow.walls.usual) == 3  # ends of the seconds up to 3 s after it
    assert follow.imbalance(T + 20_000) is None
    assert follow.why_no_imbalance(T + 20_000) == "the book is 20 s old"


def test_an_imbalance_needs_three_samples() -> None:
    follow = followed()
    follow.see(book(T + 100), T + 100)
    assert follow.imbalance(T + 2500) is None
    follow.catch_up(T + 2500)
    assert follow.imbalance(T + 2500) is None
    assert follow.why_no_imbalance(T + 2500).startswith("fewer than 3 of the last 5 seconds")
    follow.see(book(T + 2900), T + 2900)
    follow.catch_up(T + 3000)
    assert follow.imbalance(T + 3000) == pytest.approx(0, abs=0.01)


def test_a_band_without_levels_has_no_imbalance() -> None:
    follow = followed(Settings(micro=Micro(imbalance_band_bps=1)))
    wide = BookSeen(SYMBOL, side(100, -1, 1), side(106, 1, 1), T)
    follow.see(wide, T)
    follow.catch_up(T + 3000)
    assert follow.imbalance(T + 3000) is None


@pytest.mark.parametrize(
    "odd",
    [
        BookSeen(SYMBOL, side(100, -1, 1), np.empty((0, 2)), T),
        BookSeen(SYMBOL, side(100, -1, 1), side(99, 1, 1), T),
        BookSeen(SYMBOL, side(100, -1, 1), side(101, 1, np.nan), T),
    ],
)
def test_an_odd_book_is_lost(odd: BookSeen) -> None:
    follow = followed()
    follow.see(odd, T)
    assert follow.depth(T) is None
    assert follow.why_no_depth(T) == "the book is one-sided, crossed or broken"
    assert follow.why_no_walls(T) == follow.why_no_depth(T)


def test_a_book_is_as_old_as_the_venue_says_but_never_from_later() -> None:
    follow = followed()
    follow.see(book(T), T + 3001)
    assert follow.depth(T + 3001) is None
    follow.see(book(T + 9000), T + 4000)
    assert follow.depth(T + 7000) is not None
    assert follow.depth(T + 7001) is None


def test_nothing_is_known_before_it_is_delivered() -> None:
    follow = Follow(INSTRUMENT, DEFAULT)
    assert follow.depth(T) is None
    assert follow.why_no_depth(T) == NOT_YET
    pace = follow.tape.window(300, T)
    assert follow.why_no_pace(pace) == NOT_YET
    follow.tape.cover(T)
    assert follow.why_no_pace(follow.tape.window(300, T + 120_000)) == "covered 120 of 300 s"
    assert follow.why_no_pace(follow.tape.window(300, T + 300_000)) == ""


def test_a_hole_forgets_what_was_counted_and_says_so() -> None:
    flow = Flow(DEFAULT)
    flow.follow((INSTRUMENT,))
    flow.cover((SYMBOL,), T)
    follow = flow.get(SYMBOL)
    assert follow is not None
    flow.see(book(T), T)
    flow.trade(trades(T + 100, 3), T + 200)
    assert follow.tape.window(10, T + 9000).count == 3
    flow.uncover((SYMBOL,), "connection closed")
    assert follow.why_no_depth(T + 9000) == "connection closed"
    assert follow.why_no_pace(follow.tape.window(10, T + 9000)) == "connection closed"
    flow.cover((SYMBOL,), T + 9000)
    assert follow.tape.window(10, T + 18_000).count == 0
    flow.see(book(T + 9000), T + 9000)
    flow.lose(SYMBOL, "a gap")
    assert follow.why_no_depth(T + 9000) == "a gap"
    assert follow.tape.is_covered


def test_a_wall_is_watched_with_the_trades_against_it() -> None:
    follow = followed(Settings(walls=Walls(k_mult=3)))

    def second(number: int, qty: float, traded: float = 0) -> None:
        at_ms = T + 1000 * number
        seen = book(at_ms)
        seen.asks[10, 1] = qty
        follow.see(seen, at_ms)
        if traded:
            hit = msgspec.structs.replace(trades(at_ms).prints[0], price=103.205, qty=traded)
            follow.trade(msgspec.structs.replace(trades(at_ms), prints=(hit,)), at_ms)

    for number in range(61):
        second(number, 10)
    assert follow.why_no_walls(T + 60_000) == ""
    for number in range(61, 65):
        second(number, 200)
    (wall,) = follow.walls.standing
    assert wall.side is OrderSide.SELL
    assert wall.price == pytest.approx(103.205)
    second(65, 200, traded=150)
    second(66, 10)
    second(67, 10)
    (end,) = follow.walls.ended
    assert end.how == "EATEN"
    follow.lose("a gap")
    follow.catch_up(T + 70_000)
    assert follow.why_no_walls(T + 70_000) == "a gap"


def test_walls_wait_for_what_is_usual() -> None:
    follow = followed()
    for number in range(41):
        follow.see(book(T + 1000 * number), T + 1000 * number)
    assert follow.why_no_walls(T + 40_000) == "the usual size is known after 40 of 60 s"


def test_who_stays_keeps_what_is_known() -> None:
    other = msgspec.structs.replace(INSTRUMENT, symbol="AUSDT")
    flow = Flow(DEFAULT)
    flow.follow((INSTRUMENT,))
    kept = flow.get(SYMBOL)
    flow.follow((other, INSTRUMENT))
    assert flow.symbols == ("AUSDT", SYMBOL)
    assert flow.get(SYMBOL) is kept
    flow.follow((other,))
    assert flow.get(SYMBOL) is None
    flow.see(book(T), T)  # on its way when it was left
    assert flow.get(SYMBOL) is None


def test_other_parameters_start_the_walls_anew_and_keep_the_rest() -> None:
    flow = Flow(DEFAULT)
    flow.follow((INSTRUMENT,))
    follow = flow.get(SYMBOL)
    assert follow is not None
    walls = follow.walls
    flow.use(Settings(micro=Micro(book_stale_ms=200)))
    assert follow.walls is walls
    flow.see(book(T), T)
    assert follow.depth(T + 201) is None
    flow.use(Settings(walls=Walls(k_mult=6)))
    assert follow.walls.terms.k_mult == 6
    flow.cover((SYMBOL,), T)
    assert follow.walls.terms.k_mult == 6


def test_the_drop_of_activity_is_read_off_the_tape() -> None:
    follow = followed()
    for second in range(240):
        follow.trade(trades(T + 1000 * second), T + 1000 * second)
    at_ms = T + 300_000
    assert follow.drop(at_ms) == 1
    assert follow.drop(T + 240_000) == 0
    assert follow.drop(T + 200_000) is None


def test_all_are_sampled_by_a_tick() -> None:
    flow = Flow(DEFAULT)
    flow.follow((INSTRUMENT,))
    flow.see(book(T), T)
    flow.catch_up(T + 1000)
    follow = flow.get(SYMBOL)
    assert follow is not None
    assert len(follow.walls.usual) == 1
