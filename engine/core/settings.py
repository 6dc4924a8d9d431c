"""Every tunable number: its section, default, range, unit and meaning, declared once.

Config loading, `/help`-like texts, validation and README all read these declarations, so they
cannot disagree. This module must never read a file or the environment, and a key that no code
reads must not be here.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta


def _num(low: float, high: float, unit: str, meaning: str) -> Meta:
    return Meta(ge=low, le=high, description=meaning, extra={"unit": unit})


def _text(meaning: str) -> Meta:
    return Meta(description=meaning)


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of config.toml."""


class Bot(Section, frozen=True):
    """Who this instance is."""

    name: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9]{1,8}$",
            description="instance name, in every header and in every order id",
        ),
    ] = "alpha"
    zone: Annotated[str, _text("IANA zone of the operator, for words like 'today' in the chat")] = (
        "UTC"
    )
    confirm_s: Annotated[
        int, _num(5, 60, "s", "life of a confirmation button, in real seconds")
    ] = 30


class Exchange(Section, frozen=True):
    """Which venue; prices always come from it, orders only in live mode."""

    id: Annotated[Literal["bybit"], _text("the venue; only bybit")] = "bybit"
    rest_url: Annotated[str, _text("REST base address")] = "https://api.bybit.com"
    ws_public_url: Annotated[str, _text("public stream address")] = (
        "wss://stream.bybit.com/v5/public/linear"
    )


class Schedule(Section, frozen=True):
    """How often the shell looks at things by itself."""

    tick_every_s: Annotated[float, _num(0.1, 10, "s", "how often deadlines are judged")] = 1.0
    reconcile_every_s: Annotated[
        int, _num(5, 300, "s", "how often ledger and account are compared")
    ] = 30


class Store(Section, frozen=True):
    """Durability: journal and checkpoint."""

    checkpoint_every_s: Annotated[
        int, _num(10, 3600, "s", "longest time between two checkpoints")
    ] = 300
    checkpoint_facts: Annotated[
        int, _num(10, 100_000, "count", "facts after which a checkpoint is due")
    ] = 1000


class Log(Section, frozen=True):
    """What goes to standard error."""

    level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], _text("least level that is printed")
    ] = "INFO"
    json: Annotated[bool, _text("one JSON object a line instead of key=value")] = False


class Market(Section, frozen=True):
    """Candles and freshness."""

    frame_s: Annotated[Literal[60, 180, 300, 900], _text("base frame in seconds")] = 300
    close_grace_ms: Annotated[
        int, _num(0, 10_000, "ms", "wait after a bar close before its batch is judged")
    ] = 2000
    stale_after_s: Annotated[
        int, _num(3, 300, "s", "a symbol silent for longer is stale; if all are, entries stop")
    ] = 30


class Data(Section, frozen=True):
    """How clean candles must be."""

    max_missing_bars: Annotated[
        int, _num(0, 30, "bars", "missing bars tolerated in the last 300")
    ] = 3
    teleport_max_bars: Annotated[
        int, _num(0, 300, "bars", "bars with a true range above 5 x the ATR before, tolerated")
    ] = 6
    decision_age_max_s: Annotated[
        int, _num(1, 300, "s", "a bar whose close is older than this opens nothing")
    ] = 30


class Checks(Section, frozen=True):
    """How checks without a value are treated."""

    unknown_policy: Annotated[
        Literal["fail", "pass"], _text("verdict of an unknown check on paper")
    ] = "fail"
    excluded: Annotated[tuple[str, ...], _text("names of checks that are not evaluated")] = ()


