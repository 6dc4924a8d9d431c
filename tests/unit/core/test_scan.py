"""Verdicts: golden cases of both setups, unknowns, exclusions, and a recorded crash."""

import msgspec
import numpy as np
import pytest

from builders import NO_FLOW
from engine.core.checks import CHECKS, CONFIRMED, ESSENTIAL, KINDS
from engine.core.events import QuoteSeen
from engine.core.indicators import Floats, Times
from engine.core.market import Market
from engine.core.scan import Batch, Scanner, levels_of
from engine.core.settings import Checks, Data, Settings, Signals
from engine.core.values import Check, CheckStatus, Setup, Side, Signal, Ticker, Verdict
from series import FRAME_MS, g, market_of, mirror, recorded

DEFAULT = Settings(checks=Checks(excluded=NO_FLOW))
OFF = {"consolidation", "blackout", "confidence"}  # rows whose parameter is off by default
BREAK_MS = int(g(301)[0][300])
NOW_MS = BREAK_MS + FRAME_MS + 1000
ROWS = tuple(name for name in KINDS if name not in OFF)


def but(**sections: object) -> Settings:
    """The defaults with other sections; what nothing feeds stays excluded."""
    return msgspec.structs.replace(DEFAULT, **sections)


def checked(*excluded: str, policy: str = "fail") -> Settings:
    checks = Checks(excluded=(*NO_FLOW, *excluded), unknown_policy=policy)  # type: ignore[arg-type]
    return but(checks=checks)


NOT_YET = ("break_record", "pullback", "hold", "pierce")  # of a retest at the bar of its break


def ticker(symbol: str, volume: float | None = 50e6) -> Ticker:
    return Ticker(symbol, 100.0, 99.99, 100.01, volume, 0.0)


def changed(bar: int, **values: float) -> Floats:
    ohlcv = g(301)[1]
    for name, value in values.items():
        ohlcv["ohlcv".index(name), bar] = value
    return ohlcv


def market_at_break(**histories: Floats) -> Market:
    times = g(301)[0]
    return market_of({f"{k}USDT": (times[: v.shape[1]], v) for k, v in histories.items()}, DEFAULT)


def judged(market: Market, settings: Settings = DEFAULT, at_ms: int = NOW_MS) -> Batch:
    return Scanner()(market, market.universe, BREAK_MS, at_ms, settings)


def only(ohlcv: Floats, settings: Settings = DEFAULT) -> Verdict:
    (verdict,) = judged(market_at_break(G=ohlcv), settings).verdicts
    return verdict


def row(verdict: Verdict, name: str) -> Check:
    return next(c for c in verdict.checks if c.name == name)


def test_golden_momentum_long() -> None:
    batch = judged(market_at_break(G=g(301)[1]))
    (verdict,), (signal,) = batch.verdicts, batch.signals
    assert (verdict.outcome, verdict.blocked_by, verdict.price) == ("SIGNAL", None, 103.0)
    assert tuple(c.name for c in verdict.checks) == ROWS
    bad = {c.name: c.status for c in verdict.checks if c.status is not CheckStatus.PASS}
    assert {name for name, status in bad.items() if status is CheckStatus.EXCLUDED} == set(NO_FLOW)
    # Of a retest, and two rows that only advise.
    assert set(bad) - set(NO_FLOW) == {*NOT_YET, "vwap_gap", "btc_corr"}
    assert (verdict.setup, verdict.stage, verdict.rank) == (Setup.MOMENTUM, CONFIRMED, 1)
    assert verdict.distance_pct == pytest.approx(-100 * 0.67736 / 103, rel=1e-9)
    assert verdict.distance_atr == pytest.approx(-0.67736 / 0.6, rel=1e-9)
    assert signal.id == f"GUSDT:{BREAK_MS}:MOMENTUM:LONG"
    assert (signal.symbol, signal.side, signal.setup) == ("GUSDT", Side.LONG, Setup.MOMENTUM)
    assert (signal.open_ms, signal.expires_ms) == (BREAK_MS, BREAK_MS + 2 * FRAME_MS)
    assert (signal.level, signal.checks) == (verdict.level, verdict.checks)
    assert (signal.level.price, signal.level.touches) == (102.2, 11)
    found = (signal.trigger, signal.price, signal.stop, signal.atr)
    assert found == pytest.approx((102.32264, 103.0, 101.48, 0.6), rel=1e-12)


def test_golden_momentum_short() -> None:
    (signal,) = judged(market_at_break(G=mirror(g(301)[1]))).signals
    assert signal.id == f"GUSDT:{BREAK_MS}:MOMENTUM:SHORT"
    assert (signal.side, signal.level.side, signal.level.price) == (Side.SHORT, Side.SHORT, 97.8)
    found = (signal.trigger, signal.price, signal.stop)
    assert found == pytest.approx((97.68264, 97.0, 98.52), rel=1e-12)


