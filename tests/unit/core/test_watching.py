"""The scanner over time: retests, the watch set, late symbols, and verdicts completed later."""

import msgspec
import numpy as np
import pytest

from builders import NO_FLOW
from engine.core.checks import CONFIRMED
from engine.core.indicators import Floats
from engine.core.market import Market
from engine.core.scan import MEASURED, Batch, Scanner, completed
from engine.core.settings import Checks, Settings, Signals, Universe
from engine.core.values import Check, CheckStatus, Setup, Signal, Ticker, Verdict
from series import FRAME_MS, g, market_of, mirror

DEFAULT = Settings(checks=Checks(excluded=NO_FLOW))
BREAK_MS = int(g(301)[0][300])
NOW_MS = BREAK_MS + FRAME_MS + 1000


def but(**sections: object) -> Settings:
    """The defaults with other sections."""
    return msgspec.structs.replace(DEFAULT, **sections)


def ticker(symbol: str, volume: float = 50e6) -> Ticker:
    return Ticker(symbol, 100.0, 99.99, 100.01, volume, 0.0)


def market_at_break(**histories: Floats) -> Market:
    times = g(301)[0]
    return market_of({f"{k}USDT": (times[: v.shape[1]], v) for k, v in histories.items()}, DEFAULT)


def judged(market: Market, settings: Settings = DEFAULT) -> Batch:
    return Scanner()(market, market.universe, BREAK_MS, NOW_MS, settings)


def row(verdict: Verdict, name: str) -> Check:
    return next(c for c in verdict.checks if c.name == name)


def quiet() -> Floats:
    """G, but its last bar stays inside the recent range."""
    ohlcv = g(301)[1]
    ohlcv[1:4, 300] = 102.1, 100.9, 101.0
    return ohlcv


def test_golden_retest_long() -> None:
    times, ohlcv = g(305)
    market = market_of({"GUSDT": (times[:300], ohlcv[:, :300])}, DEFAULT)
    scanner, last = Scanner(), Batch((), ())
    found: list[Signal] = []
    for t in range(300, 305):
        market.load_history("GUSDT", times[t : t + 1], ohlcv[:, t : t + 1].T)
        at_ms = int(times[t]) + FRAME_MS + 1000
        market.set_tickers([ticker("GUSDT")], at_ms)
        last = scanner(market, ("GUSDT",), int(times[t]), at_ms, DEFAULT)
        assert last == Scanner()(market, ("GUSDT",), int(times[t]), at_ms, DEFAULT)
        found += last.signals
    momentum, retest = found
    assert momentum.id == f"GUSDT:{BREAK_MS}:MOMENTUM:LONG"
    assert retest.id == f"GUSDT:{BREAK_MS + 4 * FRAME_MS}:RETEST:LONG"
    assert (retest.break_ms, retest.level.price, retest.price) == (BREAK_MS, 102.2, 102.75)
    assert retest.stop == pytest.approx(101.5678571429, abs=1e-10)
    assert (retest.trigger, retest.level) == (momentum.trigger, momentum.level)
    (verdict,) = last.verdicts
    assert (verdict.setup, verdict.level, verdict.stage) == (Setup.RETEST, retest.level, CONFIRMED)
    assert row(verdict, "break_record").value == 4
    assert row(verdict, "chase").value == pytest.approx(0.55 / 0.6321428571)


def test_a_market_that_stopped_after_its_break_is_in_no_distance_from_it() -> None:
    ohlcv = g(301)[1]
    still = np.array([*[ohlcv[3, -1]] * 4, 0.0])  # no range and no volume: no ATR soon
    ohlcv = np.concatenate([ohlcv, np.tile(still[:, None], 20)], axis=1)
    times = int(g(1)[0][0]) + FRAME_MS * np.arange(ohlcv.shape[1])
    market, newest = market_of({"GUSDT": (times, ohlcv)}, DEFAULT), int(times[-1])
    settings = but(signals=Signals(setups=("RETEST",)))
    (verdict,) = Scanner()(market, ("GUSDT",), newest, newest + FRAME_MS, settings).verdicts
    assert verdict.level is not None
    assert verdict.level.price == 102.2
    assert verdict.distance_pct == pytest.approx(100 * (102.32264 - 103) / 103)
    assert verdict.distance_atr is None
    for name in ("reaction", "chase"):
        assert row(verdict, name).status is CheckStatus.UNKNOWN


