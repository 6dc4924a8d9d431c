"""The panic: lock first, then facts, then the exchange's own word; honest when a leg fails."""

import pytest
from desks import FakeDesk, position, settle
from talk import Talk, talking
from telegram_wire import OWNER, buttons, message

from bot.commands_panic import FOLLOW_S, RING_S
from bot.panic import GRACE_S, Board
from bot.trades import TradeBook
from bot.views.status import panic_rows
from builders import T0, D, fill, order
from engine.core import events as e
from engine.core import facts as f
from engine.core.events import AccountPosition, AccountSeen
from engine.core.values import GateName, OrderSide, OrderState, Purpose, Side

LOCK = f.GateClosed(GateName.KILL_SWITCH, "@u11 (11)", "panic", flatten=True)
FLAT = AccountSeen(D(10_000), (), (), ())


def exit_of(number: int, tries: int = 1, **changes: object) -> list[f.AnyFact]:
    """Exit orders of a position, the last one filled; then closed."""
    ids = [f"x{number}{n}" for n in range(tries)]
    placed = [f.OrderPlaced(order(Purpose.EXIT, id=i, position_id=number)) for i in ids]
    part = fill(
        Purpose.EXIT, order_id=ids[-1], **{"qty": D("12.3"), "price": D("183.95"), **changes}
    )
    return [*placed, f.OrderFilled(number, part), closed(number)]


def closed(number: int) -> f.PositionClosed:
    return f.PositionClosed(
        position_id=number,
        symbol="SOLUSDT",
        side=Side.LONG,
        rule="panic",
        gross=D(20),
        fees=D("1.7"),
        net=D("18.3"),
        result_r=0.51,
        mfe_r=0.9,
        mae_r=-0.1,
        opened_ms=0,
    )


def lines(talk: Talk) -> list[str]:
    """The checklist as it stands."""
    text = talk.wire.named("editMessageText")[-1]["text"]
    return str(text).split("<pre>")[1].split("</pre>")[0].split("\n")


async def catch_up() -> None:
    """Let the checklist catch up: its next look and the gap between edits."""
    for _ in range(4):
        await settle()


async def test_a_panic_is_one_message_from_lock_to_verified() -> None:
    desk = FakeDesk()
    desk.show(positions=(position(), position(18, symbol="XRPUSDT", side=Side.SHORT)))
    desk.tell(f.OrderPlaced(order(id="e1", position_id=99)))
    cover = exit_of(18, side=OrderSide.BUY, qty=D(900), price=D("0.512"))
    desk.follow_up = [LOCK, f.CancelAsked("e1", "kill_switch"), f.CancelAsked("t1", "flat")]
    desk.follow_up += [f.OrderEnded("e1", OrderState.CANCELED, ""), *exit_of(17), *cover]
    async with talking(desk) as talk:
        raw = message("/panic now")
        [first, *_] = await talk.hear(raw)
        assert first["text"].startswith("🔴 <b>PANIC</b> by @u11 <tg-time ")
        assert "15:06:40</tg-time> · 🧪 PAPER\n" in first["text"]
        assert desk.commands == [e.Panic(command_id=f"tg:{raw['update_id']}", by="@u11 (11)")]
        await catch_up()
        assert lines(talk) == [
            "entries locked            15:06:40",
            "entry orders canceled 1   15:06:40",
            "SOLUSDT sold 12.3 183.95  15:06:40",
            "XRPUSDT bought 900 0.512  15:06:40",
            "exchange flat, verified   15:06:40",
            "left orders 0",
        ]
        last = talk.wire.named("editMessageText")[-1]["text"]
        assert "Realized <b>+36.60</b> USDT (+1.02R)" in last
        assert "locked until <code>/resume</code>" in last
        assert len(talk.wire.sent) == 1
        assert desk.listening == 0


async def test_facts_that_come_after_the_view_are_waited_for() -> None:
    desk = FakeDesk()
    desk.show(positions=(position(),))
    desk.follow_up = [LOCK]
    async with talking(desk) as talk:
        await talk.hear(message("/panic now"))
        desk.show(positions=())  # the view is ahead of the facts
        for fact in exit_of(17):
            desk.tell(fact)
        await catch_up()
        assert lines(talk)[2:4] == [
            "SOLUSDT sold 12.3 183.95  15:06:40",
            "exchange flat, verified   15:06:40",
        ]


async def test_a_position_that_never_filled_ends_without_a_fact() -> None:
    desk = FakeDesk()
    desk.show(positions=(position(),))
    async with talking(desk) as talk:
        await talk.hear(message("/panic now"))
        desk.show(positions=())
        for _ in range(2):
            desk.now_real.now += GRACE_S
            desk.tell(LOCK)
            await catch_up()
        assert lines(talk)[2] == "SOLUSDT ended"