def test_values_are_plain_numbers() -> None:
    (signal,) = judged(market_at_break(G=g(301)[1])).signals
    assert msgspec.json.decode(msgspec.json.encode(signal), type=Signal) == signal
    for check in signal.checks:
        assert type(check.value) in (float, type(None))
        assert type(check.is_advisory) is bool


@pytest.mark.parametrize(
    ("ohlcv", "signals", "outcome", "blocked_by"),
    [
        (changed(300, v=1500), Signals(), "FAILED", "volume"),
        (changed(300, c=103.15, h=103.20), Signals(), "FAILED", "chase"),
        (g(301)[1], Signals(body_min_frac=0.95), "FAILED", "body"),
        (g(301)[1], Signals(slope_max_pct=0.4), "FAILED", "slope"),
        (g(301)[1], Signals(sides="short"), "QUIET", "break"),
        (changed(300, c=102.3), Signals(), "QUIET", "break"),
    ],
)
def test_what_stops_the_golden_case(
    ohlcv: Floats, signals: Signals, outcome: str, blocked_by: str
) -> None:
    batch = judged(market_at_break(G=ohlcv), but(signals=signals))
    assert batch.signals == ()
    assert [(v.outcome, v.blocked_by) for v in batch.verdicts] == [(outcome, blocked_by)]


def test_a_quiet_verdict_names_the_level_ahead() -> None:
    verdict = only(changed(300, c=102.1, h=102.2))
    assert verdict.level is not None
    assert (verdict.level.price, verdict.blocked_by) == (102.2, "break")
    assert verdict.distance_pct == pytest.approx(100 * 0.22264 / 102.1, rel=1e-9)
    assert row(verdict, "break").value == pytest.approx(-100 * 0.22264 / 102.1, rel=1e-9)
    near = row(verdict, "near")
    assert (near.status, near.is_advisory) == (CheckStatus.PASS, True)


def test_far_from_everything_is_advice_not_a_block() -> None:
    near = row(only(changed(300, c=100.5, h=102.1, l=100.4)), "near")
    assert near.value == pytest.approx(2.5)
    assert (near.status, near.blocks) == (CheckStatus.FAIL, False)


def test_no_fresh_level_is_a_fail_in_words() -> None:
    strict = but(
        levels=msgspec.structs.replace(DEFAULT.levels, touches_min=10, strength_min_frac=1)
    )
    verdict = only(g(301)[1], strict)
    found = row(verdict, "break")
    assert (found.status, found.value, found.reason) == (CheckStatus.FAIL, None, "no fresh level")
    assert (verdict.level, verdict.distance_pct, verdict.distance_atr) == (None, None, None)
    chase = row(verdict, "chase")
    assert (chase.status, chase.value, chase.reason) == (
        CheckStatus.UNKNOWN,
        None,
        "no level was faced",
    )


def test_a_bar_older_than_allowed_is_late() -> None:
    market = market_at_break(G=g(301)[1])
    close_ms = BREAK_MS + FRAME_MS
    on_time, late = (judged(market, at_ms=close_ms + ms) for ms in (30_000, 30_001))
    assert (len(on_time.signals), len(late.signals)) == (1, 0)
    assert late.verdicts[0].blocked_by == "late_bar"
    assert row(late.verdicts[0], "late_bar").value == 30.001


def test_only_symbols_that_delivered_the_bar_are_judged() -> None:
    market = market_at_break(A=g(301)[1], B=g(300)[1], C=g(301)[1])
    batch = Scanner()(market, ("CUSDT", "BUSDT", "AUSDT", "ZUSDT"), BREAK_MS, NOW_MS, DEFAULT)
    assert [v.symbol for v in batch.verdicts] == ["CUSDT", "AUSDT"]
    assert Scanner()(market, ("BUSDT",), BREAK_MS, NOW_MS, DEFAULT) == Batch((), ())


def test_signals_come_by_strength_then_turnover_then_name() -> None:
    weak = g(301)[1]
    weak[4, 119:300:20] = 100  # its touches had little volume
    market = market_at_break(D=weak, C=g(301)[1], B=g(301)[1], A=g(301)[1], E=g(301)[1])
    volumes = {"A": 40e6, "B": 60e6, "C": 40e6, "D": 90e6}
    market.set_tickers([ticker(f"{k}USDT", v) for k, v in volumes.items()], BREAK_MS)
    settings = checked("volume_24h", "spread")
    batch = judged(market, settings)
    assert [s.symbol[0] for s in batch.signals] == ["B", "A", "C", "E", "D"]
    assert batch.signals[-1].level.strength < batch.signals[0].level.strength