def test_confidence_ranks_and_may_be_asked_for() -> None:
    market = market_at_break(G=g(301)[1])
    (signal,) = judged(market).signals
    assert signal.confidence is not None
    assert signal.score is not None
    for least, outcome in ((signal.confidence, "SIGNAL"), (signal.confidence + 1e-9, "FAILED")):
        (verdict,) = judged(market, but(signals=Signals(confidence_min_frac=least))).verdicts
        assert verdict.outcome == outcome
        assert row(verdict, "confidence").value == signal.confidence


def ten(*, late: int = 0) -> tuple[Market, tuple[str, ...]]:
    """Ten symbols of which some have not delivered the bar of the break yet."""
    names = tuple(f"S{i}USDT" for i in range(10))
    times, ohlcv = g(301)
    bars = {s: 300 if i < late else 301 for i, s in enumerate(names)}
    market = market_of({s: (times[:n], ohlcv[:, :n]) for s, n in bars.items()}, DEFAULT)
    market.set_tickers([ticker(s, 1e6 * (10 + i)) for i, s in enumerate(names)], BREAK_MS)
    return market, names


def test_who_may_be_traded_is_ranked_by_score_then_turnover() -> None:
    market, names = ten()
    batch = judged(market, but(universe=Universe(watch_max=3)))
    assert batch.watched == names[:-4:-1]
    assert [v.rank for v in batch.verdicts] == [None] * 7 + [3, 2, 1]
    assert {s.symbol for s in batch.signals} == set(names[-3:])
    assert [v.blocked_by for v in batch.verdicts] == ["watched"] * 7 + [None] * 3


def test_what_does_not_fit_is_not_watched() -> None:
    market, names = ten()
    batch = judged(market, but(universe=Universe(volume_24h_min_usd=15e6)))
    assert batch.watched == names[:4:-1]


def test_data_are_asked_from_the_best_down() -> None:
    """The four best have been silent for too long: the fifth is the one to watch."""
    _, names = ten()
    times, silent = g(301)
    silent[4, 50:90] = 0
    histories = {s: (times, silent if s in names[6:] else g(301)[1]) for s in names}
    market = market_of(histories, DEFAULT)
    market.set_tickers([ticker(s, 1e6 * (10 + i)) for i, s in enumerate(names)], BREAK_MS)
    batch = judged(market, but(universe=Universe(watch_max=1)))
    passed = [v.symbol for v in batch.verdicts if row(v, "watched").status is CheckStatus.PASS]
    assert passed == [names[5]]
    assert batch.watched == (names[5],)


@pytest.mark.parametrize(("least", "status"), [(1, CheckStatus.PASS), (2, CheckStatus.FAIL)])
def test_a_break_of_legal_age_is_near_wherever_price_is(least: int, status: CheckStatus) -> None:
    times, ohlcv = g(302)
    ohlcv[1:4, 301] = 103.05, 102.3, 102.4  # an ATR below the close that broke
    market = market_of({"GUSDT": (times, ohlcv)}, DEFAULT)
    settings = but(signals=Signals(retest_min_bars=least))
    now = int(times[301])
    (verdict,) = Scanner()(market, market.universe, now, now + FRAME_MS, settings).verdicts
    assert row(verdict, "near").status is status


def test_a_ranking_of_few_is_none() -> None:
    assert judged(ten(late=3)[0]).watched is None
    market, names = ten(late=2)
    assert judged(market).watched == names[:1:-1]
    old = g(290)[1]
    scarce = market_at_break(A=g(301)[1], B=g(301)[1], C=old, D=old)
    first = judged(scarce).verdicts[0]
    watched = row(first, "watched")
    assert (watched.status, first.blocked_by) == (CheckStatus.UNKNOWN, "watched")
    assert watched.reason == "too few markets had the bar before"


