"""What the engine's names are called in the chat: ends of trades, stops, gates, refusals.

They exist so that a notice, a card and a table never call one thing by two names. A name without
words here is shown as it is, never hidden.
"""

from engine.core.facts import SignalSkipped, SignalTaken
from engine.core.risk import RiskCheck
from engine.core.values import GateName, Setup, StopKind

STAGES = (  # of the funnel, in its order
    "seen",
    "liquid enough",
    "in volatility band",
    "near a level",
    "broke the level",
    "breakout confirmed",
    "risk and slots ok",
    "filled",
)
SETUPS = {Setup.MOMENTUM: "breakout", Setup.RETEST: "retest"}
STOPS = {
    StopKind.INITIAL: "stop",
    StopKind.BREAKEVEN: "breakeven stop",
    StopKind.TRAILING: "trailing stop",
    StopKind.MANUAL: "stop set by hand",
}
_ENDS = {
    **{kind.value: words for kind, words in STOPS.items()},
    "operator": "closed by hand",
    "panic": "closed by the panic",
    "kill": "closed by the kill switch",
    "unprotected": "no stop acknowledged",
    "failed_breakout": "back through the level",
    "activity_drop": "volume dried up",
    "weak_impulse": "no impulse",
    "no_progress": "no progress in time",
    "time_stop": "losing for too long",
    "max_hold": "held as long as allowed",
    "stray": "late fill, closed again",
    "by hand": "closed on the exchange by hand",
    "external": "closed on the exchange, not by us",
    "adl": "auto-deleveraged by the exchange",
    "liquidation": "liquidated by the exchange",
    "settlement": "settled by the exchange",
}
GATES = {
    GateName.DAILY_LOSS: "Daily loss limit",
    GateName.LOSING_STREAK: "Losing streak",
    GateName.KILL_SWITCH: "Entries locked",
    GateName.OPERATOR: "Entries paused",
    GateName.STALE_DATA: "Market data is stale",
    GateName.EXCHANGE_DOWN: "The exchange cannot be relied on",
    GateName.UNRECONCILED: "Ledger and exchange are not compared",
    GateName.CLOCK_BAD: "Our clock and the exchange's disagree",
    GateName.DISK_BAD: "The disk does not take our records",
    GateName.SHUTTING_DOWN: "Stopping",
}
DAILY = frozenset({GateName.DAILY_LOSS, GateName.LOSING_STREAK})  # they open with the next day
NEXT_DAY = "until the next trading day"
_REFUSALS = {  # each fits a column
    "gates(daily_loss)": "off: daily loss limit",
    "gates(losing_streak)": "off: losing streak",
    "gates(kill_switch)": "off: locked",
    "gates(operator)": "off: paused",
    "gates(stale_data)": "off: no fresh data",
    "gates(exchange_down)": "off: exchange trouble",
    "gates(unreconciled)": "off: not compared yet",
    "gates(clock_bad)": "off: clock trouble",
    "gates(disk_bad)": "off: disk trouble",
    "gates(shutting_down)": "off: stopping",
    "expiry": "it came too late",
    "busy": "a trade was open there",
    "cooldown": "cooling down there",
    "slots": "all slots were taken",
    "stop": "no room for a stop",
    "cost": "costs too high",
    "size(risk)": "no risk allowed now",
    "size(notional)": "notional cap reached",
    "size(leverage)": "leverage cap reached",
    "size(depth)": "the book is too thin",
    "size(open_risk)": "open-risk cap reached",
    "size(correlated)": "same bet: cap reached",
    "size(floor)": "too near a loss limit",
    "size(minimum)": "below exchange minimum",
    "size(crumb)": "too little risk left",
    "size(unknown)": "a price was unknown",
}


def end(rule: str) -> str:
    """How a trade, or a part of it, ended."""
    return _ENDS.get(rule) or rule.replace("_", " ")


def refusal(check: str) -> str:
    """Why a complete signal became no trade."""
    return _REFUSALS.get(check) or check.replace("_", " ")


def skipped(reason: str, check: str = "") -> str:
    """Why a complete signal became no trade: the detail, where there is one."""
    name, _, detail = reason.partition(": ")
    return detail or refusal(check or name)


def became(fact: SignalTaken | SignalSkipped) -> str:
    """What became of a signal; not yet escaped."""
    if isinstance(fact, SignalTaken):
        return f"taken #{fact.position_id}"
    if fact.check == RiskCheck.EXPIRY:
        return "expired"
    return f"skipped: {skipped(fact.reason, fact.check)}"
