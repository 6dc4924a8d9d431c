"""Going live and back, with real processes: a venue and a chat of their own, and a person."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from programs import Message, Person, Program, person_at, running

from engine.core import facts as f
from engine.live.journal import journal_files, read_after

pytestmark = pytest.mark.e2e

TOKEN = "1234567:" + "a" * 35
KEYS = {"EXCHANGE_API_KEY": "sandbox", "EXCHANGE_API_SECRET": "sandbox", "ALLOW_LIVE": "1"}
SPEED = ("--speed", "60")


class Place:
    """A venue, a chat and a state directory that outlive the bot."""

    def __init__(self, venue: str, chat: str, state: Path) -> None:
        stream = venue.replace("http", "ws") + "/v5/public/linear"
        self.state = state
        self.sets = (
            *("--set", f"exchange.rest_url={venue}"),
            *("--set", f"exchange.ws_public_url={stream}"),
            *("--set", "checks.excluded=[]"),
        )
        self.env = {
            "BREAKOUT_STATE_DIR": str(state),
            "TELEGRAM_TOKEN": TOKEN,
            "TELEGRAM_API_URL": chat,
            "TELEGRAM_ALLOWED_USERS": "1001:owner",
        }

    @asynccontextmanager
    async def bot(self, *more: str, **env: str) -> AsyncIterator[Program]:
        """The bot, trading and in conversation."""
        async with running("bot", *self.sets, *SPEED, *more, **{**self.env, **env}) as bot:
            await bot.line("market data flows")
            yield bot

    def facts(self, mode: str) -> list[f.AnyFact]:
        """Everything in one journal."""
        scans = read_after(journal_files(self.state / mode), 0)
        return [record.fact for scan in scans for record in scan.records]


@asynccontextmanager
async def place(state: Path) -> AsyncIterator[tuple[Place, Person]]:
    """A venue, a chat and somebody in it."""
    async with (
        running("engine", "venue", "--port", "0", *SPEED) as venue,
        running("bot", "chat", "--port", "0") as chat,
    ):
        where = Place(await venue.address(), await chat.address(), state)
        async with person_at(await chat.address()) as person:
            yield where, person


def phrase(card: Message) -> str:
    found = re.search(r"LIVE alpha \d{4}", card["text"])
    assert found is not None, card["text"]
    return found[0]


async def go_live(person: Person) -> None:
    """The whole typed way, with one slip."""
    card = await person.answer("/mode live", "Trade real money")
    assert "Equity   10000.00 USDT" in card["text"]
    await person.answer("LIVE alpha", "That was not it")
    await person.answer(phrase(card), "Changing over to 💵 LIVE")


async def test_mode_says_what_is_missing(tmp_path: Path) -> None:
    async with place(tmp_path) as (where, person), where.bot("--set", 'checks.excluded=["oi"]'):
        said = (await person.answer("/mode live", "not possible here"))["text"]
        assert "ALLOW_LIVE: expected 1" in said
        assert "EXCHANGE_API_KEY and EXCHANGE_API_SECRET: expected both" in said
        assert "checks.excluded: expected no names in live mode" in said
        assert "PAPER" in (await person.answer("/mode", "Mode"))["text"]
    assert not (tmp_path / "mode.json").exists()


async def test_the_whole_way_there_a_restart_and_back(tmp_path: Path) -> None:
    async with place(tmp_path) as (where, person):
        async with where.bot(**KEYS) as bot:
            await go_live(person)
            await bot.line("live.armed")
            await bot.line("market data flows", 2)
            status = await person.answer("/status", "Equity")
            assert "💵 LIVE" in status["text"]
            assert "live starts paused" in status["text"]
            asked = await person.answer("/resume", "Entries on again?")
            await person.tap(asked, "Resume")
            await person.until(lambda m: "Resumed" in m["text"])
            assert await bot.stop() == 0
        assert json.loads((tmp_path / "mode.json").read_bytes())["mode"] == "live"

        async with where.bot(**KEYS):  # killed at the end: what was resumed waits again
            status = await person.answer("/status", "Equity")
            assert "💵 LIVE" in status["text"]
            assert "live starts paused" in status["text"]
            asked = await person.answer("/resume", "Entries on again?")
            await person.tap(asked, "Resume")
            await person.until(lambda m: m["text"].count("Resumed") and m["edits"] > 0)

        async with where.bot("--set", "bot.resume_live=true", **KEYS) as bot:
            status = await person.answer("/status", "Equity")
            assert "live starts paused" not in status["text"]
            async with running("bot", "health", BREAKOUT_STATE_DIR=str(tmp_path)) as health:
                assert await health.ended() == 0, health.lines
            asked = await person.answer("/mode paper", "Back to")
            await person.tap(asked, "Back to paper")
            await bot.line("market data flows", 2)
            assert "🧪 PAPER" in (await person.answer("/status", "Equity"))["text"]
            assert await bot.stop() == 0
    live, paper = where.facts("live"), where.facts("paper")
    assert [x for x in paper if isinstance(x, f.LiveArmed)] == []
    assert isinstance(live[0], f.LiveArmed)
    assert {x.mode for x in live if isinstance(x, f.Booted)} == {"live"}
    assert {x.mode for x in paper if isinstance(x, f.Booted)} == {"paper"}
    assert (tmp_path / "live" / "kind").read_text() == "live\n"


async def test_real_money_waits_for_real_time_and_a_chat_with_a_lock(tmp_path: Path) -> None:
    """Both are refused before anybody is asked: nothing here reaches out."""
    real = "https://api.bybit.com"
    stored = {"mode": "live", "by": "@ann (1)", "at_ms": 1, "venue": real}
    (tmp_path / "mode.json").write_text(json.dumps(stored), encoding="utf-8")
    where = Place("http://127.0.0.1:9", "http://127.0.0.1:9", tmp_path)
    sets = ("--set", f"exchange.rest_url={real}", *where.sets[4:])
    for pace, words in ((SPEED, "--speed"), ((), "TELEGRAM_API_URL: expected none, or https")):
        async with running("bot", *sets, *pace, **{**where.env, **KEYS}) as bot:
            assert await bot.ended() == 2, bot.lines
            assert any(words in line for line in bot.lines), bot.lines
            assert not any("Traceback" in line for line in bot.lines)


async def test_a_key_the_venue_does_not_know_is_told_before_the_end(tmp_path: Path) -> None:
    async with place(tmp_path) as (where, person):
        venue = where.sets[1].partition("=")[2]
        stored = {"mode": "live", "by": "@ann (1)", "at_ms": 1, "venue": venue}
        (tmp_path / "mode.json").write_text(json.dumps(stored), encoding="utf-8")
        wrong = {**KEYS, "EXCHANGE_API_KEY": "nobody1"}
        async with running("bot", *where.sets, *SPEED, **{**where.env, **wrong}) as bot:
            assert await bot.ended() == 5, bot.lines
        await person.until(lambda m: "Not started · 💵 LIVE" in m["text"] and "10003" in m["text"])


async def test_the_sandbox_trades_live_when_its_command_line_asks(tmp_path: Path) -> None:
    here = ("bot", "--sandbox", "--mode", "live", "--port", "0", "--speed", "60")
    async with running(*here, BREAKOUT_STATE_DIR=str(tmp_path)) as bot:
        await bot.line("order.filled")
        await bot.line("stop.moved")
        async with person_at(await bot.address()) as person:
            said = await person.answer("/mode live", "it is live already")
            assert "Nothing was changed" in said["text"]
        assert await bot.stop() == 0
    async with running(*here, BREAKOUT_STATE_DIR=str(tmp_path)) as bot:  # the account goes on
        await bot.line("ledger and exchange agree")
        assert not any("incident" in line for line in bot.lines)
        assert await bot.stop() == 0
    assert (tmp_path / "sandbox-live" / "kind").read_text() == "sandbox-live\n"
    assert not (tmp_path / "mode.json").exists()
