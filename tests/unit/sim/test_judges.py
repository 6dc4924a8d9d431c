"""Each judge of the simulator objects to what it is there for: protection, orders, memory."""

from collections.abc import Callable

import msgspec
import pytest
from hearings import NOW, START, TARGET, Hearing, adding, claim, entering, eth, leaving

from builders import D
from engine.core import events as e
from engine.core import facts as f
from engine.core.intents import PlaceOrder, SetStop
from engine.core.values import GateName, Order, OrderState, Side, StopKind
from engine.sim.invariants import INVARIANTS, Broken, judge_memory, judge_step

Act = Callable[[Hearing], object]

SHOWN = e.AccountPosition("SOLUSDT", Side.LONG, D(10), D("100.04"), D(98), NOW)
CANCELED = f.OrderEnded(TARGET.id, OrderState.CANCELED, "")
BARE = f.StopMissing(1, "gone")
LEFT = f.ExitAsked(1, "stray", D(10))
PAUSE = e.Pause(command_id="c1", by="@ann")
PAUSED = f.GateClosed(GateName.OPERATOR, "@ann", "paused")
AGREED = f.GateOpened(GateName.UNRECONCILED, "engine", "agree")
DONE = f.CommandDone("c1", "@ann", "pause", "done")


def say(*facts: f.AnyFact, on: e.Event | None = None, at_ms: int = NOW) -> Act:
    return lambda hearing: hearing.say(*facts, on=on, at_ms=at_ms)


def place(wanted: Order) -> f.OrderPlaced:
    return f.OrderPlaced(wanted)


def asked(price: str, kind: StopKind = StopKind.TRAILING) -> f.StopAsked:
    return f.StopAsked(1, D(price), kind)


def moved(price: str) -> f.StopMoved:
    return f.StopMoved(1, D(price), StopKind.MANUAL, NOW)


def account(*positions: e.AccountPosition) -> e.AccountSeen:
    return e.AccountSeen(START, positions, (), ())


def wait(ms: int) -> Act:
    return lambda hearing: hearing.ask(at_ms=NOW + ms)


def pull_stop(price: str | None) -> Act:
    return lambda h: h.truth.move_stop("SOLUSDT", None if price is None else D(price), NOW)


def end(hearing: Hearing) -> None:
    hearing.end()


def gone(hearing: Hearing) -> None:
    hearing.truth.reduce("SOLUSDT", D(10), "by hand", NOW)


def ended_early(hearing: Hearing) -> None:
    """It was filled before it was canceled, and nobody knows yet."""
    hearing.execute(entering())
    end = f.OrderEnded("alpha-1-20E", OrderState.CANCELED, "")
    hearing.say(end, on=e.OrderGone("alpha-1-20E", OrderState.CANCELED))


def unsaved(hearing: Hearing) -> None:
    del hearing.disk.lines[-1]


def unwritten(hearing: Hearing) -> None:
    del hearing.disk.records[-1]


def cancel(hearing: Hearing) -> None:
    hearing.truth.matching.cancel(TARGET.id)


def take_profit(hearing: Hearing) -> None:
    quote = e.QuoteSeen("SOLUSDT", 104.0, 104.01, 104.01, NOW)
    for event in hearing.truth.quote(quote, NOW):
        if isinstance(event, e.FillSeen):
            hearing.know(f.OrderFilled(1, event.fill))


def rewritten(hearing: Hearing) -> None:
    hearing.disk.records.append(hearing.disk.records[-1])


def other_lines(hearing: Hearing) -> None:
    hearing.disk.checkpoint(hearing.ledger)
    hearing.disk.lines[1] = hearing.disk.lines[1].replace(b"10000", b"10001")
    judge_memory(hearing.scene)


def other_ledger(hearing: Hearing) -> None:
    hearing.ledger.state.streak += 1
    judge_memory(hearing.scene)


def misread(hearing: Hearing) -> None:
    """The disk gives back another record than it was given."""
    record = hearing.disk.records[-1]
    hearing.disk.records[-1] = msgspec.structs.replace(record, at_ms=record.at_ms + 1)
    step = hearing.scene.step._replace(records=(record,))
    hearing.scene.step = step
    judge_step(hearing.scene)


def grows(wanted: Order) -> Order:
    return msgspec.structs.replace(wanted, reduce_only=False)


