"""Presets: named strategies, each a file of keys above the defaults and below config.toml.

It exists so that changing the strategy is one word, and so that a preset is judged harder than a
person's own file: each of its keys has to do something, and each threshold can be met and missed.
It must never say who trades where, or lift a cap.
"""

from collections.abc import Callable, Collection, Iterator
from difflib import get_close_matches
from operator import attrgetter
from pathlib import Path

import msgspec

from engine.catalog import declared, key_names, toml
from engine.core.settings import Settings
from engine.environment import quoted

FOLDER = Path(__file__).parent / "presets"
# What belongs to this machine, this account or its owner.
NEVER = ("bot", "exchange", "schedule", "store", "log", "caps", "sim", "checks")


class Change(msgspec.Struct, frozen=True):
    """One key that differs; `before` and `after` are TOML, `unit` is empty for a text or a list."""

    path: str
    before: str
    after: str
    unit: str


def names() -> tuple[str, ...]:
    """Names of all presets, in alphabetical order."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def path_of(name: str) -> Path:
    """The file of a preset."""
    return FOLDER / f"{name}.toml"


def character(name: str) -> str:
    """What a preset is like, in one sentence: the comment its file begins with."""
    with path_of(name).open(encoding="utf-8") as lines:
        return lines.readline().removeprefix("#").strip()


def unknown(name: str) -> str | None:
    """What is wrong with the name of a preset; None when there is one of this name."""
    known = names()
    if name in known:
        return None
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(known)}"
    return f"expected the name of a preset, found {quoted(name)}; {hint}"


def diff(before: Settings, after: Settings) -> tuple[Change, ...]:
    """Keys that differ between two configurations, in order of declaration, but for the name."""
    return tuple(
        Change(key.path, toml(old), toml(new), key.unit)
        for key in declared()
        if key.path != "bot.preset"
        and (old := attrgetter(key.path)(before)) != (new := attrgetter(key.path)(after))
    )


def audit(given: Collection[str], settings: Settings) -> Iterator[tuple[str, str]]:
    """What is wrong with the keys a preset gives: (key, problem) of dead or empty ones.

    `settings` are the defaults with this preset and nothing else.
    """
    defaults = Settings()
    for path in given:
        value = attrgetter(path)(settings)
        if value == attrgetter(path)(defaults):
            yield path, f"expected to be left out: {toml(value)} is the default"
            continue
        idle = next((i for i in _IDLE if path in i.keys and i.is_idle(settings)), None)
        if idle is not None:
            yield path, f"expected to be left out: {idle.because}"
        elif (text := _empty(path, settings)) is not None:
            yield path, text


# Keys that do nothing beside certain others


class _Idle(msgspec.Struct, frozen=True):
    """Keys without any effect while something holds."""

    keys: tuple[str, ...]
    is_idle: Callable[[Settings], bool]
    because: str


def _off(switch: str, *keys: str) -> _Idle:
    """Keys that do nothing while their switch is 0 or false."""
    return _Idle(
        keys, lambda s: not attrgetter(switch)(s), f"it does nothing while {switch} is off"
    )


def _without(setup: str, *keys: str) -> _Idle:
    own = tuple(f"signals.{key}" for key in key_names()["signals"] if key in keys)
    return _Idle(
        own if setup == "RETEST" else (*own, "universe.bb_rank_max_pct"),
        lambda s: setup not in s.signals.setups,
        f"it does nothing while signals.setups has no {setup}",
    )


def _mover(movers: str, *keys: str) -> _Idle:
    return _Idle(
        tuple(f"universe.{key}" for key in keys),
        lambda s: s.universe.movers == movers,
        f'it does nothing while universe.movers is "{movers}"',
    )


def _too_late(key: str, *, in_bars: bool) -> _Idle:
    """An age that no trade reaches."""

    def is_idle(settings: Settings) -> bool:
        age = attrgetter(key)(settings) * (settings.market.frame_s if in_bars else 1)
        return bool(age >= settings.exits.max_hold_s)

    return _Idle((key,), is_idle, "exits.max_hold_s ends every trade before")


def _kept(key: str) -> _Idle:
    """A number of symbols that never are so many."""
    return _Idle(
        (key,), lambda s: attrgetter(key)(s) > s.universe.top_n, "universe.top_n keeps fewer"
    )


_MOMENTUM = (
    "body_min_frac", "slope_max_pct", "consolidation_min_bars", "consolidation_max_atr",
    "vwap_gap_max_atr", "momentum_stop_atr", "stop_pad_atr",
)  # fmt: skip

_IDLE = (
    _off("exits.target_adjust_max_bps", "exits.target_buffer_bps"),
    _off("exits.trail_tight_from_r", "exits.trail_tight_atr"),
    _off("exits.failed_break_bars", "exits.failed_break_atr"),
    _off("exits.weak_impulse_bars", "exits.weak_impulse_min_r"),
    _off("exits.activity_bars", "exits.activity_min_mult", "exits.activity_source"),
    _off("signals.wall_block_bps", *(f"walls.{key}" for key in key_names()["walls"])),
    _off("exits.no_progress_s", "exits.no_progress_min_r"),
    _off("exits.addon_enabled", "exits.addon_frac", "exits.addon_min_r", "exits.addon_ema_bps"),
    _off("signals.consolidation_min_bars", "signals.consolidation_max_atr"),
    _without("MOMENTUM", *_MOMENTUM),
    _without("RETEST", *(key for key in key_names()["signals"] if key.startswith("retest_"))),
    _mover("all", "movers_max", "gain_min_pct", "loss_min_pct"),
    _mover("gainers", "loss_min_pct"),
    _mover("losers", "gain_min_pct"),
    _too_late("exits.no_progress_s", in_bars=False),
    _too_late("exits.time_stop_s", in_bars=False),
    _too_late("exits.failed_break_bars", in_bars=True),
    _too_late("exits.weak_impulse_bars", in_bars=True),
    _too_late("exits.activity_bars", in_bars=True),
    _kept("universe.watch_max"),
    _kept("universe.movers_max"),
    _Idle(
        ("exits.be_after_targets",),
        lambda s: s.exits.be_after_targets > len(s.exits.targets),
        "exits.targets has fewer rungs",
    ),
    _Idle(
        ("risk.soft_daily_frac", "risk.soft_drawdown_frac"),
        lambda s: s.risk.soft_mult == 1,
        "it does nothing while risk.soft_mult is 1",
    ),
    _Idle(
        ("risk.pair_corr_max_frac",),
        lambda s: s.risk.correlated_share_max_frac == 1,
        "it does nothing while risk.correlated_share_max_frac is 1",
    ),
)


# Thresholds that everything or nothing meets

# Where a threshold means something, both ends excluded; beyond them its check is always the same.
# Keys whose range already ends there are not listed, nor those a value of which means "off".
_LEVEL_STRENGTH_MIN = 0.08  # of a level with its one touch
_PACE_MAX = 5.0  # a minute of five holds at most all of their prints
_DOMAINS: dict[str, tuple[float | None, float | None]] = {
    "data.teleport_max_bars": (None, 300),
    "universe.volume_24h_min_usd": (0, None),
    "universe.loss_min_pct": (None, 100),
    "universe.bb_rank_max_pct": (None, 100),
    "levels.touches_min": (1, None),
    "levels.strength_min_frac": (_LEVEL_STRENGTH_MIN, 1),
    "signals.volume_min_mult": (0, None),
    "signals.surge_1h_min_mult": (0, None),
    "signals.body_min_frac": (0, 1),
    "signals.retest_depart_atr": (0, None),
    "signals.retest_activity_min_mult": (0, None),
    "signals.imbalance_min_frac": (0, 1),
    "signals.tape_pace_min_mult": (0, _PACE_MAX),
    "signals.activity_drop_max_frac": (0, None),
    "signals.confidence_min_frac": (None, 1),
    "risk.pair_corr_max_frac": (None, 1),
    "exits.weak_impulse_min_r": (0, None),
    "exits.activity_min_mult": (0, None),
}


def _domain(path: str, settings: Settings) -> tuple[float | None, float | None]:
    match path:
        case "signals.chase_max_atr":  # a break is at least its margin away from the level
            return settings.signals.break_eps_atr, None
        case "signals.break_eps_atr":
            return None, settings.signals.chase_max_atr
        case _:
            return _DOMAINS.get(path, (None, None))


def _empty(path: str, settings: Settings) -> str | None:
    """What is wrong with a threshold that everything meets, or nothing does."""
    value, (low, high) = attrgetter(path)(settings), _domain(path, settings)
    if (low is None or value > low) and (high is None or value < high):
        return None
    above = None if low is None else f"above {low:g}"
    below = None if high is None else f"below {high:g}"
    wanted = " and ".join(end for end in (above, below) if end)
    return f"expected {wanted}, where it can be met and missed, found {toml(value)}"
