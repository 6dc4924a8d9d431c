"""Pair correlation, which positions are one bet, and what is unknown."""

from statistics import correlation

import msgspec
import numpy as np
import pytest
from holdings import Trade, ledger_of, turn_of

from builders import D
from engine.core import facts as f
from engine.core.bets import bet_risk, correlations, is_same_bet
from engine.core.indicators import CORR_N, CORR_PAIRS_MIN, Floats, Times, pair_corr
from engine.core.settings import Settings
from engine.core.turn import Turn
from engine.core.values import Side
from series import FRAME_MS, G_START_MS, s40, walk

LONG, SHORT = Side.LONG, Side.SHORT
TIMES: Times = G_START_MS + FRAME_MS * np.arange(260)
END_MS = int(TIMES[-1])


def test_golden_correlation_of_closes_and_highs() -> None:
    _, (_, high, _, close, _) = s40()
    found = pair_corr(close[-21:], high[-21:], 20)
    assert float(found) == pytest.approx(0.7554619363, rel=1e-9)
    assert np.isnan(pair_corr(close[-21:], high[-21:], 21))


def test_a_batch_of_pairs_gives_the_bits_of_each_pair() -> None:
    closes = walk(seed=5, symbols=4, bars=CORR_N + 1)[:, 3]
    closes[1, 7] = closes[2, 100:110] = np.nan
    together = pair_corr(closes[0], closes[1:])
    assert together.tolist() == [float(pair_corr(closes[0], other)) for other in closes[1:]]
    assert together.tolist() == pair_corr(closes[1:], closes[0]).tolist()
    assert not np.isnan(together).any()


def naive(x: Floats, y: Floats) -> float:
    """The same by the standard library, over the slots both have together with the one before."""
    both = [
        (x[i] / x[i - 1] - 1, y[i] / y[i - 1] - 1)
        for i in range(1, len(x))
        if not np.isnan([x[i - 1], x[i], y[i - 1], y[i]]).any()
    ]
    return correlation(*zip(*both, strict=True))


def test_holes_take_out_their_own_slot_and_the_next() -> None:
    x, y = walk(seed=6, symbols=2, bars=CORR_N + 1)[:, 3]
    x[[5, 50, 51]] = y[[50, 120, 240]] = np.nan
    assert float(pair_corr(x, y)) == pytest.approx(naive(x, y), rel=1e-9)


def test_fewer_pairs_than_216_are_unknown() -> None:
    x, y = walk(seed=7, symbols=2, bars=CORR_N + 1)[:, 3]
    x[: CORR_N - CORR_PAIRS_MIN] = np.nan
    assert float(pair_corr(x, y)) == pytest.approx(naive(x, y), rel=1e-9)
    x[CORR_N - CORR_PAIRS_MIN] = np.nan
    assert np.isnan(pair_corr(x, y))


def test_a_price_that_stands_still_goes_with_nothing() -> None:
    x = walk(seed=8, symbols=1, bars=CORR_N + 1)[0, 3]
    assert np.isnan(pair_corr(x, np.full(CORR_N + 1, 7.0)))
    assert np.isnan(pair_corr(x, np.full(CORR_N + 1, np.nan)))


@pytest.mark.parametrize("seed", range(20))
def test_a_market_goes_with_itself_and_never_more_than_that(seed: int) -> None:
    x = walk(seed=seed, symbols=1, bars=CORR_N + 1)[0, 3]
    own = float(pair_corr(x, 3.7 * x))
    assert own <= 1
    assert own == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize(
    ("sides", "corr", "expected"),
    [
        ((LONG, LONG), 0.41, True),
        ((SHORT, SHORT), 0.41, True),
        ((LONG, LONG), 0.4, False),
        ((LONG, SHORT), 0.9, False),  # they offset each other
        ((SHORT, LONG), -0.41, True),
        ((LONG, LONG), -0.9, False),
        ((LONG, LONG), None, True),
        ((LONG, SHORT), None, True),
    ],
)
def test_one_bet(sides: tuple[Side, Side], corr: float | None, expected: bool) -> None:  # noqa: FBT001 -- one row
    assert is_same_bet(sides, corr, 0.4) is expected


