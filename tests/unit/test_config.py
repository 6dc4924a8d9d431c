"""engine.config: precedence, and every problem at once, in file order."""

import tomllib
from pathlib import Path

import pytest

from engine import catalog, config
from engine.core.settings import Bot, Settings, Universe
from engine.core.terms import Caps, Exits, Risk
from engine.errors import ConfigError

TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(text: str, folder: Path, *sets: str) -> list[str]:
    """What load says about this file, without the aligning blanks."""
    with pytest.raises(ConfigError) as caught:
        config.load(write(folder, text), sets, {})
    return [" ".join(line.split()) for line in caught.value.problems]


def test_defaults_are_settings_and_hold_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # away from the file of the project
    assert config.load(None, [], {"BREAKOUT_CONFIG": ""}) == Settings()


def test_file_overrides_defaults_and_set_overrides_file(tmp_path: Path) -> None:
    path = write(tmp_path, "[risk]\nmax_open_positions = 2\nmax_notional_usd = 500\n")

    found = config.load(path, ["risk.max_open_positions=1", "bot.name = zoe"], {})

    expected = Settings(
        bot=Bot(name="zoe"), risk=Risk(max_open_positions=1, max_notional_usd=500.0)
    )
    assert found == expected
    assert isinstance(found.risk.max_notional_usd, float)


def test_set_takes_toml_values(tmp_path: Path) -> None:
    sets = [
        "exits.targets=[[2, 0.25]]",
        'universe.whitelist=["SOLUSDT"]',
        "exchange.rest_url=http://127.0.0.1:8091",
        "log.json=true",
        "checks.excluded=['body']",
    ]

    found = config.load(write(tmp_path, ""), sets, {})

    assert found.exits == Exits(targets=((2.0, 0.25),))
    assert found.universe == Universe(whitelist=("SOLUSDT",))
    assert found.exchange.rest_url == "http://127.0.0.1:8091"
    assert found.log.json is True
    assert found.checks.excluded == ("body",)


def test_all_problems_come_together_in_file_order(tmp_path: Path) -> None:
    text = """
[risk]
max_open_positions = "three"
max_postions = 3
leverage_max = 3.5
"""
    path = write(tmp_path, text)

    with pytest.raises(ConfigError) as caught:
        config.load(path, [], {})

    expected = (
        f"{path}: 3 problems\n"
        '  risk.max_open_positions   expected a whole number 1..10, found "three"\n'
        "  risk.max_postions         unknown key; did you mean max_open_positions?\n"
        "  risk.leverage_max         expected risk.leverage_max at most caps.leverage, "
        "found 3.5 and 3"
    )
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[risk]\nleverage_max = nan", "risk.leverage_max expected a number 0.1..20, found nan"),
        ("[risk]\nleverage_max = inf", "risk.leverage_max expected a number 0.1..20, found inf"),
        ("[risk]\nleverage_max = -1", "risk.leverage_max expected a number 0.1..20, found -1"),
        ("[risk]\nleverage_max = true", "risk.leverage_max expected a number 0.1..20, found true"),
        (
            "[risk]\nmax_open_positions = 3.0",
            "risk.max_open_positions expected a whole number 1..10, found 3",
        ),
        (
            "[risk]\nmax_open_positions = 2020-01-01",
            "risk.max_open_positions expected a whole number 1..10, found 2020-01-01",
        ),
        (
            "[risk]\nmax_open_positions = 0x" + "f" * 5000,
            (
                "risk.max_open_positions expected a whole number 1..10, "
                "found a number beyond all ranges"
            ),
        ),
        (
            "[risk]\nmax_open_positions.a = 1",
            "risk.max_open_positions expected a whole number 1..10, found a table",
        ),
        ("[log]\njson = 1", "log.json expected true or false, found 1"),
        (
            '[log]\nlevel = "info"',
            'log.level expected one of "DEBUG", "INFO", "WARNING", "ERROR", found "info"',
        ),
        (
            "[market]\nframe_s = 301",
            "market.frame_s expected one of 60, 180, 300, 900, found 301",
        ),
        ('[exchange]\nid = "binance"', 'exchange.id expected "bybit", found "binance"'),
        (
            '[bot]\nname = "Too long a name"',
            'bot.name expected text matching ^[a-z0-9]{1,8}$, found "Too long a name"',
        ),
        ("[bot]\nzone = 1", "bot.zone expected text, found 1"),
        ("[bot]\nzone = ['x']", 'bot.zone expected text, found ["x"]'),
        (
            "[signals]\nsetups = ['MOMENTUM', 'FADE']",
            ('signals.setups expected a list of "MOMENTUM", "RETEST", found ["MOMENTUM", "FADE"]'),
        ),
        (
            "[universe]\nwhitelist = [1]",
            "universe.whitelist expected a list of texts, found [1]",
        ),
        (
            "[levels]\ndonchian_bars = [true]",
            "levels.donchian_bars expected a list of whole numbers, found [true]",
        ),
        (
            "[exits]\ntargets = [1.5, 0.5]",
            "exits.targets expected a list of number pairs, found [1.5, 0.5]",
        ),
    ],
)
def test_wrong_type_or_range(text: str, problem: str, tmp_path: Path) -> None:
    assert problems(text, tmp_path) == [problem]


