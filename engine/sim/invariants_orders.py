"""Checks of identity and memory: one order for one decision, nothing unknown, no fact lost.

They exist because every answer can be lost and every process can die. They must compare the facts
with the disk and with the exchange, not with the core's own tables.
"""

from decimal import Decimal

from engine.core import events as e
from engine.core import facts as f
from engine.core import wish_events as we
from engine.core import wish_facts as w
from engine.core.intents import PlaceOrder
from engine.core.values import GateName, Ms, OrderState, Purpose, StopKind
from engine.sim.scene import Scene, at_end, at_fact, at_step

UNKNOWN_MAX_MS: Ms = 120_000
ABSENT_MS: Ms = 15_000  # beyond what the exchange still accepts of a request
AGAIN_MS: Ms = 60_000  # the least time before trouble that lasts is news again
APART_MS: Ms = 2_000  # by how much our clock may be behind the exchange's
RULES = frozenset(
    {
        "failed_breakout", "activity_drop", "weak_impulse", "no_progress", "time_stop", "max_hold",
        "operator", "panic", "kill", "unprotected", "stray", *StopKind,
    }
)  # fmt: skip
BELIEFS = (
    f.OrderAcked, f.OrderFilled, f.OrderEnded, f.OrderAdopted, f.StopMoved, f.StopMissing,
    f.FundingPaid, f.Reconciled,
)  # fmt: skip


@at_fact("I05", f.OrderPlaced)
def one_order(scene: Scene, fact: f.OrderPlaced, at_ms: Ms) -> str | None:
    """A new id each time, one entry a signal, one add-on a position, one working exit at a time."""
    order = fact.order
    if order.id in scene.shadow.orders:
        return f"the id {order.id} was used before"
    for sent in scene.shadow.orders.values():
        other = sent.order
        if other.purpose is not order.purpose:
            continue
        if order.purpose is Purpose.ENTRY and other.reason == order.reason:
            return f"{order.id} and {other.id} both enter on {order.reason}"
        if other.position_id != order.position_id:
            continue
        if order.purpose is Purpose.ADDON:
            return f"{order.id} adds to #{order.position_id} after {other.id}"
        # One for a part that nobody answers for may not hold up the exit of all of it.
        left = other.qty - sent.filled
        is_part = left < order.qty and at_ms - sent.placed_ms >= ABSENT_MS
        is_exit = order.purpose is Purpose.EXIT and not is_part
        is_twin = is_exit or (order.purpose is Purpose.TARGET and other.reason == order.reason)
        if sent.ended is None and is_twin:
            return f"{order.id} while {other.id} still works"
    return None


@at_fact("I05", f.SignalTaken)
def one_position(scene: Scene, fact: f.SignalTaken, _: Ms) -> str | None:
    """One trade a signal, one position a symbol."""
    if fact.signal.id in scene.shadow.taken:
        return f"{fact.signal.id} is taken twice"
    busy = [h.id for h in scene.shadow.held.values() if h.symbol == fact.signal.symbol]
    return f"{fact.signal.id} is taken while {busy} are open" if busy else None


@at_step("I06")
def durable_first(scene: Scene) -> str | None:
    """An order may leave when its line is on disk; only one that reduces may go without."""
    for intent in scene.step.intents:
        if not isinstance(intent, PlaceOrder) or intent.order.id in scene.disk.order_ids:
            continue
        if intent.order.purpose.is_growing or scene.step.is_saved:
            return f"{intent.order.id} leaves and no line on disk names it"
    return None


@at_fact("I07", f.OrderPlaced)
def compared_first(scene: Scene, fact: f.OrderPlaced, _: Ms) -> str | None:
    """No entry before the account was compared once."""
    if scene.shadow.is_reconciled or not fact.order.purpose.is_growing:
        return None
    return f"{fact.order.id} before anything was compared"


@at_fact("I07", f.GateOpened)
def compared_equal(scene: Scene, fact: f.GateOpened, _: Ms) -> str | None:
    """The account that opens the gate shows what the ledger holds."""
    if fact.gate is not GateName.UNRECONCILED:
        return None
    event = scene.step.event
    if not isinstance(event, e.AccountSeen):
        return f"{fact} on {type(event).__name__}"
    theirs = {p.symbol: (p.side, p.qty) for p in event.positions}
    ours = {h.symbol: (h.side, h.qty) for h in scene.shadow.held.values() if h.qty}
    return None if ours == theirs else f"agreed: ours {ours}, theirs {theirs}"