def turn_in(closes: dict[str, Floats], *facts: f.AnyFact, settings: Settings | None = None) -> Turn:
    """Held positions, and 260 bars of each market with these closes; NaN is no bar."""
    turn = turn_of(ledger_of(D(10_000), *facts), settings or Settings(), *closes)
    for symbol, close in closes.items():
        known = ~np.isnan(close)
        bars = np.stack([close, close + 1, close - 1, close, np.ones(len(close))], axis=1)
        turn.market.load_history(symbol, TIMES[known], bars[known])
    return turn


def twins() -> dict[str, Floats]:
    """SOL and its twin ETH, its opposite BTC, and XRP that goes its own way."""
    own, other = walk(seed=9, symbols=2, bars=260)[:, 3]
    opposite = 100 * np.cumprod(np.append(1.0, 2 - own[1:] / own[:-1]))
    return {"SOLUSDT": own, "ETHUSDT": 2 * own, "BTCUSDT": opposite, "XRPUSDT": other}


def test_correlations_look_at_the_slots_that_end_with_the_bar_that_decided() -> None:
    closes = twins()
    own, other = closes["SOLUSDT"].copy(), closes["XRPUSDT"]
    own[[100, 200]] = np.nan
    closes["SOLUSDT"] = own
    market = turn_in(closes).market
    for end in (259, 250):  # newer bars, where one symbol is ahead, change nothing
        window = slice(end - CORR_N, end + 1)
        found = correlations(market, "SOLUSDT", ["XRPUSDT"], int(TIMES[end]))
        assert found == {"XRPUSDT": float(pair_corr(own[window], other[window]))}
        assert found["XRPUSDT"] == pytest.approx(naive(own[window], other[window]), rel=1e-9)


def test_a_market_that_ends_too_early_or_is_not_followed_is_unknown() -> None:
    closes = twins()
    closes["XRPUSDT"][-30:] = np.nan
    found = correlations(
        turn_in(closes).market, "SOLUSDT", ["ETHUSDT", "XRPUSDT", "DOGEUSDT"], END_MS
    )
    assert found == {"ETHUSDT": pytest.approx(1), "XRPUSDT": None, "DOGEUSDT": None}
    assert correlations(turn_in(closes).market, "SOLUSDT", [], END_MS) == {}


ETH, BTC, XRP = (
    Trade(i, name, qty=D(10**i)) for i, name in enumerate(("ETHUSDT", "BTCUSDT", "XRPUSDT"))
)
RISK_OF_ONE = D("2.0539")  # 100 to 98 and the fee of a stop at 98


@pytest.mark.parametrize(
    ("side", "units"),
    [
        (LONG, 1),  # the twin; the opposite and the stranger do not count
        (SHORT, 10),  # a short in SOL is a long in its opposite
    ],
)
def test_risk_of_the_same_bet_depends_on_the_direction(side: Side, units: int) -> None:
    turn = turn_in(twins(), *ETH.held(), *BTC.held(), *XRP.held())
    assert bet_risk(turn, "SOLUSDT", side, END_MS) == units * RISK_OF_ONE


def test_pending_entries_belong_to_the_bet() -> None:
    turn = turn_in(twins(), *ETH.entering())
    assert bet_risk(turn, "SOLUSDT", Side.LONG, END_MS) == D(2) + 198 * D("0.00055")


def test_what_is_unknown_is_the_same_bet_on_either_side() -> None:
    closes = twins()
    closes["XRPUSDT"][:-200] = np.nan
    turn = turn_in(closes, *XRP.held())
    for side in Side:
        assert bet_risk(turn, "SOLUSDT", side, END_MS) == 100 * RISK_OF_ONE


def test_nothing_known_goes_with_more_than_everything() -> None:
    settings = Settings()
    risk = msgspec.structs.replace(settings.risk, pair_corr_max_frac=1)
    settings = msgspec.structs.replace(settings, risk=risk)
    turn = turn_in(twins(), *ETH.held(), settings=settings)
    assert bet_risk(turn, "SOLUSDT", Side.LONG, END_MS) == 0


def test_nothing_open_is_no_bet() -> None:
    assert bet_risk(turn_in(twins()), "SOLUSDT", Side.LONG, END_MS) == 0
