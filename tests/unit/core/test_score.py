"""The score: golden case A.6, both scales, what is unknown; and who comes first."""

import msgspec
import numpy as np
import pytest

from engine.core.indicators import Bools, Floats
from engine.core.market import Window
from engine.core.points import newest
from engine.core.reading import Reading
from engine.core.score import Outside, Raw, btc_corr, ranking, scores
from engine.core.settings import Score
from series import FRAME_MS, g, mirror, walk

BAND = (0.5, 12.0)


def raw(**columns: float | list[float]) -> Raw:
    """What a score is made of; what is not given is unknown."""
    size = max([1, *(len(x) for x in columns.values() if isinstance(x, list))])

    def column(name: str) -> Floats:
        given = np.asarray(columns.get(name, np.nan), dtype=np.float64)
        return np.broadcast_to(given, (size,)).copy()

    return Raw(
        reading=Reading(*(column(name) for name in Reading.__struct_fields__)),
        outside=Outside(*(column(name) for name in Outside.__struct_fields__)),
        btc_corr=column("btc_corr"),
        turnover_usd_per_min=column("turnover_usd_per_min"),
        move_1h=column("move_1h"),
        band=BAND,
    )


GOLDEN = {
    "surge_1h_mult": 1.4,
    "volume_mult": 2.0,
    "oi_change_pct": 3.0,
    "atr15_pct": 2.0,
    "btc_corr": 0.55,
    "turnover_usd_per_min": 120_000.0,
}


def test_golden() -> None:
    assert scores(raw(**GOLDEN), Score()).tolist() == [0.705253417]
    blind = {k: v for k, v in GOLDEN.items() if k != "oi_change_pct"}
    assert scores(raw(**blind), Score()).tolist() == [0.723827550]


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("w_vol_surge", {"surge_1h_mult": 1.4, "volume_mult": 2.0}, 0.14),
        ("w_oi_change", {"oi_change_pct": -3.0}, 0.6),
        ("w_atr_quality", {"atr15_pct": 2.0}, 1.8620858397),
        ("w_atr_quality", {"atr15_pct": 50.0}, -2.5),
        ("w_btc_decorrelation", {"btc_corr": -0.55}, -0.1),
        ("w_turnover", {"turnover_usd_per_min": 120_000.0}, 1.0791812460),
        ("w_trend_1h", {"move_1h": -2.0}, -1.0),
        ("w_move_1h", {"move_1h": -2.0}, 0.5),
        ("w_liquidity", {"spread_bps": 10.0, "volume_24h_usd": 4e7}, 0.5),
        ("w_liquidity", {"spread_bps": 90.0, "volume_24h_usd": 9e9}, 0.0),
        (
            "w_level_proximity",
            {"close": 99.0, "close_high": 100.0, "close_low": 90.0, "atr": 2.0},
            0.5,
        ),
        (
            "w_level_proximity",
            {"close": 95.0, "close_high": 100.0, "close_low": 90.0, "atr": 1.0},
            -1.0,
        ),
        ("w_move_1h", {"move_1h": 90.0}, 3.0),  # clipped
    ],
)
def test_each_component_on_its_fixed_scale(
    name: str, given: dict[str, float], expected: float
) -> None:
    alone = only(name)
    assert scores(raw(**given), alone)[0] == pytest.approx(expected, abs=1e-9)
    assert np.isnan(scores(raw(), alone)[0])


def only(name: str, mode: str = "fixed") -> Score:
    """One component alone."""
    weights = {n: float(n == name) for n in Score.__struct_fields__ if n.startswith("w_")}
    return msgspec.convert({"mode": mode, **weights}, Score)


def test_half_of_the_weights_must_be_known() -> None:
    half = {"surge_1h_mult": 1.4, "volume_mult": 2.0, "turnover_usd_per_min": 1e4}
    assert scores(raw(**half), Score()).tolist() == [0.084]  # 0.3 and 0.2 of 1
    less = {"surge_1h_mult": 1.4, "volume_mult": 2.0, "btc_corr": 0.5}
    assert np.isnan(scores(raw(**less), Score())[0])


