"""Pictures in the outbox: none holds up anything but itself, and what protects money goes first."""

import asyncio

import pytest
from desks import PNG, FakeDesk, candles, settle, taken
from talk import Talk, outbox, running, talking, words_of
from telegram_wire import OWNER, VIEWER, Wire, bot, message

from bot.content import Photo
from bot.easel import DRAW_S
from bot.outbox import Outbox
from bot.pacing import DEBT, PRIVATE_BURST
from bot.sender import Sender
from bot.views.layout import Text
from builders import fill
from engine.chart import Picture, RHistogram
from engine.core import facts as f

CHARTS = 6


class Slow(FakeDesk):
    """Draws when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.history = candles()
        self.began = asyncio.Event()
        self.may_draw = asyncio.Event()

    async def chart(self, picture: Picture) -> bytes:  # type: ignore[explicit-override] # 3.12
        self.pictures.append(picture)
        self.began.set()
        await self.may_draw.wait()
        return PNG


def photo(caption: str) -> Photo:
    return Photo(RHistogram("R", (0.0,), (1, 2), 0), Text(caption))


def say(box: Outbox, *captions: str) -> list["asyncio.Task[int | None]"]:
    return [asyncio.create_task(box.say(OWNER, photo(caption))) for caption in captions]


async def test_an_urgent_answer_leaves_before_charts_that_are_being_drawn() -> None:
    desk, wire = Slow(), Wire()
    async with running(outbox(desk, wire)) as box:
        charts = say(box, *"abcdef")
        await asyncio.sleep(0)
        panic = asyncio.create_task(box.say(OWNER, Text("panic"), is_urgent=True))
        await panic
        assert words_of(wire) == ["panic"]
        desk.may_draw.set()
        await asyncio.gather(*charts)
    assert words_of(wire) == ["panic", *"abcdef"]
    assert len(desk.pictures) == CHARTS


async def test_an_urgent_answer_overtakes_what_waits_for_its_turn_and_spends_what_is_to_come() -> (
    None
):
    desk, wire = FakeDesk(), Wire()
    start = desk.now_real.now
    async with running(outbox(desk, wire)) as box:
        others = [asyncio.create_task(box.say(OWNER, Text(word))) for word in "abcdef"]
        first = asyncio.create_task(box.say(OWNER, Text("one"), is_urgent=True))
        await first
        assert words_of(wire) == ["one"]
        await asyncio.gather(*others[:PRIVATE_BURST])
        spent_s = desk.now_real.now
        urgent = [box.say(OWNER, Text(str(n)), is_urgent=True) for n in range(DEBT)]
        await asyncio.gather(*urgent)
        assert desk.now_real.now - spent_s <= 1
        await asyncio.gather(*others)
    sent = 1 + len("abcdef") + DEBT
    assert desk.now_real.now - start == pytest.approx(sent - PRIVATE_BURST, abs=0.1)


async def test_a_picture_that_takes_for_ever_holds_nothing_else_up_and_goes_as_words() -> None:
    desk, wire = Slow(), Wire()
    start = desk.now_real.now
    async with running(outbox(desk, wire)) as box:
        (chart,) = say(box, "chart")
        await box.say(OWNER, Text("words"))
        assert words_of(wire) == ["words"]
        await chart
    assert words_of(wire) == ["words", "chart"]
    assert "photo" not in wire.sent[1]
    assert desk.now_real.now - start >= DRAW_S


async def test_a_fill_still_answers_a_signal_whose_chart_is_being_drawn() -> None:
    desk, wire = Slow(), Wire()
    async with running(outbox(desk, wire)) as box:
        desk.tell(taken())
        desk.tell(f.OrderFilled(17, fill()))
        await desk.began.wait()
        assert wire.sent == []
        desk.may_draw.set()
        await settle()
        assert box.depth == 0
    signal, filled = wire.sent
    assert signal["photo"] == "attached"
    assert filled["reply_parameters"]["message_id"] == signal["id"]


async def test_a_picture_that_fails_goes_as_words() -> None:
    class Blind(FakeDesk):
        async def chart(self, picture: Picture) -> bytes:  # type: ignore[explicit-override] # 3.12
            raise ValueError(picture)

    wire = Wire()
    async with running(outbox(Blind(), wire)) as box:
        await asyncio.gather(*say(box, "chart"))
    assert words_of(wire) == ["chart"]
    assert "photo" not in wire.sent[0]


async def test_an_edit_with_another_picture_draws_the_newer_one() -> None:
    desk, wire = Slow(), Wire()
    async with running(outbox(desk, wire)) as box:
        box.edit(OWNER, 5, photo("older"), is_photo=True)
        await desk.began.wait()
        newer = photo("newer")
        box.edit(OWNER, 5, newer, is_photo=True)
        desk.began.clear()
        box.connected()  # the outbox looks up
        await desk.began.wait()
        desk.may_draw.set()
        await settle()
    assert desk.pictures[1] is newer.picture
    assert len(wire.named("editMessageMedia")) == 1


async def test_the_last_words_do_not_wait_for_a_picture() -> None:
    desk, wire = Slow(), Wire()
    async with running(outbox(desk, wire)) as box:
        (chart,) = say(box, "chart")
        await desk.began.wait()
        await box.flush(5)
        await chart
    assert words_of(wire) == ["chart"]
    assert "photo" not in wire.sent[0]


async def test_panic_is_answered_before_charts_that_were_asked_for_earlier() -> None:
    desk, wire = Slow(), Wire()
    box = Outbox(desk, Sender(bot(wire), lambda _old, _new: None), (), "alpha")  # time stands still
    async with running(box):
        talk = Talk(desk, wire, box)
        for _ in range(CHARTS):
            await talk.hear(message("/chart sol"))
        assert len(desk.pictures) == CHARTS
        assert wire.sent == []
        await talk.hear(message("/panic now"))
    assert ["PANIC" in words for words in words_of(wire)] == [True]
    assert [type(command).__name__ for command in desk.commands] == ["Panic"]


async def test_nobody_gets_ahead_by_what_they_may_not_do() -> None:
    async with talking() as talk:
        for _ in range(PRIVATE_BURST):
            await talk.hear(message("/help", VIEWER))
        start = talk.desk.now_real.now
        await talk.hear(message("/panic now", VIEWER))
        assert talk.desk.now_real.now - start >= 1 - 1e-3
