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
    preset: Annotated[str, text("the strategy: a file of engine/presets, under all other keys")] = (
        "breakout_v1"
    )
    zone: Annotated[str, text("IANA zone of the operator, for words like 'today' in the chat")] = (
        "UTC"
    )
    confirm_s: Annotated[int, num(5, 60, "s", "life of a confirmation button, in real seconds")] = (
        30
    )
    resume_live: Annotated[
        bool, text("after a restart live entries go on by themselves instead of after /resume")
    ] = False
    pause_when_deaf: Annotated[
        bool, text("entries are paused when Telegram is not heard for long, or by others, too")
    ] = False


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
    orders_every_s: Annotated[
        int, num(1, 60, "s", "the same while a target rests on the exchange")
    ] = 5


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
    movers: Annotated[
        Literal["all", "gainers", "losers"], text("restrict to movers of the last 24 h")
    ] = "all"
    movers_max: Annotated[int, num(1, 600, "count", "movers kept, largest move first")] = 50
    gain_min_pct: Annotated[float, num(0, 100, "pct", "24 h change that makes a gainer")] = 8
    loss_min_pct: Annotated[
        float, num(0, 100, "pct", "24 h fall (a positive number) that makes a loser")
    ] = 6
    volume_24h_min_usd: Annotated[
        float, num(0, 1e11, "usd", "check volume_24h: least 24 h turnover")
    ] = 5_000_000
    oi_min_usd: Annotated[float, num(0, 1e11, "usd", "check oi: least open interest; 0 = off")] = (
        2_000_000
    )
    oi_change_min_pct: Annotated[
        float, num(0, 100, "pct", "check oi_change: least 24 h change, up or down; 0 = off")
    ] = 1.8
    spread_max_bps: Annotated[float, num(0.1, 200, "bps", "check spread; also aborts an entry")] = (
        30
    )
    depth_30bps_min_usd: Annotated[
        float, num(0, 1e9, "usd", "check depth_30: both sides of the book together; 0 = off")
    ] = 5000
    depth_50bps_min_usd: Annotated[
        float, num(0, 1e9, "usd", "check depth_50: both sides of the book together; 0 = off")
    ] = 8000
    tpm_min: Annotated[
        float, num(0, 10_000, "1/min", "check tpm: prints a minute over 300 s; 0 = off")
    ] = 3
    atr15_min_pct: Annotated[float, num(0.01, 50, "pct", "check atr15, lower bound")] = 0.5
    atr15_max_pct: Annotated[float, num(0.01, 50, "pct", "check atr15, upper bound")] = 12
    bb_rank_max_pct: Annotated[
        float, num(1, 100, "pct", "check bb_rank: width percentile before the break")
    ] = 82
    watch_max: Annotated[
        int, num(1, 200, "count", "symbols that may be traded, best score first")
    ] = 30


