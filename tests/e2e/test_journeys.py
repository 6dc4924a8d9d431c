"""The product as its users meet it: real processes, the real protocols, a person at the chat."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from plays import CALM, SYMBOLS, write_play
from programs import Message, Person, Program, person_at, running

from builders import NO_FLOW
from engine.core import facts as f
from engine.core.ledger import Ledger
from engine.core.values import Purpose
from engine.live.journal import journal_files, read_after

pytestmark = pytest.mark.e2e

CANARY = "7654321:CANARYcanaryCANARYcanaryCANARYcanary"


def journal(folder: Path) -> list[f.Record]:
    """Every record on disk."""
    return [r for scan in read_after(journal_files(folder), 0) for r in scan.records]


def facts(folder: Path, kind: type[f.Fact]) -> list[f.Fact]:
    return [r.fact for r in journal(folder) if isinstance(r.fact, kind)]


def says(part: str) -> "object":
    return lambda m: m["from"] == "bot" and part in m["text"]


@asynccontextmanager
async def sandbox(
    tmp_path: Path, *arguments: str, **env: str
) -> AsyncIterator[tuple[Program, Person]]:
    """The sandbox on a free port, with a person at its page."""
    where = ["--state-dir", str(tmp_path / "state"), "--port", "0"]
    where += ["--set", "risk.pair_corr_max_frac=1"]  # the markets of a play are one another's twins
    if "--data" in arguments:  # a play begins with its break: no order flow was followed before
        where += ["--set", f"checks.excluded={json.dumps(NO_FLOW)}"]
    async with AsyncExitStack() as stack:
        program = await stack.enter_async_context(
            running("bot", "--sandbox", *where, *arguments, **env)
        )
        address = env.get("TELEGRAM_API_URL") or await program.address()
        yield program, await stack.enter_async_context(person_at(address))


def filled(symbol: str) -> "object":
    return lambda m: m["from"] == "bot" and symbol in m["text"] and "filled" in m["text"]


async def until_three_are_open(person: Person) -> None:
    for symbol in SYMBOLS:
        await person.until(filled(symbol))  # type: ignore[arg-type] # a plain predicate


async def test_a_breakout_is_found_taken_protected_and_closed(tmp_path: Path) -> None:
    play = write_play(tmp_path / "play", *[CALM] * 6, 101.0, 101.0, 101.0)
    async with sandbox(tmp_path, "--data", str(play), "--speed", "600") as (program, person):
        taken = await person.until(
            lambda m: "breakout" in m["text"] and "SOLUSDT LONG" in m["text"] and m["photo"]
        )
        assert (await person.get(taken["photo"])).startswith(b"\x89PNG")
        closed = await person.until(
            lambda m: "SOLUSDT LONG closed" in m["text"] and "USDT" in m["text"]
        )
        assert re.search(r"closed -\d\.\d\dR, -\d+\.\d\d USDT", closed["text"])
        why = await person.answer("/why sol", "SOLUSDT")
        assert "volume 24h" in why["text"]
        assert "Blocked by" in why["text"]
        chart = await person.answer("/chart sol")
        assert (await person.get(chart["photo"])).startswith(b"\x89PNG")
        pnl = await person.answer("/pnl", "Net")
        assert "fees" in pnl["text"]
        await person.until(lambda m: "BTCUSDT LONG closed" in m["text"])
        await person.until(lambda m: "ETHUSDT LONG closed" in m["text"])
        assert await program.stop() == 0
    check_books(tmp_path / "state")


def check_books(folder: Path) -> None:
    """Equity changed by the sum of fills and fees, to the last digit; stops filled once."""
    ledger = Ledger()
    for record in journal(folder):
        ledger.apply(record)
    fills = [x.fill for x in facts(folder, f.OrderFilled) if isinstance(x, f.OrderFilled)]
    flow = sum((-x.side.sign * x.price * x.qty - x.fee for x in fills), Decimal(0))
    assert ledger.positions == ()
    assert ledger.balance - Decimal(10_000) == flow
    by_purpose = Counter(x.purpose for x in fills)
    assert by_purpose == {Purpose.ENTRY: 3, Purpose.STOP: 3}


async def test_kill_9_loses_nothing_doubles_nothing_and_tells_once(tmp_path: Path) -> None:
    play = write_play(tmp_path / "play", *[CALM] * 100)
    arguments = ["--data", str(play), "--speed", "300"]
    async with running("bot", "chat", "--port", "0") as chat:
        env = {"TELEGRAM_API_URL": await chat.address(), "TELEGRAM_TOKEN": CANARY}
        env["TELEGRAM_ALLOWED_USERS"] = "1001:owner"
        async with sandbox(tmp_path, *arguments, **env) as (program, person):
            await until_three_are_open(person)
            await program.line("notice.sent", 7)  # start, three signals, three fills
            program.kill()
            await program.ended()
            folder = tmp_path / "state"
            before = Ledger()
            for record in journal(folder):
                before.apply(record)
        async with sandbox(tmp_path, *arguments, **env) as (program, person):
            back = await person.until(lambda m: "crash" in m["text"].lower())
            assert "SOLUSDT" in back["text"]
            await program.line("market data flows")
            status = await person.answer("/status", "RUNNING")
            assert "Open   3/3" in status["text"]
            messages = await person.all()
            assert await program.stop() == 0
        after = Ledger()
        for record in journal(folder):
            after.apply(record)
    assert after.state.at_ms >= before.state.at_ms
    assert held(after) == held(before)
    placed = [x for x in facts(folder, f.OrderPlaced) if isinstance(x, f.OrderPlaced)]
    assert Counter(x.order.purpose for x in placed) == {Purpose.ENTRY: 3, Purpose.TARGET: 6}
    told = [m["text"].split(":")[0] for m in messages if "filled" in m["text"]]
    assert sorted(told) == sorted(f"🚀 {symbol} LONG filled" for symbol in SYMBOLS)


def held(ledger: Ledger) -> list[tuple[object, ...]]:
    return [(p.id, p.symbol, p.qty, p.stop, p.risk0_usd, p.state) for p in ledger.positions]


async def test_panic_locks_flattens_reports_and_stays_locked(tmp_path: Path) -> None:
    play = write_play(tmp_path / "play", *[CALM] * 100)
    arguments = ["--data", str(play), "--speed", "300"]
    async with sandbox(tmp_path, *arguments) as (program, person):
        await until_three_are_open(person)
        card = await person.answer("/panic", "PANIC")
        await person.tap(card, "PANIC")
        report = await person.until(
            lambda m: m["message_id"] == card["message_id"] and "flat, verified" in m["text"]
        )
        assert "entries locked" in report["text"]
        assert all(symbol[:3] in report["text"] for symbol in SYMBOLS)
        assert not report["buttons"]
        old = await person.press(card["message_id"], card["buttons"][0][0]["data"])
        assert "nothing done" in old["answer"]
        assert await program.stop() == 0
    exits = [x for x in facts(tmp_path / "state", f.OrderPlaced) if isinstance(x, f.OrderPlaced)]
    assert sum(x.order.purpose is Purpose.EXIT for x in exits) == 3
    assert all(x.order.reduce_only for x in exits if x.order.purpose is Purpose.EXIT)

    async with sandbox(tmp_path, *arguments) as (program, person):
        assert "LOCKED" in (await person.answer("/status", "Equity"))["text"]
        await person.answer("/resume", "Why is it safe to go on?")
        question = await person.answer("the news is out", "Entries on again?")
        await person.tap(question, "Resume")
        await program.line("gate=kill_switch by=", 1)
        await program.line("market data flows")
        assert "RUNNING" in (await person.answer("/status", "Equity"))["text"]
        assert await program.stop() == 0


async def test_stop_asks_how_and_close_asks_first(tmp_path: Path) -> None:
    play = write_play(tmp_path / "play", *[CALM] * 100)
    async with sandbox(tmp_path, "--data", str(play), "--speed", "120") as (program, person):
        await until_three_are_open(person)
        card = await person.answer("/close btc", "Close")
        await person.tap(card, "Close")
        await person.until(lambda m: "BTCUSDT LONG closed" in m["text"])
        half = await person.answer("/close eth 50", "50%")
        await person.tap(half, "50%")
        await person.until(lambda m: "sold" in m["text"].lower() and "ETHUSDT" in m["text"])
        question = await person.answer("/stop", "Stop?")
        await person.tap(question, "Close all")
        await person.until(lambda m: "SOLUSDT LONG closed" in m["text"])
        await person.until(lambda m: "ETHUSDT LONG closed" in m["text"])
        assert "STOPPED" in (await person.answer("/status", "Equity"))["text"]
        assert await program.stop() == 0


async def test_strangers_get_silence_and_viewers_may_only_look(tmp_path: Path) -> None:
    async with sandbox(tmp_path, "--speed", "60") as (program, person):
        await person.say("/status", user="stranger")
        await person.say("/panic now", user="stranger")
        await person.say("/start", user="stranger")
        await person.say("/status", forwarded=True)
        first = await person.say("hello there")
        await person.say("/panic now", edit=first)
        await person.answer("/health", "Version")  # everything before it was handled
        messages = await person.all()
        assert not [m for m in messages if "PANIC" in m["text"] and m["from"] == "bot"]
        assert not [m for m in await person.all(user="stranger") if m["from"] == "bot"]
        await person.say("/panic now", user="viewer")
        await person.say("/status", user="viewer")
        assert await program.stop() == 0
    closed = facts(tmp_path / "state", f.GateClosed)
    assert not [g for g in closed if isinstance(g, f.GateClosed) and g.gate == "kill_switch"]


async def test_no_secret_appears_in_output_state_or_chat(tmp_path: Path) -> None:
    async with running("bot", "chat", "--port", "0") as chat:
        env = {"TELEGRAM_API_URL": await chat.address(), "TELEGRAM_TOKEN": CANARY}
        env["TELEGRAM_ALLOWED_USERS"] = "1001:owner"
        env["EXCHANGE_API_KEY"] = "CANARYkey1"
        env["EXCHANGE_API_SECRET"] = "CANARYsecret2"
        async with sandbox(tmp_path, "--set", "log.level=DEBUG", **env) as (program, person):
            await person.answer("/status", "Equity")
            await person.answer("/health", "Version")
            await person.answer("/mode live")
            await person.answer(f"/why {CANARY}")
            told = [m["html"] for m in await person.all() if m["from"] == "bot"]
            assert await program.stop() == 0
            assert len(program.lines) > 10
            assert not [line for line in [*program.lines, *chat.lines] if "CANARY" in line]
    assert not [html for html in told if "CANARY" in html]
    for path in (tmp_path / "state").rglob("*"):
        assert path.is_dir() or b"CANARY" not in path.read_bytes(), path


async def test_the_bot_explains_itself_and_changes_its_strategy_when_told(tmp_path: Path) -> None:
    play = write_play(tmp_path / "play", *[CALM] * 100)
    arguments = ["--data", str(play), "--speed", "300"]
    async with sandbox(tmp_path, *arguments) as (program, person):
        await until_three_are_open(person)
        scan = await person.answer("/scan", "3 markets")
        assert "may be traded at the next bar" in scan["text"]
        checks = await person.answer("/why sol", "came farthest")
        assert "break " in checks["text"]
        funnel = await person.answer("/why", "Why so few trades")
        assert re.search(r"filled +3 +0\n", funnel["text"])
        levels = await person.answer("/levels sol", "SOLUSDT levels")
        assert re.search(r"\n[RS] +\d+\.\d+ +[+-]\d+\.\d\d +\d+ ", levels["text"])
        listed = await person.answer("/signals", "taken #3")
        await person.tap(listed, "❓ 1")
        reasons = await person.until(lambda m: m["from"] == "bot" and "Setup momentum" in m["text"])
        assert "taken #" in reasons["text"]
        anew = await person.answer("/scan now", user="trader")
        assert "chosen anew" in anew["text"]
        assert "role trader" in (await person.answer("/scan now", user="viewer"))["text"]
        await choose(person, "scalping", "scalping is in force")
        assert "Preset scalping" in (await person.answer("/status", "Equity"))["text"]
        await choose(person, "swing_levels", "Not done: its bars are 900 s, now 300 s: close")
        assert await program.stop() == 0
    chosen = [
        x.name for x in facts(tmp_path / "state", f.PresetChosen) if isinstance(x, f.PresetChosen)
    ]
    assert chosen == ["scalping"]

    async with sandbox(tmp_path, *arguments) as (program, person):
        assert "Preset scalping" in (await person.answer("/status", "Equity"))["text"]
        assert "taken #3" in (await person.answer("/signals", "Signals"))["text"]
        assert await program.stop() == 0


async def choose(person: Person, preset: str, outcome: str) -> None:
    """Ask for a preset, see what it changes, apply it."""
    asked = await person.answer(f"/preset {preset}", "keys change")
    assert " → " in asked["text"]
    await person.tap(asked, "Apply")
    await person.until(lambda m: m["message_id"] == asked["message_id"] and outcome in m["text"])


async def test_order_flow_of_a_watched_market_is_there_to_see(tmp_path: Path) -> None:
    """On what is shipped: no check is excluded, and each gets its value."""

    async def asked(words: str, part: str, is_there: Callable[[str], bool]) -> Message:
        """The answer to words, repeated until something is there."""
        async with asyncio.timeout(90):
            while not is_there((said := await person.answer(words, part))["text"]):
                pass
        return said

    async with sandbox(tmp_path, "--speed", "60") as (program, person):
        scan = await asked("/scan", "markets", lambda text: "30 watched" in text)
        symbol = scan["buttons"][0][0]["data"].split()[-1]
        shown = await asked(f"/levels {symbol}", "Order flow", lambda text: "bid share" in text)
        assert "trades/min" in shown["text"]
        why = await asked(f"/why {symbol}", "tape pace", lambda text: "covered" not in text)
        assert "Excluded" not in why["text"]
        assert await program.stop() == 0