@at_end("I07")
def really_equal(scene: Scene) -> str | None:
    """At the end positions, stops and working orders are the exchange's."""
    ours = {h.symbol: (h.side, h.qty, h.shown) for h in scene.shadow.held.values()}
    theirs = {s: (h.side, h.qty, h.stop) for s, h in scene.truth.held.items()}
    if ours != theirs:
        return f"ours {ours}, theirs {theirs}"
    live = {sent.order.id for sent in scene.shadow.live()}
    works = set(scene.truth.matching.account().order_ids)
    return None if live == works else f"live {live}, the exchange has {works}"


@at_fact("I16", f.SignalTaken)
def candle_is_right(scene: Scene, fact: f.SignalTaken, at_ms: Ms) -> str | None:
    """The candle that decided is closed, but for clocks apart, young, and the market showed it."""
    signal, settings = fact.signal, scene.settings
    closed_ms = signal.open_ms + 1000 * settings.market.frame_s
    oldest_ms = at_ms - 1000 * settings.data.decision_age_max_s
    if not oldest_ms <= closed_ms <= at_ms + APART_MS or at_ms > signal.expires_ms:
        return f"{signal.id} taken at {at_ms}"
    shown = scene.closes.get((signal.symbol, signal.open_ms), set())
    return None if signal.price in shown else f"{signal.id} at {signal.price}, shown {shown}"


@at_step("I18")
def not_unknown_for_long(scene: Scene) -> str | None:
    """Somebody finds out what became of an order, where nothing hampers asking."""
    for sent in scene.shadow.live():
        is_unsure = sent.doubted_ms is not None or not sent.acked
        since_ms = sent.doubted_ms if sent.doubted_ms is not None else sent.placed_ms
        if not is_unsure or scene.step.at_ms - since_ms <= UNKNOWN_MAX_MS:
            continue
        if scene.patience(sent.order.symbol) > UNKNOWN_MAX_MS:
            return f"{sent.order.id} is unknown since {since_ms}"
    return None


@at_fact("I18", f.OrderEnded)
def not_given_up_early(scene: Scene, fact: f.OrderEnded, at_ms: Ms) -> str | None:
    """Nobody concludes that a request never arrived while it still may."""
    sent = scene.shadow.orders[fact.order_id]
    if fact.state is not OrderState.EXPIRED or at_ms - sent.placed_ms >= ABSENT_MS:
        return None
    if (sent.acked or sent.filled) and sent.order.purpose is Purpose.EXIT:
        return None  # it did arrive; an exit in its place can only reduce
    return f"{fact.order_id} is given up {at_ms - sent.placed_ms} ms after it was placed"


@at_step("I19")
def learned_nothing(scene: Scene) -> str | None:
    """A read that failed and an answer that never came are no news of orders or positions."""
    if not isinstance(scene.step.event, e.FetchFailed | e.OrderUnknown | e.StopUnknown):
        return None
    told = [r.fact for r in scene.step.records if isinstance(r.fact, BELIEFS)]
    return f"{scene.step.event} led to {told}" if told else None


@at_fact("I20", f.StopMoved, f.StopMissing)
def newer_view(scene: Scene, fact: f.StopMoved | f.StopMissing, _: Ms) -> str | None:
    """What the account shows of a stop counts only if it is no older than what is known."""
    event, held = scene.step.event, scene.shadow.held[fact.position_id]
    if not isinstance(event, e.AccountSeen):
        return None
    rows = [p for p in event.positions if p.symbol == held.symbol]
    if not rows or (rows[0].updated_ms and rows[0].updated_ms < held.seen_ms):
        return f"{fact} from {rows}, known as of {held.seen_ms}"
    return None


@at_fact("I20", f.Incident)
def real_mismatch(scene: Scene, fact: f.Incident, _: Ms) -> str | None:
    """Nobody is alarmed by a view that is merely old."""
    if fact.code != "position_mismatch" or scene.now_ms < scene.faults.clock_off_until:
        return None
    theirs = {s: (h.side, h.qty) for s, h in scene.truth.held.items()}
    ours = {h.symbol: (h.side, h.qty) for h in scene.shadow.held.values() if h.qty}
    strange = set(scene.truth.matching.account().order_ids) - scene.shadow.orders.keys()
    return f"{fact}, while both hold {ours}" if ours == theirs and not strange else None


@at_fact("I23", f.Incident)
def no_noise(scene: Scene, fact: f.Incident, at_ms: Ms) -> str | None:
    """Nobody is told the same trouble with every retry."""
    told_ms = scene.shadow.told.get(repr(fact))
    if told_ms is None or at_ms - told_ms >= AGAIN_MS:
        return None
    return f"{fact} is told again after {at_ms - told_ms} ms"