async def test_a_panic_without_now_wants_the_red_button() -> None:
    async with talking() as talk:
        asked = await talk.say("/panic")
        assert "PANIC?" in asked["text"]
        assert talk.desk.commands == []
        said = await talk.tap(asked, "PANIC")
        assert "PANIC</b> by" in said["text"]
        assert [type(c) for c in talk.desk.commands] == [e.Panic]


@pytest.mark.parametrize("words", ["/panic later", "/panic now please"])
async def test_panic_takes_no_other_words(words: str) -> None:
    async with talking() as talk:
        assert "Usage: <code>/panic [now]</code>" in (await talk.say(words))["text"]
        assert talk.desk.commands == []


async def test_a_refused_panic_is_told_and_nothing_listens_on() -> None:
    async with talking() as talk:
        talk.desk.refusal = "no"
        assert "Not done: no" in (await talk.say("/panic now"))["text"]
        assert talk.desk.listening == 0


async def test_a_panic_that_breaks_leaves_nothing_listening() -> None:
    class Broken(FakeDesk):
        async def command(  # type: ignore[explicit-override] # typing: 3.12
            self, command: e.Command
        ) -> tuple[f.Record, ...]:
            raise RuntimeError(command)

    async with talking(Broken()) as talk:
        assert "Something went wrong" in (await talk.say("/panic now"))["text"]
        assert talk.desk.listening == 0


async def test_verified_is_only_said_when_the_exchange_shows_flat() -> None:
    desk = FakeDesk()
    held = AccountPosition("SOLUSDT", Side.LONG, D(1), D(100), None)
    answers: list[AccountSeen | None] = [None, AccountSeen(D(1), (held,), ("o1",), ()), FLAT]
    desk.follow_up = [LOCK]
    async with talking(desk) as talk:
        seen: list[list[str]] = []
        for answer in answers:
            desk.seen = answer
            if not seen:
                await talk.hear(message("/panic now"))
            desk.now_real.now += 3
            desk.tell(f.NoticeSent(1, OWNER, 1))
            await catch_up()
            seen.append(lines(talk)[-2:])
        assert [s[0].split("  ")[0] for s in seen] == [
            "not verified, no answer",
            "exchange shows SOLUSDT",
            "exchange flat, verified",
        ]
        assert [s[1] for s in seen] == ["left orders -", "left orders 1", "left orders 0"]


async def test_following_ends_in_time() -> None:
    desk = FakeDesk()
    desk.show(positions=(position(),))
    async with talking(desk) as talk:
        await talk.hear(message("/panic now"))
        assert desk.listening == 1
        desk.now_real.now += FOLLOW_S
        desk.tell(LOCK)
        await catch_up()
        assert desk.listening == 0
        last = talk.wire.named("editMessageText")[-1]
        assert "This list is no longer updated" in last["text"]
        assert [b["callback_data"] for b in buttons(last)] == ["r|positions", "r|status"]


async def test_a_leg_that_fails_rings_and_can_be_retried() -> None:
    desk = FakeDesk()
    desk.show(positions=(position(),))
    tries = [f.OrderPlaced(order(Purpose.EXIT, id=f"x{n}", position_id=17)) for n in range(3)]
    desk.follow_up = [LOCK, *tries]
    async with talking(desk) as talk:
        [asked, *_] = await talk.hear(message("/panic now"))
        desk.now_real.now += 3
        desk.tell(f.NoticeSent(1, OWNER, 1))
        await catch_up()
        shown = talk.wire.named("editMessageText")[-1]
        assert "SOLUSDT closing            RETRY 2" in shown["text"]
        assert [b["text"] for b in buttons(shown)] == ["🔴 Retry now"]
        assert len(talk.wire.sent) == 1
        for rings in (1, 2):
            desk.now_real.now += RING_S
            desk.tell(f.NoticeSent(1, OWNER, 1))
            await catch_up()
            assert len(talk.wire.sent) == 1 + rings
        desk.tell(f.OrderPlaced(order(Purpose.EXIT, id="x9", position_id=17)))
        await catch_up()
        later = talk.wire.named("editMessageText")[-1]
        assert "RETRY 3" in later["text"]
        assert buttons(later) == buttons(shown)  # a thumb on its way still meets its button
        loud = talk.wire.sent[-1]
        assert "<b>PANIC is not done</b>: SOLUSDT closing · 🧪" in loud["text"]
        assert not loud.get("disable_notification")
        assert loud["reply_parameters"]["message_id"] == asked["id"]
        desk.follow_up = exit_of(17)
        await talk.tap(shown, "Retry now", number=asked["id"])
        assert [type(c) for c in desk.commands] == [e.Panic, e.Panic]
        desk.show(positions=())
        await catch_up()
        assert lines(talk)[2:4] == [
            "SOLUSDT sold 12.3 183.95  15:06:40",
            "exchange flat, verified   15:06:40",
        ]
        assert buttons(talk.wire.named("editMessageText")[-1]) == []
        assert desk.listening == 0


