"""The account of the simulated exchange on its bad days: calls and hands, bent by faults.

It exists so that the account knows of no list of faults, and the door of no account. It must never
leave a quirk on longer than the fault that asked for it.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from engine.core.values import Ms
from engine.sim import venue_faults as faults
from engine.sim.board import Board
from engine.sim.trading.desk import Desk
from engine.sim.trading.private import Private
from engine.sim.venue_call import ROOT, Call
from engine.sim.venue_faults import Fault, Faults
from engine.sim.venue_rest import EMPTY_CATEGORIES, PARAMETER_ERROR, Json, Refused

CREATE = "order/create"


class Account:
    """A desk and its endpoints."""

    def __init__(self, board: Board, found: Faults) -> None:
        self.desk = Desk(board)
        self._private = Private(self.desk)
        self._faults = found
        self._hands: Mapping[str, Callable[[Fault], None]] = {
            "adl": lambda fault: self.desk.adl(fault.target, fault.amount or Decimal(0)),
            "liquidate": lambda fault: self.desk.liquidate(fault.target),
            "settle": lambda fault: self.desk.settle(fault.target),
            "drop_stop": lambda fault: self.desk.drop_stop(fault.target),
            "transfer": lambda fault: self.desk.transfer(fault.amount or Decimal(0)),
            "stop_no_fill": lambda _: self._turn({"stop_no_fill": True}),
            "twice_filled": lambda _: self._turn({"twice_filled": True}),
        }

    @property
    def paths(self) -> frozenset[tuple[str, str]]:
        """Method and path below `/v5/` of every endpoint."""
        return frozenset((method, path.removeprefix(ROOT)) for method, path in self._private.paths)

    def answer(self, call: Call, as_of_ms: Ms | None = None) -> Json:
        """The result of a call; raises `Refused`."""
        if call.params is None:
            raise Refused(PARAMETER_ERROR, "params error: body is not a JSON object")
        if call.method == "GET" and call.params.get("category") in EMPTY_CATEGORIES:
            return {"category": call.params["category"], "list": [], "nextPageCursor": ""}
        struck = self._struck(call) if call.path == CREATE else {}
        calm = {name: getattr(self.desk.quirks, name) for name in struck}
        self._turn(struck)
        try:
            return self._private.answer(call.method, ROOT + call.path, call.params, as_of_ms)
        finally:
            self._turn(calm)

    def calm(self) -> None:
        """Turn off what stays on from one call to the next."""
        self._turn({"stop_no_fill": False, "twice_filled": False})

    def begin(self, fault: Fault) -> None:
        """Do what a fault wants done to the account now, if it is one of those."""
        hand = self._hands.get(fault.kind)
        if hand is not None:
            hand(fault)

    def _struck(self, call: Call) -> dict[str, Any]:
        """The quirks of one order."""
        quirks: dict[str, Any] = {}
        for kind in sorted(faults.OF_CREATE):
            fault = self._faults.strike({kind}, call.names)
            if fault is not None:
                quirks |= _QUIRKS[kind](fault)
        return quirks

    def _turn(self, quirks: Mapping[str, Any]) -> None:
        for name, value in quirks.items():
            setattr(self.desk.quirks, name, value)


_QUIRKS: Mapping[str, Callable[[Fault], dict[str, Any]]] = {
    "no_attach": lambda _: {"attach": False},
    "partial": lambda fault: {"fill_frac": Decimal(str(fault.p))},
    "no_fill": lambda _: {"no_fill": True},
    "reject_after_ack": lambda _: {"reject_after_ack": True},
}
