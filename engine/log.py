"""Log lines a person and a program can both read: `event key=value ...`, one line per event.

It exists so that every line has one shape and no secret reaches the disk: what is registered and
whatever looks like a bot token is cut out of messages, arguments, fields and tracebacks. Logging
must never raise, and never print a control character that came from outside.
"""

import json
import logging
import math
import re
import sys
import time
import traceback
from collections import deque
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, TextIO
from urllib.parse import quote

# Libraries that tell the world, at INFO or DEBUG, what must stay between us and the exchange.
QUIET = ("httpx", "httpcore", "telegram", "ccxt", "apscheduler", "websockets", "matplotlib")
HIDDEN = "[hidden]"
RECENT = 1000  # lines that are remembered for whoever asks
LINE_MAX = 2000  # characters of each of them
SECRET_MIN = 8  # characters; shorter "secrets" would cut ordinary words out of the log

_TOKEN = re.compile(r"\d{6,}(?::|%3[Aa])[A-Za-z0-9_-]{30,}")
_PLAIN = re.compile(r"[^\s\"'=\\]+")
# Controls, line and paragraph separators, bidirectional marks, lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


class Log:
    """A logger with bound context; an event is a dotted noun and past participle."""

    def __init__(self, name: str, context: Mapping[str, object] | None = None) -> None:
        self._logger = logging.getLogger(name)
        self._context = dict(context or {})

    def bind(self, **context: object) -> "Log":
        """The same logger with more context on every line."""
        return Log(self._logger.name, {**self._context, **context})

    def debug(self, event: str, /, **fields: object) -> None:
        """For development."""
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, /, **fields: object) -> None:
        """Facts and life cycle."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, /, **fields: object) -> None:
        """Degraded but handled."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, /, **fields: object) -> None:
        """A person is needed; inside an `except` block with `exc_info=True` the traceback too."""
        self._write(logging.ERROR, event, fields)

    def critical(self, event: str, /, **fields: object) -> None:
        """We are stopping."""
        self._write(logging.CRITICAL, event, fields)

    def _write(self, level: int, event: str, fields: dict[str, object]) -> None:
        exc_info: Any = fields.pop("exc_info", None)
        extra = {"fields": {**self._context, **fields}}
        self._logger.log(level, event, exc_info=exc_info, extra=extra, stacklevel=3)


class Redactor(logging.Filter):
    """Cuts secrets out of a record before anything formats it."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        known = {s.strip() for s in secrets if len(s.strip()) >= SECRET_MIN}
        forms = sorted(known | {quote(s, safe="") for s in known}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, forms))) if forms else None

    def filter(  # type: ignore[explicit-override]  # typing has it from 3.12
        self, record: logging.LogRecord
    ) -> bool:
        """Rewrite the record in place; it always passes."""
        record.msg, record.args = self.clean(_message(record)), None
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = "".join(traceback.format_exception(*record.exc_info))
        record.exc_info = None
        record.exc_text = self.clean(record.exc_text) if record.exc_text else None
        record.stack_info = self.clean(record.stack_info) if record.stack_info else None
        fields = getattr(record, "fields", {})
        record.fields = {self.clean(key): self._field(value) for key, value in fields.items()}
        return True

    def clean(self, text: str) -> str:
        """The text without secrets."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        return _TOKEN.sub(HIDDEN, text)

    def _field(self, value: object) -> object:
        if value is None or isinstance(value, int) or _is_finite(value):
            return value
        try:
            return self.clean(str(value))
        except Exception as problem:  # noqa: BLE001 -- a log line must never break its caller
            return f"[unprintable {type(value).__name__}: {type(problem).__name__}]"


class KeyValue(logging.Formatter):
    """`2026-01-31T12:00:00.123Z INFO event key=value ...`."""

    def format(  # type: ignore[explicit-override]  # typing has it from 3.12
        self, record: logging.LogRecord
    ) -> str:
        """One line, whatever the record holds."""
        parts = [_stamp(record), record.levelname, _escape(record.getMessage())]
        parts += [f"{_word(key)}={_value(value)}" for key, value in _fields(record).items()]
        return " ".join(parts)


class JsonLines(logging.Formatter):
    """The same content as one JSON object a line."""

    def format(  # type: ignore[explicit-override]  # typing has it from 3.12
        self, record: logging.LogRecord
    ) -> str:
        """One line, whatever the record holds."""
        head = {
            "at": _stamp(record),
            "level": record.levelname,
            "logger": record.name,
            "event": record.getMessage(),
        }
        return _escape(json.dumps({**_fields(record), **head}, default=str))


class Ring(logging.Handler):
    """The last lines in memory, redacted and formatted before they are kept."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self.redactor = redactor
        self.lines: deque[str] = deque(maxlen=RECENT)
        self.setFormatter(KeyValue())
        self.addFilter(redactor)

    def emit(  # type: ignore[explicit-override]  # typing has it from 3.12
        self, record: logging.LogRecord
    ) -> None:
        """Keep a line."""
        try:
            self.lines.append(self.format(record)[:LINE_MAX])
        except Exception:  # noqa: BLE001 -- as all handlers: a bad record must not reach its caller
            self.handleError(record)


_ring = Ring(Redactor())


def recent() -> tuple[str, ...]:
    """The last lines, oldest first; they passed the redactor."""
    return tuple(_ring.lines)


def cleaned(text: str) -> str:
    """Any text, without the secrets the log hides."""
    return _ring.redactor.clean(text)


def setup(
    level: str, *, as_json: bool, secrets: Iterable[str] = (), stream: TextIO | None = None
) -> None:
    """Send every logger of the process through one redacted handler, standard error by default."""
    global _ring  # noqa: PLW0603 -- the log of a process is one, as its root logger is
    redactor = Redactor(secrets)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines() if as_json else KeyValue())
    handler.addFilter(redactor)
    _ring = Ring(redactor)
    root = logging.getLogger()
    root.handlers = [handler, _ring]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_crash


def _log_crash(
    kind: type[BaseException], problem: BaseException, trace: TracebackType | None
) -> None:
    """An exception nobody caught leaves through the log as well: its text may hold a secret."""
    logging.getLogger(__name__).critical("process.crashed", exc_info=(kind, problem, trace))


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 -- wrong arguments of a library's log call
        return f"{record.msg!r} {record.args!r}"


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields = dict(getattr(record, "fields", {}))
    if record.exc_text:
        fields["trace"] = record.exc_text
    if record.stack_info:
        fields["stack"] = record.stack_info
    return fields


def _is_finite(value: object) -> bool:
    """JSON has no infinity and no NaN: those are told as text."""
    return isinstance(value, float) and math.isfinite(value)


def _stamp(record: logging.LogRecord) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{seconds}.{int(record.msecs):03d}Z"


def _value(value: object) -> str:
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)  # true, false, null, as in the JSON lines
    text = str(value)
    return _escape(text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False))


def _word(key: str) -> str:
    return _escape(key if _PLAIN.fullmatch(key) else json.dumps(key, ensure_ascii=False))


def _escape(text: str) -> str:
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