def test_late_symbols_join_the_ranking_and_decide_alike() -> None:
    market, names = ten(late=2)
    scanner, last = Scanner(), Batch((), ())
    scanner(market, names, BREAK_MS, NOW_MS, DEFAULT)
    times, ohlcv = g(301)
    for symbol in names[:2]:
        market.load_history(symbol, times[300:], ohlcv[:, 300:].T)
        last = scanner(market, (symbol,), BREAK_MS, NOW_MS, DEFAULT)
        assert last == Scanner()(market, (symbol,), BREAK_MS, NOW_MS, DEFAULT)
    assert last.watched == names[::-1]


def test_a_symbol_that_comes_alone_changes_no_ranking_it_is_not_part_of() -> None:
    """Two of ten are late: the ranking of eight stands until one of them arrives."""
    market, names = ten(late=2)
    scanner = Scanner()
    first = scanner(market, names, BREAK_MS, NOW_MS, DEFAULT)
    again = scanner(market, names[2:3], BREAK_MS, NOW_MS, DEFAULT)
    assert again.watched == first.watched
    assert again.verdicts == first.verdicts[:1]


def test_other_settings_forget_what_was_ranked_and_remembered() -> None:
    market, names = ten()
    scanner = Scanner()
    assert scanner(market, names, BREAK_MS, NOW_MS, DEFAULT).watched == names[::-1]
    few = but(universe=Universe(watch_max=1), signals=Signals(volume_min_mult=9))
    batch = scanner(market, names, BREAK_MS, NOW_MS, few)
    assert batch == Scanner()(market, names, BREAK_MS, NOW_MS, few)
    assert batch.watched == names[-1:]


def test_a_verdict_made_without_levels_is_completed_for_who_asks() -> None:
    market = market_at_break(G=quiet())
    strict = but(universe=Universe(volume_24h_min_usd=1e9))  # not watched: no levels looked for
    (verdict,) = judged(market, strict).verdicts
    found = row(verdict, "break")
    assert (verdict.level, found.value, found.reason) == (None, None, "inside its recent range")
    whole, (looked,) = completed(market, verdict, strict), judged(market).verdicts
    assert whole.level is not None
    assert (whole.level, whole.distance_pct) == (looked.level, looked.distance_pct)
    assert (row(whole, "break"), whole.distance_atr) == (row(looked, "break"), looked.distance_atr)
    chase = row(whole, "chase")
    assert (chase, row(verdict, "chase").reason) == (row(looked, "chase"), "no level was faced")
    assert [c for c in whole.checks if c.name not in MEASURED] == [
        c for c in verdict.checks if c.name not in MEASURED
    ]
    assert completed(market, whole, strict) == whole
    assert completed(market_at_break(G=g(300)[1]), verdict, strict) == verdict  # another bar


def test_the_completed_verdict_of_a_symbol_without_levels_says_so() -> None:
    bare = but(levels=msgspec.structs.replace(DEFAULT.levels, touches_min=10, strength_min_frac=1))
    market = market_at_break(G=quiet())
    (verdict,) = judged(market, bare).verdicts
    whole = completed(market, verdict, bare)
    assert (whole.level, whole.distance_pct, whole.distance_atr) == (None, None, None)
    assert row(whole, "break").reason == "no fresh level"


def test_nearness_to_bitcoin_is_shown() -> None:
    times, ohlcv = g(301)
    market = market_of({"BTCUSDT": (times, ohlcv), "GUSDT": (times, mirror(ohlcv))}, DEFAULT)
    by = {v.symbol: row(v, "btc_corr") for v in judged(market).verdicts}
    assert by["BTCUSDT"].value == pytest.approx(1)
    assert by["GUSDT"].value == pytest.approx(-1, abs=0.01)
    assert by["GUSDT"].is_advisory
