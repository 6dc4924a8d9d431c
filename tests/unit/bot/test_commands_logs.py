"""The log in the chat: a tail, a filter, a file; never a secret, never for others than owners."""

import io
import logging
import sys
import zipfile
from collections.abc import Iterator

import pytest
from desks import FakeDesk
from talk import talking
from telegram_wire import TOKEN, TRADER, VIEWER, buttons, tap

from engine import log
from engine.log import Log

SECRET = "s3cret-canary-0123456789"


@pytest.fixture(autouse=True)
def _log() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, hook = root.handlers, root.level, sys.excepthook
    log.setup("DEBUG", as_json=True, secrets=[SECRET], stream=io.StringIO())
    yield
    root.handlers, sys.excepthook = handlers, hook
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def spoken(count: int) -> None:
    logger = Log("test")
    for number in range(count):
        logger.info("line.written", number=number, symbol="SOLUSDT" if number % 2 else "ARBUSDT")


async def test_the_tail_is_folded_and_turned_in_place() -> None:
    async with talking() as talk:
        spoken(50)
        said = await talk.say("/logs")
        assert "🗒 <b>Log</b> · 20 lines, UTC · 🧪\n<blockquote expandable>" in said["text"]
        assert "INFO line.written number=49 symbol=SOLUSDT" in said["text"]
        assert "number=29 " not in said["text"]
        assert "5 lines" in (await talk.say("/logs 5"))["text"]
        Log("test").error("order.refused", detail="<b>no</b> money")
        Log("test").warning("feed.slow")
        errors = await talk.tap(said, "Errors")
        assert errors["id"] == said["id"]
        assert "· errors · 2 lines" in errors["text"]
        assert "&lt;b&gt;no&lt;/b&gt; money" in errors["text"]
        market = await talk.say("/logs sol/usdt")
        assert "ARBUSDT" not in market["text"].partition("\n")[2]
        assert "· 20 lines" in market["text"]
        assert "no line" in (await talk.say("/logs zzz"))["text"]


async def test_more_than_a_message_holds_is_a_file() -> None:
    async with talking() as talk:
        spoken(400)
        said = await talk.say("/logs 300")
        assert "300 lines" in said["caption"]
        [content] = talk.wire.uploads[-1]
        assert isinstance(content, bytes)
        assert len(content.splitlines()) == 300
        short = await talk.say("/logs 2 file")
        assert "2 lines" in short["caption"]


async def test_no_secret_leaves_by_log_or_export() -> None:
    async with talking() as talk:
        logger = Log("test")
        logger.error("request.failed", url=f"https://x/bot{TOKEN}/getMe?key={SECRET}")
        logger.error("x", **{SECRET: SECRET})
        logging.getLogger("lib").error("key %s", SECRET)
        logging.getLogger("lib").error("crash", exc_info=ValueError(SECRET))
        shown = await talk.say("/logs errors")
        assert shown["text"].count(log.HIDDEN) >= 5
        await talk.say("/logs file")
        await talk.say("/export logs")
        await talk.say("/export all")
        with zipfile.ZipFile(io.BytesIO(talk.wire.uploads[-1][0])) as archive:  # type: ignore[arg-type] # bytes
            inside = [archive.read(name) for name in archive.namelist()]
        contents = [part for parts in talk.wire.uploads for part in parts]
        for content in (*contents, *inside, shown["text"].encode()):
            assert isinstance(content, bytes)
            assert SECRET.encode() not in content
            assert TOKEN.encode() not in content
        assert len(contents) == 3


def test_a_setting_that_holds_a_secret_is_hidden() -> None:
    assert log.cleaned(f'rest_url = "https://{SECRET}@x"') == f'rest_url = "https://{log.HIDDEN}@x"'


async def test_the_memory_is_bounded() -> None:
    spoken(log.RECENT + 5)
    Log("test").info("long", words="y" * 9000)
    lines = log.recent()
    assert len(lines) == log.RECENT
    assert len(lines[-1]) == log.LINE_MAX


def test_a_line_that_cannot_be_formatted_breaks_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    record = logging.LogRecord("x", logging.INFO, "f", 1, "event", None, None)
    record.created = float("nan")  # no time can be made of it
    logging.getLogger().handlers[1].handle(record)
    assert "Logging error" in capsys.readouterr().err
    assert log.recent() == ()


@pytest.mark.parametrize("person", [TRADER, VIEWER])
async def test_only_an_owner_may_ask(person: int) -> None:
    desk = FakeDesk()
    async with talking(desk) as talk:
        for words in ("/logs", "/errors", "/export all"):
            assert "is for the role owner" in (await talk.say(words, person))["text"]
        assert await talk.hear(tap("r|export all", 5, person)) == []
        assert talk.answers[-1]["text"] == "Not allowed for your role."


async def test_an_export_without_words_offers_the_documents() -> None:
    async with talking() as talk:
        said = await talk.say("/export")
        assert [b["text"] for b in buttons(said)] == [
            "Trades",
            "Signals",
            "Settings",
            "Log",
            "All in one",
        ]
        assert "<b>config.toml</b>" in (await talk.tap(said, "Settings"))["caption"]
        assert "<b>trades.csv</b>, 7d" in (await talk.say("/export trades 7d"))["caption"]
