"""Every tunable number: its section, default, range, unit and meaning, declared once.

Config loading, `/help`-like texts, validation and README all read these declarations, so they
cannot disagree. This module must never read a file or the environment, and a key that no code
reads must not be here.
"""

from typing import Annotated, Literal

from msgspec import Meta

from engine.core.sections import Section, num, text
from engine.core.terms import Caps, Execution, Exits, Risk, Sim


class Bot(Section, frozen=True):
    """Who this instance is."""

    name: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9]{1,8}$",
            description="instance name, in every header and in every order id",
        ),
    ] = "alpha"
    zone: Annotated[str, text("IANA zone of the operator, for words like 'today' in the chat")] = (
        "UTC"
    )
    confirm_s: Annotated[int, num(5, 60, "s", "life of a confirmation button, in real seconds")] = (
        30
    )


class Exchange(Section, frozen=True):
    """Which venue; prices always come from it, orders only in live mode."""

    id: Annotated[Literal["bybit"], text("the venue; only bybit")] = "bybit"
    rest_url: Annotated[str, text("REST base address")] = "https://api.bybit.com"
    ws_public_url: Annotated[str, text("public stream address")] = (
        "wss://stream.bybit.com/v5/public/linear"
    )


class Schedule(Section, frozen=True):
    """How often the shell looks at things by itself."""

    tick_every_s: Annotated[float, num(0.1, 10, "s", "how often deadlines are judged")] = 1.0
    reconcile_every_s: Annotated[
        int, num(5, 300, "s", "how often ledger and account are compared")
    ] = 30


class Store(Section, frozen=True):
    """Durability: journal and checkpoint."""

    checkpoint_every_s: Annotated[
        int, num(10, 3600, "s", "longest time between two checkpoints")
    ] = 300
    checkpoint_facts: Annotated[
        int, num(10, 100_000, "count", "facts after which a checkpoint is due")
    ] = 1000


class Log(Section, frozen=True):
    """What goes to standard error."""

    level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], text("least level that is printed")
    ] = "INFO"
    json: Annotated[bool, text("one JSON object a line instead of key=value")] = False


class Market(Section, frozen=True):
    """Candles and freshness."""

    frame_s: Annotated[Literal[60, 180, 300, 900], text("base frame in seconds")] = 300
    close_grace_ms: Annotated[
        int, num(0, 10_000, "ms", "wait after a bar close before its batch is judged")
    ] = 2000
    stale_after_s: Annotated[
        int, num(3, 300, "s", "a symbol silent for longer is stale; if all are, entries stop")
    ] = 30


class Data(Section, frozen=True):
    """How clean candles must be."""

    max_missing_bars: Annotated[
        int, num(0, 30, "bars", "missing bars tolerated in the last 300")
    ] = 3
    teleport_max_bars: Annotated[
        int, num(0, 300, "bars", "bars with a true range above 5 x the ATR before, tolerated")
    ] = 6
    decision_age_max_s: Annotated[
        int, num(1, 300, "s", "a bar whose close is older than this opens nothing")
    ] = 30


class Checks(Section, frozen=True):
    """How checks without a value are treated."""

    unknown_policy: Annotated[
        Literal["fail", "pass"], text("verdict of an unknown check on paper")
    ] = "fail"
    excluded: Annotated[tuple[str, ...], text("names of checks that are not evaluated")] = ()


class Universe(Section, frozen=True):
    """Which perpetuals are watched at all."""

    whitelist: Annotated[tuple[str, ...], text("if not empty, only these symbols")] = ()
    blacklist: Annotated[
        tuple[str, ...], text("never these; BASE* means every pair of that base")
    ] = ("USDC*", "FDUSD*", "TUSD*", "USDE*", "DAI*")
    top_n: Annotated[int, num(1, 600, "count", "symbols kept after ranking by 24 h turnover")] = 200
    refresh_s: Annotated[int, num(60, 86_400, "s", "how often the universe is chosen anew")] = 900
    volume_24h_min_usd: Annotated[
        float, num(0, 1e11, "usd", "check volume_24h: least 24 h turnover")
    ] = 5_000_000
    spread_max_bps: Annotated[float, num(0.1, 200, "bps", "check spread; also aborts an entry")] = (
        30
    )
    atr15_min_pct: Annotated[float, num(0.01, 50, "pct", "check atr15, lower bound")] = 0.5
    atr15_max_pct: Annotated[float, num(0.01, 50, "pct", "check atr15, upper bound")] = 12
    bb_rank_max_pct: Annotated[
        float, num(1, 100, "pct", "check bb_rank: width percentile before the break")
    ] = 82


