"""The rows on order flow: depth, trades, imbalance, walls, and the spread of a followed book.

They exist so that what only a few followed markets have fits into the arrays of all: everybody else
is unknown, and each unknown value says why. Nothing here may enter a score or the watch set: being
followed must not change one's rank.
"""

from collections.abc import Mapping

import msgspec
import numpy as np

from engine.core.checks import Row
from engine.core.conditions import Scene
from engine.core.depth import Depth
from engine.core.flow import Follow
from engine.core.indicators import Bools, Floats
from engine.core.settings import Settings
from engine.core.values import Ms, OrderSide

NOT_FOLLOWED = "not followed: only watched markets are"
NO_TRADE = "no trade in 300 s"
NO_SIDE = "no level says which side"
CLEAR = "no wall ahead"

Whys = Mapping[int, str]  # by place of the symbol


class Sight(msgspec.Struct, frozen=True, eq=False):
    """Order flow of a batch of symbols: arrays `(symbols,)`, NaN = unknown.

    `whys` tell of a followed market why a value is unknown, by the name of the value.
    """

    at_ms: Ms
    follows: Mapping[int, Follow]
    spread_bps: Floats
    depth_30: Floats
    depth_50: Floats
    is_least_30: Bools  # no more than this much is shown, and there may be more
    is_least_50: Bools
    imbalance: Floats
    tpm: Floats
    pace: Floats
    drop: Floats
    whys: Mapping[str, dict[int, str]]


_BOOK, _TAPE = ("depth_30", "depth_50", "imbalance"), ("tpm", "pace", "drop")


def see(scene: Scene) -> Sight:
    """What is known of each symbol at the moment of the verdict."""
    size, flow, at_ms = len(scene.symbols), scene.market.flow, scene.at_ms
    follows: dict[int, Follow] = {}
    if flow.symbols:
        found = ((i, flow.get(symbol)) for i, symbol in enumerate(scene.symbols))
        follows = {i: follow for i, follow in found if follow is not None}
    sight = Sight(
        at_ms=at_ms,
        follows=follows,
        spread_bps=np.full(size, np.nan),
        depth_30=np.full(size, np.nan),
        depth_50=np.full(size, np.nan),
        is_least_30=np.zeros(size, dtype=np.bool_),
        is_least_50=np.zeros(size, dtype=np.bool_),
        imbalance=np.full(size, np.nan),
        tpm=np.full(size, np.nan),
        pace=np.full(size, np.nan),
        drop=np.full(size, np.nan),
        whys={name: {} for name in _BOOK + _TAPE},
    )
    for i, follow in follows.items():
        _see_book(sight, i, follow)
        _see_tape(sight, i, follow)
    return sight


def _see_book(sight: Sight, i: int, follow: Follow) -> None:
    depth, at_ms = follow.depth(sight.at_ms), sight.at_ms
    if depth is None:
        why = follow.why_no_depth(at_ms)
        for name in _BOOK:
            sight.whys[name][i] = why
        return
    _see_depth(sight, i, depth)
    lean = follow.imbalance(at_ms)
    if lean is None:
        sight.whys["imbalance"][i] = follow.why_no_imbalance(at_ms)
    else:
        sight.imbalance[i] = lean


def _see_depth(sight: Sight, i: int, depth: Depth) -> None:
    sight.spread_bps[i] = depth.spread_bps
    for bps, usd, is_least in (
        (30, sight.depth_30, sight.is_least_30),
        (50, sight.depth_50, sight.is_least_50),
    ):
        reach = depth.both(bps)
        usd[i], is_least[i] = reach.usd, reach.is_least


def _see_tape(sight: Sight, i: int, follow: Follow) -> None:
    short, long = (follow.tape.window(window_s, sight.at_ms) for window_s in (60, 300))
    why = follow.why_no_pace(long) or follow.why_no_pace(short)
    if long.tpm is None:
        sight.whys["tpm"][i] = why
    else:
        sight.tpm[i] = long.tpm
    if short.tpm is None or not long.tpm:
        sight.whys["pace"][i] = sight.whys["drop"][i] = why or NO_TRADE
        return
    sight.pace[i] = short.tpm / long.tpm
    drop = follow.drop(sight.at_ms)
    sight.drop[i] = np.nan if drop is None else drop


