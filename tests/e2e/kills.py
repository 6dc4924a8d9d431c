"""Kill -9 of the real process, many times, and what must be left each time: `make kills KILLS=200`.

The exchange and the chat are processes of their own and live on; the bot is killed at seeded
moments, half of them just after it wrote an order or an exit to its journal, the others anywhere,
starting up included. Each time it starts again in the same directory. The first violation ends
everything with 1 and names the directory that holds the evidence.
"""

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import msgspec
from e2e import audit, audit_chat
from e2e.audit import Copy, Violation
from e2e.audit_chat import Message
from e2e.kill_rules import PaperRules, Rules
from e2e.tally import Tally
from programs import Person, Program, person_at, running

from chatroom import is_card
from engine import config
from engine.core import facts as f
from engine.core.ledger import Ledger
from engine.errors import EngineError
from engine.live.journal import journal_files

TOKEN = "7654321:" + "k" * 35
SPEED = 600.0
LOOK_S = 0.0005  # how often the journal is looked at for an order
ANSWER_S = 40.0
PEEK_S = 1.0  # how often it is asked whether everything is told
AFTER_ORDER_S = 0.03  # farthest kill after an order was written
START_S = 2.0  # farthest kill while it starts
LIFE_S = 3.0  # farthest kill once it trades
DRAIN_S = 900.0  # for the last messages: a chat takes one a second
ORDERS = (b'"fact":{"type":"OrderPlaced"', b'"fact":{"type":"ExitAsked"')


class Plan(msgspec.Struct, frozen=True):
    """What to do."""

    kills: int
    seed: int = 1
    speed: float = SPEED
    slots: int = 2  # open positions: more is more to tell, and a chat takes a message a second


