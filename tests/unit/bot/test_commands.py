"""The conversation: every command by every role, confirmations, old commands, failures."""

import asyncio

import pytest
from desks import FakeDesk, gate, position, settle, taken, verdict, view
from talk import talking
from telegram_wire import (
    GROUP,
    OWNER,
    STRANGER,
    T_S,
    TRADER,
    VIEWER,
    buttons,
    message,
    refuse,
    tap,
)

from bot import commands
from bot.desk import Health
from bot.gate import Role
from builders import D, fill, order, signal
from engine.core import events as e
from engine.core import facts as f
from engine.core.values import GateName, OrderState, Purpose
from engine.core.view import Quote

READS = ["/start", "/help", "/status", "/s", "/scan", "/why", "/positions", "/p", "/pnl", "/health"]
ACTS = {"pause": TRADER, "resume": TRADER, "close": TRADER, "stop": OWNER, "panic": OWNER}
PEOPLE = {OWNER: Role.OWNER, TRADER: Role.TRADER, VIEWER: Role.VIEWER}


def held(**changes: object) -> FakeDesk:
    desk = FakeDesk()
    desk.show(positions=(position(**changes),))
    return desk


@pytest.mark.parametrize("words", READS)
@pytest.mark.parametrize("locked", [False, True])
async def test_reads_answer_everybody_in_every_state(words: str, *, locked: bool) -> None:
    desk = FakeDesk()
    gates = tuple(gate(name) for name in GateName) if locked else ()
    desk.show(gates=gates, equity=None, last_batch_ms=None)
    async with talking(desk) as talk:
        for person in PEOPLE:
            assert (await talk.say(words, person))["text"]
        assert desk.commands == []


async def test_strangers_get_silence_for_words_and_taps() -> None:
    async with talking() as talk:
        for words in (*READS, "/panic now", "hello"):
            assert await talk.say(words, STRANGER) == {}
        assert await talk.hear(tap("r|status", 1, STRANGER)) == []
        assert talk.wire.calls == []


@pytest.mark.parametrize(("verb", "least"), ACTS.items())
@pytest.mark.parametrize("person", PEOPLE)
async def test_roles_hold_for_words_and_buttons(verb: str, least: int, person: int) -> None:
    desk = held()
    desk.show(gates=(gate(GateName.OPERATOR),))
    may = PEOPLE[person] >= PEOPLE[least]
    async with talking(desk) as talk:
        said = await talk.say(f"/{verb}", person)
        assert ("is for the role" in said["text"]) is not may
        tapped = await talk.hear(tap(f"r|{verb}", 5, person))
        assert bool(tapped) is may
        assert not may or "is for the role" not in tapped[0]["text"]
        if not may:
            assert talk.answers[-1]["text"] == "Not allowed for your role."
            assert desk.commands == []


def test_the_table_is_the_fourteen_commands() -> None:
    names = "status positions scan why chart pnl pause resume close stop health help start panic"
    assert [v.name for v in commands.TABLE] == names.split()
    assert all(len(v.brief) <= 40 for v in commands.TABLE)


def test_menus_show_what_the_role_may_use_and_panic_last() -> None:
    menus = {role: [c.command for c in commands.menu(role)] for role in Role}
    look = ["status", "positions", "scan", "why", "chart", "pnl"]
    assert menus == {
        Role.VIEWER: [*look, "health", "help"],
        Role.TRADER: [*look, "pause", "resume", "health", "help"],
        Role.OWNER: [*look, "pause", "resume", "health", "help", "panic"],
    }


async def test_help_names_only_what_exists_and_what_the_role_may_use() -> None:
    async with talking() as talk:
        words = (await talk.say("/help", VIEWER))["text"]
        assert "/panic" not in words
        assert "/why" in words
        owners = (await talk.say("/help", OWNER))["text"]
        assert "<code>/panic</code>" in owners
        one = (await talk.say("/help close"))["text"]
        assert "/close [#id or SYM or all] [percent]" in one
        assert "<code>/close sol 50</code>" in one
        assert "No such command" in (await talk.say("/help nonsense"))["text"]


