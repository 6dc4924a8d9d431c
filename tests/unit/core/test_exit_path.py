"""The golden paths of a trade, bar by bar, driven by the pure functions alone."""

from dataclasses import dataclass, field
from decimal import Decimal

import msgspec
import pytest

from builders import INSTRUMENT, D
from engine.core.exits import Entered, Leave, Protection, Snapshot, exit_rule, ladder, protect
from engine.core.terms import Exits
from engine.core.values import Side, StopKind, Target, exact

Ohlc = tuple[float, float, float, float]
TERMS = (INSTRUMENT, Exits())
ATR = 1.0
SLIPPAGE_BPS = D(4)


@dataclass
class Trade:
    """A position filled at its entry, and what happens to it in bars: the stop before a target."""

    seen: Snapshot
    targets: list[Target]
    slippage_bps: Decimal = SLIPPAGE_BPS
    fills: list[tuple[Decimal, Decimal, Decimal]] = field(default_factory=list)  # qty, price, fee
    rule: str | None = None

    def bar(self, bar: Ohlc) -> None:
        opened, high, low, close = bar
        fav, adv = (high, low) if self.seen.side is Side.LONG else (low, high)
        d, stop = self.seen.side.sign, self.seen.stop
        if d * (exact(opened) - stop) <= 0 and self.seen.bars_held:
            self.leave(exact(opened), self.seen.stop_kind)
        elif d * (exact(adv) - stop) <= 0:
            self.leave(stop, self.seen.stop_kind)
        else:
            while self.targets and d * (exact(fav) - self.targets[0].price) > 0:
                self.take()
            self.close(fav, adv, close)

    def take(self) -> None:
        rung = self.targets.pop(0)
        fee = rung.qty * rung.price * INSTRUMENT.maker_bps / 10_000
        self.fills.append((rung.qty, rung.price, fee))
        filled = self.seen.targets_filled + 1
        self.change(qty=self.seen.qty - rung.qty, targets_filled=filled)
        self.follow(protect(self.seen, None, None, TERMS))

    def close(self, fav: float, adv: float, close: float) -> None:
        extreme = max if self.seen.side is Side.LONG else min
        other = min if self.seen.side is Side.LONG else max
        best, worst = (self.seen.best or fav), (self.seen.worst or adv)
        self.change(
            best=extreme(best, fav), worst=other(worst, adv), bars_held=self.seen.bars_held + 1
        )
        rule = exit_rule(self.seen, close, None, 300, TERMS[1])
        assert rule is None
        self.follow(protect(self.seen, ATR, close, TERMS))

    def follow(self, wanted: Protection | Leave | None) -> None:
        assert not isinstance(wanted, Leave)
        if wanted is not None:
            self.change(stop=wanted.stop, stop_kind=wanted.kind)

    def leave(self, price: Decimal, rule: str) -> None:
        """At market: slippage against us, then to the tick against us."""
        d = self.seen.side.sign
        raw = price * (1 - d * self.slippage_bps / 10_000)
        paid = INSTRUMENT.price_down(raw) if d > 0 else INSTRUMENT.price_up(raw)
        fee = self.seen.qty * paid * INSTRUMENT.taker_bps / 10_000
        self.fills.append((self.seen.qty, paid, fee))
        self.change(qty=D(0))
        self.rule = rule

    def change(self, **changes: object) -> None:
        self.seen = msgspec.structs.replace(self.seen, **changes)

    @property
    def gross(self) -> Decimal:
        d = self.seen.side.sign
        return sum((d * qty * (price - self.seen.avg) for qty, price, _ in self.fills), D(0))

    @property
    def net(self) -> Decimal:
        entry_fee = self.seen.qty0 * self.seen.entry * INSTRUMENT.taker_bps / 10_000
        return self.gross - entry_fee - sum((fee for *_, fee in self.fills), D(0))

    @property
    def risk0(self) -> Decimal:
        stop = self.seen.entry - self.seen.side.sign * self.seen.dist0
        fees = (self.seen.entry + stop) * INSTRUMENT.taker_bps / 10_000
        return self.seen.qty0 * (self.seen.dist0 + fees)


