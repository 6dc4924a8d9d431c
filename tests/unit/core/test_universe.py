"""The universe: golden tickers, lists, movers, and what is unknown."""

import math
from decimal import Decimal

import msgspec
import pytest

from builders import INSTRUMENT
from engine.core.settings import Universe
from engine.core.universe import choose_universe
from engine.core.values import Instrument, Ticker


def instrument(symbol: str) -> Instrument:
    base = symbol.removesuffix("USDT")
    return msgspec.structs.replace(INSTRUMENT, symbol=symbol, base=base, tick=Decimal("0.01"))


def ticker(symbol: str, volume: float | None = 50e6, change: float | None = 0.0) -> Ticker:
    return Ticker(symbol, 100.0, 99.99, 100.01, volume, change)


GOLDEN = [
    ticker("EEEUSDT", 2e6, 30),
    ticker("DDDUSDT", 300e6, 8),
    ticker("BBBUSDT", 5e6, -7),
    ticker("CCCUSDT", 300e6, 12),
    ticker("AAAUSDT", 900e6, 9),
]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Universe(top_n=3), "AAA CCC DDD"),
        (Universe(), "AAA CCC DDD BBB EEE"),
        (Universe(blacklist=("CCC*", "DDDUSDT", "AAA")), "AAA BBB EEE"),
        (Universe(whitelist=("EEEUSDT", "BBBUSDT", "ZZZUSDT")), "BBB EEE"),
        (Universe(whitelist=("EEEUSDT", "BBBUSDT"), blacklist=("EEE*",)), "BBB"),
        (Universe(movers="gainers", movers_max=2), "AAA CCC"),
        (Universe(movers="gainers", volume_24h_min_usd=0), "AAA CCC DDD EEE"),
        (Universe(movers="gainers", gain_min_pct=9), "AAA CCC"),
        (Universe(movers="gainers", movers_max=2, top_n=1), "AAA"),
        (Universe(movers="losers"), "BBB"),
        (Universe(movers="losers", loss_min_pct=8), ""),
    ],
)
def test_universe(settings: Universe, expected: str) -> None:
    instruments = [instrument(t.symbol) for t in GOLDEN]
    found = choose_universe(GOLDEN, instruments, settings)
    assert found == tuple(f"{base}USDT" for base in expected.split())


def test_wants_an_instrument_and_ranks_unknown_turnover_last() -> None:
    tickers = [*GOLDEN, ticker("FFFUSDT", None), ticker("GGGUSDT", math.nan)]
    instruments = [instrument(t.symbol) for t in tickers if t.symbol != "AAAUSDT"]
    found = choose_universe(tickers, instruments, Universe(top_n=6))
    assert [s[0] for s in found] == ["C", "D", "B", "E", "F", "G"]


def test_an_unknown_move_is_no_move() -> None:
    tickers = [ticker("FFFUSDT", change=None), ticker("GGGUSDT", change=math.nan), *GOLDEN]
    instruments = [instrument(t.symbol) for t in tickers]
    for movers, count in (("gainers", 3), ("losers", 1)):
        settings = Universe(movers=movers, gain_min_pct=0, loss_min_pct=0)  # type: ignore[arg-type]
        found = choose_universe(tickers, instruments, settings)
        assert len(found) == count
        assert not {"FFFUSDT", "GGGUSDT"} & set(found)
