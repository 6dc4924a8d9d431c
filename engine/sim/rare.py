"""Rare states that a batch of runs must have visited, counted from the facts.

It exists because a check that is never put to the test proves nothing. It must never influence a
run.
"""

from collections import Counter

from engine.core import facts as f
from engine.core import wish_facts as w
from engine.core.values import GateName, OrderState, Purpose, StopKind
from engine.sim.shadow import Shadow

LONG_LADDER = 3
LEFT_BY = (
    "failed_breakout", "activity_drop", "weak_impulse", "no_progress", "time_stop", "max_hold",
    "operator", "panic", "stray", "INITIAL", "BREAKEVEN", "TRAILING", "target_1",
    "target_2", "target_3",
)  # fmt: skip
RARE = (
    *(f"left by {rule}" for rule in LEFT_BY),
    "unknown, then adopted",
    "unknown, then ended",
    "stray adopted",
    "emergency exit",
    "exit by the kill switch",
    "stop passed already",
    "stop missing",
    "stop moved to breakeven",
    "stop moved by trailing",
    "stop moved by hand",
    "disk full with a position",
    "restart with a position",
    "restart with an order in flight",
    "entry filled in parts",
    "exit filled in parts",
    "add-on filled",
    "ladder of more than two rungs filled",
    "target taken early",
    "target cut",
    "closed from outside",
    "funding paid",
    "money transferred",
    "day rolled",
    "daily loss closed",
    "losing streak closed",
    "kill switch by drawdown",
    "kill switch opened",
)


class Rare:
    """What one run visited."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def disk_full(self, shadow: Shadow) -> None:
        """The disk refused."""
        if any(held.qty for held in shadow.held.values()):
            self.counts["disk full with a position"] += 1

    def note(self, shadow: Shadow, fact: f.AnyFact) -> None:  # noqa: C901, PLR0912 -- a flat table
        """Look at a fact before it folds into the shadow."""
        match fact:
            case f.Booted():
                self._boot(shadow)
            case f.OrderFilled():
                self._fill(shadow, fact)
            case f.OrderAcked() | f.OrderEnded():
                sent = shadow.orders[fact.order_id]
                was_unknown = sent.doubted_ms is not None and sent.ended is None
                name = "adopted" if isinstance(fact, f.OrderAcked) else "ended"
                self._count(f"unknown, then {name}", was_unknown)
            case f.OrderAdopted():
                self._count("stray adopted")
            case f.ExitAsked(rule=rule):
                self._count("emergency exit", rule == "unprotected")
                self._count("exit by the kill switch", rule == "kill")
                self._count("stop passed already", rule in StopKind.__members__)
            case f.StopMissing():
                self._count("stop missing")
            case f.StopMoved(kind=kind):
                self._count("stop moved to breakeven", kind is StopKind.BREAKEVEN)
                self._count("stop moved by trailing", kind is StopKind.TRAILING)
                self._count("stop moved by hand", kind is StopKind.MANUAL)
            case f.PositionClosed(rule=rule):
                self._count(f"left by {rule}", f"left by {rule}" in RARE)
            case f.GateClosed() | f.GateOpened():
                self._gate(fact)
            case w.TargetTaken():
                self._count("target taken early")
            case w.TargetCut():
                self._count("target cut")
            case f.FundingPaid():
                self._count("funding paid")
            case f.Transferred():
                self._count("money transferred")
            case f.DayRolled():
                self._count("day rolled", bool(shadow.day))
            case _:
                pass

    def _count(self, name: str, is_true: bool = True) -> None:  # noqa: FBT001, FBT002 -- a condition
        self.counts[name] += is_true

    def _boot(self, shadow: Shadow) -> None:
        self._count("restart with a position", any(h.qty for h in shadow.held.values()))
        flying = any(not sent.acked for sent in shadow.live())
        self._count("restart with an order in flight", flying)

    def _fill(self, shadow: Shadow, fact: f.OrderFilled) -> None:
        fill, sent = fact.fill, shadow.orders.get(fact.fill.order_id)
        self._count("closed from outside", bool(fill.cause))
        self._count("add-on filled", fill.purpose is Purpose.ADDON)
        if sent is None:
            return
        if sent.doubted_ms is not None and sent.ended in (None, OrderState.FILLED):
            self._count("unknown, then adopted")
        is_part = fill.qty < sent.order.qty
        self._count("entry filled in parts", is_part and fill.purpose is Purpose.ENTRY)
        self._count("exit filled in parts", is_part and fill.purpose is Purpose.EXIT)
        if fill.purpose is Purpose.TARGET:
            fills = shadow.fills.values()
            rungs = {
                x.order_id
                for x in fills
                if x.purpose is Purpose.TARGET
                and (known := shadow.orders.get(x.order_id)) is not None
                and known.order.position_id == fact.position_id
            }
            is_long = len(rungs | {fill.order_id}) >= LONG_LADDER
            self._count("ladder of more than two rungs filled", is_long)

    def _gate(self, fact: f.GateClosed | f.GateOpened) -> None:
        if isinstance(fact, f.GateOpened):
            self._count("kill switch opened", fact.gate is GateName.KILL_SWITCH)
            return
        self._count("daily loss closed", fact.gate is GateName.DAILY_LOSS)
        self._count("losing streak closed", fact.gate is GateName.LOSING_STREAK)
        is_kill = fact.gate is GateName.KILL_SWITCH and fact.by == "engine"
        self._count("kill switch by drawdown", is_kill)
