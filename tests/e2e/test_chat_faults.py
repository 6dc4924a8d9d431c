"""Faults of Telegram lived through by the real process, in three lives side by side."""

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from e2e.chat_faults import LIVES, ROWS, Row
from e2e.chat_world import ChatWorld, chat_world

pytestmark = pytest.mark.e2e


async def suffer(world: ChatWorld, row: Row) -> str:
    """One line of the table."""
    began = time.monotonic()
    try:
        happened, verdict = await row.live(world), "ok"
    except (AssertionError, TimeoutError) as problem:
        happened, verdict = "", f"FAILED: {str(problem) or 'not seen in time'}"
    await world.inject()
    assert world.program.is_running, world.program.lines[-20:]
    seconds = time.monotonic() - began
    line = f"{row.name} | {happened} | {row.required} | {verdict} | {seconds:.0f} s"
    sys.stdout.write(f"{line}\n")
    return line


async def live(folder: Path, faults: Sequence[str]) -> list[str]:
    """One process, from its start with a silent Telegram to its end in order."""
    async with chat_world(folder) as world:
        await world.inject({"target": "*", "kind": "hang", "delay_s": 0.5})
        async with world.living() as program:
            await program.line("market data flows")  # trading starts without Telegram
            await world.inject()
            lines = [
                await suffer(world, row) for name in faults for row in ROWS if row.name[:4] == name
            ]
            assert await program.stop() == 0
        assert not [line for line in program.lines if "CANARY" in line]
    return lines


async def test_faults_of_telegram_cost_no_command_no_word_and_no_trade(tmp_path: Path) -> None:
    lives = (live(tmp_path / str(n), faults) for n, faults in enumerate(LIVES))
    lines = [line for told in await asyncio.gather(*lives) for line in told]
    problems = [line for line in lines if "FAILED" in line]
    assert not problems, "\n".join(problems)
    assert len(lines) == len(ROWS)
