"""The conversation: every command by every role, confirmations, old commands, failures."""

import asyncio

import pytest
from desks import FakeDesk, gate, position, settle, taken, verdict, view
from talk import talking
from telegram_wire import (
    GROUP,
    OWNER,
    STRANGER,
    TRADER,
    VIEWER,
    buttons,
    message,
    refuse,
    tap,
)

from bot.commands import TABLE, VERBS
from bot.desk import Health
from bot.dialogs import Answer, Choice, Question, Tap
from bot.gate import Caller, Role
from bot.verbs import Verb
from engine.core import events as e
from engine.core import facts as f
from engine.core.values import GateName
from engine.errors import EngineError

READS = [
    "/start", "/help", "/status", "/s", "/signals", "/scan", "/why", "/levels", "/positions", "/p",
    "/pnl", "/health", "/daily", "/weekly", "/monthly", "/trades", "/stats", "/performance",
    "/balance", "/risk", "/version",
]  # fmt: skip
ACTS = {
    "pause": TRADER, "resume": TRADER, "close": TRADER, "stop": OWNER, "preset": OWNER,
    "panic": OWNER,
}  # fmt: skip
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


def test_the_table_is_the_commands_of_the_manual() -> None:
    names = "status positions signals scan why chart levels pnl trades stats balance risk "
    names += "pause resume close stop preset set config notify blacklist watch mode ignore "
    names += "health logs export help start seen panic"
    assert [v.name for v in TABLE] == names.split()
    assert all(len(v.brief) <= 40 for v in TABLE)


def test_menus_are_the_twelve_of_the_manual_and_the_reads_for_viewers() -> None:
    menus = {role: [c.command for c in VERBS.menu(role)] for role in Role}
    look = ["status", "positions", "signals", "scan", "why", "chart", "pnl"]
    twelve = [*look, "pause", "resume", "health", "help", "panic"]
    assert len(twelve) == 12
    assert menus == {
        Role.VIEWER: [*look, "health", "help"],
        Role.TRADER: twelve,
        Role.OWNER: twelve,
    }


async def test_who_may_not_panic_is_shown_what_they_may() -> None:
    async with talking() as talk:
        said = await talk.say("/panic", TRADER)
        assert [b["callback_data"] for b in buttons(said)] == ["r|pause", "r|close all"]


async def test_help_names_only_what_exists_and_what_the_role_may_use() -> None:
    async with talking() as talk:
        words = (await talk.say("/help", VIEWER))["text"]
        assert "/panic" not in words
        assert "/why" in words
        owners = await talk.say("/help", OWNER)
        assert "<code>/panic</code>" in owners["text"]
        tabs = ["Look", "Money", "Steer", "Machine", "Emergency", "All"]
        assert [b["text"] for b in buttons(owners)] == tabs
        assert "No such command" in (await talk.say("/help nonsense"))["text"]
        assert "No such command" in (await talk.say("/help emergency", VIEWER))["text"]


async def test_help_turns_in_place_from_group_to_command_and_back() -> None:
    async with talking() as talk:
        said = await talk.say("/help")
        group = await talk.tap(said, "Steer")
        assert group["id"] == said["id"]
        assert "<code>/close</code>  close a position" in group["text"]
        talk.desk.now_real.now += 9
        one = await talk.tap({**group, "id": said["id"]}, "? close")
        assert one["id"] == said["id"]
        assert "/close [#id or SYM or all] [percent]" in one["text"]
        assert "<code>/close sol 50</code>" in one["text"]
        assert "Also <code>/closeall = /close all</code>." in one["text"]


@pytest.mark.parametrize("verb", TABLE, ids=lambda v: v.name)
async def test_help_gives_every_command_its_usage_and_two_examples(verb: Verb) -> None:
    async with talking() as talk:
        said = (await talk.say(f"/help {verb.name}"))["text"]
        assert f"<code>{verb.usage}</code>" in said
        has_ways = "[" in verb.usage or " " in verb.usage or verb.aliases or verb.name == "start"
        assert len(verb.examples) == (2 if has_ways else 1)
        assert all(f"<code>{example}</code>" in said for example in verb.examples)
        for example in verb.examples:
            assert VERBS.find(example.split()[0][1:]) is not None


@pytest.mark.parametrize(
    ("words", "same"),
    [("/daily", "/pnl day"), ("/weekly", "/pnl week"), ("/monthly", "/pnl month"),
     ("/version", "/health"), ("/performance", "/stats"), ("/closeall", "/close all"),
     ("/errors", "/logs errors"), ("/closeall 50", "/close all 50")],
)  # fmt: skip
async def test_an_alias_stands_for_a_command_with_its_words(words: str, same: str) -> None:
    async with talking(held()) as talk:
        assert (await talk.say(words))["text"] == (await talk.say(same))["text"]


async def test_an_unknown_command_offers_the_nearest_and_repeats_nothing() -> None:
    async with talking() as talk:
        said = await talk.say("/statuss <b>evil</b>")
        assert said["text"] == "No such command. Did you mean"
        assert [b["callback_data"] for b in buttons(said)] == ["r|status", "r|help"]
        assert (await talk.say("/qqqqqqq"))["text"] == "No such command."


