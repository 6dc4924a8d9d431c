"""engine.preset: fifteen strategies, and what stands above and below them."""

import re
from pathlib import Path

import pytest

from engine import config, preset
from engine.core.settings import Settings
from engine.errors import ConfigError

NAMES = (
    "aggressive",
    "breakout_v1",
    "breakout_v1_relaxed",
    "breakout_v1_working",
    "conservative",
    "high_liquidity_top30",
    "high_percent_breakout",
    "scalping",
    "scalping_high_freq",
    "smallcap_top_gainers",
    "smallcap_top_losers",
    "swing_levels",
    "swing_trading_pro",
    "top_gainers_momentum",
    "top_losers_reversal",
)


def load(name: str, *sets: str) -> Settings:
    """The settings of a preset where there is no file."""
    return config.load(Path("/dev/null"), sets, {}, name)


def problems(*sets: str, given: str | None = None) -> list[str]:
    """What load says, without the aligning blanks."""
    with pytest.raises(ConfigError) as caught:
        config.load(Path("/dev/null"), sets, {}, given)
    return [" ".join(line.split()) for line in caught.value.problems]


# -- The shipped ones -----------------------------------------------------------------------------


def test_there_are_these_presets_and_each_is_sound() -> None:
    assert preset.names() == NAMES
    config.check_presets()


def test_the_default_one_changes_nothing() -> None:
    assert load("breakout_v1") == Settings()


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_changes_exactly_what_its_file_says(name: str) -> None:
    text = preset.path_of(name).read_text(encoding="utf-8")
    keys, section = [], ""
    for line in text.splitlines()[1:]:
        if header := re.fullmatch(r"\[(\w+)\]", line):
            section = header[1]
        elif line:
            keys.append(f"{section}.{line.partition(' = ')[0]}")

    settings = load(name)

    assert settings.bot.preset == name
    assert [change.path for change in preset.diff(Settings(), settings)] == keys
    assert re.fullmatch(r"# [A-Z0-9].{10,90}\.", text.splitlines()[0])
    assert f"# {preset.character(name)}" == text.splitlines()[0]


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_leaves_account_machine_and_caps_alone(name: str) -> None:
    settings = load(name)
    for section in ("exchange", "schedule", "store", "log", "caps", "sim", "checks"):
        assert getattr(settings, section) == getattr(Settings(), section)
    assert settings.universe.whitelist == ()


# frame, setups, sides, movers, risk %, slots, open risk %, kill %, hours held at most
CHARACTER = {
    "aggressive": (300, "MR", "both", "all", 2, 5, 10, 15, 12),
    "breakout_v1": (300, "MR", "both", "all", 1.5, 3, 4.5, 18, 20),
    "breakout_v1_relaxed": (300, "MR", "both", "all", 1.5, 3, 4.5, 18, 20),
    "breakout_v1_working": (300, "MR", "both", "all", 1.5, 3, 4.5, 18, 20),
    "conservative": (300, "RM", "both", "all", 1, 3, 3, 10, 24),
    "high_liquidity_top30": (300, "MR", "both", "all", 0.5, 4, 2, 12, 36),
    "high_percent_breakout": (300, "MR", "both", "all", 1.5, 3, 4.5, 18, 24),
    "scalping": (300, "MR", "both", "all", 0.5, 8, 3, 5, 2),
    "scalping_high_freq": (300, "MR", "both", "all", 0.8, 5, 4, 10, 4),
    "smallcap_top_gainers": (300, "RM", "long", "gainers", 0.3, 2, 0.6, 10, 18),
    "smallcap_top_losers": (300, "RM", "short", "losers", 0.3, 2, 0.6, 10, 18),
    "swing_levels": (900, "RM", "both", "all", 1.5, 2, 3, 8, 168),
    "swing_trading_pro": (900, "MR", "both", "all", 2.5, 4, 10, 20, 72),
    "top_gainers_momentum": (300, "MR", "long", "gainers", 2, 3, 6, 15, 12),
    "top_losers_reversal": (300, "RM", "long", "losers", 1.5, 2, 3, 12, 18),
}


