"""Ledgers with something in them: facts of pending entries, held positions and add-ons."""

from decimal import Decimal

import msgspec

from builders import INSTRUMENT, T0, D, fill, order, signal
from engine.core import facts as f
from engine.core.ledger import Ledger
from engine.core.market import Market
from engine.core.settings import Settings
from engine.core.turn import Turn
from engine.core.values import Purpose, Side, StopKind


class Trade(msgspec.Struct, frozen=True):
    """Terms of a trade; a long of the golden instrument at 100 with its stop at 98 unless said."""

    id: int = 1
    symbol: str = "SOLUSDT"
    side: Side = Side.LONG
    qty: Decimal = D(10)
    price: Decimal = D(100)
    stop: Decimal = D(98)

    def entering(self) -> tuple[f.AnyFact, ...]:
        """Approved and sent, not filled; `price` is the limit."""
        prices = {"price": float(self.price), "stop": float(self.stop)}
        claim = signal(self.side, id=f"signal of #{self.id}", symbol=self.symbol, **prices)
        entry = order(
            id=f"alpha-1-{self.id}E",
            position_id=self.id,
            symbol=self.symbol,
            side=self.side.entry,
            qty=self.qty,
            price=self.price,
            stop=self.stop,
        )
        taken = f.SignalTaken(claim, self.id, self.qty, self.price, self.stop, (), D(0), D(0))
        return taken, f.OrderPlaced(entry)

    def filled(self, qty: Decimal, purpose: Purpose = Purpose.ENTRY) -> f.OrderFilled:
        """So much of the entry, exit or add-on at `price`, without a fee."""
        order_id = f"alpha-1-{self.id}{purpose[0]}"
        side = self.side.entry if purpose.is_growing else self.side.exit
        changes = {"symbol": self.symbol, "side": side, "qty": qty, "price": self.price}
        name = f"{order_id}:{qty}"
        return f.OrderFilled(
            self.id, fill(purpose, id=name, order_id=order_id, fee=D(0), **changes)
        )

    def held(self) -> tuple[f.AnyFact, ...]:
        """Entered in full at `price`, the stop shown."""
        shown = f.StopMoved(self.id, self.stop, StopKind.INITIAL)
        return *self.entering(), self.filled(self.qty), shown

    def adding(self, qty: Decimal, limit: Decimal) -> f.OrderPlaced:
        """An add-on that is not filled yet."""
        more = order(
            Purpose.ADDON,
            id=f"alpha-1-{self.id}A",
            position_id=self.id,
            symbol=self.symbol,
            side=self.side.entry,
            qty=qty,
            price=limit,
            reduce_only=False,
        )
        return f.OrderPlaced(more)


def ledger_of(balance: Decimal, *facts: f.AnyFact) -> Ledger:
    """A ledger that was funded and then saw these facts, all at T0."""
    ledger = Ledger()
    for seq, fact in enumerate((f.Funded(balance), *facts), 1):
        ledger.apply(f.Record(seq, T0, fact))
    return ledger


def turn_of(ledger: Ledger, settings: Settings, *symbols: str) -> Turn:
    """A turn at T0 in a market where these symbols have the golden rules and are alive."""
    market = Market(settings)
    market.set_instruments(
        [msgspec.structs.replace(INSTRUMENT, symbol=s, base=s[:-4]) for s in symbols]
    )
    market.set_universe(symbols)
    for symbol in symbols:
        market._hear(symbol, T0)
    return Turn(T0, settings, ledger, market)