@at_fact("I08", f.OrderEnded)
def ended_with_all(scene: Scene, fact: f.OrderEnded, _: Ms) -> str | None:
    """An end the exchange told is believed with all that was executed, never before."""
    if not isinstance(scene.step.event, e.OrderGone):
        return None
    sent, fills = scene.shadow.orders[fact.order_id], scene.truth.fills.values()
    real = sum((x.qty for x in fills if x.order_id == fact.order_id), Decimal(0))
    return f"{fact} with {sent.filled} of {real} executed" if sent.filled < real else None


@at_fact("I23", f.ExitAsked)
def exit_has_cause(scene: Scene, fact: f.ExitAsked, _: Ms) -> str | None:
    """A named rule; and what a person did was done by a person."""
    held = scene.shadow.held[fact.position_id]
    if fact.rule not in RULES:
        return f"{fact}: no such rule"
    if fact.rule != "operator" or held.leaving == "operator":
        return None
    return _once(scene, fact, e.Close | e.Stop)


@at_fact("I23", f.StopAsked)
def stop_has_cause(scene: Scene, fact: f.StopAsked, _: Ms) -> str | None:
    """A person's stop comes from a person, or is asked for again."""
    held = scene.shadow.held[fact.position_id]
    if fact.kind is not StopKind.MANUAL or fact.price == held.asked:
        return None
    return _once(scene, fact, e.MoveStop)


@at_fact("I23", w.TargetTaken)
def taking_has_cause(scene: Scene, fact: w.TargetTaken, _: Ms) -> str | None:
    """A target is taken early by a person, once."""
    return _once(scene, fact, we.TakeTarget)


@at_fact("I23", f.GateClosed, f.GateOpened)
def gate_has_cause(scene: Scene, fact: f.GateClosed | f.GateOpened, _: Ms) -> str | None:
    """What a person closed or opened, that person's command did."""
    return None if fact.by == "engine" else _once(scene, fact, e.Command)


@at_fact("I23", f.CommandDone, f.CommandRefused)
def answer_has_cause(scene: Scene, fact: f.CommandDone | f.CommandRefused, _: Ms) -> str | None:
    """An answer belongs to the command of this step, and does not change when asked again."""
    event, known = scene.step.event, scene.shadow.answered.get(fact.command_id)
    if not isinstance(event, e.Command) or event.command_id != fact.command_id:
        return f"{fact} on {event}"
    return f"{fact}, before it was {known}" if known and type(known) is not type(fact) else None


def _once(scene: Scene, fact: f.Fact, kind: object) -> str | None:
    event = scene.step.event
    if not isinstance(event, kind):  # type: ignore[arg-type] # a class or a union of classes
        return f"{fact} on {event}"
    assert isinstance(event, e.Command)
    is_again = event.command_id in scene.shadow.answered
    return f"{fact}: {event.command_id} was answered before" if is_again else None


# -- memory ------------------------------------------------------------------------------------


@at_step("I25")
def reads_back(scene: Scene) -> str | None:
    """What was appended last reads back unchanged."""
    told = scene.step.records
    if not (told and scene.step.is_saved):
        return None
    written = tuple(scene.disk.records[-len(told) :])
    return None if written == told else f"{told} reads back as {written}"


@at_step("I26")
def no_gaps(scene: Scene) -> str | None:
    """Sequence numbers count the lines, and what is saved is there to the last fact."""
    lines = scene.disk.records
    if lines and lines[-1].seq != len(lines):
        return f"line {len(lines)} has the number {lines[-1].seq}"
    if scene.step.is_saved and len(lines) != scene.shadow.seq:
        return f"{len(lines)} lines are saved of {scene.shadow.seq} facts"
    return None


def same_ledger(scene: Scene) -> str | None:
    """Checkpoint and journal, the journal alone and the running ledger are one (costly)."""
    loaded, replayed = scene.disk.load().digest(), scene.disk.replay().digest()
    if loaded != replayed:
        return "checkpoint and journal make another ledger than the journal alone"
    if scene.ledger.seq == len(scene.disk.lines) and scene.ledger.digest() != loaded:
        return "the running ledger is not the one its journal makes"
    return None


@at_end("I28")
def all_up(scene: Scene) -> str | None:
    """At the end the process lives, everything is saved and compared, and markets speak."""
    lasting = {GateName.DAILY_LOSS, GateName.LOSING_STREAK, GateName.KILL_SWITCH, GateName.OPERATOR}
    conditions = set(GateName) - lasting - {GateName.SHUTTING_DOWN}
    closed = sorted(conditions & set(scene.shadow.gates))
    unsaved = scene.ledger.seq - len(scene.disk.lines)
    if closed or unsaved or not scene.shadow.is_reconciled:
        return f"closed {closed}, {unsaved} records unsaved"
    return None
