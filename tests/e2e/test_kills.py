"""A few kills in earnest, and that none of the checks behind them is blind."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from e2e import audit, audit_chat
from e2e.audit import Copy, Violation
from e2e.audit_chat import CHAT, Message
from e2e.kill_rules import PaperRules
from e2e.kills import Plan, prove
from e2e.live_kills import SPEED, LiveRules

from builders import T0, D, fill, order, signal
from engine.core import facts as f
from engine.core.ledger import Ledger
from engine.core.settings import Settings
from engine.core.values import OrderState, Purpose, Side
from engine.live.checkpoint import Checkpoint, write_checkpoint
from engine.live.journal import Journal

ENTRY, EXIT = order(), order(Purpose.EXIT, id="alpha-1-2X")
BOUGHT, SOLD = fill(), fill(Purpose.EXIT, id="alpha-1-2X:1", order_id=EXIT.id, price=D(101))
TAKEN = f.SignalTaken(signal(), 1, D(10), D("100.15"), D(98), (), D(20), D(10_000))
CLOSED = f.PositionClosed(
    1, "SOLUSDT", Side.LONG, "operator", D(10), D("1.10"), D("8.90"), 0.4, 0.5, 0.0, T0
)
STORY: tuple[f.AnyFact, ...] = (
    f.Booted(1, "0", "paper", was_clean=True),
    f.Funded(D(10_000)),
    f.Reconciled(()),
    TAKEN,
    f.OrderPlaced(ENTRY),
    f.OrderFilled(1, BOUGHT),
    f.OrderEnded(ENTRY.id, OrderState.FILLED, ""),
    f.OrderPlaced(EXIT),
    f.OrderFilled(1, SOLD),
    CLOSED,
    f.NoticeSent(6, CHAT, 11),
    f.NoticeSent(9, CHAT, 12),
    f.NoticeSent(10, CHAT, 12),
)
SAID: tuple[Message, ...] = (
    {"message_id": 11, "text": "SOLUSDT LONG filled #1\n2m late"},
    {"message_id": 12, "text": "SOLUSDT LONG closed #1"},
)


@pytest.mark.e2e
async def test_killed_anywhere_it_loses_nothing_doubles_nothing_and_tells_once(
    tmp_path: Path,
) -> None:
    tally = await prove(Plan(kills=3, slots=1), tmp_path, PaperRules())
    assert tally.kills == 3
    assert tally.records > 15
    assert tally.orders > 0
    assert tally.messages >= 3  # each start says so


@pytest.mark.e2e
async def test_killed_in_live_mode_it_agrees_with_the_exchange_again(tmp_path: Path) -> None:
    tally = await prove(Plan(kills=3, speed=SPEED), tmp_path, LiveRules())
    assert tally.kills == tally.compared == 3
    assert tally.orders > 0


def recorded(facts: Iterable[f.AnyFact]) -> tuple[f.Record, ...]:
    return tuple(f.Record(seq, T0 + seq, fact) for seq, fact in enumerate(facts, 1))


def copy_of(facts: Iterable[f.AnyFact], ledger_of: Iterable[f.AnyFact] = STORY) -> Copy:
    ledger = Ledger()
    for record in recorded(ledger_of):
        ledger.apply(record)
    return Copy(Path(), (), recorded(facts), ledger, {}, {1: frozenset({1})})


def altered(wrong: f.AnyFact, right: f.AnyFact) -> tuple[f.AnyFact, ...]:
    return tuple(wrong if fact is right else fact for fact in STORY)


def test_the_story_itself_is_sound() -> None:
    copy = copy_of(STORY)
    audit.check_once(copy.records)
    audit.check_money(copy)
    assert audit.first_reads(copy) == {1: 3}
    assert audit_chat.check_chat(copy.records, SAID, [12]) == ((), ())
    audit_chat.check_all_told(copy.records)
    assert audit_chat.untold(copy.records) == 0
    half = STORY[:6]
    audit.check_money(copy_of(half, half))
    assert [o.order.id for o in audit.in_flight(copy_of(half, STORY[:5]).ledger)] == [ENTRY.id]


@pytest.mark.parametrize(
    "doubled",
    [
        f.OrderFilled(1, BOUGHT),
        f.OrderPlaced(EXIT),
        f.OrderPlaced(order(id="alpha-1-3E")),
        TAKEN,
        CLOSED,
        f.Booted(1, "0", "paper", was_clean=True),
        f.NoticeSent(6, CHAT, 13),
        f.OrderFilled(1, fill(id="another:1", order_id="another")),
    ],
    ids=["fill", "order", "entry", "signal", "close", "boot", "notice", "fill of no order"],
)
def test_whatever_is_doubled_is_found(doubled: f.AnyFact) -> None:
    with pytest.raises(Violation):
        audit.check_once(recorded([*STORY, doubled]))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ([x for x in STORY if x is not CLOSED], "settled"),
        ([x for x in STORY if x != f.OrderFilled(1, SOLD)], "closed with 10 left"),
        (altered(f.Funded(D(10_001)), STORY[1]), "settled"),
        ([*STORY, f.Transferred("t", D(-1))], "settled"),
        (STORY[:6], "settled"),
    ],
)
def test_money_that_does_not_add_up_is_found(facts: list[f.AnyFact], words: str) -> None:
    with pytest.raises(Violation, match=words):
        audit.check_money(copy_of(facts))


@pytest.mark.parametrize(
    ("ledger_of", "words"),
    [
        (altered(f.OrderFilled(1, fill(fee=D("0.56"))), STORY[5])[:6], "off by"),
        (altered(f.OrderFilled(1, fill(qty=D(9))), STORY[5])[:6], "hold"),
    ],
)
def test_an_open_position_that_differs_is_found(ledger_of: list[f.AnyFact], words: str) -> None:
    with pytest.raises(Violation, match=words):
        audit.check_money(copy_of(STORY[:6], ledger_of))


def test_a_start_that_had_to_mend_something_is_found() -> None:
    for fact in (f.Reconciled(("fill x",)), f.Incident("position_mismatch", "#1")):
        with pytest.raises(Violation):
            audit.first_reads(copy_of([STORY[0], fact]))
    stop = f.Reconciled(("stop of #1 is 98",))
    copy = copy_of([STORY[0], stop, f.Reconciled(("fill x",))])
    assert audit.first_reads(copy) == {1: 2}
    assert audit.first_words(r.fact for r in copy.records) == [stop]
    with pytest.raises(Violation):
        audit.first_reads(copy._replace(bare={1: frozenset({11})}))


def on_disk(folder: Path, facts: Iterable[f.AnyFact]) -> Path:
    folder.mkdir()
    (folder / "kind").write_text("paper\n")
    journal = Journal(folder, 0)
    for record in recorded(facts):
        journal.append([record])
    journal.close()
    return folder


def change_a_byte(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"10000"', b'"10001"'))


def cut_the_end(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-300])


@pytest.mark.parametrize("harm", [change_a_byte, cut_the_end, Path.unlink])
def test_a_past_that_changed_is_found(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    old = audit.read_copy(on_disk(tmp_path / "old", STORY))
    new = audit.read_copy(on_disk(tmp_path / "new", [*STORY, STORY[2]]), old.last_seq)
    audit.check_grown(old, new)
    (file,) = (tmp_path / "new").glob("journal-*")
    harm(file)
    with pytest.raises(Violation):
        audit.check_grown(old, new)


def test_a_fold_that_differs_is_found(tmp_path: Path) -> None:
    old = audit.read_copy(on_disk(tmp_path / "old", STORY))
    with pytest.raises(Violation, match="another ledger"):
        audit.check_grown(old, old._replace(digests={old.last_seq: "other"}))


def test_a_torn_tail_may_go_and_what_was_logged_may_not(tmp_path: Path) -> None:
    folder = on_disk(tmp_path / "old", STORY)
    (file,) = folder.glob("journal-*")
    file.write_bytes(file.read_bytes() + b'{"crc":"00')
    old = audit.read_copy(folder)
    audit.check_grown(old, audit.read_copy(on_disk(tmp_path / "new", STORY), old.last_seq))
    audit.check_acknowledged(old, ["INFO funded seq=2 at_ms=1", "INFO x seq=13 at_ms=1 of_seq=99"])
    with pytest.raises(Violation):
        audit.check_acknowledged(old, ["INFO order.filled seq=14 at_ms=1"])


def test_a_checkpoint_that_differs_is_found(tmp_path: Path) -> None:
    folder = on_disk(tmp_path / "state", STORY[:6])
    copy = audit.read_copy(folder)
    assert audit.check_checkpoint(copy) == 0
    write_checkpoint(folder, Checkpoint(6, copy.ledger.dump()))
    copy = audit.read_copy(folder)
    assert audit.check_checkpoint(copy) == 6
    audit.check_rebuilt(copy, Settings())
    write_checkpoint(folder, Checkpoint(6, {**copy.ledger.dump(), "settled": "10000.01"}))
    with pytest.raises(Violation, match="ledger at 6"):
        audit.check_checkpoint(copy)
    with pytest.raises(Violation, match="differ from the fold"):
        audit.check_rebuilt(copy, Settings())


LATER: tuple[Message, ...] = ({"message_id": 13, "text": "SOLUSDT LONG filled #1"},)


def test_what_a_kill_cut_off_is_counted() -> None:
    cut = STORY[:11]
    window = audit_chat.check_chat(recorded(cut), SAID, [12])
    assert [m["message_id"] for m in window.orphans] == [12]
    audit_chat.check_twins(window.orphans, [*SAID, {"message_id": 14, "text": "closed #1"}])
    with pytest.raises(Violation, match="never said again"):
        audit_chat.check_twins(window.orphans, SAID)
    twice = (*STORY, f.NoticeSent(7, CHAT, 13))
    window = audit_chat.check_chat(recorded(twice), [*SAID, *LATER], [11, 13])
    assert [m["message_id"] for m in window.again] == [11]


@pytest.mark.parametrize(
    ("facts", "said", "kills", "words"),
    [
        (STORY, SAID[:1], [12], "not in the chat"),
        (STORY, (*SAID, *LATER), [12], "without a fact"),
        (STORY[:11], SAID, [], "without a fact"),
        ((*STORY, f.NoticeSent(7, CHAT, 13)), (*SAID, *LATER), [13], "told twice"),
        ((*STORY, f.NoticeSent(7, CHAT, 0)), SAID, [12], "without a confirmation"),
        (STORY[:2], [{"message_id": n, "text": ""} for n in range(9)], [8], "in no journal"),
    ],
)
def test_a_chat_that_says_too_much_or_too_little_is_found(
    facts: Iterable[f.AnyFact], said: list[Message], kills: list[int], words: str
) -> None:
    with pytest.raises(Violation, match=words):
        audit_chat.check_chat(recorded(facts), said, kills)


def test_a_fill_nobody_was_told_of_is_found() -> None:
    records = recorded(STORY[:11])
    assert audit_chat.untold(records) == 2
    with pytest.raises(Violation, match="never told"):
        audit_chat.check_all_told(records)
