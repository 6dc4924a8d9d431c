"""What a row of the fault table is, and faults as the exchange takes them.

It exists so that the tables read as tables. It must never know a fault of its own.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from e2e.fault_world import LiveWorld, Seen

Json = dict[str, Any]
Act = Callable[[LiveWorld], Awaitable[None]]

PATIENCE_S = 90.0  # a busy machine slows the market down
CREATE = "order/create"
READS = ("position/list", "order/realtime", "execution/list")


class Row(msgspec.Struct, frozen=True):
    """One fault lived through."""

    name: str
    faults: tuple[Json, ...]
    seen: Seen
    required: str
    act: Act | None = None  # what somebody does once the faults stand
    after: Seen | None = None  # what must be seen once they are cleared
    patience_s: float = PATIENCE_S
    is_quick: bool = False  # lived through by the suite; the others by the whole table


def fault(target: str, kind: str, **more: object) -> Json:
    """One fault as the exchange takes it."""
    return {"target": target, "kind": kind, **more}


def reply(target: str, **more: object) -> Json:
    """Another answer in place of the true one."""
    return fault(target, "reply", **more)
