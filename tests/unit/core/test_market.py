"""Ingest, the candle matrix, quotes and freshness."""

import numpy as np
import pytest

from builders import INSTRUMENT
from engine.core.events import QuoteSeen
from engine.core.indicators import Floats, Times
from engine.core.market import DEPTH, Append, Candles, Market, sound
from engine.core.settings import Settings
from engine.core.values import Bar, Ms, Ticker
from engine.core.view import Quote
from series import FRAME_MS, G_START_MS, g, walk

T0 = G_START_MS
NAN = float("nan")


def bar(index: int, symbol: str = "AUSDT", low: float = 9.0, volume: float = 7.0) -> Bar:
    return Bar(symbol, T0 + FRAME_MS * index, 10.0, 11.0, low, 10.5, volume)


def history(first: int, count: int) -> tuple[Times, Floats]:
    """Candles whose volume is their index."""
    values = np.tile([10.0, 11.0, 9.0, 10.5, 0.0], (count, 1))
    values[:, 4] = np.arange(first, first + count)
    return T0 + FRAME_MS * np.arange(first, first + count), values


def held(candles: Candles, symbol: str = "AUSDT", bars: int = 8) -> list[float]:
    """Volumes of the newest bars, which name them; NaN where there is none."""
    return [float(v) for v in candles.window((symbol,), bars).ohlcv[0, 4]]


@pytest.fixture
def candles() -> Candles:
    made = Candles(FRAME_MS, depth=4)
    made.track(("AUSDT",))
    return made


@pytest.fixture
def market() -> Market:
    made = Market(Settings())
    made.set_universe(("AUSDT", "BUSDT"))
    return made


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ((10, 11, 9, 10.5, 7), True),
        ((10, 10.5, 10, 10.5, 0), True),
        ((10, 10.4, 9, 10.5, 7), False),
        ((10, 11, 10.1, 10.5, 7), False),
        ((10, 11, 0, 10.5, 7), False),
        ((10, 11, 9, 10.5, -1), False),
        ((10, 11, 9, 10.5, NAN), False),
        ((NAN, 11, 9, 10.5, 7), False),
        ((10, float("inf"), 9, 10.5, 7), False),
    ],
)
def test_a_candle_must_be_possible(row: tuple[float, ...], expected: object) -> None:
    assert sound(np.array([row], dtype=np.float64)).tolist() == [expected]


def test_append_takes_the_next_bar_only(candles: Candles) -> None:
    assert candles.append(bar(0)) is Append.GAP  # no history yet
    assert candles.merge("AUSDT", *history(0, 2)) == 2
    outcomes = [
        candles.append(bar(2, volume=2)),
        candles.append(bar(2, volume=99)),
        candles.append(bar(1, volume=99)),
        candles.append(bar(4, volume=99)),
        candles.append(bar(3, low=-1)),
        candles.append(Bar("AUSDT", T0 + 3 * FRAME_MS + 1, 10, 11, 9, 10, 1)),
        candles.append(bar(3, symbol="ZUSDT")),
        candles.append(bar(3, volume=3)),
    ]
    assert outcomes == [
        Append.ADDED,
        Append.REPEATED,
        Append.REPEATED,
        Append.GAP,
        Append.MALFORMED,
        Append.MALFORMED,
        Append.UNTRACKED,
        Append.ADDED,
    ]
    assert held(candles, bars=5) == pytest.approx([NAN, 0, 1, 2, 3], nan_ok=True)
    assert candles.last_open_ms("AUSDT") == T0 + 3 * FRAME_MS


def test_merge_takes_sound_newer_bars_in_order_and_keeps_holes(candles: Candles) -> None:
    assert candles.merge("AUSDT", *history(0, 3)) == 3
    times, values = history(1, 6)
    values[:2, 4] = 99  # repeats of what is stored
    values[3, 1] = 1.0  # a high below the body: bar 4 is dropped
    shuffled = [5, 2, 0, 4, 3, 1, 2]
    assert candles.merge("AUSDT", times[shuffled], values[shuffled]) == 3
    assert held(candles, bars=6) == [0, 1, 2, 3, 5, 6]
    assert candles.merge("AUSDT", *history(0, 7)) == 0
    assert candles.merge("AUSDT", times[:0], values[:0]) == 0
    assert candles.merge("ZUSDT", *history(0, 3)) == 0


def test_merge_drops_bars_off_the_frame(candles: Candles) -> None:
    times, values = history(0, 3)
    times[1] += 1
    assert candles.merge("AUSDT", times, values) == 2
    assert held(candles, bars=2) == [0, 2]