@pytest.mark.parametrize("name", NAMES)
def test_what_each_preset_trades_and_risks(name: str) -> None:
    s = load(name)
    assert CHARACTER[name] == (
        s.market.frame_s,
        "".join(setup[0] for setup in s.signals.setups),
        s.signals.sides,
        s.universe.movers,
        s.risk.risk_per_trade_pct,
        s.risk.max_open_positions,
        s.risk.open_risk_max_pct,
        s.risk.kill_switch_pct,
        s.exits.max_hold_s / 3600,
    )


# -- Precedence -----------------------------------------------------------------------------------


def test_defaults_then_preset_then_file_then_set_then_chat(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        "[bot]\npreset = 'scalping'\n[universe]\ntop_n = 25\nwatch_max = 19", encoding="utf-8"
    )

    by_file = config.load(path, [], {})
    by_set = config.load(path, ["bot.preset=conservative", "universe.watch_max=18"], {})
    by_chat = config.load(path, ["bot.preset=conservative"], {}, "aggressive")

    def seen(s: Settings) -> tuple[object, ...]:
        u = s.universe
        return s.bot.preset, u.top_n, u.watch_max, u.volume_24h_min_usd, s.risk.max_open_positions

    assert seen(by_file) == ("scalping", 25, 19, 200e6, 8)
    assert seen(by_set) == ("conservative", 25, 18, 50e6, 3)
    assert seen(by_chat) == ("aggressive", 25, 19, 100e6, 5)


def test_an_unknown_preset_is_one_error_with_the_nearest_name() -> None:
    sets = ["bot.preset=scalpin", "exits.trail_atr=1.4"]  # against trail_tight_atr of the default
    near = 'bot.preset expected the name of a preset, found "scalpin"; did you mean scalping?'
    assert problems(*sets) == [f"{near} (--set)"]
    assert problems(given="scalpin") == [f"{near} (chosen)"]
    far = f'bot.preset expected the name of a preset, found "zzz"; one of {", ".join(NAMES)}'
    assert problems("bot.preset=zzz") == [f"{far} (--set)"]
    assert problems("bot.preset=[1]", "risk.leverage_max=99") == [
        "bot.preset expected text, found [1] (--set)",
        "risk.leverage_max expected a number 0.1..20, found 99 (--set)",
    ]
    (outside,) = problems("bot.preset=../preset")
    assert outside.startswith('bot.preset expected the name of a preset, found "../preset"; one of')


def test_caps_bound_a_preset_and_the_problem_names_it(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("caps.risk_per_trade_pct = 2\nbot.preset = 'swing_trading_pro'\n", "utf-8")

    with pytest.raises(ConfigError) as caught:
        config.load(path, [], {})

    (problem,) = caught.value.problems
    assert problem == (
        "risk.risk_per_trade_pct   expected risk.risk_per_trade_pct at most "
        "caps.risk_per_trade_pct, found 2.5 and 2 (preset swing_trading_pro)"
    )


def test_what_is_in_force_names_where_it_comes_from() -> None:
    settings = load("scalping", "universe.top_n=7", "universe.tpm_min=3", "risk.leverage_max=2")

    lines = config.effective(settings)

    assert 'bot.preset = "scalping"  # default "breakout_v1"' in lines
    assert "universe.top_n = 7  # scalping 20, default 200" in lines
    assert "universe.tpm_min = 3  # scalping 200" in lines
    assert "risk.leverage_max = 2  # default 3" in lines
    assert "risk.max_open_positions = 8  # scalping, default 3" in lines
    assert "risk.leverage_max = 3" in config.effective(load("scalping"))


def test_a_diff_tells_keys_in_order_and_not_the_name() -> None:
    after = load("swing_levels", "log.json=true", "exits.targets=[[1, 0.5]]")

    changes = preset.diff(load("swing_trading_pro"), after)

    assert changes[:2] == (
        preset.Change("log.json", "false", "true", ""),
        preset.Change("universe.top_n", "100", "30", "count"),
    )
    assert preset.Change("signals.slope_max_pct", "1.5", "1", "pct/bar") in changes
    assert preset.Change("exits.targets", "[[2, 0.3], [4, 0.4]]", "[[1, 0.5]]", "") in changes
    assert not {"bot.preset", "market.frame_s"} & {change.path for change in changes}
    assert preset.diff(after, after) == ()
