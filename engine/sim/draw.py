"""What kind of run a seed is: strategy, markets, settings, and whether the exchange outlives us.

It exists so that the configuration itself is part of the search: ladders of one to six rungs, small
deadlines, tight limits. It must never draw a setting that a config file could not hold.
"""

from decimal import Decimal
from random import Random

import msgspec

from engine.core.checks import CANDLE_ONLY
from engine.core.settings import Checks, Market, Schedule, Settings, Signals, Store
from engine.core.terms import Execution, Exits, Risk
from engine.core.values import Instrument, Ms
from engine.sim.faults import happens

SCRIPTED_EVERY = 5  # seeds: one of so many runs the real strategy on scripted candles
MIDNIGHT_MS: Ms = 1_750_032_000_000  # 2025-06-16T00:00Z
_HOUR_MS: Ms = 3_600_000
_MINUTE_MS: Ms = 60_000
_UNSEEN = tuple(name for name in CANDLE_ONLY if name != "spread")  # here are quotes, no more

# base, tick, lot, first price
_COINS = (
    ("BTC", "0.1", "0.001", 94_800.0),
    ("ETH", "0.01", "0.01", 3360.0),
    ("SOL", "0.01", "0.1", 102.0),
    ("XRP", "0.0001", "1", 2.31),
    ("DOGE", "0.00001", "1", 0.332),
    ("TAO", "0.01", "0.001", 462.0),
    ("PEPE", "0.0000001", "100", 0.0203),
)


class Scenario(msgspec.Struct, frozen=True):
    """Everything about a run that is fixed before it begins."""

    seed: int
    is_scripted: bool  # the real strategy on scripted candles; else random signals
    outlives: bool  # the exchange goes on while we are down; else the account is ours, as on paper
    settings: Settings
    instruments: tuple[Instrument, ...]
    prices: tuple[float, ...]  # the first of each
    start_ms: Ms
    minutes: int  # of faults; the calm end comes on top
    beat_ms: Ms  # between two moves of the market
    eagerness: float  # signals per bar and symbol of the random strategy


def draw(seed: int) -> Scenario:
    """The run of a seed."""
    dice = Random(f"scenario {seed}")  # noqa: S311 -- a seed that can be lived again
    is_scripted = seed % SCRIPTED_EVERY == SCRIPTED_EVERY - 1
    coins = dice.sample(_COINS, dice.randint(2, 4 if is_scripted else 6))
    frame_s = 300 if is_scripted else dice.choice((60, 60, 60, 180))
    bars = dice.randint(8, 14) if is_scripted else dice.randint(20, 36)
    midnights = dice.choice((0, 0, 8, 16)) * _HOUR_MS + MIDNIGHT_MS
    lead_ms = dice.randint(1, 18) * frame_s * 1000
    return Scenario(
        seed=seed,
        is_scripted=is_scripted,
        outlives=happens(dice, 0.6),
        settings=_settings(dice, frame_s, is_scripted=is_scripted),
        instruments=tuple(
            _instrument(coin[0], *(("0.01", "0.1") if is_scripted else coin[1:3])) for coin in coins
        ),
        prices=tuple(102.0 if is_scripted else coin[3] for coin in coins),
        start_ms=midnights - lead_ms,
        minutes=bars * frame_s // 60,
        beat_ms=dice.choice((8_000, 10_000, 12_000)) * (2 if is_scripted else 1),
        eagerness=dice.choice((0.1, 0.25, 0.5)),
    )


def _instrument(base: str, tick: str, lot: str) -> Instrument:
    return Instrument(
        symbol=f"{base}USDT",
        base=base,
        quote="USDT",
        tick=Decimal(tick),
        lot=Decimal(lot),
        qty_min=Decimal(lot),
        notional_min=Decimal(5),
        taker_bps=Decimal("5.5"),
        maker_bps=Decimal(2),
    )