async def test_an_unknown_command_offers_the_nearest_and_repeats_nothing() -> None:
    async with talking() as talk:
        said = await talk.say("/statsu <b>evil</b>")
        assert said["text"] == "No such command. Did you mean"
        assert [b["callback_data"] for b in buttons(said)] == ["r|status", "r|help"]
        assert (await talk.say("/qqqqqqq"))["text"] == "No such command."


async def test_start_starts_nothing() -> None:
    async with talking() as talk:
        said = await talk.say("/start 7F3K-Q2")
        assert "RUNNING" in said["text"]
        assert "Opening it starts nothing" in said["text"]
        assert talk.desk.commands == []


async def test_words_without_a_slash_get_a_hint_in_private_only() -> None:
    async with talking() as talk:
        assert "slash" in (await talk.say("hello"))["text"]
        assert await talk.say("hello", OWNER, chat=GROUP) == {}
        assert "RUNNING" in (await talk.say("/status@break_bot", OWNER, chat=GROUP))["text"]
        assert await talk.say("/status@other_bot", OWNER, chat=GROUP) == {}


async def test_answers_are_replies_and_refresh_edits_in_place() -> None:
    async with talking() as talk:
        raw = message("/status")
        [said] = await talk.hear(raw)
        assert said["reply_parameters"]["message_id"] == raw["message"]["message_id"]
        edited = await talk.tap(said, "Refresh")
        assert edited["id"] == said["id"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("/why arb", "<b>ARBUSDT</b> no trade"),
        ("/why ARB/USDT:USDT", "<b>ARBUSDT</b> no trade"),
        ("/why pepe", "no judged bar yet"),
        ("/why nonsense", "No market of ours"),
        ("/why s", "<b>SOLUSDT</b>"),
        ("/why \u0412\u0422\u0421", "No market of ours"),
        ("/why #99", "No trade of that number"),
        ("/why a b", "that is more than this command takes"),
        ("/chart nonsense", "No market of ours"),
        ("/chart", "Which one?"),
        ("/positions #99", "Nothing is open"),
        ("/scan 0", "a count is a whole number from 1 to 30"),
        ("/scan 1e1", "a count is a whole number from 1 to 30"),
        ("/scan 2", "2 markets judged"),
        ("/pnl 9d", "a period is one of today, 7d, 30d, all"),
        ("/status now", "that is more than this command takes"),
    ],
)
async def test_arguments_of_reads(words: str, expected: str) -> None:
    async with talking() as talk:
        assert expected in (await talk.say(words))["text"]


async def test_an_ambiguous_market_becomes_buttons() -> None:
    desk = FakeDesk()
    desk.show(universe=("ARBUSDT", "ARKUSDT"), verdicts={})
    async with talking(desk) as talk:
        said = await talk.say("/why ar")
        assert [b["callback_data"] for b in buttons(said)][:2] == ["r|why ARBUSDT", "r|why ARKUSDT"]


async def test_a_chart_is_a_photo_with_the_trade_s_lines() -> None:
    desk = held()
    async with talking(desk) as talk:
        desk.tell(f.SignalSkipped(signal(), "x"))
        said = await talk.say("/chart sol")
        assert said["photo"] == "attached"
        kinds = [line.kind for line in desk.pictures[0].lines]
        assert kinds == ["level", "level", "entry", "stop", "target"]
        desk.history = None
        assert "No candles" in (await talk.say("/chart sol"))["text"]


# Pause and resume


async def test_pause_acts_at_once_and_can_be_undone_once() -> None:
    async with talking() as talk:
        raw = message("/pause 4h", TRADER)
        [said] = await talk.hear(raw)
        until_ms = talk.desk.shown.at_ms + 4 * 3_600_000
        key = f"tg:{raw['update_id']}"
        assert talk.desk.commands == [e.Pause(command_id=key, by="@u22 (22)", until_ms=until_ms)]
        undone = await talk.tap(said, "Undo", TRADER)
        assert "Resumed" in undone["text"]
        assert await talk.tap(said, "Undo", TRADER) == {}
        assert [type(c) for c in talk.desk.commands] == [e.Pause, e.Resume]
        assert talk.answers[-1]["text"] == "expired, nothing done"


