"""The table of commands: verb, role, what an old one may still do, action, help.

It exists so that rights, menus, help and dispatch come from one place and cannot disagree. An
action never checks a role; nothing runs that is not in this table.
"""

from bot import texts, texts_help
from bot.commands_blacklist import blacklist
from bot.commands_chart import chart_
from bot.commands_close import close
from bot.commands_config import config_
from bot.commands_gates import pause, resume, stop
from bot.commands_ignore import ignore
from bot.commands_logs import export_, logs
from bot.commands_mode import mode
from bot.commands_money import balance, pnl, risk
from bot.commands_notify import notify
from bot.commands_panic import panic
from bot.commands_positions import positions
from bot.commands_preset import preset
from bot.commands_read import health, levels, signals, start, why
from bot.commands_scan import scan
from bot.commands_seen import seen
from bot.commands_set import set_
from bot.commands_stats import stats
from bot.commands_status import status_
from bot.commands_trades import trades
from bot.commands_watch import watch
from bot.conversation import Ask, Room
from bot.dialogs import Answer
from bot.gate import Role
from bot.verbs import Stale, Verb, Verbs


async def help_(room: Room, ask: Ask) -> Answer:
    """All commands by group, one group, or one command with its usage."""
    groups: dict[str, list[tuple[str, str]]] = {group: [] for group in texts_help.ABOUT}
    for each in VERBS.of(ask.caller.role):
        groups.setdefault(each.group, []).append((each.name, each.brief))
    groups = {group: verbs for group, verbs in groups.items() if verbs}
    word = ask.args[0].lstrip("/").lower() if ask.args else ""
    if not word:
        return texts_help.help_all(groups, room.settings.bot.name)
    if word.capitalize() in groups:
        return texts_help.help_group(word.capitalize(), groups)
    verb = VERBS.find(word)
    return texts.unknown(VERBS.nearest(word)) if verb is None else _explained(verb)


def _explained(verb: Verb) -> Answer:
    short = (f"/{name} = /{verb.name} {' '.join(w)}" for name, w in verb.shortcuts.items())
    also = ", ".join((*(f"/{name}" for name in verb.aliases), *short))
    role = verb.role.name.lower()
    return texts_help.help_verb(verb.usage, verb.brief, verb.examples, role, also)


V, T, O = Role.VIEWER, Role.TRADER, Role.OWNER  # noqa: E741 -- the letters of the spec's table
TABLE: tuple[Verb, ...] = (
    Verb(
        "status",
        V,
        status_,
        "the live card",
        "/status [pin]",
        ("/status", "/status pin"),
        aliases=("s",),
        has_prices=True,
    ),
    Verb(
        "positions",
        V,
        positions,
        "open positions, one card each",
        "/positions [#id or SYM]",
        ("/positions #17", "/positions sol"),
        ("p",),
        has_prices=True,
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
        has_prices=True,
    ),
    Verb(
        "why",
        V,
        why,
        "why a market is (not) traded",
        "/why [SYM or #id]",
        ("/why arb", "/why #17"),
        has_prices=True,
    ),
    Verb(
        "chart",
        V,
        chart_,
        "candles, levels, entry, stop, target",
        "/chart [SYM or #id] [5m 15m 1h 4h]",
        ("/chart sol 1h", "/chart #17"),
        has_prices=True,
    ),
    Verb(
        "levels",
        V,
        levels,
        "levels of a market, nearest first",
        "/levels SYM",
        ("/levels sol", "/levels BTC/USDT"),
        in_menu=False,
        has_prices=True,
    ),
    Verb(
        "pnl",
        V,
        pnl,
        "profit and loss with costs",
        "/pnl [today 7d 30d all] [day week month]",
        ("/pnl 30d", "/weekly"),
        shortcuts={"daily": ("day",), "weekly": ("week",), "monthly": ("month",)},
        group="Money",
        has_prices=True,
    ),
    Verb(
        "trades",
        V,
        trades,
        "closed trades, and the life of each",
        "/trades [count or SYM or #id] [csv]",
        ("/trades sol", "/trades #17"),
        in_menu=False,
        group="Money",
    ),
    Verb(
        "stats",
        V,
        stats,
        "win rate, expectancy, drawdown and more",
        "/stats [by symbol, setup, side, hour or exit]",
        ("/stats", "/stats by symbol"),
        aliases=("performance",),
        in_menu=False,
        group="Money",
    ),
    Verb(
        "balance",
        V,
        balance,
        "equity, exposure, what is at risk",
        "/balance",
        ("/balance",),
        in_menu=False,
        group="Money",
        has_prices=True,
    ),
    Verb(
        "risk",
        V,
        risk,
        "limits and what is used; kill switch",
        "/risk [reset reason]",
        ("/risk", "/risk reset the feed was wrong"),
        in_menu=False,
        group="Money",
        has_prices=True,
    ),
    Verb(
        "pause",
        T,
        pause,
        "no new entries, exits go on",
        "/pause [30m, 4h, until 08:00]",
        ("/pause 4h", "/pause until 08:00"),
        stale=Stale.RUN,
        group="Steer",
        is_urgent=True,
    ),
    Verb(
        "resume",
        T,
        resume,
        "entries on again",
        "/resume [reason]",
        ("/resume", "/resume spread was a feed glitch"),
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
        shortcuts={"closeall": ("all",)},
        stale=Stale.ASK,
        in_menu=False,
        group="Steer",
        is_urgent=True,
    ),
    Verb(
        "stop",
        O,
        stop,
        "no new entries until resume; asks how",
        "/stop",
        ("/stop",),
        stale=Stale.ASK,
        in_menu=False,
        group="Steer",
        is_urgent=True,
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
        ("/set risk.max_open_positions 2", "/set risk.max_open_positions reset"),
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
        ("/notify", "/notify quiet 22:00-07:00"),
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
        ("/blacklist doge 7d thin book", "/blacklist rm doge"),
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
        ("/watch sol eth", "/watch sol 190"),
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
    Verb(
        "health",
        V,
        health,
        "feed, exchange, clock, chat, errors",
        "/health",
        ("/health", "/version"),
        aliases=("version",),
        group="Machine",
    ),
    Verb(
        "logs",
        O,
        logs,
        "the tail of our own log",
        "/logs [count, errors or SYM] [file]",
        ("/logs 50", "/errors"),
        shortcuts={"errors": ("errors",)},
        in_menu=False,
        group="Machine",
    ),
    Verb(
        "export",
        O,
        export_,
        "trades, signals, settings, log as files",
        "/export trades, signals, config, logs or all [today 7d 30d all]",
        ("/export trades 30d", "/export all"),
        in_menu=False,
        group="Machine",
    ),
    Verb(
        "help",
        V,
        help_,
        "this list, or one command",
        "/help [verb]",
        ("/help close", "/help money"),
        group="Machine",
    ),
    Verb(
        "start",
        V,
        start,
        "who am I; starts nothing",
        "/start",
        ("/start", "/start 7F3K-Q2"),
        in_menu=False,
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
    Verb(
        "panic",
        O,
        panic,
        "lock, cancel, close everything",
        "/panic [now]",
        ("/panic", "/panic now"),
        stale=Stale.ASK,
        group="Emergency",
        is_urgent=True,
    ),
)
VERBS = Verbs(TABLE)
