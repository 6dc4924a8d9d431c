"""Funding: paid once for each boundary that passes while something is held."""

from decimal import Decimal

import pytest
from accounts import LONG, SHORT, START, D, brief, listed, quote
from unit.contracts import INSTRUMENT, SYMBOL, entry, market_exit

from engine.core.events import Event, FundingSeen
from engine.core.values import Funding, Ms, Side
from engine.sim.account import FUNDING_MS
from engine.sim.matching import Holding, Matching, Statement

BOUNDARY: Ms = 60_000 * FUNDING_MS
NEXT: Ms = BOUNDARY + FUNDING_MS


def paid(boundary: Ms, amount: str) -> FundingSeen:
    name = f"AAAUSDT-funding-{boundary}"
    return FundingSeen(Funding(name, SYMBOL, D(amount), boundary))


def opened(side: Side, at_ms: Ms, bps: str = "1") -> Matching:
    """Ten at 100 with a far stop."""
    matching = listed(Matching(START, D(0), D(bps)), 100, 100, 100)
    stop = "50" if side is LONG else "150"
    matching.place(entry(side, "10", "100", stop), at_ms)
    return matching


def look(matching: Matching, at_ms: Ms, bid: float = 100, ask: float = 100) -> tuple[Event, ...]:
    return matching.see_quote(quote(bid, ask, bid), at_ms)


@pytest.mark.parametrize(("side", "amount"), [(LONG, "0.1020"), (SHORT, "0.1030")])
def test_each_side_pays_at_the_price_that_would_close_it(side: Side, amount: str) -> None:
    matching = opened(side, BOUNDARY - 5)
    assert look(matching, BOUNDARY - 1, 102, 103) == ()
    assert look(matching, BOUNDARY + 4, 102, 103) == (paid(BOUNDARY, amount),)
    assert look(matching, BOUNDARY + 5, 102, 103) == ()
    statement = matching.statement()
    assert (statement.funding, statement.balance) == (D(amount), START - D("0.55") - D(amount))
    account = matching.account()
    assert account.funding == (paid(BOUNDARY, amount).funding,)
    assert account.balance == statement.balance


@pytest.mark.parametrize(
    ("opened_ms", "seen_ms", "boundaries"),
    [
        (BOUNDARY - 1, BOUNDARY, [BOUNDARY]),
        (BOUNDARY, NEXT - 1, []),  # opened with the boundary: that one is not ours
        (BOUNDARY - 1, NEXT, [BOUNDARY, NEXT]),
        (BOUNDARY + 1, NEXT + FUNDING_MS - 1, [NEXT]),
    ],
)
def test_what_is_owed_is_what_passed(opened_ms: Ms, seen_ms: Ms, boundaries: list[Ms]) -> None:
    matching = opened(LONG, opened_ms)
    assert look(matching, seen_ms) == tuple(paid(ms, "0.1") for ms in boundaries)
    assert look(matching, seen_ms) == ()


def test_funding_comes_before_the_stop_it_was_due_before() -> None:
    matching = opened(LONG, BOUNDARY - 1)
    first, *rest = look(matching, BOUNDARY, 49, 50)
    assert first == paid(BOUNDARY, "0.049")
    assert brief(rest) == [(f"1-stop-{BOUNDARY}-1", D(10), D(49), False)]
    assert look(matching, NEXT) == ()


def test_who_holds_nothing_or_is_asked_nothing_pays_nothing() -> None:
    matching = opened(LONG, BOUNDARY - 1)
    matching.place(market_exit(LONG, "10"), BOUNDARY - 1)
    assert look(matching, NEXT) == ()
    matching.place(entry(LONG, "10", "100", "50", "e2"), NEXT)
    assert look(matching, NEXT + 1) == ()
    assert look(opened(LONG, BOUNDARY - 1, "0"), NEXT) == ()


def test_a_restart_goes_on_exactly() -> None:
    matching = Matching(D(1), D(0), D(1))
    held = Holding(1, SYMBOL, LONG, D(10), D(100), D(50), BOUNDARY)
    matching.restore(START, [held], [])
    matching.set_instruments([INSTRUMENT])
    assert look(matching, NEXT - 1) == ()
    assert look(matching, NEXT) == (paid(NEXT, "0.1"),)
    assert matching.statement() == Statement(START, D(0), D(0), D("0.1"), D(0))


def test_a_contract_pays_by_its_size_and_money_is_rounded_once() -> None:
    matching = Matching(START, D(0), Decimal("0.33333333333333333"))
    matching.restore(START, [Holding(1, SYMBOL, LONG, D("0.1"), D(100), None, BOUNDARY - 1)], [])
    matching.set_instruments([INSTRUMENT])
    assert look(matching, BOUNDARY) == (paid(BOUNDARY, "0.0003333333333333"),)


def test_the_account_shows_the_last_two_hundred() -> None:
    matching = opened(LONG, BOUNDARY - 1)
    look(matching, BOUNDARY + 250 * FUNDING_MS)
    shown = matching.account().funding
    assert [f.exchange_ms for f in shown] == [BOUNDARY + n * FUNDING_MS for n in range(51, 251)]
    assert matching.statement().funding == 251 * D("0.1")