def with_tickers(tickers: list[Ticker], read_ms: int) -> Market:
    market = market_at_break(G=g(301)[1])
    market.set_tickers(tickers, read_ms)
    return market


OLD_MS = NOW_MS - 2 * 900_000 - 1


@pytest.mark.parametrize(
    ("market", "volume", "spread"),
    [
        (with_tickers([ticker("GUSDT")], NOW_MS), 50e6, 2.0),
        (with_tickers([ticker("GUSDT")], OLD_MS + 1), 50e6, 2.0),
        (with_tickers([ticker("GUSDT")], OLD_MS), None, None),
        (with_tickers([], NOW_MS), None, None),
        (with_tickers([ticker("GUSDT", None)], NOW_MS), None, 2.0),
        (with_tickers([Ticker("GUSDT", 1.0, None, 1.0, 9e6, 0.0)], NOW_MS), 9e6, None),
        (with_tickers([Ticker("GUSDT", 1.0, 1.0, None, 9e6, 0.0)], NOW_MS), 9e6, None),
        (with_tickers([Ticker("GUSDT", 1.0, 1.1, 1.0, 9e6, 0.0)], NOW_MS), 9e6, None),
    ],
)
def test_a_ticker_missing_or_old_makes_its_checks_unknown(
    market: Market, volume: float | None, spread: float | None
) -> None:
    batch = judged(market)
    (verdict,) = batch.verdicts
    found = [row(verdict, name) for name in ("volume_24h", "spread")]
    assert [c.value for c in found] == [volume, None if spread is None else pytest.approx(spread)]
    unknown = [c for c in found if c.value is None]
    assert all(c.status is CheckStatus.UNKNOWN and c.reason for c in unknown)
    assert (len(batch.signals), verdict.blocked_by) == (
        (0, unknown[0].name) if unknown else (1, None)
    )


def test_never_read_tickers_are_unknown() -> None:
    times, ohlcv = g(301)
    market = Market(DEFAULT)
    market.set_universe(("GUSDT",))
    market.load_history("GUSDT", times, ohlcv.T)
    assert judged(market).verdicts[0].blocked_by == "volume_24h"


@pytest.mark.parametrize(("age_ms", "expected"), [(30_000, 97.0874), (30_001, 2.0)])
def test_the_spread_is_the_quote_s_while_it_is_fresh(age_ms: int, expected: float) -> None:
    market = market_at_break(G=g(301)[1])
    said_ms = NOW_MS - age_ms
    market.see_quote(QuoteSeen("GUSDT", 102.5, 103.5, 103.0, said_ms), said_ms)
    assert row(judged(market).verdicts[0], "spread").value == pytest.approx(expected, abs=1e-4)


def test_unknown_blocks_or_is_only_shown_as_the_policy_says() -> None:
    market = with_tickers([], NOW_MS)
    lenient = checked(policy="pass")
    strict, passed = judged(market), judged(market, lenient)
    assert (strict.signals, strict.verdicts[0].outcome) == ((), "FAILED")
    assert (len(passed.signals), passed.verdicts[0].outcome) == (1, "SIGNAL")
    shown = row(passed.verdicts[0], "spread")
    assert (shown.status, shown.is_advisory) == (CheckStatus.UNKNOWN, True)


def test_excluded_checks_are_not_evaluated() -> None:
    market = with_tickers([], NOW_MS)
    batch = judged(market, checked("volume_24h", "spread"))
    assert len(batch.signals) == 1
    assert row(batch.verdicts[0], "spread") == Check("spread", "ticker", CheckStatus.EXCLUDED)


def test_a_signal_cannot_do_without_history_and_a_break() -> None:
    assert set(KINDS) - set(CHECKS) == set(ESSENTIAL)
    everything = checked(*CHECKS, policy="pass")
    (young,) = judged(young_market(2), everything).verdicts
    assert (young.outcome, young.blocked_by) == ("FAILED", "warmup")
    quiet = only(changed(300, c=102.3), everything)
    assert (quiet.outcome, quiet.blocked_by) == ("QUIET", "break")


def young_market(first: int) -> Market:
    times, ohlcv = g(301)
    return market_of({"GUSDT": (times[first:], ohlcv[:, first:])}, DEFAULT)


def test_warmup_counts_closed_bars() -> None:
    full, short = (judged(young_market(first)).verdicts[0] for first in (0, 2))
    assert (full.outcome, row(full, "warmup").value) == ("SIGNAL", 300.0)
    assert (short.outcome, short.blocked_by) == ("FAILED", "warmup")
    assert row(short, "warmup").value == 299.0
    quality = row(short, "data_quality")
    assert (quality.status, quality.value) == (CheckStatus.UNKNOWN, None)
    assert quality.reason == "not enough bars"