async def test_undo_is_not_offered_for_an_older_pause() -> None:
    desk = FakeDesk()
    desk.show(gates=(gate(GateName.OPERATOR, "stopped"),))
    async with talking(desk) as talk:
        assert buttons(await talk.say("/pause")) == []


async def test_the_undo_button_vanishes_without_claiming_anything() -> None:
    async with talking() as talk:
        await talk.say("/pause")
        talk.desk.now_real.now += 31
        await talk.dispatch.tidy()
        await settle()
        [edit] = talk.wire.named("editMessageText")
        assert "expired" not in edit["text"]
        assert buttons(edit) == []


@pytest.mark.parametrize("words", ["1,5h", "-1h", "\uff14h", "4h 5h", "until 25:00", "0m", "99d"])
async def test_unclear_pauses_change_nothing(words: str) -> None:
    async with talking() as talk:
        said = await talk.say(f"/pause {words}")
        assert "Usage: <code>/pause [30m, 4h, until 08:00]</code>" in said["text"]
        assert talk.desk.commands == []


async def test_a_pause_button_asks_first() -> None:
    async with talking() as talk:
        status = await talk.say("/status")
        asked = await talk.tap(status, "Pause")
        assert talk.desk.commands == []
        assert "Paused" in (await talk.tap(asked, "Pause"))["text"]
        assert [type(c) for c in talk.desk.commands] == [e.Pause]


async def test_resume_is_plain_after_a_pause_and_needless_when_on() -> None:
    async with talking() as talk:
        assert "on already" in (await talk.say("/resume"))["text"]
        talk.desk.show(gates=(gate(GateName.OPERATOR),))
        raw = message("/resume", TRADER)
        assert "Resumed" in (await talk.hear(raw))[0]["text"]
        key = f"tg:{raw['update_id']}"
        assert talk.desk.commands == [e.Resume(command_id=key, by="@u22 (22)")]


async def test_resume_by_button_or_with_real_money_is_confirmed() -> None:
    desk = FakeDesk()
    desk.show(gates=(gate(GateName.OPERATOR),))
    async with talking(desk) as talk:
        asked = await talk.tap(await talk.say("/status"), "Resume")
        assert desk.commands == []
        assert "Resumed" in (await talk.tap(asked, "Resume"))["text"]
        desk.show(mode="live")
        assert "Entries on again?" in (await talk.say("/resume"))["text"]


def locked_desk() -> FakeDesk:
    desk = FakeDesk()
    desk.show(gates=(gate(GateName.KILL_SWITCH, "panic"),))
    return desk


async def test_a_lock_is_lifted_by_the_owner_with_a_reason_and_a_tap() -> None:
    async with talking(locked_desk()) as talk:
        assert "for the role owner" in (await talk.say("/resume why not", TRADER))["text"]
        asked = await talk.say("/resume")
        assert "Write the reason" in asked["text"]
        again = (await talk.hear(message("the feed is fine <now>")))[-1]
        assert "Reason: the feed is fine &lt;now&gt;" in again["text"]
        assert talk.desk.commands == []
        assert "Resumed" in (await talk.tap(again, "Resume"))["text"]
        [done] = talk.desk.commands
        assert isinstance(done, e.Resume)
        assert done.reason == "the feed is fine <now>"


async def test_a_reason_may_come_with_the_command() -> None:
    async with talking(locked_desk()) as talk:
        asked = await talk.say("/resume glitch in the feed")
        await talk.tap(asked, "Resume")
        assert [getattr(c, "reason", None) for c in talk.desk.commands] == ["glitch in the feed"]