def sol(name: str) -> f.SignalTaken:
    return msgspec.structs.replace(claim("SOLUSDT", name), position_id=2)


def at_price(price: float) -> f.SignalTaken:
    said = msgspec.structs.replace(eth().signal, price=price)
    return msgspec.structs.replace(eth(), signal=said)


# What is known already, what happens then, and who must object.
CASES: dict[str, tuple[str, tuple[f.AnyFact, ...], tuple[Act, ...]]] = {
    "bare, known, never asked for": ("I01", (BARE,), (wait(10_000),)),
    "bare, known, asked for": ("I01", (BARE, asked("98")), (wait(10_000),)),
    "bare, whatever is known": ("I01", (), (pull_stop(None), wait(70_001))),
    "bare at the end": ("I01", (), (pull_stop(None), end)),
    "a looser wish": ("I02", (), (say(asked("97.99")),)),
    "a wish looser than a hand's": ("I02", (moved("98.5"),), (say(asked("98")),)),
    "breakeven without the costs": ("I02", (), (say(asked("100.10", StopKind.BREAKEVEN)),)),
    "a looser request": (
        "I02",
        (),
        (lambda h: h.ask(SetStop(1, "SOLUSDT", Side.LONG, D("97.99"))),),
    ),
    "a stop for nothing": ("I02", (), (lambda h: h.ask(SetStop(7, "SOLUSDT", Side.LONG, D(98))),)),
    "looser for long": ("I02", (), (pull_stop("97"), wait(0), wait(70_001))),
    "an exit that may grow": ("I03", (), (say(place(grows(leaving()))),)),
    "an order for nothing": ("I03", (), (say(place(entering())),)),
    "growing what leaves": ("I03", (LEFT,), (say(place(adding())),)),
    "an exit of more": ("I04", (), (say(place(leaving(D("10.1")))),)),
    "staying in a panic": (
        "I29",
        (f.GateClosed(GateName.KILL_SWITCH, "@ann", "panic", flatten=True),),
        (wait(0),),
    ),
    "leaving for long": ("I29", (LEFT,), (wait(45_001),)),
    "leaving at the end": ("I29", (LEFT,), (end,)),
    "ended without its executions": (
        "I08",
        (eth(), place(entering())),
        (ended_early,),
    ),
    "an id again": ("I05", (), (say(place(TARGET)),)),
    "an entry again": (
        "I05",
        (eth(), place(entering())),
        (say(place(entering("alpha-1-21E"))),),
    ),
    "an add-on again": (
        "I05",
        (place(adding()), f.OrderEnded("alpha-1-20A", OrderState.CANCELED, "")),
        (say(place(adding(id="alpha-1-21A"))),),
    ),
    "an exit again": ("I05", (place(leaving()),), (say(place(leaving(name="alpha-1-21X"))),)),
    "an exit beside a part's": (
        "I05",
        (place(leaving(D(4))),),
        (say(place(leaving(name="alpha-1-21X")), at_ms=NOW + 14_999),),
    ),
    "a target again": (
        "I05",
        (),
        (say(place(msgspec.structs.replace(TARGET, id="alpha-1-21T"))),),
    ),
    "a signal again": ("I05", (eth(),), (say(eth()),)),
    "a symbol again": ("I05", (), (say(sol("SOL again")),)),
    "an entry without a line": (
        "I06",
        (),
        (lambda h: h.ask(PlaceOrder(entering()), is_saved=False),),
    ),
    "an exit without a line": ("I06", (), (lambda h: h.ask(PlaceOrder(leaving())),)),
    "an entry before comparing": (
        "I07",
        (f.Booted(2, "test", "paper", was_clean=True), eth()),
        (say(place(entering())),),
    ),
    "agreeing on a tick": ("I07", (), (say(AGREED),)),
    "agreeing on nothing": (
        "I07",
        (),
        (say(AGREED, on=account()),),
    ),
    "gone at the end": ("I07", (), (gone, end)),
    "a target missing at the end": (
        "I07",
        (),
        (lambda h: h.truth.matching.cancel(TARGET.id), end),
    ),
    "an unknown candle": ("I16", (), (say(at_price(100.5)),)),
    "an old candle": ("I16", (), (say(eth(), at_ms=NOW + 60_000),)),
    "a candle of later": ("I16", (), (say(eth(), at_ms=NOW - 70_000),)),
    "unknown for long": (
        "I18",
        (place(leaving()), f.OrderDoubted("alpha-1-20X", "timeout")),
        (wait(120_001),),
    ),
    "given up early": (
        "I18",
        (eth(), place(entering())),
        (say(f.OrderEnded("alpha-1-20E", OrderState.EXPIRED, "never"), at_ms=NOW + 14_999),),
    ),
    "learned from a failed read": (
        "I19",
        (),
        (say(f.Reconciled(()), on=e.FetchFailed("account", "timeout")),),
    ),
    "an older stop": (
        "I20",
        (),
        (say(moved("98.5"), on=account(msgspec.structs.replace(SHOWN, updated_ms=NOW - 1))),),
    ),
    "a stop that is not shown": ("I20", (), (say(moved("98.5"), on=account()),)),
    "a false alarm": ("I20", (), (say(f.Incident("position_mismatch", "old view")),)),
    "the same alarm": (
        "I23",
        (f.Incident("disk", "full"),),
        (say(f.Incident("disk", "full"), at_ms=NOW + 59_999),),
    ),
    "an exit for no reason": ("I23", (), (say(f.ExitAsked(1, "boredom", D(10))),)),
    "an exit by nobody": ("I23", (), (say(f.ExitAsked(1, "operator", D(10))),)),
    "a stop by nobody": ("I23", (), (say(asked("98.5", StopKind.MANUAL)),)),
    "a gate by nobody": ("I23", (), (say(PAUSED),)),
    "a command twice": ("I23", (DONE,), (say(PAUSED, DONE, on=PAUSE),)),
    "an answer to nobody": ("I23", (), (say(DONE),)),
    "another answer": (
        "I23",
        (DONE,),
        (say(f.CommandRefused("c1", "@ann", "pause", "no"), on=PAUSE),),
    ),
    "a rung without an order at the end": ("I28", (CANCELED,), (cancel, end)),
    "a first profit without breakeven at the end": ("I28", (), (take_profit, end)),
    "lines that are lost": ("I26", (), (unwritten, wait(0))),
    "a line twice": ("I26", (), (rewritten, wait(0))),
    "a line that reads back changed": ("I25", (), (misread,)),
    "a checkpoint of another past": ("I25", (), (other_lines,)),
    "a ledger of another past": ("I25", (), (other_ledger,)),
    "unsaved at the end": ("I28", (), (unsaved, end)),
    "closed at the end": (
        "I28",
        (f.GateClosed(GateName.STALE_DATA, "engine", "silent"),),
        (end,),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_judge_objects(case: str) -> None:
    name, known, acts = CASES[case]
    hearing = Hearing()
    hearing.know(*known)
    for act in acts[:-1]:
        act(hearing)
    with pytest.raises(Broken) as broken:
        acts[-1](hearing)
    assert broken.value.name == name, broken.value


def test_nobody_objects_to_a_trade_as_it_should_be() -> None:
    hearing = Hearing()
    hearing.say(asked("98.5"))
    hearing.say(moved("98.5"), on=account(SHOWN))
    hearing.truth.move_stop("SOLUSDT", D("98.5"), NOW)
    hearing.say(PAUSED, DONE, on=PAUSE)
    hearing.say(AGREED, on=account(SHOWN))
    hearing.ask(SetStop(1, "SOLUSDT", Side.LONG, D("98.5")), PlaceOrder(TARGET))
    hearing.end()


def test_an_exit_of_a_part_does_not_hold_up_the_rest_for_long() -> None:
    hearing = Hearing()
    hearing.know(place(leaving(D(4))))
    hearing.judge(place(leaving(name="alpha-1-21X")), at_ms=NOW + 15_000)


def test_an_exit_that_arrived_may_be_replaced_early() -> None:
    hearing = Hearing()
    hearing.know(place(leaving()), f.OrderAcked("alpha-1-20X", None))
    hearing.judge(f.OrderEnded("alpha-1-20X", OrderState.EXPIRED, "missing"))


def test_every_promise_has_words_and_a_judge() -> None:
    judged = {
        name
        for name, rule in INVARIANTS.items()
        if rule.words and (rule.at_facts or rule.at_steps or rule.at_end)
    }
    # What the exchange itself must obey is counted by its witness; the same run twice is a test.
    assert set(INVARIANTS) - judged == {"I11", "I31"}