class Universe(Section, frozen=True):
    """Which perpetuals are watched at all."""

    whitelist: Annotated[tuple[str, ...], _text("if not empty, only these symbols")] = ()
    blacklist: Annotated[
        tuple[str, ...], _text("never these; BASE* means every pair of that base")
    ] = ("USDC*", "FDUSD*", "TUSD*", "USDE*", "DAI*")
    top_n: Annotated[int, _num(1, 600, "count", "symbols kept after ranking by 24 h turnover")] = (
        200
    )
    refresh_s: Annotated[int, _num(60, 86_400, "s", "how often the universe is chosen anew")] = 900
    volume_24h_min_usd: Annotated[
        float, _num(0, 1e11, "usd", "check volume_24h: least 24 h turnover")
    ] = 5_000_000
    spread_max_bps: Annotated[
        float, _num(0.1, 200, "bps", "check spread; also aborts an entry")
    ] = 30
    atr15_min_pct: Annotated[float, _num(0.01, 50, "pct", "check atr15, lower bound")] = 0.5
    atr15_max_pct: Annotated[float, _num(0.01, 50, "pct", "check atr15, upper bound")] = 12
    bb_rank_max_pct: Annotated[
        float, _num(1, 100, "pct", "check bb_rank: width percentile before the break")
    ] = 82


class Levels(Section, frozen=True):
    """How price levels are found."""

    window_bars: Annotated[int, _num(60, 250, "bars", "bars a level is built from")] = 200
    swing_bars: Annotated[int, _num(1, 10, "bars", "bars on each side that confirm a swing")] = 3
    donchian_bars: Annotated[
        tuple[int, ...], _text("extremes of the last n bars as extra candidates; 1 to 4 values")
    ] = (20, 50, 100)
    merge_atr: Annotated[float, _num(0.05, 2, "atr", "depth of a zone")] = 0.5
    pierce_atr: Annotated[float, _num(0, 1, "atr", "overshoot that still is a touch")] = 0.25
    touch_gap_bars: Annotated[
        int, _num(0, 50, "bars", "touching bars closer than this are one touch")
    ] = 3
    touches_min: Annotated[int, _num(1, 10, "count", "touches a level needs")] = 2
    strength_min_frac: Annotated[float, _num(0, 1, "frac", "strength a level needs")] = 0.4
    gap_min_atr: Annotated[
        float, _num(0, 5, "atr", "a weaker level this close to a stronger one is dropped")
    ] = 1.0
    cascade_min: Annotated[
        int, _num(2, 10, "count", "levels inside the cascade radius that earn the bonus")
    ] = 2
    cascade_radius_atr: Annotated[float, _num(0.1, 10, "atr", "radius of a cascade")] = 1.5
    round_tolerance_bps: Annotated[
        float, _num(0, 50, "bps", "distance to a round number that earns the bonus; 0 = off")
    ] = 10


class Signals(Section, frozen=True):
    """When a level counts as broken and the break as tradable."""

    sides: Annotated[Literal["both", "long", "short"], _text("sides that may be traded")] = "both"
    fresh_bars: Annotated[
        int, _num(3, 100, "bars", "closes that must not have cleared the trigger yet")
    ] = 24
    break_eps_bps: Annotated[
        float, _num(0, 200, "bps", "distance beyond the level, price part")
    ] = 12
    break_eps_atr: Annotated[
        float, _num(0, 2, "atr", "distance beyond the level, volatility part; the larger counts")
    ] = 0.1
    chase_max_atr: Annotated[
        float, _num(0.2, 10, "atr", "farthest close from the level that is still an entry")
    ] = 1.5
    volume_min_mult: Annotated[
        float, _num(0, 50, "mult", "break bar volume over the median of the 20 before")
    ] = 1.4
    surge_1h_min_mult: Annotated[
        float, _num(0, 20, "mult", "volume of the last hour over the hour before")
    ] = 1.15
    body_min_frac: Annotated[float, _num(0, 1, "frac", "body share of the break bar")] = 0.3
    slope_max_pct: Annotated[
        float, _num(0.01, 20, "pct/bar", "steepest approach over the 10 bars before")
    ] = 1.5
    momentum_stop_atr: Annotated[float, _num(0.2, 10, "atr", "initial stop beyond the level")] = 1.2
    stop_pad_atr: Annotated[float, _num(0, 2, "atr", "pad beyond the 10-bar extreme")] = 0.1
    stop_min_atr: Annotated[float, _num(0.05, 5, "atr", "least stop distance, volatility part")] = (
        0.3
    )
    stop_min_spreads: Annotated[float, _num(0, 20, "mult", "least stop distance in spreads")] = 2
    stop_min_ticks: Annotated[int, _num(1, 1000, "ticks", "least stop distance in ticks")] = 5
    expiry_s: Annotated[int, _num(10, 3600, "s", "life of a signal after its bar closed")] = 300
    cooldown_s: Annotated[
        int, _num(0, 86_400, "s", "no new entry in a symbol after a trade there closed")
    ] = 1800