class Proof:
    """One run: the world that lives on, the bot that does not, and what is known so far."""

    def __init__(
        self, plan: Plan, folder: Path, world: tuple[Person, dict[str, str], str], rules: Rules
    ) -> None:
        self.tally = Tally()
        self._plan = plan
        self._folder = folder
        self._person, self._env, url = world
        self._dice = random.Random(plan.seed)  # noqa: S311 -- repeatable, guards nothing
        stream = url.replace("http", "ws", 1) + "/v5/public/linear"
        more = {"risk.max_open_positions": f"{plan.slots}"}
        sets = {**rules.lax, **more, "exchange.rest_url": url, "exchange.ws_public_url": stream}
        self._url, self._rules = url, rules
        self._sets = [f"{key}={value}" for key, value in sets.items()]
        self._settings = config.load(None, self._sets, {})
        self._copy: Copy | None = None
        self._messages: dict[int, Message] = {}
        self._mine: set[int] = set()  # ids of my own words
        self._ends: list[int] = []  # newest message id at each kill

    @property
    def state(self) -> Path:
        """The state directory all the bots share, one after the other."""
        return self._rules.state(self._folder)

    def bot(self) -> Program:
        """The bot, not launched yet."""
        sets = [part for pair in self._sets for part in ("--set", pair)]
        arguments = ["--speed", f"{self._plan.speed:g}", *sets]
        return self._rules.bot(self._folder, self._url, arguments, self._env)

    async def run(self) -> None:
        """Kill, look, start again; then one bot that ends in order, with everything told."""
        judged = asyncio.create_task(asyncio.sleep(0))
        for number in range(1, self._plan.kills + 1):
            lines = await self._life()
            await judged
            judged = asyncio.create_task(self._judge(await self._take(number), lines))
        await judged
        await self._last_life()

    async def _life(self) -> list[str]:
        """One bot from launch to SIGKILL; what it logged."""
        async with launched(self.bot()) as program:
            await self._moment(program)
            program.kill()
            await program.ended()
        self.tally.kills += 1
        return program.lines

    async def _moment(self, program: Program) -> None:
        """Wait for the moment the dice choose."""
        chosen = self._dice.choices(("order", "life", "start"), (12, 3, 1))[0]
        if chosen == "order":
            await self._until_order(program)
        elif chosen == "life":
            await program.line("market data flows")
            await self._rules.settled(program, self._url, self.state)
            await lives_on(program, self._dice.uniform(0, LIFE_S))
        else:
            await lives_on(program, self._dice.uniform(0, START_S))

    async def _until_order(self, program: Program) -> None:
        """Wait for a compared account and then for an order; stay for a part of its flight."""
        self.tally.at_orders += 1
        await program.line("checkpoint.written")
        await self._rules.settled(program, self._url, self.state)
        await self._unpause(program)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._rules.patience_s):
                await written(program, self.state, ORDERS)
        await lives_on(program, AFTER_ORDER_S * self._dice.random() ** 3)

    async def _unpause(self, program: Program) -> None:
        """Entries on again, where so many crashes, or losses, switched them off."""
        if self._copy is None or not audit.is_paused(self._copy.ledger):
            return
        self._mine.add(asked := await self._person.say("/resume no harm, this is a rehearsal"))
        self.tally.unpaused += 1
        card = await self._answer(program, asked)
        if card["buttons"]:
            await self._person.tap(card, "Resume")
        await program.line("market data flows")

    async def _answer(self, program: Program, asked: int) -> Message:
        """The bot's answer to my words; the whole chat is too long for one line of the stream."""
        async with asyncio.timeout(ANSWER_S):
            while True:
                for message in await self._person.all():
                    if message["reply_to"] == asked:
                        return message
                await lives_on(program, ANSWER_S / 100)

    async def _take(self, number: int) -> Path:
        """Everything as it stands right after the kill, before anybody touches it."""
        folder = self._folder / f"copy-{number}"
        if self.state.exists():
            shutil.copytree(self.state, folder)
        else:  # killed before it did anything
            folder.mkdir()
        await self._read_chat()
        self._ends.append(max(self._messages, default=0))
        return folder

    async def _read_chat(self) -> None:
        for message in await self._person.all():
            self._messages[message["message_id"]] = message
        (self._folder / "messages.json").write_text(json.dumps(list(self._messages.values())))

    async def _judge(self, folder: Path, lines: Sequence[str]) -> None:
        """Check a copy in a thread: the next bot starts meanwhile."""
        messages, ends = self._bot_messages(), tuple(self._ends)
        old = self._copy
        self._copy = await asyncio.to_thread(self._look, folder, old, lines)
        window = audit_chat.check_chat(self._copy.records, messages, ends)
        self.tally.orphans, self.tally.again = len(window.orphans), len(window.again)
        if old is not None:
            shutil.rmtree(old.folder)
        if self.tally.kills % 10 == 0:
            say(
                f"{self.tally.kills} kills, {self._copy.last_seq} records, {len(messages)} messages"
            )

    def _look(self, folder: Path, old: Copy | None, lines: Sequence[str]) -> Copy:
        (folder / "log.txt").write_text("\n".join(lines))
        copy = audit.read_copy(folder, *([old.last_seq] if old else []))
        audit.check_files(old, copy)
        audit.check_acknowledged(copy, lines)
        at_seq = audit.check_checkpoint(copy)
        compared = self._rules.compared(copy, self._url)
        self._count(copy, compared.get(copy.ledger.state.boot), at_seq)
        self._rules.rebuilt(copy, self._settings)
        return copy

    def _count(self, copy: Copy, compared_seq: int | None, at_seq: int) -> None:
        ledger, tally = copy.ledger, self.tally
        booted = sum(isinstance(r.fact, f.Booted) for r in copy.records)
        old_boots = 0 if self._copy is None else self._copy.ledger.state.boot
        is_new = booted > old_boots and compared_seq is not None
        tally.starting += not is_new
        tally.compared += is_new and compared_seq is not None and at_seq >= compared_seq
        tally.in_flight += bool(audit.in_flight(ledger))
        tally.resting += bool(audit.resting(ledger))
        tally.holding += any(p.qty for p in ledger.positions)
        tally.torn += bool(copy.scans and copy.scans[-1].torn)

    def _bot_messages(self) -> list[Message]:
        """What the bot said by itself."""
        found = self._messages.values()
        own = [m for m in found if m["from"] == "bot" and not is_card(m)]
        return [m for m in own if m["reply_to"] not in self._mine]

    async def _last_life(self) -> None:
        """Close everything, let the last message leave, stop in order; then nothing may miss."""
        assert self._copy is not None
        self.tally.waiting = audit_chat.untold(self._copy.records)
        async with launched(self.bot()) as program:
            await program.line("market data flows")
            self._mine.add(asked := await self._person.say("/stop"))
            await self._person.tap(await self._answer(program, asked), "Close all")
            async with asyncio.timeout(DRAIN_S):
                while not await asyncio.to_thread(self._is_done):
                    await lives_on(program, PEEK_S)
            assert await program.stop() == 0, program.lines[-20:]
        taken = await self._take(self._plan.kills + 1)
        await self._judge(taken, program.lines)
        self._sum_up()

    def _is_done(self) -> bool:
        """Flat, and everybody knows; the journal may grow while it is read."""
        records = audit.read_journals(self.state)
        ledger = Ledger()
        for record in records:
            ledger.apply(record)
        return not ledger.positions and not audit_chat.untold(records)

    def _sum_up(self) -> None:
        copy = self._copy
        assert copy is not None
        audit_chat.check_all_told(copy.records)
        audit.check(not copy.ledger.positions, "positions are left")
        audit.check(not audit.in_flight(copy.ledger), "orders without an end are left")
        messages = self._bot_messages()
        window = audit_chat.check_chat(copy.records, messages, self._ends)
        cut = [m for m in window.orphans if m["message_id"] <= self._ends[-2]]
        audit_chat.check_twins(cut, messages)
        facts = [r.fact for r in copy.records]
        tally = self.tally
        audit.check(len(cut) == len(window.orphans), "the orderly stop left words without a fact")
        tally.orphans = len(cut)
        tally.records, tally.messages = len(facts), len(messages)
        tally.orders = sum(isinstance(x, f.OrderPlaced) for x in facts)
        tally.fills = sum(isinstance(x, f.OrderFilled) for x in facts)
        tally.trades = sum(isinstance(x, f.PositionClosed) for x in facts)
        tally.shown = sum(len(x.corrections) for x in audit.first_words(facts))
        tally.incidents = sum(isinstance(x, f.Incident) for x in facts)


