"""What trades came to, asked for in the real program: tables, lives, curves, documents."""

import re
from pathlib import Path

import pytest
from e2e.test_journeys import sandbox, says
from plays import CALM, write_play

pytestmark = pytest.mark.e2e


async def test_results_are_told_as_tables_pictures_and_files(tmp_path: Path) -> None:
    play = write_play(tmp_path / "play", *[CALM] * 6, 101.0, 101.0, 101.0)
    async with sandbox(tmp_path, "--data", str(play), "--speed", "600") as (program, person):
        for symbol in ("SOLUSDT", "BTCUSDT", "ETHUSDT"):
            await person.until(says(f"{symbol} LONG closed"))  # type: ignore[arg-type] # a predicate
        for words, expected in (
            ("/trades", "1-3 of 3"), ("/trades #1", "flat: -"), ("/stats", "0 won 3 lost"),
            ("/stats by exit", "stop"), ("/weekly", "week"), ("/balance", "not read"),
            ("/risk", "kill switch: armed"), ("/logs errors", "Log"), ("/health", "Timers"),
        ):  # fmt: skip
            await person.answer(words, expected)
        for words in ("/pnl chart", "/stats histogram", "/chart #1"):
            photo = await person.answer(words)
            assert (await person.get(photo["photo"])).startswith(b"\x89PNG")
        document = await person.answer("/export trades", "trades.csv")
        lines = (await person.get(document["document"])).decode().splitlines()
        assert lines[0].startswith("id,symbol,side,setup,rule,opened,closed,")
        assert len(lines) == 4
        assert all(re.search(r",-\d+\.\d+,", line) for line in lines[1:])
        assert await program.stop() == 0