def spread_row(row: Row, sight: Sight) -> Row:
    """The row of the spread with that of the book where there is a fresh one."""
    if not sight.follows:
        return row
    value = np.where(np.isfinite(sight.spread_bps), sight.spread_bps, row.value)
    return msgspec.structs.replace(row, value=value, ok=value <= row.need)


def micro_rows(sight: Sight, settings: Settings) -> tuple[Row, ...]:
    """Rows that are the same for both sides, each while its parameter does not switch it off."""
    u, s = settings.universe, settings.signals
    rows = (
        _depth_row("depth_30", (sight.depth_30, sight.is_least_30), sight, u.depth_30bps_min_usd),
        _depth_row("depth_50", (sight.depth_50, sight.is_least_50), sight, u.depth_50bps_min_usd),
        _row("tpm", sight.tpm, u.tpm_min, sight.tpm >= u.tpm_min, sight.whys["tpm"]),
        _row(
            "tape_pace",
            sight.pace,
            s.tape_pace_min_mult,
            sight.pace >= s.tape_pace_min_mult,
            sight.whys["pace"],
        ),
        _row(
            "tape_activity",
            sight.drop,
            s.activity_drop_max_frac,
            sight.drop <= s.activity_drop_max_frac,
            sight.whys["drop"],
        ),
    )
    off = {
        "depth_30": u.depth_30bps_min_usd == 0,
        "depth_50": u.depth_50bps_min_usd == 0,
        "tpm": u.tpm_min == 0,
        "tape_activity": s.activity_drop_max_frac == 1,
    }
    return tuple(row for row in rows if not off.get(row.name, False))


def _depth_row(name: str, of: tuple[Floats, Bools], sight: Sight, least: float) -> Row:
    """What is shown of a book that goes on is enough to pass, never to fail."""
    value, is_least = of
    ok = value >= least
    known = np.isfinite(value) & (ok | ~is_least)
    short = {
        i: f"the book shows {value[i]:.0f} USD and may hold more"
        for i in np.flatnonzero(is_least & ~known).tolist()
    }
    row = _row(name, value, least, ok, {**sight.whys[name], **short})
    return msgspec.structs.replace(row, known=known)


def sided_rows(sight: Sight, sign: Floats, close: Floats, settings: Settings) -> tuple[Row, ...]:
    """Rows of one setup: `sign` is the side it would trade, 0 = none."""
    s = settings.signals
    lean = sided(sight, sign)
    aimless = {i: NO_SIDE for i in sight.follows if sign[i] == 0}
    rows = (
        _row(
            "imbalance",
            lean,
            s.imbalance_min_frac,
            lean >= s.imbalance_min_frac,
            {**aimless, **sight.whys["imbalance"]},
        ),
    )
    if s.wall_block_bps == 0:
        return rows
    return (*rows, _wall_row(sight, (sign, close), aimless, s.wall_block_bps))


def sided(sight: Sight, sign: Floats) -> Floats:
    """Imbalance toward each symbol's side; NaN without a side."""
    return np.where(sign == 0, np.nan, sign) * sight.imbalance


def _wall_row(sight: Sight, at: tuple[Floats, Floats], aimless: Whys, most: float) -> Row:
    """Distance of the nearest opposing wall ahead, in bps of the close."""
    sign, close = at
    away = np.full(len(sign), np.nan)
    known = np.zeros(len(sign), dtype=np.bool_)
    words: dict[int, str] = dict(aimless)
    for i, follow in sight.follows.items():
        words[i] = follow.why_no_walls(sight.at_ms) or words.get(i, "")
        if words[i]:
            continue
        known[i] = True
        away[i] = wall_ahead(follow, float(sign[i]), float(close[i]))
        words[i] = "" if np.isfinite(away[i]) else CLEAR
    row = _row("wall_ahead", away, most, ~(away <= most), words)
    return msgspec.structs.replace(row, known=known)


def wall_ahead(follow: Follow, sign: float, price: float) -> float:
    """Distance to the nearest wall a trade of this sign would run into, in bps; NaN = none."""
    opposing = OrderSide.SELL if sign > 0 else OrderSide.BUY
    walls = (w.price for w in follow.walls.standing if w.side is opposing)
    ahead = (sign * (wall - price) / price * 1e4 for wall in walls)
    return min((away for away in ahead if away > 0), default=float("nan"))


def _row(name: str, value: Floats, need: float, ok: Bools, whys: Whys) -> Row:
    words = tuple(whys.get(i, "") for i in range(len(value))) if whys else ()
    return Row(name, value, need, ok, NOT_FOLLOWED, words)