async def test_a_reason_is_only_awaited_from_the_asker_until_the_next_command() -> None:
    async with talking(locked_desk()) as talk:
        await talk.say("/resume")
        assert "slash" in (await talk.say("not mine", TRADER))["text"]
        await talk.hear(message("/status"))
        assert "slash" in (await talk.say("too late"))["text"]
        await talk.say("/resume")
        talk.desk.now_real.now += 121
        assert "slash" in (await talk.say("too late"))["text"]


async def test_refusals_of_the_engine_are_told() -> None:
    async with talking() as talk:
        talk.desk.show(gates=(gate(GateName.OPERATOR),))
        talk.desk.refusal = "not <now>"
        for words in ("/pause", "/resume"):
            assert "Not done: not &lt;now&gt;" in (await talk.say(words))["text"]


# Stop


async def test_stop_asks_which_way() -> None:
    async with talking(held()) as talk:
        asked = await talk.say("/stop")
        assert [b["text"] for b in buttons(asked)] == [
            "Keep positions managed",
            "Close all",
            "Cancel",
        ]
        assert "Stopped" in (await talk.tap(asked, "Keep"))["text"]
        await talk.tap(await talk.say("/stop"), "Close all")
        assert "nothing done" in (await talk.tap(await talk.say("/stop"), "Cancel"))["text"]
        stops = [c for c in talk.desk.commands if isinstance(c, e.Stop)]
        assert [c.close_all for c in stops] == [False, True]
        assert len(talk.desk.commands) == 2


async def test_a_refused_stop_is_told() -> None:
    async with talking() as talk:
        asked = await talk.say("/stop")
        talk.desk.refusal = "no"
        assert "Not done" in (await talk.tap(asked, "Keep"))["text"]


# Close


def closed(number: int = 17) -> f.PositionClosed:
    return f.PositionClosed(
        position_id=number,
        symbol="SOLUSDT",
        side=position().side,
        rule="operator",
        gross=D(20),
        fees=D(3),
        net=D(17),
        result_r=0.54,
        mfe_r=0.9,
        mae_r=-0.1,
        opened_ms=0,
    )


async def test_close_is_quoted_confirmed_and_reported() -> None:
    desk = held()
    desk.follow_up = [closed()]
    async with talking(desk) as talk:
        asked = await talk.say("/close sol", TRADER)
        assert "Close SOLUSDT LONG" in asked["text"]
        assert "12.3 SOL at market" in asked["text"]
        assert "Expires in 30 s" in asked["text"]
        done = await talk.tap(asked, "Close", TRADER)
        assert "closed <b>+0.54R</b>, +17.00 USDT net" in done["text"]
        assert "by @u22 (22)" in done["text"]
        assert buttons(done) == []
        [command] = desk.commands
        assert isinstance(command, e.Close)
        assert (command.position_id, command.share) == (17, D(1))
        assert desk.listening == 0


async def test_a_share_is_reported_by_its_fills() -> None:
    desk = held()
    leaving = order(Purpose.EXIT, id="x1", position_id=17)
    part = fill(Purpose.EXIT, order_id="x1", qty=D("6.1"), price=D("183.97"))
    desk.follow_up = [
        f.OrderPlaced(order(Purpose.TARGET, id="t", position_id=17)),
        f.OrderPlaced(leaving),
        f.OrderFilled(17, part),
        f.OrderEnded("x1", OrderState.FILLED, ""),
    ]
    async with talking(desk) as talk:
        asked = await talk.say("/close #17 50%")
        assert "Close 50% of" in asked["text"]
        done = await talk.tap(asked, "Close 50%")
        assert "Sold 6.1 @ 183.97 SOLUSDT" in done["text"]
        assert [getattr(c, "share", None) for c in desk.commands] == [D("0.5")]


async def test_a_double_tap_closes_once() -> None:
    desk = held()
    desk.follow_up = [closed()]
    async with talking(desk) as talk:
        asked = await talk.say("/close #17")
        data = buttons(asked)[0]["callback_data"]
        both = [tap(data, 1000), tap(data, 1000)]
        await asyncio.gather(*(talk.hear(raw) for raw in both))
        assert len(desk.commands) == 1


