"""What candles do not answer: tickers and quotes in time, open interest, the clock."""

import math

import msgspec
import numpy as np
import pytest

from engine.core.conditions import (
    Scene,
    clock_rows,
    interest_rows,
    is_inside,
    oi_change_pct,
    oi_usd,
    spread_bps,
    ticker_rows,
    volume_24h_usd,
)
from engine.core.events import InterestLoaded, QuoteSeen
from engine.core.interest import DAY_MS
from engine.core.market import Market
from engine.core.settings import Settings, Signals, Universe
from engine.core.values import Ticker
from series import FRAME_MS

DEFAULT = Settings()
OPEN_MS = 1_750_000_200_000
CLOSE_MS = OPEN_MS + FRAME_MS


def scene(
    *tickers: Ticker, settings: Settings = DEFAULT, at_ms: int = CLOSE_MS, read_ms: int = CLOSE_MS
) -> Scene:
    market = Market(settings)
    market.set_tickers(tickers, read_ms)
    return Scene(market, settings, ("AUSDT", "BUSDT"), OPEN_MS, at_ms)


def test_turnover_and_spread_come_from_recent_tickers() -> None:
    seen = scene(Ticker("AUSDT", 100, 99.9, 100.1, 6e6, 0), Ticker("BUSDT", 1, None, 2, None, 0))
    np.testing.assert_array_equal(volume_24h_usd(seen), [6e6, np.nan])
    np.testing.assert_allclose(spread_bps(seen), [20, np.nan])
    turnover, spread = ticker_rows(volume_24h_usd(seen), spread_bps(seen), DEFAULT)
    assert (turnover.ok.tolist(), spread.ok.tolist()) == ([True, False], [True, False])


def test_old_tickers_say_nothing() -> None:
    read_ms = CLOSE_MS - 2000 * DEFAULT.universe.refresh_s
    known = Ticker("AUSDT", 100, 99.9, 100.1, 6e6, 0)
    assert volume_24h_usd(scene(known, read_ms=read_ms))[0] == 6e6
    late = scene(known, read_ms=read_ms - 1)
    assert np.isnan([*volume_24h_usd(late), *spread_bps(late)]).all()


def test_a_fresh_quote_is_believed_before_a_ticker() -> None:
    seen = scene(Ticker("AUSDT", 100, 99.9, 100.1, 6e6, 0))
    seen.market.see_quote(QuoteSeen("AUSDT", 99.99, 100.01, 100.0, CLOSE_MS - 30_000), CLOSE_MS)
    assert spread_bps(seen)[0] == pytest.approx(2)
    later = Scene(seen.market, DEFAULT, seen.symbols, OPEN_MS, CLOSE_MS + 1)
    assert spread_bps(later)[0] == pytest.approx(20)


def test_a_crossed_ticker_has_no_spread() -> None:
    assert math.isnan(spread_bps(scene(Ticker("AUSDT", 100, 100.1, 99.9, 6e6, 0)))[0])


def test_a_bar_may_be_late() -> None:
    (fine,) = clock_rows(scene(at_ms=CLOSE_MS + 30_000))
    (late,) = clock_rows(scene(at_ms=CLOSE_MS + 30_001))
    assert (fine.name, fine.value.tolist(), fine.ok.tolist()) == ("late_bar", [30, 30], [True] * 2)
    assert late.ok.tolist() == [False, False]


@pytest.mark.parametrize(
    ("minute", "window", "inside"),
    [
        ("10:00", "10:00-10:05", True),
        ("10:05", "10:00-10:05", False),
        ("09:59", "10:00-10:05", False),
        ("23:50", "23:50-00:03", True),
        ("00:02", "23:50-00:03", True),
        ("00:03", "23:50-00:03", False),
        ("12:00", "23:50-00:03", False),
    ],
)
def test_a_window_holds_its_start_and_not_its_end(
    minute: str, window: str, *, inside: bool
) -> None:
    day_ms = 1_749_945_600_000  # a midnight
    at_ms = day_ms + 60_000 * (60 * int(minute[:2]) + int(minute[3:]))
    assert is_inside(at_ms, window) is inside


def test_blackouts_look_at_the_close() -> None:
    # The bar closes at 15:15 UTC.
    shut = Settings(signals=Signals(blackouts_utc=("01:00-02:00", "15:15-15:16")))
    _, blackout = clock_rows(scene(settings=shut))
    assert (blackout.ok.tolist(), blackout.words[0]) == ([False] * 2, "no entries 15:15-15:16 UTC")
    apart = Settings(signals=Signals(blackouts_utc=("15:10-15:15",)))
    _, row = clock_rows(scene(settings=apart))
    assert (row.ok.tolist(), row.words[0]) == ([True] * 2, "outside 15:10-15:15 UTC")


def test_open_interest_is_that_of_recent_tickers() -> None:
    tickers = (
        Ticker("AUSDT", 100, 99.9, 100.1, 6e6, 0, 97.0, 9700.0),
        Ticker("BUSDT", 1, None, 2, None, 0),
    )
    seen = scene(*tickers)
    seen.market.load_interest(InterestLoaded("AUSDT", ((CLOSE_MS - DAY_MS, 100.0),)))
    seen.market.load_interest(InterestLoaded("BUSDT", ((CLOSE_MS - DAY_MS, 100.0),)))
    np.testing.assert_array_equal(oi_usd(seen), [9700, np.nan])
    np.testing.assert_allclose(oi_change_pct(seen), [-3, np.nan])
    oi, change = interest_rows(oi_usd(seen), oi_change_pct(seen), DEFAULT)
    assert (oi.name, oi.need, oi.ok.tolist()) == ("oi", 2e6, [False, False])
    assert (change.name, change.need, change.ok.tolist()) == ("oi_change", 1.8, [True, False])
    np.testing.assert_allclose(change.value, [3, np.nan])  # up or down
    old = msgspec.structs.replace(seen, at_ms=CLOSE_MS + 1_800_001)
    assert np.isnan([oi_usd(old), oi_change_pct(old)]).all()


def test_rows_on_open_interest_go_away_at_zero() -> None:
    off = Settings(universe=Universe(oi_min_usd=0, oi_change_min_pct=0))
    assert interest_rows(np.zeros(1), np.zeros(1), off) == ()
