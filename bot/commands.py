"""The table of commands: verb, role, what an old one may still do, action, help.

It exists so that rights, menus, help and dispatch come from one place and cannot disagree. An
action never checks a role; nothing runs that is not in this table.
"""

import difflib
from collections.abc import Awaitable, Callable
from enum import StrEnum

import msgspec
from telegram import BotCommand

from bot import texts
from bot.commands_close import close, do_panic, panic
from bot.commands_gates import do_pause, do_resume, gate, pause, resume, stop
from bot.commands_ignore import ignore
from bot.commands_mode import mode
from bot.commands_positions import positions
from bot.commands_preset import preset
from bot.commands_read import chart, health, levels, pnl, signals, start, status_, why
from bot.commands_scan import scan
from bot.conversation import Ask, Room
from bot.dialogs import Answer, Choice, Question, Tap
from bot.gate import Caller, Role
from bot.views.layout import Text
from engine.core.values import GateName

STALE_TTL_S = 60.0
Action = Callable[[Room, Ask], Awaitable[Answer]]


class Stale(StrEnum):
    """What becomes of a command that was typed long ago."""

    SKIP = "skip"
    RUN = "run"
    ASK = "ask"
    REFUSE = "refuse"


class Verb(msgspec.Struct, frozen=True):
    """One command."""

    name: str
    role: Role
    action: Action
    brief: str  # at most 40 characters, for the menu
    usage: str
    examples: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    stale: Stale = Stale.SKIP
    in_menu: bool = True
    group: str = "Look"


async def help_(room: Room, ask: Ask) -> Answer:
    """All commands, or one with its usage."""
    verb = find(ask.args[0].lstrip("/").lower()) if ask.args else None
    if verb is not None:
        return texts.help_verb(verb.usage, verb.brief, verb.examples, verb.role.name.lower())
    if ask.args:
        return texts.unknown(nearest(ask.args[0].lower()))
    mine = [v for v in TABLE if v.role <= ask.caller.role]
    groups: dict[str, list[tuple[str, str]]] = {}
    for verb in mine:
        groups.setdefault(verb.group, []).append((verb.name, verb.brief))
    return texts.help_all(groups, room.settings.bot.name)


V, T, O = Role.VIEWER, Role.TRADER, Role.OWNER  # noqa: E741 -- the letters of the spec's table
TABLE: tuple[Verb, ...] = (
    Verb("status", V, status_, "the live card", "/status", aliases=("s",)),
    Verb(
        "positions",
        V,
        positions,
        "open positions, one card each",
        "/positions [#id or SYM]",
        ("/positions #17", "/positions sol"),
        ("p",),
    ),
    Verb(
        "signals",
        V,
        signals,
        "last signals, and what became of each",
        "/signals [count or SYM]",
        ("/signals 20", "/signals sol"),
    ),
    Verb(
        "scan",
        V,
        scan,
        "the most promising markets",
        "/scan [count or now]",
        ("/scan 20", "/scan now"),
    ),
    Verb(
        "why",
        V,
        why,
        "why a market is (not) traded",
        "/why [SYM or #id]",
        ("/why arb", "/why #17"),
    ),
    Verb("chart", V, chart, "candles, levels, entry, stop, target", "/chart SYM", ("/chart sol",)),
    Verb(
        "levels",
        V,
        levels,
        "levels of a market, nearest first",
        "/levels SYM",
        ("/levels sol",),
        in_menu=False,
    ),
    Verb("pnl", V, pnl, "profit and loss with costs", "/pnl [today 7d 30d all]", ("/pnl 7d",)),
    Verb(
        "pause",
        T,
        pause,
        "no new entries, exits go on",
        "/pause [30m, 4h, until 08:00]",
        ("/pause 4h", "/pause until 08:00"),
        stale=Stale.RUN,
        group="Steer",
    ),
    Verb(
        "resume",
        T,
        resume,
        "entries on again",
        "/resume [reason]",
        ("/resume spread was a feed glitch",),
        stale=Stale.REFUSE,
        group="Steer",
    ),
    Verb(
        "close",
        T,
        close,
        "close a position, or a share of it",
        "/close [#id or SYM or all] [percent]",
        ("/close sol 50", "/close all"),
        stale=Stale.ASK,
        in_menu=False,
        group="Steer",
    ),
    Verb(
        "stop",
        O,
        stop,
        "no new entries until resume; asks how",
        "/stop",
        stale=Stale.ASK,
        in_menu=False,
        group="Steer",
    ),
    Verb(
        "preset",
        O,
        preset,
        "the strategy in force; choose another",
        "/preset [name]",
        ("/preset", "/preset conservative"),
        stale=Stale.REFUSE,
        in_menu=False,
        group="Steer",
    ),
    Verb(
        "mode",
        O,
        mode,
        "paper or live, and what live needs",
        "/mode [paper or live]",
        ("/mode", "/mode live"),
        stale=Stale.REFUSE,
        in_menu=False,
        group="Steer",
    ),
    Verb(
        "ignore",
        O,
        ignore,
        "a position that is not ours: leave alone",
        "/ignore [SYM [off]]",
        ("/ignore XRPUSDT", "/ignore XRPUSDT off"),
        stale=Stale.REFUSE,
        in_menu=False,
        group="Steer",
    ),
    Verb("health", V, health, "feed, exchange, clock, chat, errors", "/health", group="Machine"),
    Verb(
        "help",
        V,
        help_,
        "this list, or one command",
        "/help [verb]",
        ("/help close",),
        group="Machine",
    ),
    Verb("start", V, start, "who am I; starts nothing", "/start", in_menu=False, group="Machine"),
    Verb(
        "panic",
        O,
        panic,
        "lock, cancel, close everything",
        "/panic [now]",
        ("/panic", "/panic now"),
        stale=Stale.ASK,
        group="Emergency",
    ),
)
_BY_NAME = {name: verb for verb in TABLE for name in (verb.name, *verb.aliases)}


