"""Sizing for any account and any claim: caps hold, risk never buys more, the floor stands."""

from decimal import Decimal

import msgspec
from holdings import Trade, ledger_of, turn_of
from hypothesis import assume, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from builders import INSTRUMENT, T0, D, signal
from engine.core import facts as f
from engine.core.events import QuoteSeen
from engine.core.exposure import floor_equity, headroom, open_risk, worst_equity
from engine.core.ledger import Ledger
from engine.core.plan import Account, Priced, Size, priced, size
from engine.core.risk import review
from engine.core.settings import Checks, Settings
from engine.core.terms import Risk
from engine.core.values import Instrument, Plan, Side, exact

replace = msgspec.structs.replace
SETTINGS = Settings(checks=Checks(excluded=("depth_30",)))  # no book
sides = st.sampled_from(Side)


def cents(low: int, high: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low, high).map(lambda n: D(n) / 100)


accounts = st.builds(
    Account,
    equity=cents(1_000, 10_000_000),
    notional=cents(0, 1_000_000),
    open_risk=cents(0, 50_000),
    bet_risk=cents(0, 50_000),
    headroom=st.none() | cents(-100, 50_000),
    soft_mult=st.sampled_from([D(1), D("0.5")]),
)
fees = st.integers(0, 20).map(lambda n: D(n) / 2)


class Claim(msgspec.Struct, frozen=True):
    """A price and a stop so many cents away from it, and what trading costs."""

    side: Side
    price: Decimal
    distance: Decimal
    taker_bps: Decimal
    slip_bps: float

    def instrument(self) -> Instrument:
        return replace(INSTRUMENT, taker_bps=self.taker_bps)

    def settings(self) -> Settings:
        execution = replace(SETTINGS.execution, slippage_est_bps=self.slip_bps)
        return replace(SETTINGS, execution=execution)

    def plan(self) -> Priced:
        stop = self.price - self.side.sign * self.distance
        claim = signal(self.side, price=float(self.price), stop=float(stop), atr=0.01)
        return priced(claim, self.instrument(), None, self.settings())

    def sized(self, account: Account) -> Size:
        return size(self.plan(), account, self.instrument(), self.settings())


claims = st.builds(
    Claim,
    side=sides,
    price=cents(5_000, 50_000),
    distance=cents(10, 2_000),
    taker_bps=fees,
    slip_bps=st.sampled_from([0.0, 2.5, 4.0, 15.0]),
)


@effort(max_examples=60)
@given(claim=claims, account=accounts)
def test_every_cap_holds(claim: Claim, account: Account) -> None:
    plan, sized, risk = claim.plan(), claim.sized(account), SETTINGS.risk
    intended = account.equity * exact(risk.risk_per_trade_pct) / 100 * account.soft_mult
    assert sized.qty >= 0
    assert sized.qty % INSTRUMENT.lot == 0
    if sized.qty == 0:
        assert sized.refusal is not None
        return
    lost, value = sized.qty * plan.unit_loss, sized.qty * plan.price
    most = exact(risk.open_risk_max_pct) / 100 * account.equity
    assert lost <= intended
    assert value <= exact(risk.max_notional_usd)
    assert account.notional + value <= exact(risk.leverage_max) * account.equity
    assert account.open_risk + lost <= most
    assert account.bet_risk + lost <= exact(risk.correlated_share_max_frac) * most
    assert account.headroom is None or lost <= account.headroom
    if sized.refusal is None:
        assert sized.qty >= INSTRUMENT.qty_min
        assert value >= INSTRUMENT.notional_min
        assert lost >= exact(risk.min_risk_frac) * intended


@effort(max_examples=60)
@given(
    claim=claims,
    account=accounts,
    more=cents(1, 1_000),
    key=st.sampled_from(["distance", "taker_bps", "slip_bps", "open_risk", "bet_risk", "notional"]),
)
def test_more_risk_never_buys_more(claim: Claim, account: Account, more: Decimal, key: str) -> None:
    before = claim.sized(account).qty
    if key in Account.__struct_fields__:
        account = replace(account, **{key: getattr(account, key) + more})
    elif key == "slip_bps":
        claim = replace(claim, slip_bps=claim.slip_bps + float(more))
    else:
        claim = replace(claim, **{key: getattr(claim, key) + more})
    assert claim.sized(account).qty <= before


@effort(max_examples=60)
@given(claim=claims, account=accounts)
def test_a_short_is_sized_as_the_long_it_mirrors(claim: Claim, account: Account) -> None:
    free = replace(claim, side=Side.LONG, taker_bps=D(0), slip_bps=0.0)
    assert free.sized(account) == replace(free, side=Side.SHORT).sized(account)


