import numpy as np
import pytest

from engine.core.detect import detect
from engine.core.market import Window
from engine.core.settings import Settings, Signals
from engine.sim.feed import CLOSE, HIGH, LOW, MINUTE_MS, OPEN, TURNOVER, VOLUME, aggregate
from engine.sim.synthetic import CYCLE, EPOCH_MS, SyntheticFeed

HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
MOMENTUM = Settings(signals=Signals(setups=("MOMENTUM",)))


def test_two_feeds_of_a_seed_are_the_same_market() -> None:
    one, two = SyntheticFeed(3), SyntheticFeed(3)
    at_ms = one.begin_ms
    assert np.array_equal(one.bars(at_ms, 30), two.bars(at_ms, 30))
    assert not np.array_equal(one.bars(at_ms, 30), SyntheticFeed(4).bars(at_ms, 30))


def test_a_restart_anywhere_continues_the_same_market() -> None:
    asked, long = SyntheticFeed(3), SyntheticFeed(3)
    whole = long.series(5, EPOCH_MS, 3 * CYCLE)
    for first, count in ((0, 1), (CYCLE - 3, 7), (2 * CYCLE + 100, 50), (17, CYCLE * 2)):
        part = asked.series(5, EPOCH_MS + first * MINUTE_MS, count)
        assert np.array_equal(part, whole[first : first + count])


def test_all_symbols_at_once_and_one_by_one_agree() -> None:
    feed = SyntheticFeed(3)
    both = feed.bars(feed.begin_ms + 12_345 * MINUTE_MS, 20)
    for row in range(len(feed.instruments)):
        assert np.array_equal(both[row], feed.series(row, feed.begin_ms + 12_345 * MINUTE_MS, 20))


def test_there_is_nothing_before_the_first_bar() -> None:
    rows = SyntheticFeed(3).series(0, EPOCH_MS - 2 * MINUTE_MS, 4)
    assert np.isnan(rows[:2]).all()
    assert not np.isnan(rows[2:]).any()
    assert np.isnan(SyntheticFeed(3).series(0, EPOCH_MS - DAY_MS, 4)).all()


def test_the_clock_starts_on_a_monday_with_days_of_history() -> None:
    feed = SyntheticFeed(3)
    assert feed.begin_ms - feed.start_ms > 2 * DAY_MS
    assert feed.begin_ms % (300 * 1000) == 0
    assert feed.end_ms is None


def test_candles_are_sound_and_on_the_grid() -> None:
    feed = SyntheticFeed(3)
    bars = feed.bars(feed.begin_ms, 200)
    assert (bars[..., LOW] <= bars[..., [OPEN, CLOSE]].min(axis=-1)).all()
    assert (bars[..., HIGH] >= bars[..., [OPEN, CLOSE]].max(axis=-1)).all()
    assert (bars[..., LOW] > 0).all()
    assert (bars[..., VOLUME] > 0).all()
    for rows, instrument in zip(bars, feed.instruments, strict=True):
        ticks = rows[:, :VOLUME] / float(instrument.tick)
        assert np.allclose(ticks, np.rint(ticks), rtol=0, atol=1e-3)


def test_there_is_no_seam_between_candles() -> None:
    rows = SyntheticFeed(3).series(7, EPOCH_MS, 2 * CYCLE)
    assert np.array_equal(rows[1:, OPEN], rows[:-1, CLOSE])


def test_prices_stay_believable_for_years() -> None:
    feed = SyntheticFeed(3)
    row = [i.symbol for i in feed.instruments].index("ETHUSDT")
    for year in range(1, 6):
        price = feed.series(row, EPOCH_MS + year * 365 * DAY_MS, 1)[0, CLOSE]
        assert 2500 < price < 4500


def test_every_symbol_is_liquid() -> None:
    feed = SyntheticFeed(3)
    assert len(feed.instruments) == len({i.symbol for i in feed.instruments}) == 48
    turnover = feed.bars(feed.begin_ms - 2 * HOUR_MS, 120)[..., TURNOVER].sum(axis=1) * 12
    assert turnover.min() > 5_000_000


def test_symbols_move_with_the_market_but_not_only() -> None:
    feed = SyntheticFeed(3)
    closes = aggregate(feed.bars(feed.begin_ms, 2 * 1440), 5)[..., CLOSE]
    returns = np.diff(np.log(closes), axis=1)
    with_bitcoin = np.corrcoef(returns)[0, 1:]
    assert 0.2 < with_bitcoin.mean() < 0.6


@pytest.mark.e2e
def test_the_market_breaks_out_as_often_as_promised() -> None:
    """Counts what the trader's own rules find, and how much of it reaches 1.5 R."""
    signals_found, followed = 0, 0
    for seed in (1, 2):
        found, ran = count_breakouts(SyntheticFeed(seed))
        signals_found, followed = signals_found + found, followed + ran
    per_signal_min = 2 * 1440 / signals_found
    assert 18 < per_signal_min < 40
    assert 0.4 < followed / signals_found < 0.65


def count_breakouts(feed: SyntheticFeed) -> tuple[int, int]:
    """Momentum breakouts of a market day, and those that reach 1.5 R before their stop."""
    day, warm = 288, 300
    first_ms = feed.begin_ms - warm * 300_000
    minutes = feed.bars(first_ms, (warm + 2 * day) * 5)
    fives = np.ascontiguousarray(aggregate(minutes, 5)[:, : warm + day, :5].transpose(0, 2, 1))
    times = first_ms + np.arange(warm + day) * 300_000
    full = np.full(len(fives), warm + day)
    found = detect(Window(np.tile(times, (len(fives), 1)), fives, full), MOMENTUM)
    ran = [
        follows(minutes[row, (bar + 1) * 5 :], entry, stop)
        for row, bar, entry, stop in zip(
            *(x.tolist() for x in (found.row, found.bar, found.entry, found.stop)), strict=True
        )
        if bar >= warm
    ]
    return len(ran), sum(ran)


def follows(minutes: np.ndarray, entry: float, stop: float) -> bool:
    """Whether 1.5 R comes before the stop, within the 4 h a trade is given."""
    d = 1 if entry > stop else -1
    target = entry + 1.5 * (entry - stop)
    best, worst = (HIGH, LOW) if d > 0 else (LOW, HIGH)
    won = np.flatnonzero(d * minutes[:240, best] >= d * target)
    lost = np.flatnonzero(d * minutes[:240, worst] <= d * stop)
    return won.size > 0 and (lost.size == 0 or int(won[0]) < int(lost[0]))
