"""The commands that hand out what we write down: the tail of the log, and documents.

They exist so that a fault can be looked into without a shell on the machine. Everything passes the
redactor; only an owner may ask.
"""

from zoneinfo import ZoneInfo

from bot import export, texts
from bot.commands_read import no_more
from bot.content import File
from bot.conversation import Ask, Room
from bot.dialogs import Answer
from bot.journal import read
from bot.parsing import Unclear, canonical, count, is_count
from bot.signals import Heard
from bot.views import logs as tail
from bot.views.pnl import PERIODS, day_of
from engine import log
from engine.core.facts import SignalSkipped, SignalTaken
from engine.core.view import TradeView

LINES = 20
LINES_MAX = 500
QUOTE_MAX = 4000  # characters; more of them are a file
KINDS = ("trades", "signals", "config", "logs")


async def logs(room: Room, ask: Ask) -> Answer:
    """The last lines of our own log: so many, those of trouble, or those that name a market."""
    no_more(ask, 2)
    words, as_file = ask.args, bool(ask.args) and ask.args[-1].lower() == "file"
    words = words[:-1] if as_file else words
    no_more(Ask(ask.caller, ask.update_id, words), 1)
    word = words[0] if words else ""
    lines = _chosen(word)
    card = tail.logs(lines, word, room.desk.view().mode)
    if as_file or sum(len(line) + 1 for line in lines) > QUOTE_MAX:
        content = "".join(f"{line}\n" for line in lines).encode()
        return File("logs.txt", content, tail.caption(lines, word, room.desk.view().mode))
    return card


def _chosen(word: str) -> tuple[str, ...]:
    lines = log.recent()
    if is_count(word):
        return lines[-count(word, LINES_MAX) :]
    if word.lower() == "errors":
        return tuple(line for line in lines if tail.is_trouble(line))[-LINES:]
    if not word:
        return lines[-LINES:]
    symbol = canonical(word)
    if symbol is None:
        raise Unclear("the log is asked for by a count, by errors, or by a market")
    return tuple(line for line in lines if symbol in line.upper())[-LINES:]


async def export_(room: Room, ask: Ask) -> Answer:
    """Documents: trades and signals as CSV, the settings as TOML, the log; or all in one."""
    no_more(ask, 2)
    if not ask.args:
        return texts.EXPORT_WHICH
    kind, period = ask.args[0].lower(), (ask.args[1].lower() if len(ask.args) > 1 else "all")
    if kind not in (*KINDS, "all") or period not in PERIODS:
        raise Unclear(f"one of {', '.join(KINDS)}, all; then one of {', '.join(PERIODS)}")
    files = await _documents(room, KINDS if kind == "all" else (kind,), period)
    name, content = files[0] if len(files) == 1 else ("breakout.zip", export.packed(files))
    return File(name, content, texts.exported(name, period, room.desk.view().mode))


async def _documents(room: Room, kinds: tuple[str, ...], period: str) -> list[tuple[str, bytes]]:
    files = []
    if "trades" in kinds or "signals" in kinds:
        trades, signals = await _history(room, period)
        both = {"trades": export.trades_csv(trades), "signals": export.signals_csv(signals)}
        files = [(f"{kind}.csv", both[kind]) for kind in kinds if kind in both]
    if "config" in kinds:
        files.append(("config.toml", export.config_toml(room.settings)))
    if "logs" in kinds:
        files.append(("logs.txt", export.log_text()))
    return files


async def _history(room: Room, period: str) -> tuple[list[TradeView], list[Heard]]:
    """All the journal has of a period, read with pauses."""
    rows, trades, signals = export.TradeRows(), [], []
    async for record in read(room.desk):
        closed = rows.take(record)
        is_wanted = _is_within(room, record.at_ms, period)
        if closed is not None and is_wanted:
            trades.append(closed)
        if isinstance(record.fact, SignalTaken | SignalSkipped) and is_wanted:
            signals.append(Heard(record.seq, record.at_ms, record.fact))
    return trades, signals


def _is_within(room: Room, at_ms: int, period: str) -> bool:
    days, zone = PERIODS[period], ZoneInfo(room.settings.risk.day_zone)
    if days is None:
        return True
    return (day_of(room.desk.view().at_ms, zone) - day_of(at_ms, zone)).days < days
