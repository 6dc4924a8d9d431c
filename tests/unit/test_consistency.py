"""engine.consistency: keys that depend on each other, through the loader that applies the rules."""

import math
from pathlib import Path

import pytest

from engine import config
from engine.consistency import RULES, live_problems
from engine.core.checks import CHECKS
from engine.core.sections import describe
from engine.core.settings import Checks, Levels, Settings
from engine.core.terms import Exits
from engine.errors import ConfigError

NAN = math.nan
WINDOWS = (
    "expected the largest of window_bars, fresh_bars and two hours of bars, plus retest_max_bars, "
    "at most 299"
)
Rungs = tuple[tuple[float, float], ...]


def problems(text: str, folder: Path) -> list[str]:
    """What load says about this file, without the aligning blanks."""
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        config.load(path, [], {})
    return [" ".join(line.split()) for line in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "[universe]\natr15_min_pct = 12",
            (
                "universe.atr15_min_pct expected "
                "universe.atr15_min_pct less than universe.atr15_max_pct, found 12 and 12"
            ),
        ),
        (
            "[universe]\natr15_max_pct = 0.25",
            (
                "universe.atr15_max_pct expected "
                "universe.atr15_min_pct less than universe.atr15_max_pct, found 0.5 and 0.25"
            ),
        ),
        (
            "[walls]\nrefresh_dip_frac = 0.75",
            (
                "walls.refresh_dip_frac expected "
                "walls.refresh_dip_frac less than walls.eaten_min_frac, found 0.75 and 0.75"
            ),
        ),
        (
            "[risk]\nrisk_per_trade_pct = 2\nopen_risk_max_pct = 1.9",
            (
                "risk.risk_per_trade_pct expected "
                "risk.risk_per_trade_pct at most risk.open_risk_max_pct, found 2 and 1.9"
            ),
        ),
        (
            "[risk]\nrisk_per_trade_pct = 2.6",
            (
                "risk.risk_per_trade_pct expected "
                "risk.risk_per_trade_pct at most caps.risk_per_trade_pct, found 2.6 and 2.5"
            ),
        ),
        (
            "[risk]\ndaily_loss_limit_pct = 1.4",
            (
                "risk.daily_loss_limit_pct expected "
                "risk.risk_per_trade_pct at most risk.daily_loss_limit_pct, found 1.5 and 1.4"
            ),
        ),
        (
            "[risk]\ndaily_loss_limit_pct = 10.5",
            (
                "risk.daily_loss_limit_pct expected "
                "risk.daily_loss_limit_pct at most caps.daily_loss_pct, found 10.5 and 10"
            ),
        ),
        (
            "[risk]\nkill_switch_pct = 8",
            (
                "risk.kill_switch_pct expected "
                "risk.daily_loss_limit_pct less than risk.kill_switch_pct, found 8 and 8"
            ),
        ),
        (
            "[risk]\nleverage_max = 3.5",
            "risk.leverage_max expected risk.leverage_max at most caps.leverage, found 3.5 and 3",
        ),
        (
            "[levels]\nwindow_bars = 60\ndonchian_bars = [20]\n[signals]\nfresh_bars = 61",
            (
                "signals.fresh_bars expected "
                "signals.fresh_bars at most levels.window_bars, found 61 and 60"
            ),
        ),
        (
            "[levels]\ndonchian_bars = [4]",
            (
                "levels.donchian_bars expected donchian_bars of 1 to 4 whole numbers between 5 and "
                "window_bars (200), found [4]"
            ),
        ),
        (
            "[levels]\ndonchian_bars = []",
            (
                "levels.donchian_bars expected donchian_bars of 1 to 4 whole numbers between 5 and "
                "window_bars (200), found []"
            ),
        ),
        (
            "[levels]\nwindow_bars = 90",
            (
                "levels.window_bars expected donchian_bars of 1 to 4 whole numbers between 5 and "
                "window_bars (90), found [20, 50, 100]"
            ),
        ),
        (
            "[signals]\nbreak_eps_bps = 0\nbreak_eps_atr = 0",
            "signals.break_eps_bps expected break_eps_bps + break_eps_atr above 0, found 0",
        ),
        (
            "[exits]\ntargets = []",
            "exits.targets expected 1 to 6 rungs [r, share], found 0 of them",
        ),
        (
            f"[exits]\ntargets = {[[r, 0.1] for r in range(1, 8)]}",
            "exits.targets expected 1 to 6 rungs [r, share], found 7 of them",
        ),
        (
            "[exits]\ntargets = [[0, 0.5]]",
            (
                "exits.targets expected 1 to 6 rungs [r, share] "
                "with r above 0 and rising, found r of 0"
            ),
        ),
        (
            "[exits]\ntargets = [[1, 0.5], [1, 0.5]]",
            (
                "exits.targets expected 1 to 6 rungs [r, share] "
                "with r above 0 and rising, found r of 1, 1"
            ),
        ),
        (
            "[exits]\ntargets = [[2, 0.5], [1, 0.5]]",
            (
                "exits.targets expected 1 to 6 rungs [r, share] "
                "with r above 0 and rising, found r of 2, 1"
            ),
        ),
        (
            "[exits]\ntargets = [[1, 0.5], [2, 0]]",
            (
                "exits.targets expected 1 to 6 rungs [r, share] "
                "with shares above 0 and 1 at most together, found 0.5, 0"
            ),
        ),
        (
            "[exits]\ntargets = [[1, 0.5], [2, 0.51]]",
            (
                "exits.targets expected 1 to 6 rungs [r, share] "
                "with shares above 0 and 1 at most together, found 0.5, 0.51"
            ),
        ),
        (
            "[exits]\ntrail_atr = 1.4",
            (
                "exits.trail_atr expected "
                "exits.trail_tight_atr at most exits.trail_atr, found 1.5 and 1.4"
            ),
        ),
        (
            "[exits]\ntrail_tight_from_r = 1.4",
            (
                "exits.trail_tight_from_r expected "
                "exits.trail_from_r at most exits.trail_tight_from_r, found 1.5 and 1.4"
            ),
        ),
        (
            "[exits]\ntarget_adjust_max_bps = 4",
            (
                "exits.target_adjust_max_bps expected "
                "exits.target_buffer_bps at most exits.target_adjust_max_bps, found 5 and 4"
            ),
        ),
        (
            "[levels]\nwindow_bars = 228",
            f"levels.window_bars {WINDOWS}, found 228 + 72",
        ),
        (
            "[signals]\nretest_max_bars = 100",
            f"signals.retest_max_bars {WINDOWS}, found 200 + 100",
        ),
        (
            "[market]\nframe_s = 60\n[levels]\nwindow_bars = 100\n[signals]\nretest_max_bars = 180",
            f"levels.window_bars {WINDOWS}, found 120 + 180",
        ),
        (
            "[signals]\nretest_min_bars = 5\nretest_max_bars = 5",
            (
                "signals.retest_min_bars expected "
                "signals.retest_min_bars less than signals.retest_max_bars, found 5 and 5"
            ),
        ),
        (
            "[signals]\nsetups = []",
            "signals.setups expected at least one setup, each once, found []",
        ),
        (
            "[signals]\nsetups = ['RETEST', 'RETEST']",
            'signals.setups expected at least one setup, each once, found ["RETEST", "RETEST"]',
        ),
        (
            "[universe]\ndepth_30bps_min_usd = 8001",
            (
                "universe.depth_30bps_min_usd expected universe.depth_30bps_min_usd "
                "at most universe.depth_50bps_min_usd, found 8001 and 8000"
            ),
        ),
        (
            "[score]\nw_turnover = -0.41",
            "score.w_turnover expected weights w_* of 0.8 to 1.2 together, signs aside, found 1.21",
        ),
        (
            "[score]\nw_vol_surge = 0.09",
            (
                "score.w_vol_surge expected weights w_* of 0.8 to 1.2 together, signs aside, "
                "found 0.79"
            ),
        ),
        *(
            (
                f"[signals]\nblackouts_utc = ['23:50-00:10', '{window}']",
                (
                    "signals.blackouts_utc expected windows like 23:50-00:10, of some length, "
                    f'found "{window}"'
                ),
            )
            for window in ("24:00-01:00", "23:60-01:00", "2:00-03:00", "12:00", "12:00-12:00", "")
        ),
        (
            "[checks]\nexcluded = ['break']",
            'checks.excluded expected names of checks a signal can do without, found "break"',
        ),
        (
            "[checks]\nexcluded = ['bodi']",
            'checks.excluded expected names of checks, found "bodi"; did you mean body?',
        ),
        (
            "[checks]\nexcluded = ['body', 'xyz']",
            f'checks.excluded expected names of checks, found "xyz"; one of {", ".join(CHECKS)}',
        ),
        (
            "[universe]\nwhitelist = ['SOL/USDT']",
            'universe.whitelist expected symbols like SOLUSDT, found "SOL/USDT"',
        ),
        (
            "[universe]\nwhitelist = ['SOL*']",
            'universe.whitelist expected symbols like SOLUSDT, found "SOL*"',
        ),
        (
            "[universe]\nblacklist = ['ВТС*']",  # noqa: RUF001 -- Cyrillic on purpose
            'universe.blacklist expected symbols like SOLUSDT or SOL*, found "ВТС*"',  # noqa: RUF001 -- the same
        ),
        (
            "[bot]\nzone = 'Europe/Berlim'",
            (
                'bot.zone expected an IANA zone like Europe/Berlin, found "Europe/Berlim"; '
                "did you mean Europe/Berlin?"
            ),
        ),
        (
            "[risk]\nday_zone = '/etc/passwd'",
            'risk.day_zone expected an IANA zone like Europe/Berlin, found "/etc/passwd"',
        ),
        (
            "[bot]\nzone = ''",
            'bot.zone expected an IANA zone like Europe/Berlin, found ""',
        ),
        (
            "[exchange]\nrest_url = 'wss://api.bybit.com'",
            'exchange.rest_url expected an address like https://host, found "wss://api.bybit.com"',
        ),
        (
            "[exchange]\nrest_url = 'https://host:99999'",
            'exchange.rest_url expected an address like https://host, found "https://host:99999"',
        ),
        (
            "[exchange]\nws_public_url = 'wss://'",
            'exchange.ws_public_url expected an address like wss://host, found "wss://"',
        ),
        (
            "[exchange]\nrest_url = 'https://me:hunter2@host'",
            (
                "exchange.rest_url expected an address like https://host without user and "
                "password, found one with them (not shown)"
            ),
        ),
    ],
)
def test_keys_that_depend_on_each_other(text: str, problem: str, tmp_path: Path) -> None:
    assert problems(text, tmp_path) == [problem]