def trade(side: Side, entry: str, stop: str, qty: str) -> Trade:
    price, dist0, qty0 = D(entry), abs(D(entry) - D(stop)), D(qty)
    targets = ladder(Entered(side, price, dist0, qty0, ()), *TERMS)
    return Trade(
        Snapshot(
            side=side,
            entry=price,
            avg=price,
            qty0=qty0,
            qty=qty0,
            dist0=dist0,
            level_price=float(price) * (1 - 0.005 * side.sign),
            atr0=ATR,
            vol0=None,
            stop=D(stop),
            stop_kind=StopKind.INITIAL,
            targets_filled=0,
            bars_held=0,
            best=None,
            worst=None,
            addon_done=False,
        ),
        list(targets),
    )


def long() -> Trade:
    return trade(Side.LONG, "100.00", "98.00", "12.3")


GOLDEN = (
    ((100.0, 101.2, 99.6, 101.0), "98.00", StopKind.INITIAL, 2),
    ((101.0, 103.3, 100.8, 103.1), "101.00", StopKind.TRAILING, 1),
    ((103.1, 104.9, 102.5, 104.6), "102.60", StopKind.TRAILING, 1),
    ((104.6, 105.8, 104.0, 105.2), "103.50", StopKind.TRAILING, 0),
)


def test_golden_path_of_a_long() -> None:
    held = long()
    planned = (Target(1.5, D("103.00"), D("4.9")), Target(2.8, D("105.60"), D("4.3")))
    assert (tuple(held.targets), held.risk0) == (planned, D("25.93947"))
    for bar, stop, kind, left in GOLDEN:
        held.bar(bar)
        assert (held.seen.stop, held.seen.stop_kind) == (D(stop), kind)
        assert tuple(held.targets) == planned[2 - left :]  # no moved stop changes a target
    assert (held.seen.best, held.seen.worst, held.seen.qty) == (105.8, 99.6, D("3.1"))
    held.bar((105.2, 105.3, 103.2, 103.4))
    taken = [(qty, price) for qty, price, _ in held.fills]
    expected = [("4.9", "103.00"), ("4.3", "105.60"), ("3.1", "103.45")]
    assert taken == [(D(qty), D(price)) for qty, price in expected]
    assert (held.rule, held.seen.qty) == ("TRAILING", D(0))
    assert (held.gross, held.net) == (D("49.475"), D("48.43036175"))
    assert round(held.net / held.risk0, 10) == D("1.8670528638")


def test_breakeven_is_set_by_the_target_before_the_bar_ends() -> None:
    held = long()
    held.take()
    assert (held.seen.stop, held.seen.stop_kind) == (D("100.11"), StopKind.BREAKEVEN)


@pytest.mark.parametrize(
    ("bar", "price", "net", "r"),
    [
        ((100.5, 103.5, 97.9, 101.0), "97.96", "-26.4311994", "-1.0189568"),
        ((97.0, 99.0, 96.5, 98.5), "96.96", "-38.7244344", "-1.4928769"),
    ],
)
def test_golden_losses(bar: Ohlc, price: str, net: str, r: str) -> None:
    held = long()
    held.bar((100.0, 101.2, 99.6, 101.0))
    held.bar(bar)
    assert [(qty, paid) for qty, paid, _ in held.fills] == [(D("12.3"), D(price))]
    assert (held.rule, held.net) == ("INITIAL", D(net))
    assert round(held.net / held.risk0, 7) == D(r)


def test_a_stop_filled_at_its_price_loses_one_r() -> None:
    held = long()
    held.slippage_bps = D(0)
    held.bar((100.0, 100.5, 98.0, 99.0))
    assert held.net / held.risk0 == -1


def test_golden_path_of_a_short() -> None:
    held = trade(Side.SHORT, "50.00", "50.60", "100")
    assert held.targets == [Target(1.5, D("49.10"), D(40)), Target(2.8, D("48.32"), D(35))]
    held.bar((50.0, 50.1, 49.05, 49.5))
    assert (held.seen.stop, held.seen.stop_kind) == (D("49.95"), StopKind.BREAKEVEN)
    held.bar((49.5, 50.0, 49.4, 49.9))
    assert [(q, p) for q, p, _ in held.fills] == [(D(40), D("49.10")), (D(60), D("49.97"))]
    assert (held.rule, held.risk0, held.net) == ("BREAKEVEN", D("65.533"), D("33.00819"))
    assert round(held.net / held.risk0, 7) == D("0.5036881")
