"""Candle files as bars of the base frame, and the market they amount to."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from recordings import invented, pack, write_folder

from engine.candles import Histories, market_at, merged, read_histories, tickers_at, when
from engine.core.settings import Market, Settings, Universe
from engine.core.values import Ticker
from engine.errors import DataError
from engine.sim.feed import CLOSE, MINUTE_MS, OPEN, VOLUME
from engine.sim.recorded import Recording
from markets import FIRST_MS, FIVE_MS, walk

MEMORY = Path("memory")


def recording(bars: int = 330, step_ms: int = FIVE_MS, first_ms: int = FIRST_MS) -> Recording:
    """Two random symbols, AAAUSDT near 50 and BBBUSDT near 0.05."""
    candles = np.stack([walk(bars, 50.0, 2, 1), walk(bars, 0.05, 6, 2)])
    return Recording(("AAAUSDT", "BBBUSDT"), (2, 6), first_ms, step_ms, candles)


def histories(**changes: Any) -> Histories:  # noqa: ANN401 -- what `recording` takes
    return merged(recording(**changes), MEMORY, 300)


def test_bars_of_the_frame_are_taken_as_they_are() -> None:
    whole = recording()
    bars = merged(whole, MEMORY, 300)
    assert np.array_equal(bars.ohlcv, whole.candles[..., :5])
    assert [i.symbol for i in bars.instruments] == ["AAAUSDT", "BBBUSDT"]
    assert (bars.first_ms, bars.frame_ms, bars.silent) == (FIRST_MS, FIVE_MS, ())
    times, ohlcv = bars.history(1, 2)
    assert times.tolist() == [FIRST_MS, FIRST_MS + FIVE_MS, FIRST_MS + 2 * FIVE_MS]
    assert np.array_equal(ohlcv, whole.candles[1, :3, :5])


def test_finer_bars_are_merged_and_gaps_stay_gaps() -> None:
    whole = recording(20, MINUTE_MS)
    whole.candles[1, 7] = np.nan
    bars = merged(whole, MEMORY, 300)
    minutes = whole.candles[0, 5:10]
    assert bars.present.tolist() == [[True] * 4, [True, False, True, True]]
    assert bars.ohlcv[0, 1].tolist() == [
        minutes[0, OPEN],
        minutes[:, 1].max(),
        minutes[:, 2].min(),
        minutes[-1, CLOSE],
        sum(minutes[:, VOLUME].tolist()),
    ]
    assert bars.history(1, 2)[0].tolist() == [FIRST_MS, FIRST_MS + 2 * FIVE_MS]


@pytest.mark.parametrize("lead", [1, 2, 3, 4])
def test_bars_that_the_data_begin_or_end_within_are_not_there(lead: int) -> None:
    bars = merged(recording(13, MINUTE_MS, FIRST_MS + lead * MINUTE_MS), MEMORY, 300)
    assert bars.first_ms == FIRST_MS
    known = [False, True, (13 + lead) >= 15, False]
    assert bars.present[0].tolist() == known[: -(-(13 + lead) // 5)]


@pytest.mark.parametrize(("step", "frame_s"), [(15, 300), (3, 300), (5, 60)])
def test_candles_that_do_not_fit_into_the_frame_are_one_clear_error(
    step: int, frame_s: int
) -> None:
    with pytest.raises(DataError) as error:
        merged(recording(step_ms=step * MINUTE_MS), MEMORY, frame_s)
    assert str(error.value) == (
        f"memory: expected candles of {frame_s // 60} min (market.frame_s) or of a whole part of "
        f"it, found candles of {step} min"
    )


def test_a_folder_and_an_archive_are_read(tmp_path: Path) -> None:
    write_folder(tmp_path, recording())
    folder = read_histories(tmp_path, 300)
    assert np.array_equal(folder.ohlcv, histories().ohlcv)
    pack(tmp_path / "m.npz", present=np.packbits([[1] * 400, [0] * 400], axis=1))
    packed = read_histories(tmp_path / "m.npz", 300)
    assert ([i.symbol for i in packed.instruments], packed.silent) == (["AAAUSDT"], ("BBBUSDT",))
    assert packed.ohlcv.shape == (1, 400, 5)
    with pytest.raises(DataError, match="gone: expected a folder"):
        read_histories(tmp_path / "gone", 300)


def test_the_newest_bar_closed_by_then_is_found() -> None:
    bars = histories()
    assert bars.bar(None) == 329
    assert bars.bar(bars.close_ms(310)) == 310
    assert bars.bar(bars.close_ms(311) - 1) == 310
    assert bars.bar(bars.close_ms(329) + FIVE_MS - 1) == 329


def test_a_moment_without_a_bar_is_an_error_that_names_the_ends() -> None:
    whole = recording()
    whole.candles[:, 310] = np.nan
    bars = merged(whole, MEMORY, 300)
    first, last = when(bars.close_ms(0)), when(bars.close_ms(329))
    for at_ms in (0, FIRST_MS, bars.close_ms(310), bars.close_ms(330), 10**18):
        with pytest.raises(DataError) as error:
            bars.bar(at_ms)
        assert str(error.value) == (
            f"memory: expected a moment when a bar had just closed, the first {first}, "
            f"the last {last}, found {when(at_ms)}"
        )
    assert when(FIRST_MS) == "1735689600000 (2025-01-01 00:00:00 UTC)"
    assert when(10**18) == "1000000000000000000"


def test_data_without_a_whole_bar_are_an_error() -> None:
    with pytest.raises(DataError, match="memory: expected a whole bar of 5 min, found none"):
        merged(recording(4, MINUTE_MS), MEMORY, 300).bar(None)


def test_tickers_tell_what_candles_can() -> None:
    bars = histories()
    close, volume = bars.ohlcv[0, :, CLOSE].tolist(), bars.ohlcv[0, :, VOLUME].tolist()
    day = sum(c * v for c, v in zip(close[33:321], volume[33:321], strict=True))
    change = 100 * (close[320] / close[32] - 1)
    assert tickers_at(bars, 320)[0] == Ticker("AAAUSDT", close[320], None, None, day, change)
    assert tickers_at(bars, 287)[0].volume_24h_usd is not None
    assert tickers_at(bars, 287)[0].change_24h_pct is None
    assert tickers_at(bars, 286)[0] == Ticker("AAAUSDT", close[286], None, None, None, None)


@pytest.mark.parametrize(("frame_s", "is_known"), [(60, False), (180, False), (900, True)])
def test_24_hours_must_fit_into_what_a_bar_may_depend_on(frame_s: int, *, is_known: bool) -> None:
    bars = merged(recording(1500, 1000 * frame_s), MEMORY, frame_s)
    ticker = tickers_at(bars, 1499)[0]
    assert (ticker.volume_24h_usd is not None, ticker.change_24h_pct is not None) == (
        is_known,
        is_known,
    )


def test_listed_is_who_traded_within_the_day() -> None:
    whole = recording(700)
    whole.candles[1, 300:] = np.nan
    bars = merged(whole, MEMORY, 300)
    assert [t.symbol for t in tickers_at(bars, 299 + 288 - 1)] == ["AAAUSDT", "BBBUSDT"]
    assert [t.symbol for t in tickers_at(bars, 299 + 288)] == ["AAAUSDT"]


def test_the_market_holds_what_a_live_one_would() -> None:
    bars = merged(invented(), MEMORY, 300)
    bar = bars.bar(None)
    market = market_at(bars, bar, Settings())
    volumes = {t.symbol: t.volume_24h_usd or 0.0 for t in tickers_at(bars, bar)}
    assert list(market.universe) == sorted(volumes, key=lambda s: -volumes[s])
    assert market.tickers_ms == bars.close_ms(bar)
    assert {s: market.last_open_ms(s) for s in volumes} == dict.fromkeys(
        volumes, bars.close_ms(bar) - FIVE_MS
    )
    times, ohlcv = market.candles("SOLUSDT", 300)
    known = bars.history(1, bar)
    assert np.array_equal(times, known[0][-300:])
    assert np.array_equal(ohlcv, known[1][-300:])
    assert market.instrument("SOLUSDT") == bars.instruments[1]


def test_the_universe_is_chosen_as_configured() -> None:
    settings = Settings(
        market=Market(frame_s=60), universe=Universe(top_n=2, blacklist=("BTC*", "DOTUSDT"))
    )
    bars = merged(invented(400), MEMORY, 60)
    assert market_at(bars, 399, settings).universe == ("AVAXUSDT", "SOLUSDT")
    whole = msgspec.structs.replace(settings, universe=Universe(movers="gainers"))
    assert market_at(bars, 399, whole).universe == ()