@pytest.mark.parametrize(
    ("targets", "problem"),
    [
        (((NAN, 0.5),), "with r above 0 and rising, found r of nan"),
        (((1, 0.5), (math.inf, 0.5)), "with r above 0 and rising, found r of 1, inf"),
        (((1, 0.5), (2, NAN)), "with shares above 0 and 1 at most together, found 0.5, nan"),
    ],
)
def test_no_rung_is_endless_or_nothing(targets: Rungs, problem: str) -> None:
    settings = Settings(exits=Exits(targets=targets))
    verdicts = [rule.broken(settings) for rule in RULES]
    assert [v for v in verdicts if v] == [f"expected 1 to 6 rungs [r, share] {problem}"]


@pytest.mark.parametrize(
    "text",
    [
        "targets = [[0.5, 0.1], [1, 0.2], [2, 0.1], [3, 0.2], [4, 0.2], [5, 0.2]]",
        "targets = [[1, 0.05], [2, 0.55], [3, 0.3], [4, 0.1]]",  # a bit more than 1 in floats
        "targets = [[1, 1]]",
        "trail_atr = 1.5\ntrail_tight_from_r = 1.5",
        "trail_from_r = 20\ntrail_tight_from_r = 0",
        "target_adjust_max_bps = 5",
        "target_buffer_bps = 100\ntarget_adjust_max_bps = 0",
    ],
)
def test_exits_at_the_edge_of_what_holds_together(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"[exits]\n{text}", encoding="utf-8")
    config.load(path, [], {})


