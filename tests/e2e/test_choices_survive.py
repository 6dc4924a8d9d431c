"""What people choose in the chat is there again after the process was killed."""

from pathlib import Path

import pytest
from programs import person_at, running

pytestmark = pytest.mark.e2e

BOT = ("bot", "--sandbox", "--port", "0", "--state-dir")


async def test_settings_lists_and_notes_survive_a_kill(tmp_path: Path) -> None:
    async with running(*BOT, str(tmp_path)) as program, person_at(await program.address()) as ann:
        await ann.answer("/set risk.max_open_positions 2", "3 -> 2")
        asked = await ann.answer("/set risk.daily_loss_limit_pct 9.5", "Expires")
        await ann.tap(asked, "Apply")
        await program.line("limit.held")
        await ann.answer("/watch sol", "watching SOLUSDT")
        await ann.answer("/blacklist doge 7d thin book", "nothing is entered in DOGEUSDT")
        await ann.answer("/notify quiet 22:00-07:00", "22:00-07:00")
        program.kill()
        await program.ended()

    async with running(*BOT, str(tmp_path)) as program, person_at(await program.address()) as ann:
        shown = await ann.answer("/config risk", "max_open_positions")
        assert "max_open_positions = 2 count * ✎" in shown["text"]
        assert "daily_loss_limit_pct = 8 pct ✎\n    → 9.5 from the next day on" in shown["text"]
        listed = await ann.answer("/blacklist", "Never traded")
        assert "DOGEUSDT blacklisted by @sandbox_owner until" in listed["text"]
        watched = await ann.answer("/watch", "Watched")
        assert "SOLUSDT levels" in watched["text"]
        told = await ann.answer("/notify", "Notifications")
        assert "Quiet hours 22:00-07:00" in told["text"]
        assert await program.stop() == 0

    # The file no longer allows what was chosen: it is not followed, and nothing is entered.
    config = tmp_path / "config.toml"
    config.write_text("[caps]\ndaily_loss_pct = 9\n", encoding="utf-8")
    arguments = (*BOT, str(tmp_path), "--config", str(config))
    async with running(*arguments) as program, person_at(await program.address()) as ann:
        await program.line("settings_refused")
        state = await ann.answer("/status", "PAUSED")
        assert "the chosen settings are not in force" in state["text"]
        await ann.answer("/set risk.daily_loss_limit_pct reset", "daily_loss_limit_pct stays 8")
        shown = await ann.answer("/config risk", "max_open_positions")
        assert "max_open_positions = 2 count * ✎" in shown["text"]  # the rest holds again