def find(name: str) -> Verb | None:
    """The command of this name or alias."""
    return _BY_NAME.get(name)


def nearest(name: str) -> str | None:
    """The command that was probably meant."""
    close_by = difflib.get_close_matches(name[:32], list(_BY_NAME), 1, 0.6)
    return _BY_NAME[close_by[0]].name if close_by else None


def menu(role: Role) -> list[BotCommand]:
    """What the client's menu shows to this role; the gate does not depend on it."""
    return [BotCommand(v.name, v.brief) for v in TABLE if v.in_menu and v.role <= role]


async def run_stale(room: Room, verb: Verb, ask: Ask, age_s: float) -> Answer:
    """What an old command may still do; reads were skipped before."""
    if verb.stale is Stale.RUN:
        return await do_pause(room, ask.tap, None, was_late=True)
    if verb.stale is Stale.REFUSE:
        return texts.stale_refused(verb.name, age_s)
    return await _lock_and_ask(room, verb, ask, age_s)


async def _lock_and_ask(room: Room, verb: Verb, ask: Ask, age_s: float) -> Answer:
    """An old close, stop or panic: entries off at once, and a question before any close."""
    was_open = gate(room, GateName.OPERATOR) is None
    locked = await do_pause(room, ask.tap, None)
    if isinstance(locked, Text) and was_open:  # it did not work: that is the news
        return locked

    async def do_it(tap: Tap) -> Answer:
        if verb.name == "panic":
            return await do_panic(room, tap)
        return await verb.action(room, Ask(tap.caller, tap.update_id, ask.args, is_button=True))

    async def ignore(tap: Tap) -> Answer:
        return await do_resume(room, tap, "")

    row = [Choice(texts.DO_IT, do_it, "danger"), Choice(texts.STAY, _stay)]
    if was_open:
        row.append(Choice(texts.IGNORE, ignore))
    words = texts.stale_act(" ".join((verb.name, *ask.args))[:60], age_s, _exposure(room))
    return Question(words, (tuple(row),), STALE_TTL_S)


async def _stay(_tap: Tap) -> Answer:
    return texts.STAYS


def _exposure(room: Room) -> str:
    held = room.desk.view().positions
    known = [p.move_r for p in held if p.move_r is not None]
    return texts.exposure(len(held), sum(known) if len(known) == len(held) else None)


def allowed(verb: Verb, caller: Caller) -> bool:
    """Whether this person may use it."""
    return caller.role >= verb.role