async def test_only_the_asker_may_confirm_and_only_on_that_message() -> None:
    async with talking(held()) as talk:
        asked = await talk.say("/close #17", TRADER, chat=GROUP)
        await talk.tap(asked, "Close", OWNER)
        assert talk.answers[-1]["text"] == "only the person who asked can answer"
        await talk.tap(asked, "Close", TRADER, number=4)
        assert talk.answers[-1]["text"] == "expired, nothing done"
        assert talk.desk.commands == []
        assert "sent" not in (await talk.tap(asked, "Cancel", TRADER))["text"]


async def test_an_expired_question_does_nothing_and_says_so() -> None:
    async with talking(held()) as talk:
        asked = await talk.say("/close #17")
        talk.desk.now_real.now += 31
        await talk.tap(asked, "Close")
        assert talk.answers[-1]["text"] == "expired, nothing done"
        await talk.dispatch.tidy()
        await settle()
        last = talk.wire.named("editMessageText")[-1]
        assert last["text"].endswith("<i>expired, nothing done</i>")
        assert buttons(last) == []
        assert talk.desk.commands == []


@pytest.mark.parametrize("data", ["c|forged", "x|panic now", "r|nonsense", "r|", "", "e|zzz"])
async def test_old_and_forged_buttons_do_nothing(data: str) -> None:
    async with talking(held()) as talk:
        assert await talk.hear(tap(data, 77)) == []
        assert [a["text"] for a in talk.answers] == ["expired, nothing done"]
        [strip] = talk.wire.named("editMessageReplyMarkup")
        assert int(strip["message_id"]) == 77
        assert talk.desk.commands == []


@pytest.mark.parametrize("data", ["r|panic now", "r|close #17", "r|stop", "r|pause", "r|close all"])
async def test_a_button_without_a_nonce_can_only_ask(data: str) -> None:
    async with talking(held()) as talk:
        [asked] = await talk.hear(tap(data, 77))
        assert asked["text"].count("?") == 1
        assert talk.desk.commands == []


async def test_a_moved_price_or_size_is_quoted_again() -> None:
    desk = held()
    desk.follow_up = [closed()]
    async with talking(desk) as talk:
        asked = await talk.say("/close #17")
        desk.quotes["SOLUSDT"] = Quote(180.0, 180.1, 180.0, 0)
        again = await talk.tap(asked, "Close")
        assert "moved since you asked" in again["text"]
        desk.show(positions=(position(qty=D(6)),))
        again = await talk.tap(again, "Close")
        assert "6 SOL at market" in again["text"]
        desk.quotes.clear()
        again = await talk.tap(again, "Close")
        assert "moved" in again["text"]
        desk.show(positions=(position(qty=D(6), mark=None),))
        again = await talk.tap(again, "Close")
        assert desk.commands == []
        assert "closed" in (await talk.tap(again, "Close"))["text"]


async def test_a_position_gone_meanwhile_is_not_closed() -> None:
    async with talking(held()) as talk:
        asked = await talk.say("/close #17")
        talk.desk.show(positions=())
        assert "Already closed" in (await talk.tap(asked, "Close"))["text"]
        assert talk.desk.commands == []


async def test_close_picks_only_exact_open_positions() -> None:
    async with talking(held()) as talk:
        for words in ("/close", "/close s", "/close arb", "/close #99", "/close \u0405OL"):
            said = await talk.say(words)
            data = [b["callback_data"] for b in buttons(said)]
            assert data == ["r|close #17", "r|close all"]
        talk.desk.show(positions=())
        assert "Nothing is open" in (await talk.say("/close"))["text"]
        assert "Nothing is open" in (await talk.say("/close all"))["text"]


