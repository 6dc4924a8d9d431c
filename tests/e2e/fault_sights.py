"""How one can see from outside that a fault did what it should, and what the process made of it.

Each function makes a predicate on a sight: the words for the table once it has happened, None while
it has not. They never decide whether that was right; the judges do.
"""

import re
from datetime import datetime

from e2e.fault_world import NAME, Seen, Sight
from e2e.live_judges import PROTECT_MS, longest_bare_ms

from engine.core import facts as f
from engine.core.values import OrderState, Purpose


def orders_of(sight: Sight) -> dict[str, f.OrderPlaced]:
    """Orders decided since the mark."""
    return {fact.order.id: fact for fact in sight.facts(f.OrderPlaced)}


def arrivals(sight: Sight) -> dict[str, dict[str, str]]:
    """Orders of ours as the exchange shows them, by our id."""
    ours = (x for x in sight.truth["orders"] if x["orderLinkId"].startswith(f"{NAME}-"))
    return {x["orderLinkId"]: x for x in ours}


def fired(count: int = 1) -> Seen:
    """The faults struck so often."""
    return lambda sight: f"struck {sight.fired} times" if sight.fired >= count else None


def resolved(count: int = 1) -> Seen:
    """Orders of unknown outcome, and what each turned out to be."""

    def seen(sight: Sight) -> str | None:
        found: dict[str, str] = {}
        for record in sight.records:
            match record.fact:
                case f.OrderDoubted(order_id=order_id):
                    found[order_id] = ""
                case f.OrderAcked(order_id=order_id) if order_id in found:
                    found[order_id] = "works"
                case f.OrderFilled(fill=fill) if fill.order_id in found:
                    found[fill.order_id] = "filled"
                case f.OrderEnded(order_id=order_id, state=state) if order_id in found:
                    found[order_id] = state.lower()
        there = arrivals(sight)
        told = [
            f"{k} doubted, {'on' if k in there else 'not on'} the exchange, {end}"
            for k, end in found.items()
            if end
        ]
        return "; ".join(told[:3]) if len(told) >= count else None

    return seen


def filled_after_doubt(sight: Sight) -> str | None:
    """An order of unknown outcome that was found and booked."""
    doubted = {fact.order_id for fact in sight.facts(f.OrderDoubted)}
    fills = [fact.fill.order_id for fact in sight.facts(f.OrderFilled)]
    found = [order_id for order_id in fills if order_id in doubted]
    return f"{found[0]} doubted, looked up, {len(found)} fills booked once" if found else None


def incident(*codes: str) -> Seen:
    """A person was told."""

    def seen(sight: Sight) -> str | None:
        told = [x for x in sight.facts(f.Incident) if x.code in codes]
        return f"told: {told[0].detail}" if told else None

    return seen


def gate(name: str, *, opened: bool = False) -> Seen:
    """A gate closed, or opened again."""

    def seen(sight: Sight) -> str | None:
        kind = f.GateOpened if opened else f.GateClosed
        found = [x for x in sight.facts(kind) if x.gate == name]
        return f"gate {name} {'opened' if opened else 'closed'}: {found[0].why}" if found else None

    return seen


def ended(state: OrderState, purpose: Purpose | None = None, part: str = "") -> Seen:
    """An order ended so."""

    def seen(sight: Sight) -> str | None:
        placed = {**orders_of(sight)}
        for fact in sight.facts(f.OrderEnded):
            order = placed[fact.order_id].order if fact.order_id in placed else None
            is_its = purpose is None or (order is not None and order.purpose is purpose)
            if fact.state is state and is_its and part in fact.detail:
                return f"{fact.order_id} {state.lower()}: {fact.detail}"[:120]
        return None

    return seen


def closed(rule: str = "") -> Seen:
    """A trade ended by that rule."""

    def seen(sight: Sight) -> str | None:
        done = [x for x in sight.facts(f.PositionClosed) if rule in x.rule]
        return f"#{done[0].position_id} closed by {done[0].rule}" if done else None

    return seen


def opened(count: int = 1) -> Seen:
    """New trades begin."""

    def seen(sight: Sight) -> str | None:
        begun = sight.facts(f.PositionOpened)
        return f"{len(begun)} positions opened" if len(begun) >= count else None

    return seen


def logged(part: str, count: int = 1) -> Seen:
    """The log says so."""

    def seen(sight: Sight) -> str | None:
        lines = [line for line in sight.lines if part in line]
        return f"log: {lines[0][25:125]}" if len(lines) >= count else None

    return seen


def stop_asked(sight: Sight) -> str | None:
    """A position without a stop got one."""
    moved = {x.position_id for x in sight.facts(f.StopMoved)}
    asked = [x for x in sight.facts(f.StopAsked) if x.position_id in moved]
    bare = longest_bare_ms(sight.truth)
    return f"#{asked[0].position_id}: stop asked for and shown, bare {bare} ms" if asked else None


def unprotected_left(sight: Sight) -> str | None:
    """A position that could not be protected was left."""
    left = [x for x in sight.facts(f.ExitAsked) if x.rule == "unprotected"]
    bare = longest_bare_ms(sight.truth)
    return f"#{left[0].position_id} left, bare {bare} of {PROTECT_MS} ms" if left else None


def both(*seen: Seen) -> Seen:
    """All of these."""

    def every(sight: Sight) -> str | None:
        told = [one(sight) for one in seen]
        return None if None in told else "; ".join(str(x) for x in told)

    return every


def no_mismatch(sight: Sight) -> str | None:
    """Nobody was told of a difference that was none."""
    told = [x.detail for x in sight.facts(f.Incident) if x.code == "position_mismatch"]
    assert not told, told
    return "no belief changed"


def quick_exit(sight: Sight) -> str | None:
    """An exit was acknowledged within a second of its decision, in real time."""
    asked: dict[str, float] = {}
    for line in sight.lines:
        stamp, order_id = line[:24], re.search(r"(?:order_id|id)=(\S+X)\b", line)
        if order_id is None:
            continue
        at_s = datetime.fromisoformat(stamp).timestamp()
        if "order.placed" in line:
            asked[order_id[1]] = at_s
        elif "order.acked" in line and order_id[1] in asked:
            took_s = at_s - asked[order_id[1]]
            assert took_s < 1, f"{order_id[1]} was acknowledged after {took_s:.2f} s"
            return f"{order_id[1]} acknowledged after {took_s:.2f} s"
    return None


def stop_found_nobody(sight: Sight) -> str | None:
    """A stop that ended unfilled, and the exit of ours that took its place."""
    dead = [
        x
        for x in sight.truth["orders"]
        if x["stopOrderType"] == "StopLoss" and x["rejectReason"] == "EC_ReachMarketPriceLimit"
    ]
    left = [x for x in sight.facts(f.OrderFilled) if x.fill.purpose is Purpose.EXIT]
    return f"{len(dead)} stops found nobody, {len(left)} exits of ours" if dead and left else None