async def test_an_exchange_that_gives_no_answer_rings_too() -> None:
    desk = FakeDesk()
    desk.seen, desk.follow_up = None, [LOCK]
    async with talking(desk) as talk:
        await talk.hear(message("/panic now"))
        desk.now_real.now += RING_S + 1
        desk.tell(f.NoticeSent(1, OWNER, 1))
        await catch_up()
        assert "not done</b>: the exchange does not show it flat" in talk.wire.sent[-1]["text"]
        assert lines(talk)[-2] == "not verified, no answer"


async def test_rings_do_not_pile_up_while_telegram_takes_none() -> None:
    desk = FakeDesk()
    desk.seen, desk.follow_up = None, [LOCK]
    async with talking(desk) as talk:
        await talk.hear(message("/panic now"))
        talk.wire.answering.clear()
        for _ in range(3):
            desk.now_real.now += RING_S
            desk.tell(f.NoticeSent(1, OWNER, 1))
            await catch_up()
        assert talk.box.depth <= 2  # the list and one ring
        talk.wire.answering.set()
        await catch_up()
        assert [s for s in talk.wire.sent if "not done" in s["text"]][1:] == []


async def test_an_undelivered_checklist_leaves_nothing_listening() -> None:
    def gone() -> tuple[int, object]:
        return 403, {"ok": False, "description": "Forbidden: bot was blocked by the user"}

    async with talking() as talk:
        talk.wire.faults["sendMessage"] = [gone]
        await talk.say("/panic now")
        assert isinstance(talk.desk.commands[0], e.Panic)
        assert talk.desk.listening == 0


def board(*facts: f.AnyFact) -> Board:
    book = TradeBook()
    found = Board([position(), position(18, symbol="XRPUSDT")], book)
    for seq, fact in enumerate(facts, 1):
        found.fold(f.Record(seq, T0, fact))
    return found


def test_only_facts_are_told() -> None:
    stray = f.OrderFilled(99, fill(Purpose.EXIT))
    entry = f.OrderFilled(17, fill())
    foreign = f.OrderPlaced(order(Purpose.EXIT, position_id=99))
    assert board(stray, entry, foreign, closed(99)).lines() == [
        ("entries locked", None),
        ("entry orders canceled 0", None),
        ("SOLUSDT closing", None),
        ("XRPUSDT closing", None),
        ("exchange flat: waiting", None),
        ("left orders -", None),
    ]


def test_a_leg_that_fails_stays_on_the_list_with_its_tries() -> None:
    again = [f.OrderPlaced(order(Purpose.EXIT, id=f"x{n}", position_id=17)) for n in range(3)]
    found = board(*again)
    assert found.lines()[2] == ("SOLUSDT closing", "RETRY 2")
    found.fold(f.Record(9, T0, f.OrderFilled(17, fill(Purpose.EXIT, qty=D(5)))))
    rows = panic_rows(found.lines())
    assert rows[2] == "SOLUSDT sold 5 100.00      RETRY 2"
    assert not found.is_flat
    found.settle([18], 5.0)
    assert not found.legs[17].is_flat
    found.settle([18], 5.0 + GRACE_S)
    assert (found.lines()[2], found.is_flat) == (("SOLUSDT sold 5 100.00", T0), False)
    found.settle([], 9.0)
    found.settle([18], 10.0)
    found.settle([], 11.0)
    assert not found.is_flat
    found.settle([], 11.0 + GRACE_S)
    assert found.is_flat


def test_a_wide_leg_gives_up_the_quote_currency() -> None:
    found = board(*exit_of(17, qty=D("10790.5"), price=D("1.3739")))
    assert found.lines()[2][0] == "SOL sold 10790.5 1.3739"


def test_a_closed_leg_counts_once() -> None:
    found = board(closed(17), closed(17))
    assert (found.net, found.result_r) == (D("18.3"), 0.51)


def test_canceled_entries_are_counted_as_they_end() -> None:
    book = TradeBook()
    for name in ("e1", "e2"):
        book.fold(f.Record(1, T0, f.OrderPlaced(order(id=name))))
    found = Board([], book)
    facts: list[f.AnyFact] = [f.CancelAsked("e1", "kill"), f.CancelAsked("e2", "kill")]
    for fact in (*facts, f.OrderEnded("e1", OrderState.CANCELED, "")):
        found.fold(f.Record(2, T0, fact))
    assert found.lines()[1] == ("entry orders canceled 1 of 2", T0)