def _settings(dice: Random, frame_s: int, *, is_scripted: bool) -> Settings:
    silent_s = 90 if is_scripted else 45
    return Settings(
        market=Market(frame_s=frame_s, stale_after_s=silent_s),  # type: ignore[arg-type] # a choice
        schedule=Schedule(reconcile_every_s=dice.choice((5, 10, 20, 30))),
        checks=Checks(excluded=_UNSEEN),
        store=Store(checkpoint_facts=dice.choice((10, 40, 200))),
        signals=Signals(
            cooldown_s=dice.choice((0, 60, 300)),
            expiry_s=dice.choice((30, 120, 300)),
            sides=dice.choice(("both", "both", "both", "long", "short")),
        ),
        risk=_risk(dice),
        execution=Execution(
            slippage_max_bps=dice.choice((5.0, 15.0, 40.0)),
            entry_deadline_s=dice.choice((2, 5, 30)),
            protect_deadline_s=dice.choice((3, 5, 10)),
        ),
        exits=_exits(dice, frame_s),
    )


def _risk(dice: Random) -> Risk:
    if happens(dice, 0.12):  # many small trades close to the edge: a gap of the market is too much
        return Risk(
            risk_per_trade_pct=0.3,
            max_open_positions=6,
            open_risk_max_pct=9.0,
            pair_corr_max_frac=1.0,
            min_risk_frac=0.0,
            daily_loss_limit_pct=0.9,
            kill_switch_pct=1.0,
            kill_flatten=True,
            max_losing_streak=20,
        )
    per_trade = dice.choice((0.3, 0.5, 0.75, 1.5, 2.4))
    daily = max(per_trade, dice.choice((0.5, 1.0, 1.0, 2.0, 8.0)))
    return Risk(
        risk_per_trade_pct=per_trade,
        max_open_positions=dice.choice((1, 2, 3, 5, 5)),
        max_notional_usd=dice.choice((3_000.0, 60_000.0, 60_000.0)),
        leverage_max=dice.choice((1.0, 3.0, 3.0)),
        open_risk_max_pct=max(per_trade, dice.choice((1.0, 4.5, 9.0, 9.0))),
        pair_corr_max_frac=dice.choice((0.4, 0.4, 1.0)),
        min_risk_frac=dice.choice((0.0, 0.25)),
        daily_loss_limit_pct=daily,
        kill_switch_pct=dice.choice((daily + 0.1, daily + 0.1, daily + 0.4, 18.0)),
        kill_flatten=happens(dice, 0.7),
        max_losing_streak=dice.choice((1, 2, 3, 5, 5)),
        day_zone=dice.choice(("UTC", "UTC", "Asia/Tokyo", "America/New_York")),
    )


def _exits(dice: Random, frame_s: int) -> Exits:
    return Exits(
        targets=_ladder(dice),
        be_after_targets=dice.choice((0, 1, 1, 2)),
        be_trigger_r=dice.choice((0.0, 0.0, 0.5, 1.0)),
        trail_from_r=dice.choice((0.3, 0.6, 1.5)),
        trail_atr=dice.choice((1.0, 2.3)),
        trail_tight_from_r=dice.choice((0.0, 0.0, 1.5)),
        trail_tight_atr=0.7,
        failed_break_bars=dice.choice((0, 3, 3)),
        weak_impulse_bars=dice.choice((0, 0, 2, 4)),
        activity_bars=dice.choice((0, 0, 2)),
        activity_min_mult=0.6,
        no_progress_s=dice.choice((0, 3, 8)) * frame_s,
        time_stop_s=dice.choice((0, 0, 4, 7)) * frame_s,
        max_hold_s=dice.choice((5, 12, 400)) * frame_s,
        addon_enabled=happens(dice, 0.4),
        addon_min_r=dice.choice((0.1, 0.5)),
        addon_ema_bps=dice.choice((50.0, 200.0)),
    )


def _ladder(dice: Random) -> tuple[tuple[float, float], ...]:
    rungs = dice.choice((1, 1, 2, 2, 3, 4, 6))
    first, step = dice.choice((0.2, 0.4, 0.8)), dice.choice((0.2, 0.4))
    whole = dice.choice((0.7, 0.9, 1.0))
    share = int(10_000 * whole / rungs) / 10_000
    shares = [share] * (rungs - 1)
    shares.append(round(whole - sum(shares), 4))
    return tuple((round(first + k * step, 4), part) for k, part in enumerate(shares))