# -- the book as a whole ---------------------------------------------------------------------------


class Holding(msgspec.Struct, frozen=True):
    """A position or pending entry near 100, its stop anywhere on either side of it."""

    side: Side
    qty: Decimal
    won: Decimal  # how far the stop is in profit
    is_held: bool

    def trade(self, position_id: int) -> Trade:
        won = self.won if self.is_held else -abs(self.won)
        symbol = f"S{position_id}USDT"
        return Trade(position_id, symbol, self.side, self.qty, D(100), 100 + self.side.sign * won)

    def facts(self, position_id: int) -> tuple[f.AnyFact, ...]:
        trade = self.trade(position_id)
        return trade.held() if self.is_held else trade.entering()


books = st.lists(
    st.builds(
        Holding,
        side=sides,
        qty=st.integers(1, 400).map(lambda n: D(n) / 10),
        won=cents(-500, 500),
        is_held=st.booleans(),
    ),
    max_size=3,
)
NAMES = ("SOLUSDT", "S1USDT", "S2USDT", "S3USDT")
# Wide caps, so that often the floor is what binds.
WIDE = Risk(
    open_risk_max_pct=20,
    correlated_share_max_frac=1,
    min_risk_frac=0,
    leverage_max=20,
    soft_mult=1,
)


def entered(plan: Plan, ledger: Ledger) -> Trade:
    """The approved plan, pending in the ledger."""
    trade = Trade(9, plan.symbol, plan.side, plan.qty, plan.limit, plan.stop)
    for fact in trade.entering():
        ledger.apply(f.Record(ledger.seq + 1, T0, fact))
    return trade


def fill_at_the_limit(trade: Trade, ledger: Ledger) -> None:
    fee = trade.qty * trade.price * INSTRUMENT.taker_bps / 10_000
    paid = replace(trade.filled(trade.qty).fill, fee=fee)
    ledger.apply(f.Record(ledger.seq + 1, T0, f.OrderFilled(trade.id, paid)))


@effort(max_examples=40)
@given(
    book=books,
    day=st.none() | cents(900_000, 1_080_000),
    peak=st.none() | cents(1_000_000, 1_200_000),
    side=sides,
    distance=cents(50, 300),
)
def test_after_an_approval_every_stop_may_be_hit(
    book: list[Holding],
    day: Decimal | None,
    peak: Decimal | None,
    side: Side,
    distance: Decimal,
) -> None:
    facts = [fact for i, holding in enumerate(book, 1) for fact in holding.facts(i)]
    facts += [] if day is None else [f.DayRolled("2025-06-15", day)]
    facts += [] if peak is None else [f.EquityPeaked(peak)]
    settings = replace(SETTINGS, risk=WIDE)
    turn = turn_of(ledger_of(D(10_000), *facts), settings, *NAMES)
    for symbol in NAMES:
        turn.market.see_quote(QuoteSeen(symbol, 100.0, 100.0, 100.0, T0), T0)
    ledger, market = turn.ledger, turn.market
    stop = 100 - side.sign * float(distance)
    reviewed = review(turn, signal(side, price=100.0, stop=stop, atr=0.01))
    plan, room = reviewed.plan, headroom(ledger, market, WIDE)
    assert (len(ledger.positions) < WIDE.max_open_positions) or reviewed.check == "slots"
    if room is not None and room <= 0 and len(book) < WIDE.max_open_positions:
        assert plan is None
    assume(plan is not None)
    assert plan is not None
    trade = entered(plan, ledger)
    floor = floor_equity(ledger, WIDE)
    assert floor is None or worst_equity(ledger, market) >= floor
    fill_at_the_limit(trade, ledger)
    assert floor is None or worst_equity(ledger, market) >= floor


@effort(max_examples=40)
@given(book=books)
def test_a_book_and_its_mirror_risk_the_same(book: list[Holding]) -> None:
    def risks(holdings: list[Holding]) -> tuple[Decimal, Decimal]:
        facts = [fact for i, holding in enumerate(holdings, 1) for fact in holding.facts(i)]
        turn = turn_of(ledger_of(D(10_000), *facts), SETTINGS, *NAMES)
        free = [replace(INSTRUMENT, symbol=s, taker_bps=D(0)) for s in NAMES]
        turn.market.set_instruments(free)
        return open_risk(turn.ledger, turn.market), worst_equity(turn.ledger, turn.market)

    other = {Side.LONG: Side.SHORT, Side.SHORT: Side.LONG}
    assert risks(book) == risks([replace(h, side=other[h.side]) for h in book])
