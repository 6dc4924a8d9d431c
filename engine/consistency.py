"""What settings must hold together, beyond the range of each key.

It exists so that every cross-field rule is one row of one table, checked by whoever builds
settings. It must never change a value: it only says what is wrong.
"""

import math
import re
from collections.abc import Callable, Collection, Sequence
from difflib import get_close_matches
from itertools import pairwise
from operator import attrgetter
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from engine.core.checks import CHECKS, ESSENTIAL
from engine.core.indicators import LOOKBACK
from engine.core.settings import Score, Settings
from engine.environment import quoted, url_problem

Verdict = str | None

RUNGS_MAX = 6
SHARES_SLACK = 1e-9  # shares that add up to 1 on paper may add up to a bit more
WEIGHTS_MIN, WEIGHTS_MAX = 0.8, 1.2
WEIGHTS = tuple(key for key in Score.__struct_fields__ if key.startswith("w_"))
_WINDOW = re.compile(r"((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d)")


class Rule(msgspec.Struct, frozen=True):
    """Keys that depend on each other, and what is wrong with them: `expected ..., found ...`."""

    keys: tuple[str, ...]
    broken: Callable[[Settings], Verdict]


def _order(low: str, high: str, *, strictly: bool = False) -> Rule:
    word = "less than" if strictly else "at most"

    def broken(settings: Settings) -> Verdict:
        a, b = attrgetter(low)(settings), attrgetter(high)(settings)
        if a < b or (a == b and not strictly):
            return None
        return f"expected {low} {word} {high}, found {a:g} and {b:g}"

    return Rule((low, high), broken)


def _donchian(settings: Settings) -> Verdict:
    values, window = settings.levels.donchian_bars, settings.levels.window_bars
    if 1 <= len(values) <= 4 and all(5 <= n <= window for n in values):  # noqa: PLR2004 -- ranges
        return None
    return (
        f"expected donchian_bars of 1 to 4 whole numbers between 5 and window_bars ({window}), "
        f"found {list(values)}"
    )


def _lookback(settings: Settings) -> Verdict:
    """A retest looks back at a break, which in turn looks back: all within the last 300 bars."""
    hours = 2 * 3600 // settings.market.frame_s
    longest = max(settings.levels.window_bars, hours, settings.signals.fresh_bars)
    age = settings.signals.retest_max_bars
    if longest + age < LOOKBACK:
        return None
    return (
        f"expected the largest of window_bars, fresh_bars and two hours of bars, plus "
        f"retest_max_bars, at most {LOOKBACK - 1}, found {longest} + {age}"
    )


def _weights(settings: Settings) -> Verdict:
    total = sum(abs(getattr(settings.score, key)) for key in WEIGHTS)
    if WEIGHTS_MIN - SHARES_SLACK <= total <= WEIGHTS_MAX + SHARES_SLACK:
        return None
    return (
        f"expected weights w_* of {WEIGHTS_MIN} to {WEIGHTS_MAX} together, signs aside, "
        f"found {total:.10g}"
    )


def _setups(settings: Settings) -> Verdict:
    setups = settings.signals.setups
    if setups and len(set(setups)) == len(setups):
        return None
    found = ", ".join(map(quoted, setups))
    return f"expected at least one setup, each once, found [{found}]"


def _blackouts(settings: Settings) -> Verdict:
    for window in settings.signals.blackouts_utc:
        match = _WINDOW.fullmatch(window)
        if match is None or match[1] == match[2]:
            return f"expected windows like 23:50-00:10, of some length, found {quoted(window)}"
    return None


def _epsilon(settings: Settings) -> Verdict:
    if settings.signals.break_eps_bps + settings.signals.break_eps_atr > 0:
        return None
    return "expected break_eps_bps + break_eps_atr above 0, found 0"


def _unless_off(key: str, rule: Rule) -> Rule:
    """The rule, for as long as `key` is not 0."""
    return Rule(rule.keys, lambda s: rule.broken(s) if attrgetter(key)(s) else None)


