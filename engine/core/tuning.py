"""What a person may change while the engine runs, and what holds all the same.

It exists so that the limits which bind even the owner stand in one place: what no chat ever
touches, which directions only reduce risk, and that a looser daily loss limit waits for the next
day. It must never loosen anything by itself.
"""

from collections.abc import Iterator, Mapping
from operator import attrgetter
from types import MappingProxyType

from msgspec.structs import replace

from engine.core.settings import Settings

DAY_LIMIT = "risk.daily_loss_limit_pct"
FRAME = "market.frame_s"
# Whose money, where, how it is kept: matters of the machine and its files.
_FIXED = ("caps", "exchange", "store", "log", "sim")
_FIXED_KEYS = ("bot.name", "bot.preset")

LOWER, HIGHER = -1, 1
# In this direction a change only takes risk away, so it needs no question before. What may close
# something at once is not here: a kill switch moved below the drawdown there is fires.
SAFER: Mapping[str, int] = MappingProxyType(
    {
        "risk.risk_per_trade_pct": LOWER,
        "risk.max_open_positions": LOWER,
        "risk.max_notional_usd": LOWER,
        "risk.leverage_max": LOWER,
        "risk.open_risk_max_pct": LOWER,
        "risk.pair_corr_max_frac": LOWER,
        "risk.correlated_share_max_frac": LOWER,
        "risk.depth_max_frac": LOWER,
        "risk.cost_max_frac": LOWER,
        "risk.max_losing_streak": LOWER,
        "risk.soft_daily_frac": LOWER,
        "risk.soft_drawdown_frac": LOWER,
        "risk.soft_mult": LOWER,
        DAY_LIMIT: LOWER,
        "signals.cooldown_s": HIGHER,
    }
)


def is_fixed(key: str) -> bool:
    """Whether no chat may change it."""
    return key in _FIXED_KEYS or key.partition(".")[0] in _FIXED


def is_safer(key: str, now: Settings, then: Settings) -> bool:
    """Whether the change of this key only takes risk away."""
    before, after = attrgetter(key)(now), attrgetter(key)(then)
    return key in SAFER and bool((after - before) * SAFER[key] >= 0)


def over_caps(settings: Settings) -> Iterator[str]:
    """What goes beyond the caps, in words."""
    risk, caps = settings.risk, settings.caps
    rows = (
        ("risk.risk_per_trade_pct", risk.risk_per_trade_pct, caps.risk_per_trade_pct),
        ("risk.leverage_max", risk.leverage_max, caps.leverage),
        (DAY_LIMIT, risk.daily_loss_limit_pct, caps.daily_loss_pct),
    )
    for key, value, most in rows:
        if value > most:
            yield f"{key}: expected at most {most:g}, the cap of the file, found {value:g}"


def clamped(settings: Settings, held: float | None) -> Settings:
    """The settings as they hold today: no looser than the daily limit that was held."""
    risk = settings.risk
    if held is None or risk.daily_loss_limit_pct <= held:
        return settings
    trade = min(risk.risk_per_trade_pct, held)
    return replace(
        settings, risk=replace(risk, daily_loss_limit_pct=held, risk_per_trade_pct=trade)
    )