@pytest.mark.parametrize(
    ("key", "value", "hint"),
    [
        ("universe.oi_min_usd", '"5M"', '"5M"; write 5000000'),
        ("universe.oi_min_usd", '"2.5k"', '"2.5k"; write 2500'),
        ("universe.top_n", '"1_0 K"', '"1_0 K"; write 10000'),
        ("universe.oi_min_usd", '"5%"', '"5%"'),
        ("universe.oi_min_usd", '"plenty"', '"plenty"'),
        ("exits.max_hold_s", '"4h"', '"4h"; write 14400'),
        ("exits.max_hold_s", '"1.5d"', '"1.5d"; write 129600'),
        ("signals.body_min_frac", '"60%"', '"60%"; write 0.6'),
        ("signals.body_min_frac", "60", "60; a share of 1, not a percentage: write 0.6"),
        ("signals.body_min_frac", "101", "101"),
        ("signals.body_min_frac", "true", "true"),
        ("risk.risk_per_trade_pct", '"1.5 %"', '"1.5 %"; write 1.5'),
        ("risk.risk_per_trade_pct", "60", "60"),
        ("log.json", '"5M"', '"5M"'),
    ],
)
def test_a_number_in_another_unit_is_told_how_to_be_written(
    key: str, value: str, hint: str, tmp_path: Path
) -> None:
    (problem,) = problems(f"{key} = {value}", tmp_path)
    assert problem.partition(", found ")[2] == hint


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[univers]\ntop_n = 1", "univers unknown section; did you mean universe?"),
        ("[zzz]\ntop_n = 1", "zzz unknown section"),
        ("risk = 3", "risk expected a table [risk], found 3"),
        (
            "max_open_positions = 3",
            (
                "max_open_positions unknown key outside a section; "
                "did you mean risk.max_open_positions?"
            ),
        ),
        ("[risk]\ntop_n = 3", "risk.top_n unknown key; did you mean universe.top_n?"),
        (
            "[exits]\nslippage_bps_max = 3",
            "exits.slippage_bps_max unknown key; did you mean execution.slippage_max_bps?",
        ),
        ("[risk]\nzzzzzzzzz = 3", "risk.zzzzzzzzz unknown key"),
        (
            "[exits]\ntaker_bps = 3",
            "exits.taker_bps unknown key; did you mean sim.taker_bps?",
        ),
    ],
)
def test_unknown_names_get_a_suggestion(text: str, problem: str, tmp_path: Path) -> None:
    assert problems(text, tmp_path) == [problem]


def test_of_a_bad_value_nothing_follows(tmp_path: Path) -> None:
    text = "[risk]\nrisk_per_trade_pct = 'much'\nopen_risk_max_pct = 0.5"

    assert problems(text, tmp_path) == [
        'risk.risk_per_trade_pct expected a number 0.01..5, found "much"'
    ]


def test_a_file_is_judged_even_where_set_overrides_it(tmp_path: Path) -> None:
    text = "[risk]\nmax_open_positions = 0"

    assert problems(text, tmp_path, "risk.max_open_positions=2", "risk.leverage_max=99") == [
        "risk.max_open_positions expected a whole number 1..10, found 0",
        "risk.leverage_max expected a number 0.1..20, found 99 (--set)",
    ]