def _targets(settings: Settings) -> Verdict:
    targets = settings.exits.targets
    rungs = [r for r, _ in targets]
    shares = [share for _, share in targets]
    expected = f"expected 1 to {RUNGS_MAX} rungs [r, share]"
    if not 1 <= len(targets) <= RUNGS_MAX:
        return f"{expected}, found {len(targets)} of them"
    if not all(a < b for a, b in pairwise((0.0, *rungs, math.inf))):
        return f"{expected} with r above 0 and rising, found r of {_listed(rungs)}"
    if not (all(share > 0 for share in shares) and sum(shares) <= 1 + SHARES_SLACK):
        return f"{expected} with shares above 0 and 1 at most together, found {_listed(shares)}"
    return None


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _names(excluded: tuple[str, ...], known: Collection[str]) -> Verdict:
    for name in excluded:
        if name in ESSENTIAL:
            return f"expected names of checks a signal can do without, found {quoted(name)}"
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(known)}"
            return f"expected names of checks, found {quoted(name)}; {hint}"
    return None


def _symbols(symbols: tuple[str, ...], example: str) -> Verdict:
    for symbol in symbols:
        stem = symbol.removesuffix("*") if "*" in example else symbol
        if not (stem.isascii() and stem.isalnum() and stem == stem.upper()):
            return f"expected symbols like {example}, found {quoted(symbol)}"
    return None


def _zone(name: str) -> Verdict:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such zone, an absolute path, a folder of zones
        close = get_close_matches(name, available_timezones(), n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        return f"expected an IANA zone like Europe/Berlin, found {quoted(name)}{hint}"
    return None


RULES = (
    _order("universe.atr15_min_pct", "universe.atr15_max_pct", strictly=True),
    _unless_off(
        "universe.depth_50bps_min_usd",
        _order("universe.depth_30bps_min_usd", "universe.depth_50bps_min_usd"),
    ),
    Rule(tuple(f"score.{key}" for key in WEIGHTS), _weights),
    _order("risk.risk_per_trade_pct", "risk.open_risk_max_pct"),
    _order("risk.risk_per_trade_pct", "caps.risk_per_trade_pct"),
    _order("risk.risk_per_trade_pct", "risk.daily_loss_limit_pct"),
    _order("risk.daily_loss_limit_pct", "caps.daily_loss_pct"),
    _order("risk.daily_loss_limit_pct", "risk.kill_switch_pct", strictly=True),
    _order("risk.leverage_max", "caps.leverage"),
    _order("signals.fresh_bars", "levels.window_bars"),
    Rule(("levels.donchian_bars", "levels.window_bars"), _donchian),
    Rule(
        (
            "levels.window_bars",
            "signals.retest_max_bars",
            "signals.fresh_bars",
            "market.frame_s",
        ),
        _lookback,
    ),
    _order("signals.retest_min_bars", "signals.retest_max_bars", strictly=True),
    Rule(("signals.setups",), _setups),
    Rule(("signals.blackouts_utc",), _blackouts),
    Rule(("signals.break_eps_bps", "signals.break_eps_atr"), _epsilon),
    Rule(("exits.targets",), _targets),
    _order("exits.trail_tight_atr", "exits.trail_atr"),
    _unless_off(
        "exits.trail_tight_from_r", _order("exits.trail_from_r", "exits.trail_tight_from_r")
    ),
    _unless_off(
        "exits.target_adjust_max_bps",
        _order("exits.target_buffer_bps", "exits.target_adjust_max_bps"),
    ),
    _order("walls.refresh_dip_frac", "walls.eaten_min_frac", strictly=True),
    Rule(("checks.excluded",), lambda s: _names(s.checks.excluded, CHECKS)),
    Rule(("universe.whitelist",), lambda s: _symbols(s.universe.whitelist, "SOLUSDT")),
    Rule(("universe.blacklist",), lambda s: _symbols(s.universe.blacklist, "SOLUSDT or SOL*")),
    Rule(("bot.zone",), lambda s: _zone(s.bot.zone)),
    Rule(("risk.day_zone",), lambda s: _zone(s.risk.day_zone)),
    Rule(("exchange.rest_url",), lambda s: url_problem(s.exchange.rest_url, ("https", "http"))),
    Rule(
        ("exchange.ws_public_url",),
        lambda s: url_problem(s.exchange.ws_public_url, ("wss", "ws")),
    ),
)


def live_problems(settings: Settings) -> list[str]:
    """What these settings may not say where money is real, each `key: expected ..., found ...`."""
    checks = settings.checks
    problems = []
    if checks.excluded:
        names = ", ".join(map(quoted, checks.excluded))
        problems.append(f"checks.excluded: expected no names in live mode, found [{names}]")
    if checks.unknown_policy != "fail":
        found = quoted(checks.unknown_policy)
        problems.append(f'checks.unknown_policy: expected "fail" in live mode, found {found}')
    return problems