def test_a_level_window_always_holds_a_swing() -> None:
    # Ranges alone see to it, so no rule is needed.
    window, swing = describe(Levels, "window_bars"), describe(Levels, "swing_bars")
    assert window.ge
    assert swing.le
    assert 2 * swing.le + 1 <= window.ge


@pytest.mark.parametrize(
    "text",
    [
        "levels.window_bars = 227",
        "signals.retest_max_bars = 99",
        "market.frame_s = 60\nlevels.window_bars = 100\nsignals.retest_max_bars = 179",
        "market.frame_s = 900",
        "signals.retest_min_bars = 1\nsignals.retest_max_bars = 2",
        "signals.setups = ['RETEST', 'MOMENTUM']",
        "signals.setups = ['RETEST']",
        "signals.blackouts_utc = ['23:59-00:00', '00:00-23:59']",
        "universe.depth_30bps_min_usd = 8000",
        "universe.depth_50bps_min_usd = 0",
        "score.w_turnover = 0\n",  # 0.8 together
        "score.w_trend_1h = -0.2",  # 1.2
        "checks.excluded = ['oi', 'confidence', 'hold']",
    ],
)
def test_strategies_at_the_edge_of_what_holds_together(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    config.load(path, [], {})


def test_where_money_is_real_every_check_counts() -> None:
    assert live_problems(Settings()) == []
    lax = Settings(checks=Checks(unknown_policy="pass", excluded=("oi", "tpm")))
    assert live_problems(lax) == [
        'checks.excluded: expected no names in live mode, found ["oi", "tpm"]',
        'checks.unknown_policy: expected "fail" in live mode, found "pass"',
    ]