@pytest.mark.parametrize("text", ["risk", "risk=1", "=1", ".a=1", "risk.=1"])
def test_set_without_key_or_value(text: str, tmp_path: Path) -> None:
    assert problems("", tmp_path, text) == [
        f'--set expected KEY=VALUE with a key like risk.max_open_positions, found "{text}"'
    ]


def test_set_cannot_smuggle_a_second_key(tmp_path: Path) -> None:
    assert problems("", tmp_path, "bot.confirm_s=5\nother = 6") == [
        'bot.confirm_s expected a whole number 5..60, found "5\\nother = 6" (--set)'
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"[bot]\nname = '{TOKEN}'",
        f"[universe]\nwhitelist = ['SOLUSDT', '{TOKEN}']",
        f"[telegram]\ntoken = '{TOKEN}'",
        f"token = '{TOKEN}'",
        f"[bot]\ntoken = '{TOKEN}'",
        f"[exchange]\nrest_url = 'https://host/{TOKEN}'",
        "[exchange]\napi_key = 'xQ3nfaNwqWe7Hg5Rkp'",
        "[bot]\nzone = 'xQ3nfaNwqWe7Hg5Rkp'",
        f"[bot]\n'{TOKEN}' = 1",
        f"'{TOKEN}' = 1",
    ],
)
def test_a_secret_is_refused_and_never_echoed(text: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)

    with pytest.raises(ConfigError) as caught:
        config.load(path, [f"bot.name={TOKEN}", TOKEN], {})

    assert len(caught.value.problems) == 3
    assert "AAHdq" not in str(caught.value)
    assert "xQ3nf" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"[risk\n", "expected TOML, found: "),
        (b"\xff\xfe", "expected UTF-8 text, found other bytes"),
        (None, "expected a readable file, found: No such file or directory"),
    ],
)
def test_unreadable_file(content: bytes | None, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        config.load(path, [], {})

    assert caught.value.source == str(path)
    assert caught.value.exit_code == 2
    assert [p[: len(problem)] for p in caught.value.problems] == [problem]


def test_which_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    named = {"BREAKOUT_CONFIG": "other.toml"}

    assert config.locate(None, {}) is None
    assert config.locate(None, named) == Path("other.toml")
    assert config.locate(Path("given.toml"), named) == Path("given.toml")
    write(tmp_path, "[caps]\nleverage = 9\n")
    assert config.locate(None, {}) == Path("config.toml")
    assert config.load(None, [], {}) == Settings(caps=Caps(leverage=9))


def test_effective_is_toml_that_loads_to_the_same_settings(tmp_path: Path) -> None:
    sets = ["sim.equity_start_usd=12345.67", "exits.targets=[[2.5, 1]]", "exchange.rest_url=http://"
            + "a" * 80]  # fmt: skip
    settings = config.load(write(tmp_path, ""), sets, {})

    lines = config.effective(settings)

    assert "sim.equity_start_usd = 12345.67  # default 10000" in lines
    assert "risk.max_notional_usd = 60000" in lines
    assert 'bot.preset = "breakout_v1"' in lines
    assert len(lines) == sum(len(s.__struct_fields__) for s in catalog.SECTIONS.values())
    assert config.load(write(tmp_path, "\n".join(lines)), [], {}) == settings


def test_every_key_is_declared_whole() -> None:
    for key in catalog.declared():
        section, name = key.path.split(".")
        is_number = "number " in key.expected and "list" not in key.expected
        assert key.meaning
        assert bool(key.unit) is is_number, key.path
        loaded = tomllib.loads(f"value = {key.default}")["value"]
        default = getattr(getattr(Settings(), section), name)
        assert (loaded if not isinstance(loaded, list) else str(loaded)) == (
            default if not isinstance(default, tuple) else str(loaded)
        )


def test_declaration_of_one_key() -> None:
    assert catalog.declaration("risk.max_open_positions") == catalog.Declared(
        path="risk.max_open_positions",
        default="3",
        expected="a whole number 1..10",
        unit="count",
        meaning="slots, open plus pending",
    )


@pytest.mark.parametrize("path", ["risk.nope", "nope.risk", "risk"])
def test_declaration_of_no_key(path: str) -> None:
    with pytest.raises(KeyError):
        catalog.declaration(path)
