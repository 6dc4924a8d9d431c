"""Checks of protection: what is held has a stop that only tightens, and what shall close does.

They exist because a position without a stop is the one thing this bot must not have. They must not
ask the core's own guard.
"""

from engine.core import events as e
from engine.core import facts as f
from engine.core.intents import SetStop
from engine.core.values import GateName, Ms, OrderKind, Purpose, StopKind
from engine.sim.scene import Scene, at_end, at_fact, at_step

ANSWER_MS: Ms = 15_000  # the longest a request of the shell takes
PLEA_MS: Ms = 2_000  # what the exchange has to answer
FLAT_MS: Ms = 45_000  # to close in an undisturbed market: a few attempts


def notice_ms(scene: Scene) -> Ms:
    """How long it may take to see and mend something at the exchange, undisturbed."""
    schedule, execution = scene.settings.schedule, scene.settings.execution
    every_s = schedule.reconcile_every_s + execution.protect_deadline_s
    return 1000 * every_s + 2 * ANSWER_MS


@at_step("I01")
def known_bare(scene: Scene) -> str | None:
    """What the bot knows to be bare is protected or leaving by its deadline."""
    shadow = scene.shadow
    deadline_ms = 1000 * scene.settings.execution.protect_deadline_s
    for held in shadow.held.values():
        if held.bare_ms is None or held.qty <= 0 or held.leaving:
            continue
        since_ms = max(held.bare_ms, shadow.boot_ms)
        # Where nobody looked in time the exchange is asked once before the position is given up.
        asked_ms = since_ms if held.pleaded_ms is None else held.pleaded_ms + PLEA_MS
        if scene.step.at_ms >= max(since_ms + deadline_ms, asked_ms):
            return f"#{held.id} is known to be without a stop since {since_ms}, and not leaving"
    return None


@at_step("I01")
def really_bare(scene: Scene) -> str | None:
    """Whatever the bot knows: nothing stands bare for long unless faults keep hampering it."""
    limit_ms = notice_ms(scene)
    for symbol, held in scene.truth.held.items():
        if held.bare_ms is None or scene.now_ms - held.bare_ms <= limit_ms:
            continue
        if scene.patience(symbol) > limit_ms:
            return f"{symbol} {held.side} {held.qty} stands without a stop since {held.bare_ms}"
    return None


@at_end("I01")
def nothing_bare(scene: Scene) -> str | None:
    """At the end everything held has its stop."""
    bare = [symbol for symbol, held in scene.truth.held.items() if held.stop is None]
    return f"{bare} stand without a stop" if bare else None


@at_fact("I02", f.StopAsked)
def tightens(scene: Scene, fact: f.StopAsked, _: Ms) -> str | None:
    """No wish is looser than an earlier one."""
    held = scene.shadow.held[fact.position_id]
    if held.side.sign * (fact.price - held.asked) >= 0:
        return None
    return f"#{held.id}: stop asked at {fact.price} after {held.asked}"


@at_fact("I02", f.StopAsked)
def breakeven_pays_the_costs(scene: Scene, fact: f.StopAsked, _: Ms) -> str | None:
    """A stop named after breakeven makes up for both takers' fees, but for a tick."""
    held = scene.shadow.held[fact.position_id]
    if fact.kind is not StopKind.BREAKEVEN or fact.price == held.asked or not held.qty:
        return None
    rules, avg = scene.truth.instruments[held.symbol], held.cost / held.qty
    costs = 2 * avg * rules.taker_bps / 10_000
    if held.side.sign * (fact.price - avg) >= costs - rules.tick:
        return None
    return f"#{held.id}: breakeven at {fact.price}, entered at {avg}, costs {costs}"


@at_step("I02")
def sends_what_was_asked(scene: Scene) -> str | None:
    """No request for a stop is looser than the newest wish."""
    for intent in scene.step.intents:
        if not isinstance(intent, SetStop):
            continue
        held = scene.shadow.held.get(intent.position_id)
        if held is None:
            return f"a stop at {intent.price} for #{intent.position_id}, which is not open"
        if held.side.sign * (intent.price - held.asked) < 0:
            return f"#{held.id}: stop sent at {intent.price} after {held.asked}"
    return None


@at_step("I02")
def really_tightens(scene: Scene) -> str | None:
    """The stop at the exchange is not looser than asked for long."""
    limit_ms = notice_ms(scene)
    for symbol, real in scene.truth.held.items():
        held = scene.shadow.holds(symbol)
        is_looser = (
            held is not None
            and not held.leaving
            and held.side is real.side
            and real.stop is not None
            and real.side.sign * (real.stop - held.asked) < 0
        )
        if not is_looser:
            scene.looser.pop(symbol, None)
            continue
        since_ms = scene.looser.setdefault(symbol, scene.now_ms)
        if scene.now_ms - since_ms > limit_ms and scene.patience(symbol) > limit_ms:
            return f"{symbol}: the real stop {real.stop} is looser than asked since {since_ms}"
    return None