def test_a_newborn_symbol_knows_nothing() -> None:
    (verdict,) = judged(young_market(298)).verdicts
    unknown = {c.name for c in verdict.checks if c.status is CheckStatus.UNKNOWN}
    silent = {"data_quality", "atr15", "near", "break", "volume", "surge_1h", "slope", "bb_rank"}
    returned = {"pullback", "hold", "pierce", "reaction", "activity"}
    assert unknown == silent | returned | {"chase", "vwap_gap", "btc_corr"}
    assert all(c.reason and c.value is None for c in verdict.checks if c.name in unknown)
    assert (verdict.outcome, verdict.blocked_by, verdict.level) == ("QUIET", "warmup", None)
    lenient = checked(policy="pass")
    assert judged(young_market(298), lenient).signals == ()


def holed(*missing: int) -> tuple[Times, Floats]:
    """G up to its break behind 20 more bars of its wave, without the given bars of G."""
    ohlcv = g(301)[1]
    longer = np.concatenate([ohlcv[:, 280 - 20 : 280], ohlcv], axis=1)
    times = BREAK_MS - FRAME_MS * np.arange(320, -1, -1)
    kept = [i for i in range(321) if i - 20 not in missing]
    return times[kept], longer[:, kept]


def quality(history: tuple[Times, Floats], settings: Settings = DEFAULT) -> Check:
    (verdict,) = judged(market_of({"GUSDT": history}, settings), settings).verdicts
    return row(verdict, "data_quality")


def test_missing_bars_are_tolerated_up_to_a_number() -> None:
    few, many = quality(holed(50, 60, 70)), quality(holed(50, 60, 70, 80))
    assert (few.status, few.value, few.need) == (CheckStatus.PASS, 3.0, 3)
    assert (many.status, many.value, many.reason) == (CheckStatus.FAIL, 4.0, "")


def test_no_bar_may_be_missing_among_the_last_twenty() -> None:
    assert quality(holed(280)).status is CheckStatus.PASS
    recent = quality(holed(282))
    assert (recent.status, recent.value) == (CheckStatus.FAIL, 1.0)
    assert recent.reason == "a bar is missing among the last 20"


def test_bars_without_volume_and_bars_that_jump_spoil_the_data() -> None:
    times, silent = g(301)
    silent[4, 50:80] = 0
    assert quality((times, silent)).status is CheckStatus.PASS
    silent[4, 80] = 0
    assert quality((times, silent)).reason == "more than 30 bars without volume"
    jumpy = g(301)[1]
    jumpy[1, [60, 90, 120]] += 5
    strict = but(data=Data(teleport_max_bars=2))
    assert quality((times, jumpy)).status is CheckStatus.PASS
    assert quality((times, jumpy), strict).reason == "more than 2 bars that jump"


def test_levels_for_a_chart_are_those_of_the_next_bar() -> None:
    market = market_at_break(G=g(300)[1])
    levels = levels_of(market, "GUSDT", DEFAULT)
    assert [(x.side, x.price, x.touches) for x in levels] == [
        (Side.LONG, 102.2, 11),
        (Side.SHORT, 97.9, 10),
    ]
    assert only(g(301)[1]).level == levels[0]
    assert levels_of(market, "ZUSDT", DEFAULT) == ()
    below = market_at_break(G=mirror(g(300)[1]))
    assert [x.price for x in levels_of(below, "GUSDT", DEFAULT)] == [97.8, 102.1]


def test_a_recorded_market_breaks_both_ways() -> None:
    """Three hours of October 2025 in which eight perpetuals fell, then recovered."""
    times, ohlcv = recorded("bybit_linear_5m_8x99d.npz")
    names = tuple(f"S{i}USDT" for i in range(8))
    market = market_of(
        {s: (times[:696], x[:, :696]) for s, x in zip(names, ohlcv, strict=True)}, DEFAULT
    )
    found: list[Signal] = []
    for t in range(696, 729):
        for symbol, x in zip(names, ohlcv, strict=True):
            market.load_history(symbol, times[t : t + 1], x[:, t : t + 1].T)
        market.set_tickers([ticker(s) for s in names], int(times[t]))
        found += Scanner()(market, names, int(times[t]), int(times[t]) + FRAME_MS, DEFAULT).signals
    assert {s.side for s in found} == {Side.LONG, Side.SHORT}
    for s in found:
        d = s.side.sign
        assert d * s.stop < d * s.level.price < d * s.trigger < d * s.price