class Score(Section, frozen=True):
    """How markets are ranked: weights of components, each scaled to about -3..3."""

    mode: Annotated[
        Literal["fixed", "zscore"], text("scale each component by itself, or over all symbols")
    ] = "fixed"
    w_vol_surge: Annotated[float, num(-1, 1, "weight", "volume above its usual")] = 0.3
    w_oi_change: Annotated[float, num(-1, 1, "weight", "change of open interest")] = 0.15
    w_atr_quality: Annotated[
        float, num(-1, 1, "weight", "volatility in the middle of its band")
    ] = 0.2
    w_btc_decorrelation: Annotated[float, num(-1, 1, "weight", "moves apart from BTCUSDT")] = 0.15
    w_turnover: Annotated[float, num(-1, 1, "weight", "turnover a minute over the last hour")] = 0.2
    w_trend_1h: Annotated[
        float, num(-1, 1, "weight", "move of the last hour, signed; negative favors losers")
    ] = 0
    w_move_1h: Annotated[float, num(-1, 1, "weight", "size of the move of the last hour")] = 0
    w_liquidity: Annotated[float, num(-1, 1, "weight", "tight spread and 24 h turnover")] = 0
    w_level_proximity: Annotated[
        float, num(-1, 1, "weight", "nearness to the extreme of the recent closes")
    ] = 0


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

    setups: Annotated[
        tuple[Literal["MOMENTUM", "RETEST"], ...],
        text("setups tried, the first that is complete is traded"),
    ] = ("MOMENTUM", "RETEST")
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
    consolidation_min_bars: Annotated[
        int, num(0, 50, "bars", "closes before the break that must hug the level; 0 = off")
    ] = 0
    consolidation_max_atr: Annotated[
        float, num(0.1, 10, "atr", "how close to the level they must be")
    ] = 1.5
    vwap_gap_max_atr: Annotated[
        float, num(0.1, 20, "atr", "advisory: stretch from the 20-bar VWAP")
    ] = 2
    momentum_stop_atr: Annotated[
        float, num(0.2, 10, "atr", "initial stop beyond the level, momentum")
    ] = 1.2
    retest_stop_atr: Annotated[
        float, num(0.2, 10, "atr", "initial stop beyond the level, retest")
    ] = 1
    stop_pad_atr: Annotated[float, num(0, 2, "atr", "pad beyond the 10-bar extreme")] = 0.1
    stop_min_atr: Annotated[float, num(0.05, 5, "atr", "least stop distance, volatility part")] = (
        0.3
    )
    stop_min_spreads: Annotated[float, num(0, 20, "mult", "least stop distance in spreads")] = 2
    stop_min_ticks: Annotated[int, num(1, 1000, "ticks", "least stop distance in ticks")] = 5
    retest_min_bars: Annotated[int, num(1, 50, "bars", "youngest break a retest may use")] = 2
    retest_max_bars: Annotated[int, num(2, 200, "bars", "oldest break a retest may use")] = 72
    retest_depart_atr: Annotated[
        float, num(0, 10, "atr", "how far price must have left the level first")
    ] = 1
    retest_tolerance_bps: Annotated[
        float, num(0, 200, "bps", "half-width of the retest zone around the level")
    ] = 20
    retest_pierce_atr: Annotated[
        float, num(0, 3, "atr", "deepest wick through the level during the pullback")
    ] = 0.35
    retest_confirm_bars: Annotated[
        int, num(0, 20, "bars", "bars after the first touch in which the reaction must come")
    ] = 3
    retest_activity_min_mult: Annotated[
        float, num(0, 10, "mult", "volume of the last 5 bars over the 15 before")
    ] = 0.8
    imbalance_min_frac: Annotated[
        float, num(0, 0.95, "frac", "check imbalance: of the book, toward the trade")
    ] = 0.15
    wall_block_bps: Annotated[
        float, num(0, 100, "bps", "check wall_ahead: no opposing wall this close; 0 = off")
    ] = 5
    tape_pace_min_mult: Annotated[
        float, num(0, 10, "mult", "check tape_pace: print rate of 60 s over 300 s")
    ] = 0.7
    activity_drop_max_frac: Annotated[
        float, num(0, 1, "frac", "check tape_activity: largest drop of the tape; 1 = off")
    ] = 0.4
    confidence_min_frac: Annotated[
        float, num(0, 1, "frac", "check confidence: least confidence of a signal; 0 = off")
    ] = 0
    blackouts_utc: Annotated[
        tuple[str, ...], text("no entries in these windows, HH:MM-HH:MM, UTC; may wrap midnight")
    ] = ()
    expiry_s: Annotated[int, num(10, 3600, "s", "life of a signal after its bar closed")] = 300
    cooldown_s: Annotated[
        int, num(0, 86_400, "s", "no new entry in a symbol after a trade there closed")
    ] = 1800


class Micro(Section, frozen=True):
    """How the order book is read."""

    book_stale_ms: Annotated[int, num(200, 60_000, "ms", "older books are unknown")] = 3000
    imbalance_band_bps: Annotated[
        float, num(1, 200, "bps", "distance from the middle in which sides are weighed")
    ] = 30


class Walls(Section, frozen=True):
    """When resting orders are a wall, and how one ends."""

    bucket_bps: Annotated[float, num(0.5, 20, "bps", "width of a bucket of prices")] = 3
    scan_bps: Annotated[float, num(5, 200, "bps", "distance from the middle looked at")] = 50
    k_mult: Annotated[
        float, num(2, 50, "mult", "a wall is a bucket so many times the usual size")
    ] = 7
    lookback_s: Annotated[int, num(60, 600, "s", "length of what is usual")] = 300
    persist_s: Annotated[int, num(1, 60, "s", "seconds in a row before a wall counts")] = 3
    eaten_min_frac: Annotated[float, num(0.3, 1, "frac", "loss of size that ends a wall")] = 0.75
    traded_min_frac: Annotated[
        float, num(0.05, 1, "frac", "traded share of the loss that makes it eaten, else pulled")
    ] = 0.5
    refresh_dip_frac: Annotated[float, num(0.05, 0.9, "frac", "dip that arms a refresh")] = 0.3
    refresh_back_frac: Annotated[
        float, num(0.5, 1, "frac", "recovery, of the peak, that is a refresh")
    ] = 0.9


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
    score: Score = Score()
    levels: Levels = Levels()
    signals: Signals = Signals()
    micro: Micro = Micro()
    walls: Walls = Walls()
    risk: Risk = Risk()
    execution: Execution = Execution()
    exits: Exits = Exits()
    sim: Sim = Sim()
    caps: Caps = Caps()
