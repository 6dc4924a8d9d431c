"""The first owner, named by a code from the log: two real programs and a person at the chat."""

import re
from pathlib import Path

import pytest
from programs import Person, Program, person_at, running

from bot.sandbox.people import OWNER_ID
from bot.sandbox.serve import EXAMPLE_TOKEN
from engine.core import facts as f
from engine.live.journal import journal_files, read_after

pytestmark = pytest.mark.e2e

SAID = "Pairing code "


def bot_at(address: str, folder: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """A sandbox that joins the chat, and knows nobody."""
    arguments = ("bot", "--sandbox", "--port", "0", "--state-dir", str(folder))
    return arguments, {"TELEGRAM_API_URL": address, "TELEGRAM_TOKEN": EXAMPLE_TOKEN}


async def code_of(program: Program) -> str:
    """The code that was printed."""
    found = re.search(r"code (\w{4}-\w{2}):", await program.line(SAID))
    assert found
    return found[1]


def owners(folder: Path) -> list[str]:
    """What the journal says of the owner."""
    scans = read_after(journal_files(folder), 0)
    records = [record for scan in scans for record in scan.records]
    notes = [r.fact for r in records if isinstance(r.fact, f.Noted)]
    return [note.value for note in notes if note.key == "owner"]


async def pair(program: Program, person: Person) -> None:
    """A stranger guesses, the owner knows."""
    code = await code_of(program)
    await person.say("/start", user="stranger")
    await person.say("/start 2222-22", user="stranger")
    await person.say("/status", user="stranger")
    await person.say(f"/start {code}", forwarded=True)
    await person.answer(f"/start {code.lower()}", "you are owner here")
    await person.say(f"/start {code}", user="stranger")
    await person.answer("/status", "Equity")
    assert [m["from"] for m in await person.all(user="stranger") if m["from"] == "bot"] == []
    knock = await person.until(lambda m: "Not let in" in m["text"])
    assert "Sam" in knock["text"]
    assert knock["silent"]


async def test_the_code_of_the_log_names_the_owner_once_and_for_good(tmp_path: Path) -> None:
    async with running("bot", "chat", "--port", "0") as chat:
        address = await chat.address()
        arguments, env = bot_at(address, tmp_path / "state")
        async with person_at(address) as person:
            async with running(*arguments, **env) as program:
                await pair(program, person)
                assert await program.stop() == 0
            async with running(*arguments, **env) as program:
                await person.answer("/status", "Equity")
                assert not [line for line in program.lines if SAID in line]
                assert await program.stop() == 0
    assert owners(tmp_path / "state") == [str(OWNER_ID)]
