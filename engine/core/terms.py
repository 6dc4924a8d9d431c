"""The terms of a trade: how much may be lost, how it is entered, how it ends, what it costs.

They are the money half of the configuration. A key that no code reads must not be here, and what
`Caps` says is never exceeded by any other section.
"""

from typing import Annotated, Literal

from engine.core.sections import Section, num, text


class Risk(Section, frozen=True):
    """How much may be lost."""

    risk_per_trade_pct: Annotated[
        float, num(0.01, 5, "pct", "intended risk of a trade, of equity")
    ] = 1.5
    max_open_positions: Annotated[int, num(1, 10, "count", "slots, open plus pending")] = 3
    max_notional_usd: Annotated[float, num(10, 1e7, "usd", "largest notional of a position")] = (
        60_000
    )
    leverage_max: Annotated[
        float, num(0.1, 20, "mult", "gross notional of all positions over equity")
    ] = 3
    open_risk_max_pct: Annotated[float, num(0.01, 20, "pct", "sum of open risk, of equity")] = 4.5
    pair_corr_max_frac: Annotated[
        float, num(0, 1, "frac", "signed correlation above which two positions are one bet")
    ] = 0.4
    correlated_share_max_frac: Annotated[
        float, num(0.1, 1, "frac", "share of the open-risk cap one bet may use")
    ] = 0.67
    depth_max_frac: Annotated[
        float, num(0.01, 1, "frac", "largest share of the taken side's depth within 30 bps")
    ] = 0.25
    cost_max_frac: Annotated[float, num(0.01, 2, "frac", "round-trip costs over stop distance")] = (
        0.4
    )
    min_risk_frac: Annotated[
        float, num(0, 1, "frac", "a trade cut below this share of its intended risk is refused")
    ] = 0.25
    daily_loss_limit_pct: Annotated[
        float, num(0.1, 50, "pct", "gate daily_loss: fall of equity since the day began")
    ] = 8
    kill_switch_pct: Annotated[
        float, num(0.2, 80, "pct", "gate kill_switch: drawdown from peak equity")
    ] = 18
    kill_flatten: Annotated[bool, text("also close everything when the kill switch fires")] = False
    max_losing_streak: Annotated[
        int, num(1, 20, "count", "gate losing_streak: losing trades in a row")
    ] = 5
    scratch_r: Annotated[
        float, num(0, 1, "r", "results within this of zero leave the streak alone")
    ] = 0.1
    soft_daily_frac: Annotated[
        float, num(0, 1, "frac", "share of the daily limit after which risk is reduced")
    ] = 0.8
    soft_drawdown_frac: Annotated[
        float, num(0, 1, "frac", "share of the kill limit after which risk is reduced")
    ] = 0.5
    soft_mult: Annotated[float, num(0, 1, "mult", "the reduction")] = 0.5
    day_zone: Annotated[str, text("IANA zone in which a trading day begins")] = "UTC"


class Execution(Section, frozen=True):
    """How entries meet the market."""

    slippage_max_bps: Annotated[
        float, num(0, 100, "bps", "farthest entry price from the decision price")
    ] = 15
    slippage_est_bps: Annotated[
        float, num(0, 100, "bps", "slippage per side assumed in sizing")
    ] = 4
    entry_deadline_s: Annotated[int, num(1, 300, "s", "an entry ends after this")] = 30
    protect_deadline_s: Annotated[
        int, num(1, 10, "s", "a fill must have its stop acknowledged by then, or is flattened")
    ] = 10


