from decimal import Decimal

import msgspec
import pytest

from builders import INSTRUMENT, D, signal
from engine.core.plan import Account, Bound, Priced, least_distance, legal, priced, size
from engine.core.settings import Settings
from engine.core.values import Instrument, Side, Signal

SETTINGS = Settings()
replace = msgspec.structs.replace


def account(equity: int, **changes: Decimal) -> Account:
    """Nothing open, no floor known, unless changed."""
    nothing = Account(D(equity), D(0), D(0), D(0), None, D(1))
    return replace(nothing, **changes)


def plan_of(claim: Signal, instrument: Instrument = INSTRUMENT) -> Priced:
    return priced(claim, instrument, None, SETTINGS)


TWIN = account(10_000, open_risk=D(250), bet_risk=D(250))


@pytest.mark.parametrize(
    ("claim", "money", "bound_by", "numbers"),
    [
        (
            signal(price=103.0, stop=101.48),
            account(10_000),
            *(Bound.RISK, ("1.714256", "87.5", "9012.5", "149.9974")),
        ),
        (
            signal(Side.SHORT, price=97.0, stop=98.52),
            account(10_000),
            *(Bound.RISK, ("1.705744", "87.9", "8526.3", "149.9348976")),
        ),
        (  # 0.67 * 450 - 250 = 51.50
            signal(price=103.0, stop=101.48),
            TWIN,
            *(Bound.CORRELATED, ("1.714256", "30.0", "3090.0", "51.42768")),
        ),
    ],
)
def test_golden_sizes(
    claim: Signal, money: Account, bound_by: Bound, numbers: tuple[str, ...]
) -> None:
    plan = plan_of(claim)
    sized = size(plan, money, INSTRUMENT, SETTINGS)
    assert (sized.bound_by, sized.refusal) == (bound_by, None)
    done = legal(claim, plan, sized)
    found = (plan.unit_loss, done.qty, done.qty * done.price, done.risk_usd)
    assert found == tuple(map(D, numbers))
    assert done.bound_by == bound_by


def test_golden_depth_cap() -> None:
    claim = signal(price=103.0, stop=101.48)
    deep = size(plan_of(claim), account(10_000, depth=D(40_000)), INSTRUMENT, SETTINGS)
    assert (deep.qty, deep.bound_by, deep.refusal) == (D("87.5"), Bound.RISK, None)
    plan = plan_of(claim)
    thin = size(plan, account(10_000, depth=D(5000)), INSTRUMENT, SETTINGS)
    assert (thin.qty, thin.bound_by, thin.refused_by) == (D("12.1"), Bound.DEPTH, Bound.DEPTH)
    assert thin.qty * plan.unit_loss == D("20.7424976")


def test_golden_share_of_the_costs() -> None:
    cost = plan_of(signal()).cost_frac
    assert cost is not None
    assert round(cost, 4) == D("0.1278")


def test_golden_notional_cap() -> None:
    instrument = replace(INSTRUMENT, lot=D("0.001"), taker_bps=D("6.5"))
    plan = plan_of(signal(price=100.12, stop=99.0), instrument)
    assert plan.unit_loss == D("1.329076")
    sized = size(plan, account(100_000), instrument, SETTINGS)
    assert (sized.qty, sized.bound_by) == (D("599.280"), "notional")
    assert sized.qty * plan.price == D("59999.9136")
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
    ("money", "bound_by"),
    [
        (account(0), "risk"),
        (account(-5), "leverage"),  # the most negative of them
        (account(10_000, soft_mult=D(0)), "risk"),
        (account(10_000, notional=D(30_000)), "leverage"),
        (account(10_000, open_risk=D(450)), "open_risk"),
        (account(10_000, bet_risk=D("301.5")), "correlated"),
        (account(10_000, headroom=D(0)), "floor"),
        (account(10_000, headroom=D(-1)), "floor"),
    ],
)
def test_a_cap_without_room_is_named(money: Account, bound_by: str) -> None:
    sized = size(plan_of(signal()), money, INSTRUMENT, SETTINGS)
    words = f"nothing left under the {bound_by} cap"
    assert (sized.qty, sized.bound_by, sized.refusal) == (D(0), bound_by, words)
    assert sized.refused_by == bound_by