def test_a_full_row_moves_its_newest_half_to_the_front(candles: Candles) -> None:
    candles.merge("AUSDT", *history(0, 1))
    for i in range(1, 30):
        assert candles.append(bar(i, volume=i)) is Append.ADDED
        expected = [float(j) if j >= 0 else NAN for j in range(i - 3, i + 1)]
        assert held(candles, bars=4) == pytest.approx(expected, nan_ok=True)
    window = candles.window(("AUSDT",), 4)
    assert window.open_ms.tolist() == [[T0 + FRAME_MS * i for i in range(26, 30)]]


def test_a_long_history_leaves_its_newest_bars(candles: Candles) -> None:
    assert candles.merge("AUSDT", *history(0, 3)) == 3
    assert candles.merge("AUSDT", *history(3, 90)) == 4
    assert held(candles, bars=4) == [89, 90, 91, 92]


def test_window_is_right_aligned_and_a_copy(candles: Candles) -> None:
    candles.track(("AUSDT", "BUSDT"))
    candles.merge("BUSDT", *history(0, 2))
    window = candles.window(("BUSDT", "AUSDT", "ZUSDT"), 3)
    assert window.counts.tolist() == [2, 0, 0]
    assert window.open_ms.tolist() == [[-1, T0, T0 + FRAME_MS], [-1] * 3, [-1] * 3]
    assert window.ohlcv.shape == (3, 5, 3)
    assert np.isnan(window.ohlcv[1:]).all()
    window.ohlcv[:] = 0
    assert held(candles, "BUSDT", 2) == [0, 1]


def test_tracking_keeps_what_stays_and_reuses_what_leaves(candles: Candles) -> None:
    candles.track(("AUSDT", "BUSDT"))
    candles.merge("AUSDT", *history(0, 2))
    candles.merge("BUSDT", *history(5, 2))
    candles.track(("CUSDT", "BUSDT"))
    assert held(candles, "BUSDT", 2) == [5, 6]
    assert [candles.last_open_ms(s) for s in ("AUSDT", "CUSDT")] == [None, None]
    candles.merge("CUSDT", *history(7, 1))
    assert held(candles, "CUSDT", 2) == pytest.approx([NAN, 7], nan_ok=True)
    candles.track(())
    assert candles.last_open_ms("BUSDT") is None


def test_hundreds_of_symbols_keep_their_own_candles() -> None:
    market = Market(Settings())
    symbols = tuple(f"S{i}USDT" for i in range(150))
    data = walk(seed=1, symbols=150, bars=5)
    market.set_universe(symbols)
    for symbol, ohlcv in zip(symbols, data, strict=True):
        assert market.load_history(symbol, T0 + FRAME_MS * np.arange(5), ohlcv.T) == 5
    assert np.array_equal(market.window(symbols, 5).ohlcv, data)


def test_the_depth_of_a_market_holds_the_lookback() -> None:
    assert DEPTH >= 300


def test_candles_for_a_chart(market: Market) -> None:
    open_ms, ohlcv = g(301)
    market.load_history("AUSDT", open_ms, ohlcv.T)
    times, values = market.candles("AUSDT", 100)
    assert np.array_equal(times, open_ms[-100:])
    assert np.array_equal(values, ohlcv[:, -100:].T)
    short = market.candles("AUSDT", 900)
    assert [len(x) for x in short] == [301, 301]
    assert [x.shape for x in market.candles("BUSDT", 9)] == [(0,), (0, 5)]


def test_instruments_and_tickers(market: Market) -> None:
    ticker = Ticker("SOLUSDT", 1.0, 1.0, 1.0, None, None)
    assert (market.instrument("SOLUSDT"), market.ticker("SOLUSDT"), market.tickers_ms) == (
        None,
    ) * 3
    market.set_instruments((INSTRUMENT,))
    market.set_tickers((ticker,), T0)
    assert market.instrument("SOLUSDT") == INSTRUMENT
    assert (market.ticker("SOLUSDT"), market.tickers_ms) == (ticker, T0)
    market.set_tickers((), T0 + 1)
    assert (market.ticker("SOLUSDT"), market.tickers_ms) == (None, T0 + 1)


def quote(bid: float = 9.0, ask: float = 9.1, last: float = 9.05, said_ms: Ms = T0) -> QuoteSeen:
    return QuoteSeen("AUSDT", bid, ask, last, said_ms)


