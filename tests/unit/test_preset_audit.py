"""The audit of presets: each key does something, and each threshold can be met and missed."""

from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path

import pytest

from engine import catalog, config, preset
from engine.core.settings import Settings
from engine.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of presets of our own, with the default one in it."""
    monkeypatch.setattr(preset, "FOLDER", tmp_path)
    (tmp_path / "breakout_v1.toml").write_text("# Plain.\n", encoding="utf-8")
    return tmp_path


def judge(folder: Path, lines: Sequence[str]) -> None:
    """Have all presets judged, one of these lines among them."""
    (folder / "own.toml").write_text("\n".join(["# Own.", *lines]), encoding="utf-8")
    config.check_presets()


def problems(folder: Path, lines: Sequence[str]) -> list[str]:
    """What is wrong with a preset of these lines, without the aligning blanks."""
    with pytest.raises(ConfigError) as caught:
        judge(folder, lines)
    assert caught.value.source == str(folder)
    return [" ".join(line.split()) for line in caught.value.problems]


def test_all_problems_of_all_presets_come_together(folder: Path) -> None:
    (folder / "a.toml").write_text("[risk]\nrisk_per_trade_pct = 3\nslots = 2", encoding="utf-8")
    assert problems(folder, ["[universe]", 'oi_min_usd = "5M"', "[univers]", "[exits]"]) == [
        (
            "a: risk.risk_per_trade_pct expected risk.risk_per_trade_pct at most "
            "caps.risk_per_trade_pct, found 3 and 2.5"
        ),
        "a: risk.slots unknown key",
        (
            "own: universe.oi_min_usd expected a number 0..100_000_000_000, "
            'found "5M"; write 5000000'
        ),
        "own: univers unknown section; did you mean universe?",
    ]
    with pytest.raises(ConfigError) as caught:
        config.load(Path("/dev/null"), [], {}, "own")
    assert caught.value.problems == [
        (
            "universe.oi_min_usd   expected a number 0..100_000_000_000, "
            'found "5M"; write 5000000 (preset own)'
        ),
        "univers               unknown section; did you mean universe? (preset own)",
    ]


def test_a_preset_that_is_no_toml_is_named(folder: Path) -> None:
    (problem,) = problems(folder, ["[risk"])
    assert problem.startswith("own: expected TOML, found: ")


@pytest.mark.parametrize("section", preset.NEVER)
def test_what_is_of_this_machine_or_account_is_no_matter_of_a_preset(
    section: str, folder: Path
) -> None:
    (key, *_) = catalog.SECTIONS[section].__struct_fields__
    assert problems(folder, [f"{section}.{key} = 1"]) == [
        f"own: {section}.{key} expected in config.toml, never in a preset"
    ]


@pytest.mark.parametrize(
    "line",
    [
        "risk.max_open_positions = 3",
        "signals.setups = ['MOMENTUM', 'RETEST']",
        "risk.scratch_r = 0.1",
        "exits.targets = [[1.5, 0.4], [2.8, 0.35]]",
    ],
)
def test_what_is_the_default_is_left_out(line: str, folder: Path) -> None:
    (problem,) = problems(folder, [line])
    path, _, value = line.partition(" = ")
    shown = value.replace("'", '"')
    assert problem == f"own: {path} expected to be left out: {shown} is the default"


def off(switch: str) -> str:
    return f"it does nothing while {switch} is off"


NO_RETEST, NO_MOMENTUM = "setups = ['MOMENTUM']", "setups = ['RETEST']"


@pytest.mark.parametrize(
    ("lines", "because"),
    [
        (["exits.target_buffer_bps = 6"], off("exits.target_adjust_max_bps")),
        (["exits.trail_tight_atr = 1.4"], off("exits.trail_tight_from_r")),
        (["exits.failed_break_atr = 1", "exits.failed_break_bars = 0"],
         off("exits.failed_break_bars")),
        (["exits.weak_impulse_min_r = 1"], off("exits.weak_impulse_bars")),
        (["exits.activity_min_mult = 1"], off("exits.activity_bars")),
        (["exits.no_progress_min_r = 1", "exits.no_progress_s = 0"], off("exits.no_progress_s")),
        (["exits.addon_frac = 0.5"], off("exits.addon_enabled")),
        (["exits.addon_min_r = 0.6"], off("exits.addon_enabled")),
        (["exits.addon_ema_bps = 5"], off("exits.addon_enabled")),
        (["signals.consolidation_max_atr = 1"], off("signals.consolidation_min_bars")),
        *(([f"signals.{key}", f"signals.{NO_RETEST}"],
           "it does nothing while signals.setups has no RETEST")
          for key in ("retest_stop_atr = 2", "retest_min_bars = 3", "retest_max_bars = 50",
                      "retest_depart_atr = 2", "retest_tolerance_bps = 5", "retest_pierce_atr = 1",
                      "retest_confirm_bars = 1", "retest_activity_min_mult = 1")),
        *(([key, f"signals.{NO_MOMENTUM}"],
           "it does nothing while signals.setups has no MOMENTUM")
          for key in ("signals.body_min_frac = 0.5", "signals.slope_max_pct = 1",
                      "signals.consolidation_min_bars = 3", "signals.vwap_gap_max_atr = 1",
                      "signals.momentum_stop_atr = 1", "signals.stop_pad_atr = 0.2",
                      "universe.bb_rank_max_pct = 70")),
        *(([f"universe.{key}"], 'it does nothing while universe.movers is "all"')
          for key in ("movers_max = 9", "gain_min_pct = 9", "loss_min_pct = 9")),
        (["universe.loss_min_pct = 9", "universe.movers = 'gainers'"],
         'it does nothing while universe.movers is "gainers"'),
        (["universe.gain_min_pct = 9", "universe.movers = 'losers'"],
         'it does nothing while universe.movers is "losers"'),
        (["exits.no_progress_s = 72000"], "exits.max_hold_s ends every trade before"),
        (["exits.time_stop_s = 80000"], "exits.max_hold_s ends every trade before"),
        (["exits.failed_break_bars = 10", "exits.max_hold_s = 3000"],
         "exits.max_hold_s ends every trade before"),
        (["exits.weak_impulse_bars = 10", "exits.max_hold_s = 3000"],
         "exits.max_hold_s ends every trade before"),
        (["exits.activity_bars = 11", "exits.max_hold_s = 3000"],
         "exits.max_hold_s ends every trade before"),
        (["universe.watch_max = 40", "universe.top_n = 39"], "universe.top_n keeps fewer"),
        (["universe.movers_max = 40", "universe.top_n = 39", "universe.movers = 'losers'"],
         "universe.top_n keeps fewer"),
        (["exits.be_after_targets = 3"], "exits.targets has fewer rungs"),
        (["risk.soft_daily_frac = 0.5", "risk.soft_mult = 1"],
         "it does nothing while risk.soft_mult is 1"),
        (["risk.soft_drawdown_frac = 0.6", "risk.soft_mult = 1"],
         "it does nothing while risk.soft_mult is 1"),
        (["risk.pair_corr_max_frac = 0.5", "risk.correlated_share_max_frac = 1"],
         "it does nothing while risk.correlated_share_max_frac is 1"),
    ],
)  # fmt: skip
def test_a_key_that_does_nothing_is_left_out(lines: list[str], because: str, folder: Path) -> None:
    path = lines[0].partition(" = ")[0]
    assert problems(folder, lines) == [f"own: {path} expected to be left out: {because}"]


@pytest.mark.parametrize(
    "lines",
    [
        ["exits.target_adjust_max_bps = 6", "exits.target_buffer_bps = 6"],
        ["exits.addon_enabled = true", "exits.addon_frac = 0.5"],
        ["signals.setups = ['RETEST']", "signals.retest_max_bars = 50", "signals.expiry_s = 30"],
        ["signals.setups = ['MOMENTUM']", "signals.body_min_frac = 0.5"],
        ["universe.movers = 'losers'", "universe.loss_min_pct = 9", "universe.movers_max = 200"],
        ["exits.no_progress_s = 71999", "exits.time_stop_s = 71999"],
        ["exits.be_after_targets = 2", "universe.top_n = 30"],
        ["exits.weak_impulse_bars = 9", "exits.max_hold_s = 3000", "exits.no_progress_s = 0"],
    ],
)  # fmt: skip
def test_a_key_that_does_something_stays(lines: list[str], folder: Path) -> None:
    judge(folder, lines)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("data.teleport_max_bars = 300", "below 300"),
        ("universe.volume_24h_min_usd = 0", "above 0"),
        ("universe.movers = 'losers'\nuniverse.loss_min_pct = 100", "below 100"),
        ("universe.bb_rank_max_pct = 100", "below 100"),
        ("levels.touches_min = 1", "above 1"),
        ("levels.strength_min_frac = 0.05", "above 0.08 and below 1"),
        ("levels.strength_min_frac = 1", "above 0.08 and below 1"),
        ("signals.volume_min_mult = 0", "above 0"),
        ("signals.surge_1h_min_mult = 0", "above 0"),
        ("signals.body_min_frac = 0", "above 0 and below 1"),
        ("signals.body_min_frac = 1", "above 0 and below 1"),
        ("signals.break_eps_atr = 1.5", "below 1.5"),
        ("signals.retest_depart_atr = 0", "above 0"),
        ("signals.retest_activity_min_mult = 0", "above 0"),
        ("signals.imbalance_min_frac = 0", "above 0 and below 1"),
        ("signals.tape_pace_min_mult = 0", "above 0 and below 5"),
        ("signals.tape_pace_min_mult = 5", "above 0 and below 5"),
        ("signals.activity_drop_max_frac = 0", "above 0"),
        ("signals.confidence_min_frac = 1", "below 1"),
        ("risk.pair_corr_max_frac = 1", "below 1"),
        ("exits.weak_impulse_bars = 3\nexits.weak_impulse_min_r = 0", "above 0"),
        ("exits.activity_bars = 3\nexits.activity_min_mult = 0", "above 0"),
    ],
)
def test_a_threshold_that_all_or_none_meet_is_refused(line: str, wanted: str, folder: Path) -> None:
    lines = line.splitlines()
    path, _, value = lines[-1].partition(" = ")
    assert problems(folder, lines) == [
        f"own: {path} expected {wanted}, where it can be met and missed, found {value}"
    ]


def test_a_margin_and_the_farthest_entry_beyond_it_leave_room(folder: Path) -> None:
    lines = ["signals.chase_max_atr = 0.25", "signals.break_eps_atr = 0.25"]
    assert problems(folder, lines) == [
        (
            "own: signals.chase_max_atr expected above 0.25, where it can be met and missed, "
            "found 0.25"
        ),
        (
            "own: signals.break_eps_atr expected below 0.25, where it can be met and missed, "
            "found 0.25"
        ),
    ]


def test_no_default_is_beyond_what_a_threshold_means() -> None:
    for path in ("signals.chase_max_atr", "signals.break_eps_atr", *preset._DOMAINS):
        assert attrgetter(path)(Settings()) is not None
        assert preset._empty(path, Settings()) is None