MINIMUM = "quantity 0.0 is below the exchange's least 0.1"
CRUMB = "too small a part of the intended risk is left"


@pytest.mark.parametrize(
    ("money", "bound_by", "refusal", "refused_by"),
    [
        (account(10), "risk", f"{MINIMUM}, bound by risk", Bound.MINIMUM),
        (
            account(10_000, open_risk=D("449.9")),
            *("open_risk", f"{MINIMUM}, bound by open_risk", Bound.OPEN_RISK),
        ),
        (
            account(10_000, open_risk=D(430)),
            *("open_risk", f"{CRUMB}, bound by open_risk", Bound.OPEN_RISK),
        ),
        (account(10_000, headroom=D(37)), "floor", f"{CRUMB}, bound by floor", Bound.FLOOR),
    ],
)
def test_a_quantity_too_small_names_the_cap_that_made_it(
    money: Account, bound_by: str, refusal: str, refused_by: Bound
) -> None:
    sized = size(plan_of(signal()), money, INSTRUMENT, SETTINGS)
    assert (sized.bound_by, sized.refusal, sized.refused_by) == (bound_by, refusal, refused_by)


def test_a_crumb_of_the_lot_is_refused_though_nothing_else_binds() -> None:
    coarse = replace(INSTRUMENT, lot=D(50), qty_min=D(50))
    settings = replace(SETTINGS, risk=replace(SETTINGS.risk, min_risk_frac=0.6))
    sized = size(plan_of(signal(), coarse), account(10_000), coarse, settings)
    assert (sized.qty, sized.bound_by) == (D(50), "risk")
    assert (sized.refusal, sized.refused_by) == (f"{CRUMB}, bound by risk", Bound.CRUMB)


def test_reduced_risk_halves_what_is_intended_and_what_is_a_crumb() -> None:
    plan = plan_of(signal())
    halved = account(10_000, soft_mult=D("0.5"))
    sized = size(plan, halved, INSTRUMENT, SETTINGS)
    assert (sized.qty, sized.bound_by, sized.refusal) == (D("43.7"), "risk", None)
    # 20 is a crumb of 150, but not of 75
    assert size(plan, replace(halved, headroom=D(20)), INSTRUMENT, SETTINGS).refusal is None
    assert size(plan, account(10_000, headroom=D(20)), INSTRUMENT, SETTINGS).refusal is not None


@pytest.mark.parametrize(
    ("slippage_max_bps", "loss"),
    [
        (0.0, "1.714256"),  # the planned loss covers more than the limit allows
        (15.0, "1.7825465"),  # 103.15 - 101.48 and the fees of both
    ],
)
def test_the_floor_holds_even_for_an_entry_at_its_limit(slippage_max_bps: float, loss: str) -> None:
    execution = replace(SETTINGS.execution, slippage_max_bps=slippage_max_bps)
    settings = replace(SETTINGS, execution=execution)
    plan = priced(signal(), INSTRUMENT, None, settings)
    assert max(plan.unit_loss, plan.limit_loss) == D(loss)
    money = account(10_000, headroom=40 * D(loss))
    sized = size(plan, money, INSTRUMENT, settings)
    assert (sized.qty, sized.bound_by, sized.refusal) == (D("40.0"), "floor", None)
    less = replace(money, headroom=40 * D(loss) - D("0.01"))
    assert size(plan, less, INSTRUMENT, settings).qty == D("39.9")


def test_a_value_below_the_exchanges_least_is_refused() -> None:
    instrument = replace(INSTRUMENT, notional_min=Decimal(10_000))
    sized = size(plan_of(signal()), account(10_000), instrument, SETTINGS)
    assert sized.refusal == ("value 9012.50 is below the exchange's least 10000, bound by risk")
    assert sized.refused_by is Bound.MINIMUM


def test_the_finished_plan_carries_its_risk() -> None:
    plan = plan_of(signal())
    sized = size(plan, account(10_000), INSTRUMENT, SETTINGS)
    done = legal(signal(), plan, sized)
    assert (done.qty, done.price, done.stop) == (D("87.5"), D("103.0"), D("101.48"))
    assert done.risk_usd == D("149.9974")