class Levels(Section, frozen=True):
    """How price levels are found."""

    window_bars: Annotated[int, num(60, 250, "bars", "bars a level is built from")] = 200
    swing_bars: Annotated[int, num(1, 10, "bars", "bars on each side that confirm a swing")] = 3
    donchian_bars: Annotated[
        tuple[int, ...], text("extremes of the last n bars as extra candidates; 1 to 4 values")
    ] = (20, 50, 100)
    merge_atr: Annotated[float, num(0.05, 2, "atr", "depth of a zone")] = 0.5
    pierce_atr: Annotated[float, num(0, 1, "atr", "overshoot that still is a touch")] = 0.25
    touch_gap_bars: Annotated[
        int, num(0, 50, "bars", "touching bars closer than this are one touch")
    ] = 3
    touches_min: Annotated[int, num(1, 10, "count", "touches a level needs")] = 2
    strength_min_frac: Annotated[float, num(0, 1, "frac", "strength a level needs")] = 0.4
    gap_min_atr: Annotated[
        float, num(0, 5, "atr", "a weaker level this close to a stronger one is dropped")
    ] = 1.0
    cascade_min: Annotated[
        int, num(2, 10, "count", "levels inside the cascade radius that earn the bonus")
    ] = 2
    cascade_radius_atr: Annotated[float, num(0.1, 10, "atr", "radius of a cascade")] = 1.5
    round_tolerance_bps: Annotated[
        float, num(0, 50, "bps", "distance to a round number that earns the bonus; 0 = off")
    ] = 10


class Signals(Section, frozen=True):
    """When a level counts as broken and the break as tradable."""

    sides: Annotated[Literal["both", "long", "short"], text("sides that may be traded")] = "both"
    fresh_bars: Annotated[
        int, num(3, 100, "bars", "closes that must not have cleared the trigger yet")
    ] = 24
    break_eps_bps: Annotated[float, num(0, 200, "bps", "distance beyond the level, price part")] = (
        12
    )
    break_eps_atr: Annotated[
        float, num(0, 2, "atr", "distance beyond the level, volatility part; the larger counts")
    ] = 0.1
    chase_max_atr: Annotated[
        float, num(0.2, 10, "atr", "farthest close from the level that is still an entry")
    ] = 1.5
    volume_min_mult: Annotated[
        float, num(0, 50, "mult", "break bar volume over the median of the 20 before")
    ] = 1.4
    surge_1h_min_mult: Annotated[
        float, num(0, 20, "mult", "volume of the last hour over the hour before")
    ] = 1.15
    body_min_frac: Annotated[float, num(0, 1, "frac", "body share of the break bar")] = 0.3
    slope_max_pct: Annotated[
        float, num(0.01, 20, "pct/bar", "steepest approach over the 10 bars before")
    ] = 1.5
    momentum_stop_atr: Annotated[float, num(0.2, 10, "atr", "initial stop beyond the level")] = 1.2
    stop_pad_atr: Annotated[float, num(0, 2, "atr", "pad beyond the 10-bar extreme")] = 0.1
    stop_min_atr: Annotated[float, num(0.05, 5, "atr", "least stop distance, volatility part")] = (
        0.3
    )
    stop_min_spreads: Annotated[float, num(0, 20, "mult", "least stop distance in spreads")] = 2
    stop_min_ticks: Annotated[int, num(1, 1000, "ticks", "least stop distance in ticks")] = 5
    expiry_s: Annotated[int, num(10, 3600, "s", "life of a signal after its bar closed")] = 300
    cooldown_s: Annotated[
        int, num(0, 86_400, "s", "no new entry in a symbol after a trade there closed")
    ] = 1800


class Settings(Section, frozen=True):
    """The whole configuration, typed."""

    bot: Bot = Bot()
    exchange: Exchange = Exchange()
    schedule: Schedule = Schedule()
    store: Store = Store()
    log: Log = Log()
    market: Market = Market()
    data: Data = Data()
    checks: Checks = Checks()
    universe: Universe = Universe()
    levels: Levels = Levels()
    signals: Signals = Signals()
    risk: Risk = Risk()
    execution: Execution = Execution()
    exits: Exits = Exits()
    sim: Sim = Sim()
    caps: Caps = Caps()