class Exits(Section, frozen=True):
    """How a position ends."""

    targets: Annotated[
        tuple[tuple[float, float], ...],
        text("take-profit ladder as [[r, share], ...], 1 to 6 rungs; the rest is the runner"),
    ] = ((1.5, 0.40), (2.8, 0.35))
    target_adjust_max_bps: Annotated[
        float, num(0, 100, "bps", "a target may be pulled in front of a level this close; 0 = off")
    ] = 0.0
    target_buffer_bps: Annotated[float, num(0, 100, "bps", "how far in front")] = 5.0
    be_after_targets: Annotated[
        int, num(0, 6, "count", "filled targets that move the stop to breakeven; 0 = off")
    ] = 1
    be_trigger_r: Annotated[float, num(0, 10, "r", "or a best move of this size; 0 = off")] = 0.0
    be_buffer_bps: Annotated[
        float, num(0, 100, "bps", "breakeven beyond entry; never less than two taker fees")
    ] = 10.0
    trail_from_r: Annotated[float, num(0, 20, "r", "best move that arms the trailing stop")] = 1.5
    trail_atr: Annotated[float, num(0.3, 10, "atr", "distance of the trailing stop")] = 2.3
    trail_tight_from_r: Annotated[float, num(0, 50, "r", "best move that tightens it; 0 = off")] = (
        0.0
    )
    trail_tight_atr: Annotated[float, num(0.3, 10, "atr", "tight distance")] = 1.5
    trail_step_min_atr: Annotated[
        float, num(0, 2, "atr", "smallest trailing step worth an order")
    ] = 0.1
    failed_break_bars: Annotated[
        int,
        num(0, 50, "bars", "bars in which a close back through the level ends a trade; 0 = off"),
    ] = 3
    failed_break_atr: Annotated[float, num(0, 3, "atr", "how far back through")] = 0.25
    weak_impulse_bars: Annotated[
        int, num(0, 200, "bars", "bars after which the best move is judged; 0 = off")
    ] = 0
    weak_impulse_min_r: Annotated[float, num(0, 5, "r", "best move it must have shown")] = 0.3
    activity_bars: Annotated[
        int, num(0, 50, "bars", "bars over which activity after the entry is judged; 0 = off")
    ] = 0
    activity_min_mult: Annotated[
        float, num(0, 5, "mult", "activity it must keep, of that before the entry")
    ] = 0.4
    activity_source: Annotated[
        Literal["bars", "tape"], text("volume of candles, or 1 - drop of the tape")
    ] = "bars"
    no_progress_s: Annotated[
        int, num(0, 2_592_000, "s", "age at which a trade must show progress; 0 = off")
    ] = 28_800
    no_progress_min_r: Annotated[float, num(-1, 5, "r", "the progress")] = 0.3
    time_stop_s: Annotated[
        int, num(0, 2_592_000, "s", "age at which a trade not in profit ends; 0 = off")
    ] = 0
    max_hold_s: Annotated[int, num(60, 2_592_000, "s", "age at which any trade ends")] = 72_000
    addon_enabled: Annotated[bool, text("allow one add-on to a winning position")] = False
    addon_frac: Annotated[float, num(0.01, 1, "frac", "its size, of the initial quantity")] = 0.3
    addon_min_r: Annotated[float, num(0, 10, "r", "open profit it needs")] = 0.5
    addon_ema_bps: Annotated[float, num(1, 500, "bps", "nearness to the EMA of 9 it needs")] = 50.0


class ExitPlan(Exits, frozen=True, forbid_unknown_fields=False):
    """The exits a trade was taken under: recorded with it, so that no later edit reaches it."""


# What trades ran under before a plan was recorded with each of them.
UNRECORDED = ExitPlan(
    targets=((1.5, 0.5),),
    trail_from_r=20.0,
    failed_break_bars=0,
    no_progress_s=0,
    time_stop_s=14_400,
)


class Sim(Section, frozen=True):
    """The paper account and its costs."""

    equity_start_usd: Annotated[float, num(10, 1e9, "usd", "paper balance at the start")] = 10_000
    taker_bps: Annotated[
        float, num(0, 50, "bps", "taker fee where the venue's own is not known")
    ] = 5.5
    maker_bps: Annotated[
        float, num(-5, 50, "bps", "maker fee where the venue's own is not known")
    ] = 2
    slippage_base_bps: Annotated[
        float, num(0, 100, "bps", "slippage of a market order or stop beyond the touch")
    ] = 4
    funding_8h_bps: Annotated[
        float, num(0, 50, "bps", "funding paid at 00, 08 and 16 UTC while open, always by us")
    ] = 1


class Caps(Section, frozen=True):
    """What nothing exceeds: only the file sets these, no chat and no preset."""

    risk_per_trade_pct: Annotated[float, num(0.01, 5, "pct", "most risk per trade, of equity")] = (
        2.5
    )
    leverage: Annotated[float, num(0.1, 20, "mult", "most gross notional over equity")] = 3
    daily_loss_pct: Annotated[float, num(0.1, 50, "pct", "most daily loss, of equity")] = 10