def test_a_negative_weight_turns_a_component_around() -> None:
    up = Score(w_trend_1h=-0.05, w_turnover=0.15)
    falling, rising = scores(raw(**GOLDEN, move_1h=[-4.0, 4.0]), up).tolist()
    assert falling > rising


def test_deviations_from_the_mean_of_all() -> None:
    turnover = [1e4 * 10**i for i in range(10)]
    alone = only("w_turnover", "zscore")
    found = scores(raw(turnover_usd_per_min=turnover), alone)
    logs = np.arange(10) + 4.0
    assert found.tolist() == pytest.approx(((logs - logs.mean()) / logs.std()).tolist(), abs=1e-9)
    few = scores(raw(turnover_usd_per_min=turnover[:9]), alone)
    assert few.tolist() == [0, 1, 2, 3, 3, 3, 3, 3, 3]  # the fixed scale, clipped
    same = scores(raw(turnover_usd_per_min=[1e5] * 10 + [np.nan]), alone)
    assert same.tolist()[:10] == [0] * 10
    assert np.isnan(same[10])


@pytest.mark.parametrize("mode", ["fixed", "zscore"])
def test_the_order_of_symbols_changes_nothing_and_scores_stay_in_range(mode: str) -> None:
    rng = np.random.default_rng(5)
    columns = {name: (rng.lognormal(0, 2, 40) * 3).tolist() for name in GOLDEN}
    columns["btc_corr"] = rng.uniform(-1, 1, 40).tolist()
    order = rng.permutation(40)
    settings = msgspec.convert({"mode": mode}, Score)
    plain = scores(raw(**columns), settings)
    mixed = scores(raw(**{k: np.array(v)[order].tolist() for k, v in columns.items()}), settings)
    assert mixed.tolist() == plain[order].tolist()
    assert (np.abs(plain) <= 3).all()


def test_those_that_fit_are_ranked() -> None:
    score = np.array([0.5, np.nan, 0.9, 0.5, 0.5])
    turnover = np.array([1.0, 9.0, 1.0, 2.0, 1.0])
    fit = np.array([True, True, True, True, True])
    names = ("D", "B", "C", "A", "E")

    def told(is_fit: Bools) -> str:
        return "".join(names[i] for i in ranking(names, score, turnover, is_fit))

    assert told(fit) == "CADEB"
    assert told(fit & (score != 0.9)) == "ADEB"


def window_of(*histories: Floats) -> Window:
    times = g(301)[0]
    rows = np.stack(histories)
    return Window(np.tile(times, (len(rows), 1)), rows, np.full(len(rows), 301))


def test_correlation_with_the_reference_market() -> None:
    ohlcv = g(301)[1]
    window = window_of(ohlcv, mirror(ohlcv))
    reference = window.open_ms[0], ohlcv[3]
    found = btc_corr(window, newest(window), reference, FRAME_MS)
    assert found.tolist() == [pytest.approx(1), pytest.approx(-1, abs=0.01)]
    assert np.isnan(btc_corr(window, newest(window), None, FRAME_MS)).all()
    nothing = np.empty(0, dtype=np.int64), np.empty(0)
    assert np.isnan(btc_corr(window, newest(window), nothing, FRAME_MS)).all()


def test_a_slot_counts_where_both_have_it() -> None:
    """Bars are matched by their time: a hole in one leaves the other slots as they are."""
    one, two = walk(3, 2, 301)
    window = window_of(one, two)
    keep = np.delete(np.arange(301), 200)
    reference = window.open_ms[0, keep], one[3, keep]
    held = Window(window.open_ms[1:], window.ohlcv[1:], window.counts[1:])
    found = float(btc_corr(held, newest(held), reference, FRAME_MS)[0])
    pairs = [t for t in range(61, 301) if t not in (200, 201)]
    a, b = (np.array([x[t] / x[t - 1] - 1 for t in pairs]) for x in (one[3], two[3]))
    assert found == pytest.approx(float(np.corrcoef(a, b)[0, 1]), abs=1e-12)
    sparse = window.open_ms[0, ::3], one[3, ::3]
    assert np.isnan(btc_corr(held, newest(held), sparse, FRAME_MS)[0])