def test_the_newest_quote_stands_with_the_time_the_venue_said_it(market: Market) -> None:
    assert (market.quote("AUSDT"), market.newest_quote_ms) == (None, None)
    market.see_quote(quote(bid=8.0), T0)
    market.see_quote(quote(said_ms=T0 + 5), T0 + 900)
    assert market.quote("AUSDT") == Quote(9.0, 9.1, 9.05, T0 + 5)
    assert market.newest_quote_ms == T0 + 5


def test_a_quote_from_slightly_ahead_is_of_now(market: Market) -> None:
    market.see_quote(quote(said_ms=T0 + 2000), T0)
    assert market.quote("AUSDT") == Quote(9.0, 9.1, 9.05, T0)


@pytest.mark.parametrize("said_ms", [T0 + 6001, T0 + 10**12, T0 - 1, 0])
def test_a_quote_from_the_future_or_the_past_leaves_the_last_good(
    market: Market, said_ms: Ms
) -> None:
    market.see_quote(quote(), T0)
    market.see_quote(quote(bid=1.0, said_ms=said_ms), T0 + 4000)
    assert market.quote("AUSDT") == Quote(9.0, 9.1, 9.05, T0)
    assert (market.newest_quote_ms, market.is_stale("AUSDT", T0 + 30_001)) == (T0, True)
    market.see_quote(quote(bid=8.9, said_ms=T0 + 4000), T0 + 4000)
    assert market.quote("AUSDT") == Quote(8.9, 9.1, 9.05, T0 + 4000)


def test_a_quote_read_long_after_it_was_sent_is_old(market: Market) -> None:
    market.see_quote(quote(), T0 + 600_000)
    assert market.quote("AUSDT") == Quote(9.0, 9.1, 9.05, T0)
    assert market.is_stale("AUSDT", T0 + 600_000)


def test_a_candle_that_closes_later_than_now_is_not_stored(market: Market) -> None:
    market.load_history("AUSDT", *history(0, 1))
    closed_ms: Ms = T0 + 2 * FRAME_MS
    assert market.append(bar(1), closed_ms - 2001) is Append.FUTURE
    assert market.last_open_ms("AUSDT") == T0
    assert market.append(bar(1), closed_ms - 2000) is Append.ADDED
    assert market.last_open_ms("AUSDT") == T0 + FRAME_MS


@pytest.mark.parametrize(
    "bad",
    [
        quote(bid=9.2),
        quote(bid=0.0),
        quote(bid=NAN),
        quote(ask=NAN),
        quote(ask=float("inf")),
        quote(last=0.0),
        quote(last=NAN),
    ],
)
def test_an_impossible_quote_is_no_news(market: Market, bad: QuoteSeen) -> None:
    market.see_quote(quote(), T0)
    market.see_quote(bad, T0 + 60_000)
    assert market.quote("AUSDT") == Quote(9.0, 9.1, 9.05, T0)
    assert market.newest_quote_ms == T0
    assert market.is_stale("AUSDT", T0 + 60_000)


def test_silence_makes_a_symbol_stale(market: Market) -> None:
    assert market.stale_symbols(T0) == ("AUSDT", "BUSDT")  # never heard
    market.see_quote(quote(), T0)
    assert market.stale_symbols(T0 + 30_000) == ("BUSDT",)
    assert market.stale_symbols(T0 + 30_001) == ("AUSDT", "BUSDT")


def test_a_closed_candle_is_a_sign_of_life_at_its_close(market: Market) -> None:
    market.load_history("AUSDT", *history(0, 1))
    closed_ms: Ms = T0 + 2 * FRAME_MS
    assert market.append(bar(9)) is Append.GAP
    assert market.is_stale("AUSDT", closed_ms)
    assert market.append(bar(1)) is Append.ADDED
    assert market.last_open_ms("AUSDT") == T0 + FRAME_MS
    assert not market.is_stale("AUSDT", closed_ms + 30_000)
    assert market.is_stale("AUSDT", closed_ms + 30_001)


def test_a_stream_that_is_down_is_stale_until_it_is_up_and_heard(market: Market) -> None:
    market.see_quote(quote(), T0)
    market.mark_down(("AUSDT",))
    market.see_quote(quote(), T0 + 1)
    assert market.is_stale("AUSDT", T0 + 1)
    market.mark_up(("AUSDT", "BUSDT"))
    assert market.stale_symbols(T0 + 1) == ("BUSDT",)


def test_the_universe_holds_each_symbol_once(market: Market) -> None:
    market.set_universe(("BUSDT", "CUSDT", "BUSDT"))
    assert market.universe == ("BUSDT", "CUSDT")
