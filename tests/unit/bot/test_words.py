"""Every name the engine may use has words, and an unknown one is shown as it is."""

import pytest

from bot.views import words
from engine.core.risk import REFUSALS
from engine.core.values import GateName, StopKind

RULES = (  # every way a trade may end
    "operator", "panic", "kill", "unprotected", "failed_breakout", "activity_drop",
    "weak_impulse", "no_progress", "time_stop", "max_hold", "stray", "adl", "liquidation",
    "settlement", "by hand", "external", *(kind.value for kind in StopKind),
)  # fmt: skip


def test_gates_and_stops_are_all_named() -> None:
    assert set(words.GATES) == set(GateName)
    assert set(words.STOPS) == set(StopKind)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_said_in_words(rule: str) -> None:
    assert words.end(rule) not in (rule, rule.replace("_", " "))
    assert "_" not in words.end(rule)


@pytest.mark.parametrize("check", REFUSALS)
def test_a_refusal_is_said_in_words(check: str) -> None:
    assert words.refusal(check) not in (check, check.replace("_", " "))
    assert len(words.refusal(check)) <= 24


def test_what_has_no_words_is_shown() -> None:
    assert words.end("target_2") == "target 2"
    assert words.refusal("late_bar") == "late bar"
