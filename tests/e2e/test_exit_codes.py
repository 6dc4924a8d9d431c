"""What the operator can mend is one clear line and its exit code, and nothing is lost."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from programs import running

pytestmark = pytest.mark.e2e

TOKEN = "1234567:" + "a" * 35


async def ending(*arguments: str, **env: str) -> tuple[int, str]:
    async with running(*arguments, **env) as program:
        code = await program.ended()
        return code, "\n".join(program.lines)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("bot",), 2, "TELEGRAM_TOKEN  expected a bot token, found none"),
        (("bot", "--sandbox", "--set", "risk.max_postions=3"), 2, "max_open_positions"),
        (("bot", "--sandbox", "--set", "risk.max_open_positions=99"), 2, "expected a whole number"),
        (("bot", "check", "--set", "risk.risk_per_trade_pct=nan"), 2, "risk.risk_per_trade_pct"),
        (("bot", "--config", "missing.toml"), 2, "missing.toml"),
        (("bot", "--sandbox", "--data", "missing.npz"), 2, "missing.npz"),
        (("bot", "--sandbox", "--speed", "0"), 2, "--speed"),
        (("bot", "--sandbox", "--port", "99999"), 2, "expected 0..65535, found 99999"),
        (("bot", "chat", "--port", "99999"), 2, "expected 0..65535, found 99999"),
        (("bot", "--sandbox", "--seed", "-1"), 2, "expected a whole number from 0"),
    ],
)
async def test_usage_and_configuration(
    tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    found, said = await ending(*arguments, BREAKOUT_STATE_DIR=str(tmp_path))
    assert (found, words in said) == (code, True), said
    assert "Traceback" not in said


async def test_a_port_in_use(tmp_path: Path) -> None:
    async with running("bot", "chat", "--port", "0") as other:
        port = (await other.address()).rsplit(":", 1)[1]
        where = ("--state-dir", str(tmp_path / "s"), "--port", port)
        code, said = await ending("bot", "--sandbox", *where)
        assert (code, f"port {port}" in said) == (2, True), said
        code, said = await ending("bot", "chat", "--port", port)
        assert (code, f"port {port}" in said) == (2, True), said


async def test_damaged_locked_and_foreign_state(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    here = ("bot", "--sandbox", "--port", "0", "--state-dir", str(folder))
    async with running(*here) as first:
        await first.line("gate.opened")
        code, said = await ending(*here)
        assert (code, "locked by process" in said) == (3, True), said
        assert await first.stop() == 0
    code, said = await ending("bot", "--state-dir", str(folder), TELEGRAM_TOKEN=TOKEN)
    assert (code, "expected a paper directory, found 'sandbox'" in said) == (3, True), said
    code, said = await ending(*here, "--seed", "99")
    assert (code, "choose another --state-dir" in said) == (2, True), said

    journal = min(folder.glob("journal-*.jsonl"))
    damaged = journal.read_bytes().replace(b"reconciled", b"reconcilxd", 1)
    journal.write_bytes(damaged)
    for name in ("state.json", "state.json.1"):
        (folder / name).unlink(missing_ok=True)
    code, said = await ending(*here)
    assert (code, "nothing was changed" in said) == (3, True), said
    assert journal.read_bytes() == damaged


@asynccontextmanager
async def refusing(status: int, body: dict[str, object]) -> AsyncIterator[str]:
    """A server that answers everything with this; its address."""

    async def refuse(_request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", refuse)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_a_refused_token(tmp_path: Path) -> None:
    body: dict[str, object] = {"ok": False, "error_code": 401, "description": "Unauthorized"}
    async with refusing(401, body) as telegram, running("engine", "venue", "--port", "0") as venue:
        address = await venue.address()
        code, said = await ending(
            "bot",
            *("--set", f"exchange.rest_url={address}"),
            *("--set", f"exchange.ws_public_url={address.replace('http', 'ws')}/v5/public/linear"),
            BREAKOUT_STATE_DIR=str(tmp_path),
            TELEGRAM_TOKEN=TOKEN,
            TELEGRAM_API_URL=telegram,
            TELEGRAM_ALLOWED_USERS="1:owner",
        )
    assert (code, "token" in said) == (4, True), said
    assert TOKEN not in said


async def test_an_exchange_that_denies_us(tmp_path: Path) -> None:
    body: dict[str, object] = {"retCode": 10009, "retMsg": "region restricted", "result": {}}
    async with refusing(200, body) as address:
        code, said = await ending(
            "bot",
            *("--set", f"exchange.rest_url={address}"),
            BREAKOUT_STATE_DIR=str(tmp_path),
            TELEGRAM_TOKEN=TOKEN,
            TELEGRAM_API_URL=address,
        )
    assert (code, "10009 region restricted" in said) == (5, True), said


async def test_the_real_bot_trades_paper_on_a_venue_and_chat_of_their_own(tmp_path: Path) -> None:
    async with (
        running("engine", "venue", "--port", "0", "--speed", "60") as venue,
        running("bot", "chat", "--port", "0") as chat,
    ):
        rest = await venue.address()
        stream = rest.replace("http", "ws") + "/v5/public/linear"
        env = {
            "BREAKOUT_STATE_DIR": str(tmp_path),
            "TELEGRAM_TOKEN": TOKEN,
            "TELEGRAM_API_URL": await chat.address(),
            "TELEGRAM_ALLOWED_USERS": "1001:owner",
        }
        sets = ("--set", f"exchange.rest_url={rest}", "--set", f"exchange.ws_public_url={stream}")
        async with running("bot", *sets, "--speed", "60", **env) as bot:
            await bot.line("market data flows")
            await bot.line("notice.sent")
            healthy = await ending("bot", "health", BREAKOUT_STATE_DIR=str(tmp_path))
            assert healthy[0] == 0, healthy
            assert await bot.stop() == 0


async def test_health_of_a_bot_that_is_not_there_and_check() -> None:
    code, said = await ending("bot", "health", "--state-dir", "nowhere")
    assert (code, "expected a heartbeat" in said) == (1, True), said
    code, said = await ending("bot", "check")
    assert (code, "risk_per_trade_pct" in said) == (0, True), said
