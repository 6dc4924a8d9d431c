"""The ledger: the durable state, its one writer, and its dump for the checkpoint.

It must never look at the market or the time; money is Decimal throughout.
"""

from decimal import Decimal
from hashlib import sha256
from typing import Any

import msgspec

from engine.core import facts as f
from engine.core.orders import Progress
from engine.core.positions import Position
from engine.core.state import State, orders_of
from engine.core.values import Ms, OrderState
from engine.core.wish_folds import fold_record


class Ledger:
    """The state and its one writer."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state or State()

    @property
    def seq(self) -> int:
        """Sequence number of the newest applied record."""
        return self.state.seq

    @property
    def positions(self) -> tuple[Position, ...]:
        """Open positions, oldest first."""
        return tuple(self.state.positions.values())

    @property
    def balance(self) -> Decimal:
        """Cash after fees: what is settled plus what open positions realized and paid."""
        return self.state.settled + sum(
            (p.realized for p in self.positions if p.entry_qty), Decimal(0)
        )

    def position_in(self, symbol: str) -> Position | None:
        """The open position of a symbol."""
        return next((p for p in self.positions if p.symbol == symbol), None)

    def orders_of(self, position_id: int) -> tuple[Progress, ...]:
        """Orders of a position, oldest first."""
        return orders_of(self.state, position_id)

    def knows_fill(self, fill_id: str) -> bool:
        """Whether this execution, funding or transfer is booked already."""
        return fill_id in self.state.fill_ids

    def stray_in(self, symbol: str, since_ms: Ms) -> bool:
        """Whether an order of this symbol was given up since then, on a conclusion of ours."""
        return any(
            s.order.symbol == symbol and s.state is OrderState.EXPIRED and s.ended_ms >= since_ms
            for s in self.state.strays.values()
        )

    def apply(self, record: f.Record) -> None:
        """Fold one record in; its sequence must be the next."""
        assert record.seq == self.state.seq + 1, (record.seq, self.state.seq)
        self.state.seq, self.state.at_ms = record.seq, max(record.at_ms, self.state.at_ms)
        fold_record(record.fact, self.state, record)

    def dump(self) -> dict[str, Any]:
        """The state as JSON-ready objects, Decimals as strings."""
        tables: dict[str, Any] = msgspec.to_builtins(self.state, str_keys=True)
        return tables

    @classmethod
    def load(cls, tables: dict[str, Any]) -> "Ledger":
        """Rebuild from a dump; raises `msgspec.ValidationError` naming the damaged place."""
        return cls(msgspec.convert(tables, State, strict=False))

    def digest(self) -> str:
        """A fingerprint of the whole state: equal digests mean equal ledgers."""
        return sha256(msgspec.json.encode(self.dump(), order="sorted")).hexdigest()
