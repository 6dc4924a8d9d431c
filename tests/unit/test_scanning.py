"""The scan of a recording against the engine that lived through it."""

from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import pytest
from recordings import ENDS_MS, invented

from builders import D
from engine.candles import Histories, merged, tickers_at, when
from engine.core import events as e
from engine.core.checks import CANDLE_ONLY, STAGES
from engine.core.engine import Engine
from engine.core.ledger import Ledger
from engine.core.settings import Checks, Market, Settings, Universe
from engine.core.values import Bar, CheckStatus
from engine.core.view import ranked
from engine.scanning import Stage, Unjudged, scan, without_books

MEMORY = Path("memory")


@pytest.fixture(scope="module")
def bars() -> Histories:
    return merged(invented(), MEMORY, 300)


def lived(bars: Histories, settings: Settings, first: int, last: int) -> Engine:
    """An engine that got its history up to `first`, and each later bar when it closed."""
    engine = Engine(without_books(settings), Ledger(), "paper")

    def feed(bar: int, *events: e.Event) -> None:
        for event in (e.TickersLoaded(tickers_at(bars, bar)), *events):
            engine.step(bars.close_ms(bar), event)

    symbols = [instrument.symbol for instrument in bars.instruments]
    past = [bars.history(row, first) for row in range(len(symbols))]
    loaded = [e.HistoryLoaded(s, *pair) for s, pair in zip(symbols, past, strict=True)]
    feed(
        first,
        e.Started("test", "paper", was_clean=True, balance=D(10_000)),
        e.InstrumentsLoaded(bars.instruments),
    )
    feed(first, *loaded)
    for bar in range(first + 1, last + 1):
        open_ms = bars.close_ms(bar) - bars.frame_ms
        rows = zip(symbols, bars.ohlcv[:, bar].tolist(), strict=True)
        feed(bar, e.CandlesClosed(tuple(Bar(symbol, open_ms, *row) for symbol, row in rows)))
    return engine


@pytest.mark.parametrize("back", [0, 1, 3, 5])  # two of them bars with signals
def test_a_scan_says_what_an_engine_says_that_lived_up_to_then(bars: Histories, back: int) -> None:
    bar = bars.bar(ENDS_MS) - back
    found = scan(bars, Settings(), bars.close_ms(bar))
    engine = lived(bars, Settings(), bar - 2, bar)
    assert len(found.verdicts) == len(engine.view().verdicts) == 6
    for verdict in found.verdicts:
        said = engine.verdict(verdict.symbol)
        assert said is not None
        checks = [check for check in said.checks if check.group != "risk"]
        assert checks == list(verdict.checks)
        judged: dict[str, object] = {"checks": verdict.checks, "outcome": verdict.outcome}
        if said.outcome == "REFUSED":  # by the gates of an engine that nobody let trade
            judged["blocked_by"] = verdict.blocked_by
            assert (verdict.outcome, said.blocked_by) == ("SIGNAL", "gates")
        assert msgspec.structs.replace(said, **judged) == verdict
        candles = engine.candles(verdict.symbol, 300)
        assert candles is not None
        assert candles.levels == found.levels[verdict.symbol]
    skipped = {s.signal_id for s in engine.view().skipped if f":{found.open_ms}:" in s.signal_id}
    assert skipped == {signal.id for signal in found.signals.values()}
    ranks = {v.symbol: v.rank for v in found.verdicts if v.rank is not None}
    assert sorted(ranks, key=lambda s: ranks[s]) == list(engine.view().watched)


def test_signals_and_levels_are_part_of_it(bars: Histories) -> None:
    found = scan(bars, Settings(), ENDS_MS)
    (signal,) = found.signals.values()
    first = found.verdicts[0]
    assert (found.at_ms, found.open_ms) == (ENDS_MS, ENDS_MS - 300_000)
    assert found.verdicts == ranked(found.verdicts)
    assert [v.symbol for v in found.verdicts if v.outcome == "SIGNAL"] == [signal.symbol]
    away = [abs(level.price - first.price) for level in found.levels[first.symbol]]
    assert away == sorted(away)
    assert len(away) > 1
    stages = [verdict.stage for verdict in found.verdicts]
    assert found.funnel == tuple(
        Stage(STAGES[stage], sum(s >= stage for s in stages)) for stage in range(6)
    )
    assert found.funnel[-1] == Stage("confirmed", 1)
    assert found.unjudged == ()


def test_by_default_the_newest_bar_is_judged(bars: Histories) -> None:
    assert scan(bars, Settings()) == scan(bars, Settings(), ENDS_MS)


def test_what_is_not_judged_has_a_reason_and_stops_nobody() -> None:
    whole = invented()
    whole.candles[1, -1] = np.nan  # SOLUSDT lacks a minute of the bar
    whole.candles[2, :-2] = np.nan  # XRPUSDT has never had a whole one
    bars = merged(whole, MEMORY, 300)._replace(silent=("ZZZUSDT",))
    settings = Settings(universe=Universe(blacklist=("SUI*",)))
    found = scan(bars, settings)
    assert {v.symbol for v in found.verdicts} == {"BTCUSDT", "AVAXUSDT", "DOTUSDT"}
    assert found.unjudged == (
        Unjudged(
            "SOLUSDT", f"no whole bar here, the newest before closed {when(ENDS_MS - 300_000)}"
        ),
        Unjudged("XRPUSDT", "no whole bar yet"),
        Unjudged("SUIUSDT", "not chosen for the universe"),
        Unjudged("ZZZUSDT", "no candle in the data"),
    )


@pytest.mark.parametrize("frame_s", [60, 180, 300, 900])
def test_what_candles_cannot_tell_is_excluded(frame_s: Literal[60, 180, 300, 900]) -> None:
    settings = Settings(market=Market(frame_s=frame_s))
    day = ("volume_24h",) if frame_s < 300 else ()
    assert without_books(settings).checks.excluded == (*CANDLE_ONLY, *day)
    own = Checks(excluded=("late_bar", "spread", "oi"), unknown_policy="pass")
    mine = without_books(msgspec.structs.replace(settings, checks=own)).checks
    rest = tuple(name for name in CANDLE_ONLY if name not in own.excluded)
    assert mine == Checks(excluded=(*own.excluded, *rest, *day), unknown_policy="pass")
    assert without_books(msgspec.structs.replace(settings, checks=mine)).checks == mine


def test_no_other_check_is_without_a_value_for_a_lack_of_books(bars: Histories) -> None:
    found = scan(bars, Settings(), ENDS_MS)
    unknown = {c.name for v in found.verdicts for c in v.checks if c.status is CheckStatus.UNKNOWN}
    excluded = {
        c.name for v in found.verdicts for c in v.checks if c.status is CheckStatus.EXCLUDED
    }
    assert excluded == set(CANDLE_ONLY)
    assert unknown <= {
        "hold",
        "pierce",
        "reaction",
        "activity",
        "chase",
        "pullback",
        "break_record",
    }
