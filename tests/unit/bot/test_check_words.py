"""Checks in words: labels, units, directions, and which setup they belong to."""

from bot.views import checks
from engine.core.checks import BOTH, KINDS
from engine.core.risk import RiskCheck
from engine.core.values import Check, CheckStatus, Setup

OK, NO, HUH = CheckStatus.PASS, CheckStatus.FAIL, CheckStatus.UNKNOWN
ALL = (
    Check("warmup", "data", OK, 300.0, 300.0),
    Check("data_quality", "data", OK, 0.0, 3.0),
    Check("late_bar", "clock", NO, 95.0, 30.0),
    Check("volume_24h", "ticker", OK, 31_500_000.0, 5e6),
    Check("spread", "ticker", OK, 0.9, 30.0),
    Check("atr15", "candle", OK, 0.94, (0.5, 12.0)),
    Check("near", "candle", OK, -0.0004, 0.5, is_advisory=True),
    Check("break", "candle", NO, -5.25, 0.0),
    Check("volume", "candle", OK, 8.6, 1.4),
    Check("surge_1h", "candle", OK, 1.26, 1.15),
    Check("body", "candle", NO, -0.861, 0.3),
    Check("slope", "candle", OK, 0.157, 1.5),
    Check("bb_rank", "candle", NO, 98.5, 82.0),
    Check("chase", "candle", OK, -16.1, 1.5),
    Check("gates", "risk", OK),
    Check("busy", "risk", NO, reason="position #2 is open"),
    Check("cooldown", "risk", NO, 65.0, 1800.0),
    Check("slots", "risk", NO, 3.0, 3.0),
    Check("cost", "risk", HUH, None, 0.4, "no stop distance"),
    Check("size", "risk", OK, 87.5, reason="bound by risk"),
    Check("tpm", "micro", CheckStatus.EXCLUDED),
)


def test_checks_have_units_and_directions() -> None:
    assert checks.table(ALL) == [
        "check          value     need     ",
        "history          300    >=300 ok  ",
        "data gaps          0      <=3 ok  ",
        "bar age           1m    <=30s NO  ",
        "volume 24h     31.5M     >=5M ok  ",
        "spread        0.9bps  <=30bps ok  ",
        "ATR 15m        0.94%  0.5-12% ok  ",
        "near edge     0.0ATR <=0.5ATR (ok)",
        "break         -5.25%      >0% NO  ",
        "bar volume     8.60x   >=1.4x ok  ",
        "volume 1h      1.26x  >=1.15x ok  ",
        "body            -86%    >=30% NO  ",
        "slope/bar      0.16%   <=1.5% ok  ",
        "BB width         98%    <=82% NO  ",
        "chase       -16.1ATR <=1.5ATR ok  ",
        "entries on                    ok  ",
        "open trade                    NO  ",
        "cooldown          1m    >=30m NO  ",
        "slots used         3       <3 NO  ",
        "cost/stop          -    <=40% ?   ",
        "size            87.5          ok  ",
    ]
    assert checks.table(ALL * 3)[-1] == "and 11 more"


def test_checks_as_sentences_begin_with_the_candle() -> None:
    assert checks.sentences(ALL, Setup.MOMENTUM) == (
        "ATR15 0.94 % (0.5-12). Closed -5.25 % beyond the trigger. "
        "Volume 8.60x the 20-bar median (need 1.4x). Last hour 1.26x the hour before (1.15x). "
        "Body -86 % (30 %). Approach 0.16 % a bar (at most 1.5). "
        "Band width rank 98 % (at most 82). -16.1 ATR past the level (at most 1.5). "
        "24 h turnover 31.5M USDT (need 5M). Spread 0.9 bps (30)."
    )


def test_a_return_is_not_told_by_what_a_break_needs() -> None:
    held = Check("hold", "candle", CheckStatus.PASS, -4.4, -20.0)
    assert checks.sentences([*ALL, held], Setup.RETEST) == (
        "ATR15 0.94 % (0.5-12). -16.1 ATR past the level (at most 1.5). "
        "Closes held -4 bps from the level (-20). "
        "24 h turnover 31.5M USDT (need 5M). Spread 0.9 bps (30)."
    )
    assert "held" not in checks.sentences([*ALL, held], Setup.MOMENTUM)


def test_every_check_has_words_that_fit() -> None:
    for name in (*KINDS, *RiskCheck):
        assert name in checks._WORDS
        assert len(checks.label(name)) <= 11
        assert len(checks.brief(name)) <= 8
    assert (checks.label(None), checks.brief("body"), checks.label("a_b")) == ("-", "body", "a b")


def test_rows_of_the_other_setup_stand_below() -> None:
    rows = (
        Check("oi", "ticker", CheckStatus.EXCLUDED),
        Check("atr15", "candle", OK, 0.94, (0.5, 12.0)),
        Check("volume", "candle", OK, 8.6, 1.4),
        Check("break_record", "candle", OK, 7.0, (2.0, 30.0)),
        Check("pullback", "candle", NO, None, 6.0, "not back at the level"),
        Check("hold", "candle", OK, -4.4, -20.0),
        Check("activity", "candle", HUH, None, 0.8, "not back at the level"),
        Check("reaction", "candle", NO, -0.051, 0.0),
        Check("tpm", "micro", CheckStatus.EXCLUDED),
    )
    shared = "ATR 15m        0.94%  0.5-12% ok  "
    momentum = ["bar volume     8.60x   >=1.4x ok  "]
    retest = [
        "bars, break        7     2-30 ok  ",
        "bars, back         -      <=6 NO  ",
        "held, bps         -4    >=-20 ok  ",
        "reaction    -0.05ATR    >0ATR NO  ",
    ]
    unknown = "activity           -   >=0.8x ?   "
    mine = [*retest[:3], unknown, *retest[3:]]
    assert checks.table(rows)[1:] == [shared, *momentum, *mine]
    assert checks.table(rows, Setup.MOMENTUM)[1:] == [shared, *momentum]
    assert checks.table(rows, Setup.MOMENTUM, BOTH)[1:] == [
        shared,
        *momentum,
        "only for retest:",
        *retest,
    ]
    assert checks.table(rows, Setup.RETEST, BOTH)[1:] == [
        shared,
        *mine,
        "only for momentum:",
        *momentum,
    ]
    assert checks.table(rows, None, BOTH)[1:] == [shared, *momentum, *mine]
    assert checks.excluded(rows) == "Excluded: open int., trades/min."
    assert checks.excluded(rows[1:3]) == ""