class Risk(Section, frozen=True):
    """How much may be lost."""

    risk_per_trade_pct: Annotated[
        float, _num(0.01, 5, "pct", "intended risk of a trade, of equity")
    ] = 1.5
    max_open_positions: Annotated[int, _num(1, 10, "count", "slots, open plus pending")] = 3
    max_notional_usd: Annotated[float, _num(10, 1e7, "usd", "largest notional of a position")] = (
        60_000
    )
    leverage_max: Annotated[
        float, _num(0.1, 20, "mult", "gross notional of all positions over equity")
    ] = 3
    open_risk_max_pct: Annotated[float, _num(0.01, 20, "pct", "sum of open risk, of equity")] = 4.5
    cost_max_frac: Annotated[
        float, _num(0.01, 2, "frac", "round-trip costs over stop distance")
    ] = 0.4
    min_risk_frac: Annotated[
        float, _num(0, 1, "frac", "a trade cut below this share of its intended risk is refused")
    ] = 0.25
    kill_switch_pct: Annotated[
        float, _num(0.2, 80, "pct", "gate kill_switch: drawdown from peak equity")
    ] = 18
    day_zone: Annotated[str, _text("IANA zone in which a trading day begins")] = "UTC"


class Execution(Section, frozen=True):
    """How entries meet the market."""

    slippage_max_bps: Annotated[
        float, _num(0, 100, "bps", "farthest entry price from the decision price")
    ] = 15
    slippage_est_bps: Annotated[
        float, _num(0, 100, "bps", "slippage per side assumed in sizing")
    ] = 4
    entry_deadline_s: Annotated[int, _num(1, 300, "s", "an entry ends after this")] = 30
    protect_deadline_s: Annotated[
        int, _num(1, 10, "s", "a fill must have its stop acknowledged by then, or is flattened")
    ] = 10


class Exits(Section, frozen=True):
    """How a position ends."""

    targets: Annotated[
        tuple[tuple[float, float], ...],
        _text("take profit as [[r, share]]: one rung; the rest runs on behind the stop"),
    ] = ((1.5, 0.5),)
    be_after_targets: Annotated[
        int, _num(0, 1, "count", "filled targets that move the stop to breakeven; 0 = off")
    ] = 1
    be_buffer_bps: Annotated[
        float, _num(0, 100, "bps", "breakeven beyond entry; never less than two taker fees")
    ] = 10
    time_stop_s: Annotated[
        int, _num(0, 2_592_000, "s", "age at which a trade not in profit ends; 0 = off")
    ] = 14_400
    max_hold_s: Annotated[int, _num(60, 2_592_000, "s", "age at which any trade ends")] = 72_000


class Sim(Section, frozen=True):
    """The paper account and its costs."""

    equity_start_usd: Annotated[float, _num(10, 1e9, "usd", "paper balance at the start")] = 10_000
    taker_bps: Annotated[
        float, _num(0, 50, "bps", "taker fee where the venue's own is not known")
    ] = 5.5
    maker_bps: Annotated[
        float, _num(-5, 50, "bps", "maker fee where the venue's own is not known")
    ] = 2
    slippage_base_bps: Annotated[
        float, _num(0, 100, "bps", "slippage of a market order or stop beyond the touch")
    ] = 4


class Caps(Section, frozen=True):
    """What nothing exceeds: only the file sets these, no chat and no preset."""

    risk_per_trade_pct: Annotated[float, _num(0.01, 5, "pct", "most risk per trade, of equity")] = (
        2.5
    )
    leverage: Annotated[float, _num(0.1, 20, "mult", "most gross notional over equity")] = 3


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


def describe(section: type[Section], key: str) -> Meta:
    """The declaration of a key: range, unit (`extra`), meaning (`description`)."""
    hint: Any = section.__annotations__[key]
    return next(m for m in hint.__metadata__ if isinstance(m, Meta))
