"""How orders and positions stood a while ago, for readers who are answered late.

It exists so that a stale read shows a state that really was. It must never be asked about now, and
forgets what is older than anybody may look back.
"""

import copy
from collections import defaultdict
from collections.abc import Iterable

from engine.core.values import Ms
from engine.sim.trading.records import Order
from engine.sim.trading.rows import Json

KEPT_MS = 600_000  # how far back is remembered


class Past:
    """Versions of orders and of position rows, oldest first."""

    def __init__(self) -> None:
        self._orders: dict[str, list[Order]] = defaultdict(list)
        self._positions: dict[tuple[str, int], list[tuple[Ms, Json]]] = defaultdict(list)

    def see_order(self, order: Order) -> None:
        """Remember how an order stands from its `updated_ms` on."""
        versions = self._orders[order.id]
        versions.append(copy.copy(order))
        del versions[: _outdated([v.updated_ms for v in versions])]

    def see_position(self, key: tuple[str, int], row: Json, at_ms: Ms) -> None:
        """Remember how a position stands from now on."""
        versions = self._positions[key]
        versions.append((at_ms, row))
        del versions[: _outdated([at for at, _ in versions])]

    def order(self, order_id: str, at_ms: Ms) -> Order | None:
        """The order as it stood then; None if it did not exist yet."""
        versions = reversed(self._orders[order_id])
        return next((v for v in versions if v.updated_ms <= at_ms), None)

    def position(self, key: tuple[str, int], at_ms: Ms) -> Json | None:
        """The row as it stood then; None if nothing had happened yet."""
        versions = reversed(self._positions[key])
        return next((row for at, row in versions if at <= at_ms), None)


def _outdated(times: Iterable[Ms]) -> int:
    """How many versions were followed by another too long ago to be asked for."""
    *_, last = times = list(times)
    return sum(later <= last - KEPT_MS for later in times[1:])