@pytest.mark.parametrize("part", ["1,5", "1.000", "1e9", "\uff10.\uff15", "-1", "50%%", "0", "101"])
async def test_shares_are_never_guessed(part: str) -> None:
    async with talking(held()) as talk:
        said = await talk.say(f"/close sol {part}")
        assert "a share is a whole percentage from 1 to 100, for example 50" in said["text"]


async def test_close_all_pauses_first_and_closes_what_was_asked() -> None:
    desk = FakeDesk()
    second = position(18, symbol="XRPUSDT")
    desk.show(positions=(position(), second))
    async with talking(desk) as talk:
        asked = await talk.say("/close all")
        assert "Entries are paused first" in asked["text"]
        desk.show(positions=(position(), second, position(19, symbol="ARBUSDT")))
        done = await talk.tap(asked, "Close")
        assert "closing 2 positions" in done["text"]
        kinds = [(type(c), getattr(c, "position_id", None)) for c in desk.commands]
        assert kinds == [(e.Pause, None), (e.Close, 17), (e.Close, 18)]
        assert len({c.command_id for c in desk.commands}) == 3


async def test_close_all_is_quoted_again_and_refusals_are_listed() -> None:
    desk = held()
    async with talking(desk) as talk:
        asked = await talk.say("/close all 50")
        desk.quotes["SOLUSDT"] = Quote(190.0, 190.1, 190.0, 0)
        again = await talk.tap(asked, "Close")
        assert "moved since you asked" in again["text"]
        desk.refusal = "no"
        assert "Not done: no" in (await talk.tap(again, "Close"))["text"]
        assert [type(c) for c in desk.commands] == [e.Pause]


async def test_a_refused_leg_of_close_all_is_named() -> None:
    class Stubborn(FakeDesk):
        async def command(  # type: ignore[explicit-override] # typing: 3.12
            self, command: e.Command
        ) -> tuple[f.Record, ...]:
            self.refusal = "being closed already" if isinstance(command, e.Close) else ""
            return await super().command(command)

    desk = Stubborn()
    desk.show(positions=(position(),))
    async with talking(desk) as talk:
        done = await talk.tap(await talk.say("/close all"), "Close")
        assert "closing 0 positions" in done["text"]
        assert "#17: being closed already" in done["text"]


async def test_a_refused_close_is_told() -> None:
    desk = held()
    desk.refusal = "below the least quantity"
    async with talking(desk) as talk:
        done = await talk.tap(await talk.say("/close #17 1"), "Close 1%")
        assert "Not done: below the least quantity" in done["text"]


# Old commands


OLD = {"date": T_S - 840}


async def test_old_reads_are_skipped_with_one_line() -> None:
    async with talking() as talk:
        for words in ("/status", "/scan", "/help", "/pnl"):
            assert await talk.say(words, **OLD) == {}
        await talk.dispatch.tidy()
        talk.desk.now_real.now += 2
        tidying = asyncio.create_task(talk.dispatch.tidy())
        await settle()
        await tidying
        assert [s["text"] for s in talk.wire.sent] == ["Skipped 4 old requests."]


async def test_an_old_pause_runs_anyway_and_an_old_resume_never() -> None:
    async with talking() as talk:
        assert "your message was old" in (await talk.say("/pause", **OLD))["text"]
        assert "too old to act on" in (await talk.say("/resume", **OLD))["text"]
        assert [type(c) for c in talk.desk.commands] == [e.Pause]


@pytest.mark.parametrize("words", ["/panic now", "/close all", "/close sol", "/stop"])
async def test_an_old_close_locks_entries_and_asks(words: str) -> None:
    async with talking(held()) as talk:
        said = await talk.say(words, **OLD)
        assert f"You sent <b>{words[1:]}</b> 14m ago. It was not carried out." in said["text"]
        assert "Now: 1 open, +0.62R." in said["text"]
        assert [b["text"] for b in buttons(said)] == [
            "Do it now",
            "Keep, stay paused",
            "Ignore, resume",
        ]
        assert [type(c) for c in talk.desk.commands] == [e.Pause]


