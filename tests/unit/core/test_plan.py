from decimal import Decimal

import msgspec
import pytest

from builders import INSTRUMENT, D, signal
from engine.core.plan import Account, Priced, least_distance, legal, priced, size
from engine.core.settings import Settings
from engine.core.values import Instrument, Side, Signal

SETTINGS = Settings()
replace = msgspec.structs.replace


def account(equity: int, notional: int = 0, risk: int = 0) -> Account:
    return Account(D(equity), D(notional), D(risk))


def plan_of(claim: Signal, instrument: Instrument = INSTRUMENT) -> Priced:
    return priced(claim, instrument, None, SETTINGS)


@pytest.mark.parametrize(
    ("side", "price", "stop", "unit_loss", "qty"),
    [
        (Side.LONG, 103.0, 101.48, "1.714256", "87.5"),  # 1.5 % of 10 000 at risk
        (Side.SHORT, 97.0, 98.52, "1.705744", "87.9"),  # third case
    ],
)
def test_golden_sizes(side: Side, price: float, stop: float, unit_loss: str, qty: str) -> None:
    plan = plan_of(signal(side, price=price, stop=stop))
    assert plan.unit_loss == D(unit_loss)
    sized = size(plan, account(10_000), INSTRUMENT, SETTINGS)
    assert (sized.qty, sized.bound_by, sized.refusal) == (D(qty), "risk", None)


def test_golden_notional_cap() -> None:
    instrument = replace(INSTRUMENT, lot=D("0.001"), taker_bps=D("6.5"))
    plan = plan_of(signal(price=100.12, stop=99.0), instrument)
    sized = size(plan, account(100_000), instrument, SETTINGS)
    assert (sized.qty, sized.bound_by) == (D("599.280"), "notional")
    assert sized.qty * plan.unit_loss == D("796.48866528")


def test_entry_limit_and_stop_round_against_the_tighter_side() -> None:
    coarse = replace(INSTRUMENT, tick=D("0.05"))
    long = plan_of(signal(stop=101.48), coarse)
    assert (long.limit, long.stop) == (D("103.15"), D("101.45"))
    short = plan_of(signal(Side.SHORT, price=97.0, stop=98.52), coarse)
    assert (short.limit, short.stop) == (D("96.90"), D("98.55"))


@pytest.mark.parametrize(
    ("spread", "tick", "stop", "expected"),
    [
        (None, "0.01", 102.95, "102.82"),  # 0.3 ATR of 0.6
        (0.2, "0.01", 102.95, "102.60"),  # two spreads
        (None, "0.10", 102.95, "102.50"),  # five ticks
        (None, "0.01", 103.10, "103.10"),  # the wrong side is refused later, never mended
    ],
)
def test_a_stop_too_near_is_moved_away(
    spread: float | None, tick: str, stop: float, expected: str
) -> None:
    instrument = replace(INSTRUMENT, tick=D(tick))
    assert priced(signal(stop=stop), instrument, spread, SETTINGS).stop == D(expected)


def test_a_wrong_side_stop_has_no_distance_to_price_costs_on() -> None:
    plan = plan_of(signal(stop=103.5))
    assert plan.distance < 0
    assert plan.cost_frac is None


def test_least_distance_takes_the_largest_of_three() -> None:
    assert least_distance(0.6, INSTRUMENT, None, SETTINGS) == D("0.18")
    assert least_distance(0.6, INSTRUMENT, 0.5, SETTINGS) == D("1.0")


@pytest.mark.parametrize(
    ("money", "bound_by", "refusal"),
    [
        (account(10_000, risk=450), "open_risk", "nothing left under the open_risk cap"),
        (account(10_000, notional=30_000), "leverage", "nothing left under the leverage cap"),
        (
            account(10_000, risk=430),
            "open_risk",
            "too small a part of the intended risk is left",
        ),
        (account(10), "risk", "quantity 0.0 is below the exchange's least 0.1"),
    ],
)
def test_refused_sizes_name_the_cap(money: Account, bound_by: str, refusal: str) -> None:
    sized = size(plan_of(signal()), money, INSTRUMENT, SETTINGS)
    assert (sized.bound_by, sized.refusal) == (bound_by, refusal)


def test_a_value_below_the_exchanges_least_is_refused() -> None:
    instrument = replace(INSTRUMENT, notional_min=Decimal(10_000))
    sized = size(plan_of(signal()), account(10_000), instrument, SETTINGS)
    assert sized.refusal == "value 9012.50 is below the exchange's least 10000"


def test_the_finished_plan_carries_its_risk() -> None:
    plan = plan_of(signal())
    sized = size(plan, account(10_000), INSTRUMENT, SETTINGS)
    done = legal(signal(), plan, sized)
    assert (done.qty, done.price, done.stop) == (D("87.5"), D("103.0"), D("101.48"))
    assert done.risk_usd == D("149.9974")
