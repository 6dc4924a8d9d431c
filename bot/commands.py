"""The table of commands: verb, role, what an old one may still do, action, help.

It exists so that rights, menus, help and dispatch come from one place and cannot disagree. An
action never checks a role; nothing runs that is not in this table.
"""

from bot import texts
from bot.commands_blacklist import blacklist
from bot.commands_chart import chart_
from bot.commands_close import close, panic
from bot.commands_config import config_
from bot.commands_gates import pause, resume, stop
from bot.commands_ignore import ignore
from bot.commands_mode import mode
from bot.commands_notify import notify
from bot.commands_positions import positions
from bot.commands_preset import preset
from bot.commands_read import health, levels, pnl, signals, start, status_, why
from bot.commands_scan import scan
from bot.commands_seen import seen
from bot.commands_set import set_
from bot.commands_watch import watch
from bot.conversation import Ask, Room
from bot.dialogs import Answer
from bot.gate import Role
from bot.verbs import Stale, Verb, Verbs


async def help_(room: Room, ask: Ask) -> Answer:
    """All commands, or one with its usage."""
    verb = VERBS.find(ask.args[0].lstrip("/").lower()) if ask.args else None
    if verb is not None:
        return texts.help_verb(verb.usage, verb.brief, verb.examples, verb.role.name.lower())
    if ask.args:
        return texts.unknown(VERBS.nearest(ask.args[0].lower()))
    groups: dict[str, list[tuple[str, str]]] = {}
    for verb in VERBS.of(ask.caller.role):
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
    Verb(
        "chart",
        V,
        chart_,
        "candles, levels, entry, stop, target",
        "/chart [SYM or #id] [5m 15m 1h 4h]",
        ("/chart sol 1h", "/chart #17"),
    ),
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
        "set",
        O,
        set_,
        "one setting: show it, or change it",
        "/set [key [value]]",
        ("/set risk", "/set risk.max_open_positions 2", "/set risk.max_open_positions reset"),
        stale=Stale.REFUSE,
        in_menu=False,
        group="Steer",
    ),
    Verb(
        "config",
        V,
        config_,
        "the configuration in force",
        "/config [section or export]",
        ("/config risk", "/config export"),
        in_menu=False,
        group="Machine",
    ),
    Verb(
        "notify",
        O,
        notify,
        "what is told, how loudly, quiet hours",
        "/notify [quiet HH:MM-HH:MM | quiet off | digest HH:MM | mute CODE]",
        ("/notify", "/notify quiet 22:00-07:00", "/notify mute order_refused"),
        stale=Stale.REFUSE,
        in_menu=False,
        group="Steer",
    ),
    Verb(
        "blacklist",
        T,
        blacklist,
        "markets that are never traded",
        "/blacklist [SYM [7d] [reason] | rm SYM]",
        ("/blacklist", "/blacklist doge 7d thin book", "/blacklist rm doge"),
        stale=Stale.REFUSE,
        in_menu=False,
        group="Steer",
    ),
    Verb(
        "watch",
        T,
        watch,
        "alerts of prices and levels, no trades",
        "/watch [SYM ... | SYM price | rm SYM [price] | clear]",
        ("/watch sol eth", "/watch sol 190", "/watch rm sol"),
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
    Verb(
        "seen",
        T,
        seen,
        "an alarm was seen: it stops to ring",
        "/seen [event]",
        ("/seen", "/seen 1234"),
        in_menu=False,
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
VERBS = Verbs(TABLE)