async def test_start_starts_nothing() -> None:
    async with talking() as talk:
        said = await talk.say("/start 7F3K-Q2")
        assert said["text"].startswith("Hello @u11, you are owner here.")
        assert "RUNNING" in said["text"]
        assert "Equity <b>" in said["text"]
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
        ("/chart", "Which market?"),
        ("/positions #99", "Nothing is open"),
        ("/scan 0", "a count is a whole number from 1 to 30"),
        ("/scan 1e1", "a count is a whole number from 1 to 30"),
        ("/scan 2", "2 markets</b>"),
        ("/pnl 9d", "a period is one of today, 7d, 30d, all, day, week, month"),
        ("/pnl 7d 7d", "a period is one of"),
        ("/trades a b", "a page is written p2"),
        ("/trades 0", "a count is a whole number from 1 to 500"),
        ("/trades zzz", "No market of ours is called that"),
        ("/trades #99", "No trade of that number"),
        ("/stats by moon", "statistics go by symbol, setup, side, hour, exit"),
        ("/stats symbol x", "that is more than this command takes"),
        ("/risk now", "only reset is understood here"),
        ("/risk reset x", "nothing to reset"),
        ("/logs \u0412", "by a count, by errors, or by a market"),
        ("/logs 5 errors", "that is more than this command takes"),
        ("/export moon", "one of trades, signals, config, logs, all"),
        ("/export", "Which document?"),
        ("/status now", "status takes the word pin, or nothing"),
    ],
)
async def test_arguments_of_reads(words: str, expected: str) -> None:
    async with talking() as talk:
        assert expected in (await talk.say(words))["text"]


async def test_an_unknown_market_offers_the_most_promising() -> None:
    async with talking() as talk:
        for words in ("/why nonsense", "/chart nonsense"):
            verb = words.split()[0][1:]
            data = [b["callback_data"] for b in buttons(await talk.say(words))]
            assert data == [f"r|{verb} ARBUSDT", f"r|{verb} SOLUSDT", "r|scan"]


async def test_the_chart_picker_names_each_market_once() -> None:
    async with talking(held()) as talk:
        data = [b["callback_data"] for b in buttons(await talk.say("/chart"))]
        assert data == [
            *("r|chart SOLUSDT", "r|chart ARBUSDT", "r|scan", "r|chart equity", "r|chart r"),
        ]


async def test_an_ambiguous_market_becomes_buttons() -> None:
    desk = FakeDesk()
    desk.show(universe=("ARBUSDT", "ARKUSDT"), verdicts={})
    async with talking(desk) as talk:
        said = await talk.say("/why ar")
        assert [b["text"] for b in buttons(said)][:2] == ["ARB", "ARK"]
        assert [b["callback_data"] for b in buttons(said)][:2] == ["r|why ARBUSDT", "r|why ARKUSDT"]


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


async def test_an_engine_that_fails_or_hangs_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Failing(FakeDesk):
        async def command(  # type: ignore[explicit-override] # typing: 3.12
            self, command: e.Command
        ) -> tuple[f.Record, ...]:
            self.commands.append(command)
            await asyncio.sleep(0)
            raise EngineError("the engine is stopping")

    monkeypatch.setattr("bot.conversation.ANSWER_S", 0.0)
    async with talking(Failing()) as talk:
        assert (
            "no answer within 0 s; it may still take effect" in (await talk.say("/pause"))["text"]
        )
        monkeypatch.setattr("bot.conversation.ANSWER_S", 5.0)
        assert "Not done: the engine is stopping" in (await talk.say("/pause"))["text"]


async def test_foreign_facts_are_not_taken_for_the_answer() -> None:
    class Busy(FakeDesk):
        async def command(  # type: ignore[explicit-override] # typing: 3.12
            self, command: e.Command
        ) -> tuple[f.Record, ...]:
            other = self.tell(f.CommandRefused("other", "x", "pause", "not ours"))
            return (other, *(await super().command(command)))

    async with talking(Busy()) as talk:
        assert "pause is done" in (await talk.say("/pause"))["text"]


async def test_a_choice_without_an_answer_only_loses_its_buttons() -> None:
    async def nothing(_tap: Tap) -> Answer:
        return None

    async with talking() as talk:
        caller = Caller(OWNER, OWNER, "@u11", Role.OWNER, is_private=True)
        question = Question("?", ((Choice("go", nothing),),), 30)
        text, opened = talk.dispatch._dialogs.ask(question, caller)
        opened.message_id = 5
        assert await talk.hear(tap(text.buttons[0][0].data, 5)) == []
        assert len(talk.wire.named("editMessageReplyMarkup")) == 1


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
        assert "Broke 102.20 (11 touches, " in (await talk.say("/why #17"))["text"]


def test_every_verb_has_an_example_that_finds_it() -> None:
    for verb in TABLE:
        for words in (verb.usage, *verb.examples):
            name = words.split()[0].removeprefix("/")
            assert VERBS.find(name) is verb


async def test_verdicts_beyond_the_universe_are_found_too() -> None:
    desk = FakeDesk()
    desk.shown = view(universe=(), verdicts={"OPUSDT": verdict("OPUSDT")})
    async with talking(desk) as talk:
        assert "<b>OPUSDT</b>" in (await talk.say("/why op"))["text"]