@asynccontextmanager
async def launched(program: Program) -> AsyncIterator[Program]:
    """The program, started, and gone afterwards."""
    await program.start()
    try:
        yield program
    finally:
        if program.is_running:
            program.kill()
        await program.ended()


async def lives_on(program: Program, seconds: float) -> None:
    """Let it live that long; that it ends by itself is a violation."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            code = await program.ended()
            raise Violation(f"ended by itself with {code}: {program.lines[-20:]}")


async def written(program: Program, folder: Path, parts: Sequence[bytes]) -> None:
    """Wait until one of these stands in what the journal gains from now on."""
    path = journal_files(folder)[-1].path
    size, looks = path.stat().st_size, 0
    while True:
        await lives_on(program, LOOK_S)
        looks += 1
        if path.stat().st_size > size:
            with path.open("rb") as file:
                file.seek(size)
                news = file.read()
            if any(part in news for part in parts):
                return
            size += len(news)
        elif looks % 8 == 0 and (newest := journal_files(folder)[-1].path) != path:
            path, size = newest, 0


async def prove(plan: Plan, folder: Path, rules: Rules) -> Tally:
    """Run it all below `folder`; raises `Violation`."""
    began = time.monotonic()
    speed, seed = f"{plan.speed:g}", str(plan.seed)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        chat = await enter(running("bot", "chat", "--port", "0"))
        venue = ("engine", "venue", "--speed", speed, "--seed", seed, "--port", "0")
        exchange = await enter(running(*venue))
        address = await chat.address()
        env = {"TELEGRAM_API_URL": address, "TELEGRAM_TOKEN": TOKEN}
        env["TELEGRAM_ALLOWED_USERS"] = f"{audit_chat.CHAT}:owner"
        person = await enter(person_at(address))
        world = person, env, await exchange.address()
        proof = Proof(plan, folder, world, rules)
        await proof.run()
    proof.tally.seconds = round(time.monotonic() - began, 1)
    return proof.tally


def say(words: str) -> None:
    """Tell the person who waits."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def main(rules: Rules, speed: float) -> int:
    """The command line; 1 with the evidence when something was lost, doubled or told wrongly."""
    parser = argparse.ArgumentParser(prog="make kills")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=speed)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="breakout-kills-"))
    try:
        plan = Plan(options.kills, options.seed, options.speed)
        tally = asyncio.run(prove(plan, folder, rules))
    except (AssertionError, EngineError, TimeoutError) as violation:
        say(f"VIOLATION: {violation!r}\nthe evidence is in {folder}")
        return 1
    say(tally.table())
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(PaperRules(), SPEED))
