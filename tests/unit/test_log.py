import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import log
from engine.log import Log

TOKEN = "123456789:AAabcdefghijklmnopqrstuvwxyz0123456"
SECRET = "k4n4ry+key/1234=="


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root, hook = logging.getLogger(), sys.excepthook
    handlers, level = root.handlers, root.level
    levels = {name: logging.getLogger(name).level for name in log.QUIET}
    stream = io.StringIO()
    yield stream
    root.handlers, sys.excepthook = handlers, hook
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def start(out: io.StringIO, *, level: str = "DEBUG", as_json: bool = False) -> None:
    log.setup(level, as_json=as_json, secrets=[SECRET, "short", ""], stream=out)


def lines(out: io.StringIO) -> list[str]:
    """Each line without its time stamp."""
    return [line.split(" ", 1)[1] for line in out.getvalue().splitlines()]


def fail(why: str) -> None:
    raise ValueError(why)


def test_a_line_is_event_and_fields_with_bound_context(out: io.StringIO) -> None:
    start(out)
    bound = Log("test", {"instance": "alpha"}).bind(symbol="BTCUSDT")

    bound.info("order.filled", qty="0.5", price=1.5, is_maker=False, stop=None, note="two words")

    expected = (
        "INFO order.filled instance=alpha symbol=BTCUSDT qty=0.5 price=1.5 is_maker=false "
        'stop=null note="two words"'
    )
    assert lines(out) == [expected]


def test_every_level_is_there_and_the_least_one_is_respected(out: io.StringIO) -> None:
    start(out, level="INFO")
    one = Log("test")
    for write in (one.debug, one.info, one.warning, one.error, one.critical):
        write("thing.happened")

    levels = ["INFO", "WARNING", "ERROR", "CRITICAL"]
    assert lines(out) == [f"{level} thing.happened" for level in levels]


def test_a_time_stamp_is_utc_with_milliseconds(out: io.StringIO) -> None:
    start(out)
    record = logging.LogRecord("test", logging.INFO, "f", 1, "it.was", None, None)
    record.created, record.msecs = 1_700_000_000.25, 250.0
    logging.getLogger().handlers[0].handle(record)

    assert out.getvalue() == "2023-11-14T22:13:20.250Z INFO it.was\n"


def test_json_lines_hold_the_same_content(out: io.StringIO) -> None:
    start(out, as_json=True)
    Log("test").warning("a.b", number=2, ratio=float("inf"), path=Path("x"), **{"k\n": "v\x7f"})

    (text,) = out.getvalue().splitlines()
    got = json.loads(text)
    assert got.pop("at").endswith("Z")
    assert got == {
        "level": "WARNING",
        "logger": "test",
        "event": "a.b",
        "number": 2,
        "ratio": "inf",
        "path": "x",
        "k\n": "v\x7f",
    }


@pytest.mark.parametrize("as_json", [False, True])
def test_hostile_text_never_leaves_its_line(out: io.StringIO, *, as_json: bool) -> None:
    start(out, as_json=as_json)
    hostile = "a\r\nFAKE INFO line\x1b[2J\u2028\u202e\ud800\x85"
    Log("test").info(hostile, **{hostile: hostile})
    logging.getLogger("lib").warning(hostile)

    text = out.getvalue()
    assert len(text.splitlines()) == 2
    assert not set(text) & set("\r\x1b\u2028\u202e\ud800\x85")


@pytest.mark.parametrize("as_json", [False, True])
def test_no_secret_leaves_by_any_way(out: io.StringIO, *, as_json: bool) -> None:
    start(out, as_json=as_json)
    quoted = TOKEN.replace(":", "%3A")
    for canary in (TOKEN, quoted, SECRET, "k4n4ry%2Bkey%2F1234%3D%3D"):
        Log("test", {"bound": canary}).info(f"x.{canary}", key=[canary], **{canary: 1})
        logging.getLogger("lib").warning("GET %s %r", canary, {"key": canary})
        logging.getLogger("lib").warning("%d is no number", canary)
        try:
            fail(canary)
        except ValueError as problem:
            Log("test").error("it.failed", problem=problem, exc_info=True)
            logging.getLogger("lib").exception("failed", stack_info=True)

    text = out.getvalue()
    assert len(text.splitlines()) == 20
    assert "k4n4ry" not in text
    assert "AAabcdef" not in text
    assert text.count(log.HIDDEN) >= 40


def test_a_token_is_hidden_though_nobody_registered_it(out: io.StringIO) -> None:
    log.setup("INFO", as_json=False, stream=out)
    Log("test").info("it.is", url=f"/bot{TOKEN}/getMe")
    assert lines(out) == [f"INFO it.is url=/bot{log.HIDDEN}/getMe"]


def test_short_secrets_are_left_alone(out: io.StringIO) -> None:
    start(out)
    Log("test").info("it.is", note="short")
    assert lines(out) == ["INFO it.is note=short"]


def test_a_traceback_is_one_line(out: io.StringIO) -> None:
    start(out)
    try:
        fail("odd")
    except ValueError:
        Log("test").error("it.failed", exc_info=True)
    Log("test").error("nothing.raised", exc_info=True)

    first, second = lines(out)
    assert first.startswith('ERROR it.failed trace="Traceback (most recent call last):\\n')
    assert first.endswith('ValueError: odd\\n"')
    assert second == "ERROR nothing.raised"


def test_a_field_that_cannot_be_printed_does_not_break_the_caller(out: io.StringIO) -> None:
    class Odd:
        def __repr__(self) -> str:  # type: ignore[explicit-override]  # typing has it from 3.12
            raise RuntimeError("no")

    start(out)
    Log("test").info("it.was", odd=Odd())
    assert lines(out) == ['INFO it.was odd="[unprintable Odd: RuntimeError]"']


def test_talkative_libraries_are_quiet(out: io.StringIO) -> None:
    start(out)
    for name in ("httpx", "httpcore.http11", "telegram.ext", "ccxt.base", "apscheduler.scheduler"):
        logging.getLogger(name).info("chatter")
        logging.getLogger(name).warning("matters")
    assert lines(out) == ["WARNING matters"] * 5

    log.setup("ERROR", as_json=False, stream=out)
    logging.getLogger("httpx").warning("not at this level")
    assert len(lines(out)) == 5


def test_an_uncaught_exception_leaves_through_the_log(out: io.StringIO) -> None:
    start(out)
    problem = RuntimeError(f"token {TOKEN}")
    sys.excepthook(RuntimeError, problem, None)

    assert lines(out) == [f'CRITICAL process.crashed trace="RuntimeError: token {log.HIDDEN}\\n"']