@at_fact("I03", f.OrderPlaced)
def never_grows_what_leaves(scene: Scene, fact: f.OrderPlaced, _: Ms) -> str | None:
    """Growing orders only for what stays; all others are reduce-only and face the other way."""
    order = fact.order
    held = scene.shadow.held.get(order.position_id)
    if held is None or held.symbol != order.symbol:
        return f"{order.purpose} {order.id} belongs to no open position of {order.symbol}"
    if order.purpose.is_growing:
        is_right = order.side is held.side.entry and not order.reduce_only and not held.leaving
    else:
        is_right = order.side is held.side.exit and order.reduce_only
    return None if is_right else f"{order} for {held}"


@at_fact("I04", f.OrderPlaced)
def never_exits_more(scene: Scene, fact: f.OrderPlaced, _: Ms) -> str | None:
    """No exit or target is for more than is held."""
    order, held = fact.order, scene.shadow.held.get(fact.order.position_id)
    if order.purpose.is_growing or held is None or order.qty <= held.qty:
        return None
    return f"{order.purpose} {order.id} for {order.qty}, held {held.qty}"


@at_end("I28")
def ladder_works(scene: Scene) -> str | None:
    """At the end each rung that is not sold has its order at the exchange."""
    live = {(s.order.position_id, s.order.price) for s in scene.shadow.live()}
    for held in scene.shadow.held.values():
        for rank, target in enumerate(held.opened.targets if held.opened is not None else (), 1):
            sold = scene.shadow.sold(held.id, target) + held.given_up.get(rank, 0)
            is_sold = sold >= target.qty
            if not is_sold and (held.id, target.price) not in live:
                return f"#{held.id} has no order at {target.price} for {target.qty}"
    return None


@at_step("I04")
def offers_no_more(scene: Scene) -> str | None:
    """The ladder does not offer more than is held for long."""
    limit_ms = notice_ms(scene)
    for held in scene.shadow.held.values():
        live = [s for s in scene.shadow.live() if s.order.position_id == held.id]
        offered = sum(s.order.qty - s.filled for s in live if s.order.purpose is Purpose.TARGET)
        if offered <= held.qty or held.leaving:
            scene.offering.pop(held.id, None)
            continue
        since_ms = scene.offering.setdefault(held.id, scene.now_ms)
        if scene.now_ms - since_ms > limit_ms and scene.patience(held.symbol) > limit_ms:
            return f"#{held.id} offers {offered} of {held.qty} since {since_ms}"
    return None


@at_end("I28")
def breakeven_stands(scene: Scene) -> str | None:
    """At the end a trade that took its first profits cannot lose any more."""
    for held in scene.shadow.held.values():
        if held.opened is None or held.taken is None or held.shown is None:
            continue
        targets = held.opened.targets
        sold = sum(scene.shadow.sold(held.id, t) >= t.qty for t in targets)
        wanted = held.taken.exits.be_after_targets
        is_even = held.side.sign * (held.shown * held.qty - held.cost) >= 0
        if 0 < wanted <= sold and not is_even:
            return f"#{held.id} sold {sold} rungs and its stop stands at {held.shown}"
    return None


@at_step("I29")
def closes(scene: Scene) -> str | None:
    """What shall close is flat soon, where the market takes it and no fault hampers."""
    for held in scene.shadow.held.values():
        if not held.leaving or held.qty <= 0 or scene.now_ms - held.leaving_ms <= FLAT_MS:
            continue
        if scene.patience(held.symbol) > FLAT_MS:
            return f"#{held.id} {held.symbol} shall close since {held.leaving_ms} ({held.leaving})"
    return None


@at_step("I29")
def panic_closes_all(scene: Scene) -> str | None:
    """A kill switch that shall flatten makes everything leave, at the next tick at the latest."""
    gate = scene.shadow.gates.get(GateName.KILL_SWITCH)
    if gate is None or not gate.flatten or not isinstance(scene.step.event, e.Tick):
        return None
    stay = [h.id for h in scene.shadow.held.values() if h.qty > 0 and not h.leaving]
    return f"{stay} stay although {gate}" if stay else None


@at_end("I29")
def nothing_leaving(scene: Scene) -> str | None:
    """At the end nothing is half closed."""
    left = [h.id for h in scene.shadow.held.values() if h.leaving]
    works = [s.order.id for s in scene.shadow.live() if s.order.kind is not OrderKind.LIMIT]
    return f"positions {left} still close, orders {works} still work" if left or works else None