async def test_the_three_ways_out_of_an_old_close() -> None:
    desk = held(move_r=None)
    async with talking(desk) as talk:
        stay = await talk.tap(await talk.say("/close all", **OLD), "Keep")
        assert "entries stay paused" in stay["text"]
        ignored = await talk.tap(await talk.say("/close all", **OLD), "Ignore")
        assert "Resumed" in ignored["text"]
        asked = await talk.tap(await talk.say("/close all", **OLD), "Do it")
        assert "Close all" in asked["text"]
        assert [type(c) for c in desk.commands] == [e.Pause, e.Pause, e.Resume, e.Pause]
        panicked = await talk.tap(await talk.say("/panic", **OLD), "Do it")
        assert "PANIC" in panicked["text"]
        assert isinstance(desk.commands[-1], e.Panic)


async def test_an_old_close_offers_no_resume_over_an_older_pause() -> None:
    desk = FakeDesk()
    desk.show(gates=(gate(GateName.OPERATOR),))
    async with talking(desk) as talk:
        said = await talk.say("/close all", **OLD)
        assert [b["text"] for b in buttons(said)] == ["Do it now", "Keep, stay paused"]
        assert "Now: nothing open." in said["text"]


async def test_an_old_close_whose_lock_fails_says_so() -> None:
    async with talking() as talk:
        talk.desk.refusal = "no"
        assert "Not done: no" in (await talk.say("/close all", **OLD))["text"]


async def test_roles_come_before_age() -> None:
    async with talking() as talk:
        assert "for the role" in (await talk.say("/panic now", VIEWER, **OLD))["text"]
        assert talk.desk.commands == []


# Trouble


async def test_a_failure_inside_is_told_with_a_trace() -> None:
    class Broken(FakeDesk):
        def health(self) -> Health:  # type: ignore[explicit-override] # typing: 3.12
            raise RuntimeError("secret detail")

    async with talking(Broken()) as talk:
        said = await talk.say("/status")
        assert "Something went wrong inside (trace " in said["text"]
        assert "secret detail" not in said["text"]


async def test_an_engine_that_says_nothing_is_not_called_done() -> None:
    class Mute(FakeDesk):
        async def command(  # type: ignore[explicit-override] # typing: 3.12
            self, command: e.Command
        ) -> tuple[f.Record, ...]:
            self.commands.append(command)
            return ()

    async with talking(Mute()) as talk:
        assert "said nothing" in (await talk.say("/pause"))["text"]


async def test_a_question_that_was_never_delivered_expires_quietly() -> None:
    async with talking(held()) as talk:
        talk.wire.faults["sendMessage"] = [refuse(403, "Forbidden: bot was blocked by the user")]
        assert "chat_id" in await talk.say("/close #17")
        talk.desk.now_real.now += 31
        await talk.dispatch.tidy()
        await settle()
        assert talk.wire.named("editMessageText") == []


async def test_an_answered_chat_that_had_blocked_us_is_served_again() -> None:
    async with talking() as talk:
        talk.wire.faults["sendMessage"] = [refuse(403, "Forbidden: bot was blocked by the user")]
        await talk.say("/status")
        assert "RUNNING" in (await talk.say("/status"))["text"]


async def test_why_shows_the_checks_of_a_trade() -> None:
    desk = FakeDesk()
    desk.tell(taken())
    async with talking(desk) as talk:
        assert "Broke 102.2 (11 touches)" in (await talk.say("/why #17"))["text"]


def test_every_verb_has_an_example_that_finds_it() -> None:
    for verb in commands.TABLE:
        for words in (verb.usage, *verb.examples):
            name = words.split()[0].removeprefix("/")
            assert commands.find(name) is verb


async def test_verdicts_beyond_the_universe_are_found_too() -> None:
    desk = FakeDesk()
    desk.shown = view(universe=(), verdicts={"OPUSDT": verdict("OPUSDT")})
    async with talking(desk) as talk:
        assert "<b>OPUSDT</b>" in (await talk.say("/why op"))["text"]
